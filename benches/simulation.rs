//! The whole cast in simulated time: how long the wall clock takes for a large cluster to come up, and for an hour of chaos.
//!
//! `cargo bench --bench simulation` takes some minutes; with `-- --quick` only the small ones run, and with `-- --found NODES PODS` one
//! cluster of that size is founded. A run is on one core. Nothing is asserted on time: machines differ.

use std::error::Error;
use std::sync::Arc;
use std::time::Duration;

use k8s_openapi::api::core::v1::ReplicationController;
use kabuki::api::client::ListOptions;
use kabuki::runtime::containers::simulated::Profile;
use kabuki::simulation::{Cluster, Journal, Load, Scenario, Setup, Watching, rehearse, run};
use tokio::time::Instant;

/// As in the program.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// A cluster that is founded.
struct Founding {
    nodes: u32,
    pods: u32,
    /// At most so many seconds, and so much memory.
    seconds: f64,
    gibibytes: Option<f64>,
}

const SMALL: Founding = Founding { nodes: 1000, pods: 10_000, seconds: 3.0, gibibytes: None };
const LARGE: Founding = Founding { nodes: 2000, pods: 100_000, seconds: 40.0, gibibytes: Some(4.0) };
/// Runs of the small one.
const RUNS: usize = 3;
/// An hour of chaos on ten nodes is run for so many seeds.
const SEEDS: u64 = 20;
const CHAOS_SECONDS: f64 = 0.2;
const EVENTS: f64 = 300_000.0;

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().collect();
    let has = |flag: &str| arguments.iter().any(|argument| argument == flag);
    if let Some(at) = arguments.iter().position(|argument| argument == "--found") {
        let number = |at: usize| arguments.get(at).and_then(|number| number.parse().ok()).ok_or("--found NODES PODS");
        let founding = Founding { nodes: number(at + 1)?, pods: number(at + 2)?, seconds: f64::INFINITY, gibibytes: Some(f64::INFINITY) };
        report(&founding, &found(&founding));
        return Ok(());
    }
    // `cargo test --all-targets` runs this too, without cargo's own flag: then it only has to work.
    let is_quick = !has("--bench") || has("--quick");
    chaos(if is_quick { 3 } else { SEEDS })?;
    if has("--bench") {
        let runs = if is_quick { 1 } else { RUNS };
        let mut founded: Vec<Founded> = (0..runs).map(|_| found(&SMALL)).collect();
        founded.sort_by_key(|founded| founded.wall);
        report(&SMALL, &founded[runs / 2]);
    }
    if !is_quick {
        report(&LARGE, &found(&LARGE));
    }
    Ok(())
}

struct Founded {
    wall: Duration,
    simulated: Duration,
    events: u64,
}

/// From nothing until every pod is ready.
fn found(founding: &Founding) -> Founded {
    let setup = Setup {
        containers: Profile { cpus: 8, memory_bytes: 32 << 30, ..Profile::default() },
        journal: Journal::new(false),
        ..Setup::new(1, founding.nodes)
    };
    let (load, pods) = (Load::of(founding.pods), i32::try_from(founding.pods).expect("a number of pods"));
    let begun = Instant::now();
    let story = |cluster: Arc<Cluster>| async move {
        let start = kabuki::runtime::clock::instant();
        for object in load.manifests() {
            cluster.apply(&object).await.expect("the load is taken");
        }
        loop {
            cluster.pass(Duration::from_secs(1)).await;
            let controllers = cluster.client.typed::<ReplicationController>().list("default", &ListOptions::default()).await;
            let ready = |controller: &ReplicationController| controller.status.as_ref().and_then(|status| status.ready_replicas);
            if controllers.is_ok_and(|controllers| controllers.iter().filter_map(ready).sum::<i32>() == pods) {
                return start.elapsed();
            }
        }
    };
    let (simulated, journal) = run(setup, story);
    Founded { wall: begun.elapsed(), simulated, events: journal.count() }
}

fn report(founding: &Founding, founded: &Founded) {
    let Founding { nodes, pods, seconds, gibibytes } = founding;
    let wall = founded.wall.as_secs_f64();
    println!("{pods} pods ready on {nodes} nodes: {wall:.2} s (at most {seconds}), {:.0} s simulated", founded.simulated.as_secs_f64());
    println!("  events           {} ({:.0}/s, at least {EVENTS:.0})", founded.events, founded.events as f64 / wall);
    if let Some(most) = gibibytes {
        println!("  peak memory      {:.2} GiB (at most {most})", peak() as f64 / f64::from(1 << 30));
    }
}

fn chaos(seeds: u64) -> Result<(), Box<dyn Error>> {
    let mut scenario = Scenario::read(include_str!("../examples/scenarios/chaos.yaml"))?;
    scenario.nodes.count = 10;
    let (mut walls, mut events, mut simulated) = (Vec::new(), 0, 0.0);
    for seed in 1..=seeds {
        let begun = Instant::now();
        let (outcome, journal) = rehearse(&scenario.clone().script(seed), &Watching::default())?;
        walls.push(begun.elapsed());
        events += journal.count();
        simulated += outcome.virtual_seconds;
    }
    let total: f64 = walls.iter().map(Duration::as_secs_f64).sum();
    walls.sort_unstable();
    let median = walls[walls.len() / 2].as_secs_f64();
    println!("an hour of chaos on 10 nodes, median of {seeds} seeds: {median:.3} s (at most {CHAOS_SECONDS})");
    println!("  events           {events} ({:.0}/s, at least {EVENTS:.0})", events as f64 / total);
    println!("  simulated        {:.0} times as fast as the wall clock (at least 100)", simulated / total);
    Ok(())
}

/// The most memory that this process has had, in bytes.
fn peak() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap_or_default();
    line.split_whitespace().next().and_then(|kib| kib.parse::<u64>().ok()).unwrap_or(0) * 1024
}
