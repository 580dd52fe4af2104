//! Drives a started `kabuki up` with the embedded store over TLS, as clients do, and prints what it gives.
//!
//! `cargo bench --bench api_load` takes some two minutes, with `-- --quick` some twenty seconds. Client and server share the machine's
//! processors. Nothing is asserted on time: machines differ.

mod connection;
mod load;
mod objects;
#[path = "../process/mod.rs"]
mod process;
mod report;
mod server;

use std::error::Error;
use std::time::Duration;

use connection::request;
use load::{Load, Measured, deliver, drive};
use report::{Figure, Report};
use server::Server;

/// Clients at once, and upstream's creates per second where known.
const CLIENTS: [(usize, Option<f64>); 3] = [(1, Some(530.0)), (16, Some(1670.0)), (64, None)];
/// Clients of the figures that are taken at one concurrency only.
const MANY: usize = 16;
/// Objects in the long list.
const LISTED: usize = 20_000;
/// Nodes to which pods are bound.
const NODES: usize = 1000;
/// What so many nodes may take to be ready.
const SETTLING: Duration = Duration::from_secs(10);

/// How much is done.
struct Extent {
    /// Each load lasts so long.
    phase: Duration,
    starts: usize,
    lists: usize,
    /// Events of a watch with many watchers, over all of them.
    deliveries: usize,
    /// Pods that are bound.
    bound: usize,
}

impl Extent {
    const FULL: Self = Self { phase: Duration::from_secs(6), starts: 9, lists: 11, deliveries: 3_000_000, bound: 10_000 };
    const QUICK: Self = Self { phase: Duration::from_secs(1), starts: 3, lists: 3, deliveries: 400_000, bound: 1000 };
}

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().collect();
    let has = |flag: &str| arguments.iter().any(|argument| argument == flag);
    // `cargo test --all-targets` runs this too, without cargo's own flag: then it only has to work.
    let extent = if has("--bench") && !has("--quick") { Extent::FULL } else { Extent::QUICK };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let report = runtime.block_on(measure(&extent))?;
    println!("{report}");
    Ok(())
}

async fn measure(extent: &Extent) -> Result<Report, Box<dyn Error>> {
    let mut report = Report::default();
    starts(extent, &mut report).await?;
    let directory = tempfile::tempdir()?;
    let server = Server::start(directory.path(), &["--nodes", "0"]).await?;
    // What is started lazily, and the controllers' first rounds, belong to being idle.
    tokio::time::sleep(Duration::from_secs(2)).await;
    report.add(Figure::cost("idle: resident memory", mebibytes(server.resident()), "MiB").bound(40.0));
    let (namespaces, template) = (["bench", "long", "watched-100", "watched-1000"], objects::namespace());
    drive(&server.endpoint, Load::of(1, namespaces.len()), 201, |number| template.post(namespaces[number])).await?;
    // Pods need their namespace's service account, which a controller makes.
    tokio::time::sleep(Duration::from_millis(500)).await;
    writes(&server, extent, &mut report).await?;
    reads(&server, extent, &mut report).await?;
    for watchers in [100, 1000] {
        watches(&server, watchers, extent.deliveries / watchers, &mut report).await?;
    }
    report.add(Figure::cost("at the end: resident memory", mebibytes(server.resident()), "MiB"));
    drop(server);
    bound(extent, &mut report).await?;
    Ok(report)
}

/// From the first create of many pods to the last binding, where nodes are only objects, and on simulated ones that start the pods meanwhile.
async fn bound(extent: &Extent, report: &mut Report) -> Result<(), Box<dyn Error>> {
    let kinds = [
        ("1000 nodes that run nothing", &["--nodes", "0"][..]),
        ("1000 nodes that run them", &["--runtime", "simulated", "--nodes", "1000"]),
    ];
    for (nodes, arguments) in kinds {
        let directory = tempfile::tempdir()?;
        let server = Server::start(directory.path(), arguments).await?;
        if arguments == ["--nodes", "0"] {
            let template = objects::node();
            drive(&server.endpoint, Load::of(MANY, NODES), 201, |number| template.post(&name(MANY, number))).await?;
        }
        tokio::time::sleep(SETTLING).await;
        let template = objects::small_pod();
        let creates =
            async { drive(&server.endpoint, Load::of(MANY, extent.bound), 201, |number| template.post(&name(MANY, number))).await };
        // A pod comes when it is made, and goes when it is bound.
        let unbound = "/api/v1/namespaces/default/pods?watch=true&fieldSelector=spec.nodeName%3D";
        let elapsed = deliver(&server.endpoint, unbound, 1, 2 * extent.bound, creates).await?;
        let rate = extent.bound as f64 / elapsed.as_secs_f64();
        report.add(Figure::rate(format!("pods from create to bound, {nodes}"), rate, "/s").upstream(241.0));
    }
    Ok(())
}

/// From the start of the process to the first good answer: of an empty directory, and of one that holds a cluster.
async fn starts(extent: &Extent, report: &mut Report) -> Result<(), Box<dyn Error>> {
    let (mut fresh, mut again) = (Vec::new(), Vec::new());
    for _ in 0..extent.starts {
        let directory = tempfile::tempdir()?;
        for times in [&mut fresh, &mut again] {
            times.push(Server::start(directory.path(), &["--nodes", "0"]).await?.ready_after);
        }
    }
    report.add(Figure::cost("exec to ready: empty data directory, median", millis(median(fresh)), "ms").bound(150.0));
    report.add(Figure::cost("exec to ready: existing data directory, median", millis(median(again)), "ms").bound(150.0));
    Ok(())
}

async fn writes(server: &Server, extent: &Extent, report: &mut Report) -> Result<(), Box<dyn Error>> {
    for (what, template) in [("ConfigMap", objects::config_map("bench")), ("Pod of 3 KB", objects::pod("bench", "nobody"))] {
        for (clients, upstream) in CLIENTS {
            let before = server.cpu();
            let load = Load::lasting(clients, extent.phase);
            let measured = drive(&server.endpoint, load, 201, |number| template.post(&name(clients, number))).await?;
            let cpu = (server.cpu() - before).as_secs_f64() * 1e6 / measured.requests as f64;
            let rate = Figure::rate(format!("durable creates, {what}, {clients} clients"), measured.rate(), "/s");
            report.add(match upstream {
                Some(upstream) => rate.upstream(upstream),
                None => rate,
            });
            latencies(report, &measured, (clients == MANY).then_some(27.0));
            report.add(Figure::cost("  processor time of the server, each", cpu, "µs").bound(60.0));
        }
    }
    let template = objects::config_map("bench");
    let load = Load::lasting(MANY, extent.phase);
    let measured = drive(&server.endpoint, load, 200, |number| template.put(&name(MANY, number % MANY))).await?;
    report.add(Figure::rate(format!("durable updates, ConfigMap, {MANY} clients"), measured.rate(), "/s"));
    latencies(report, &measured, None);
    Ok(())
}

async fn reads(server: &Server, extent: &Extent, report: &mut Report) -> Result<(), Box<dyn Error>> {
    let get = request("GET", &format!("/api/v1/namespaces/bench/pods/{}", name(MANY, 0)), b"");
    let before = server.cpu();
    let measured = drive(&server.endpoint, Load::lasting(MANY, extent.phase), 200, |_| get.clone()).await?;
    let cpu = (server.cpu() - before).as_secs_f64() * 1e6 / measured.requests as f64;
    report.add(Figure::rate(format!("gets, Pod of 3 KB, {MANY} clients"), measured.rate(), "/s").upstream(3590.0));
    latencies(report, &measured, None);
    report.add(Figure::cost("  processor time of the server, each", cpu, "µs"));

    let template = objects::config_map("long");
    drive(&server.endpoint, Load::of(MANY, LISTED), 201, |number| template.post(&name(MANY, number))).await?;
    let list = request("GET", "/api/v1/namespaces/long/configmaps", b"");
    let (mut times, mut connection) = (Vec::new(), server.endpoint.connect().await?);
    let mut length = 0;
    for _ in 0..extent.lists {
        let begun = tokio::time::Instant::now();
        length = connection.exchange(&list).await?.length;
        times.push(begun.elapsed());
    }
    report.add(Figure::cost(format!("list of {LISTED} ConfigMaps, median"), millis(median(times)), "ms").upstream(157.0));
    report.add(Figure::cost("  bytes", mebibytes(length as u64), "MiB"));
    Ok(())
}

async fn watches(server: &Server, watchers: usize, events: usize, report: &mut Report) -> Result<(), Box<dyn Error>> {
    let namespace = format!("watched-{watchers}");
    let address = format!("/api/v1/namespaces/{namespace}/secrets?watch=true");
    let template = objects::secret(&namespace);
    let writes = async { drive(&server.endpoint, Load::of(MANY, events), 201, |number| template.post(&name(MANY, number))).await };
    let elapsed = deliver(&server.endpoint, &address, watchers, events, writes).await?;
    let rate = (watchers * events) as f64 / elapsed.as_secs_f64();
    let figure = Figure::rate(format!("watch deliveries to {watchers} watchers, Secret"), rate, "/s");
    report.add(if watchers == 1000 { figure.upstream(146_000.0) } else { figure });
    report.add(Figure::rate("  writes meanwhile", events as f64 / elapsed.as_secs_f64(), "/s"));
    Ok(())
}

/// The name of an object that some clients make together.
fn name(clients: usize, number: usize) -> String {
    format!("by-{clients}-{number:06}")
}

fn latencies(report: &mut Report, measured: &Measured, upstream: Option<f64>) {
    report.add(Figure::cost("  latency, median", millis(measured.quantile(0.5)), "ms"));
    let last = Figure::cost("  latency, 99 of 100", millis(measured.quantile(0.99)), "ms");
    report.add(match upstream {
        Some(upstream) => last.upstream(upstream),
        None => last,
    });
}

fn median(mut times: Vec<Duration>) -> Duration {
    times.sort_unstable();
    times[times.len() / 2]
}

fn millis(time: Duration) -> f64 {
    time.as_secs_f64() * 1e3
}

fn mebibytes(bytes: u64) -> f64 {
    bytes as f64 / f64::from(1 << 20)
}
