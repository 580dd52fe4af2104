//! Our service proxy against HAProxy, both with one thread between the same client and the same backends: ratios, taken in turns.
//!
//! `cargo bench --bench proxy` takes some six minutes, with `-- --quick` some twenty seconds. The client is this process; the backends and
//! each proxy are processes of their own, so that the kernel tells their processor time apart. All share the machine's processors. Nothing
//! is asserted on time: machines differ.

mod backend;
mod haproxy;
mod load;
mod ours;
#[path = "../process/mod.rs"]
mod process;
mod report;
mod role;

use std::error::Error;
use std::net::SocketAddr;
use std::time::Duration;

use load::Load;
use process::Process;
use report::{Round, Side};

type Outcome<T> = Result<T, Box<dyn Error>>;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// How much is done.
struct Extent {
    rounds: usize,
    /// Requests go on for so long, each round.
    phase: Duration,
    /// What all streams of a round carry together.
    bulk: u64,
}

impl Extent {
    const FULL: Self = Self { rounds: 11, phase: Duration::from_secs(2), bulk: 4 << 30 };
    const QUICK: Self = Self { rounds: 1, phase: Duration::from_millis(300), bulk: 256 << 20 };

    fn loads(&self) -> [Load; 6] {
        let (length, bytes) = (self.phase, self.bulk);
        [
            Load::KeepAlive { clients: 1, length },
            Load::KeepAlive { clients: 64, length },
            Load::Connections { clients: 1, length },
            Load::Connections { clients: 64, length },
            Load::Bulk { streams: 1, bytes },
            Load::Bulk { streams: 8, bytes },
        ]
    }
}

/// A proxy in a process of its own.
struct Proxy {
    process: Process,
    /// Where requests for small bodies go.
    small: SocketAddr,
    /// Where those for large ones go.
    bulk: SocketAddr,
}

fn main() -> Outcome<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    match arguments.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        [backend::ROLE] => backend::main(),
        [ours::ROLE, port, ref backends @ ..] => ours::main(port.parse()?, backends),
        ref flags => {
            // `cargo test --all-targets` runs this too, without cargo's own flag: then it only has to work.
            let extent = if flags.contains(&"--bench") && !flags.contains(&"--quick") { Extent::FULL } else { Extent::QUICK };
            tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(measure(&extent))
        }
    }
}

async fn measure(extent: &Extent) -> Outcome<()> {
    if let Err(reason) = haproxy::version() {
        println!("skipped: {reason}");
        return Ok(());
    }
    let directory = tempfile::tempdir()?;
    let (_backend, backends) = backend::start()?;
    let (ours, haproxy) = (ours::start(&backends)?, haproxy::start(directory.path(), &backends)?);
    for address in [ours.small, haproxy.small, haproxy.bulk] {
        load::answers(address).await?;
    }
    println!("{}", report::heading(&haproxy::version()?, extent.rounds));
    for load in extent.loads() {
        let mut rounds = Vec::new();
        for number in 0..extent.rounds {
            rounds.push(round(load, &ours, &haproxy, number % 2 == 1).await?);
        }
        println!("{}", report::lines(load, rounds));
    }
    Ok(())
}

/// Both under the same load, one after the other; who is first changes.
async fn round(load: Load, ours: &Proxy, haproxy: &Proxy, swapped: bool) -> Outcome<Round> {
    if swapped {
        let haproxy = side(load, haproxy).await?;
        return Ok(Round { ours: side(load, ours).await?, haproxy });
    }
    Ok(Round { ours: side(load, ours).await?, haproxy: side(load, haproxy).await? })
}

async fn side(load: Load, proxy: &Proxy) -> Outcome<Side> {
    let before = proxy.process.cpu();
    let measured = load.drive(if load.is_bulk() { proxy.bulk } else { proxy.small }).await?;
    Ok(Side { measured, cpu: proxy.process.cpu() - before })
}
