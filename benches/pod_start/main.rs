//! How long a pod takes from its POST to Ready on a started `kabuki up` with Docker, against what the engine itself takes for the same two
//! containers: ratios, taken in turns.
//!
//! `cargo bench --bench pod_start` takes some two minutes, with `-- --quick` some ten seconds. It needs Docker and a static busybox, and says
//! so where they are not. Nothing is asserted on time: machines differ.

mod cluster;
mod engine;
mod image;
#[path = "../process/mod.rs"]
mod process;

use std::error::Error;
use std::time::Duration;

use cluster::Cluster;
use engine::{Engine, Started};
use tokio::time::sleep;

type Outcome<T> = Result<T, Box<dyn Error>>;

const FULL: usize = 25;
const QUICK: usize = 2;
/// The goal: so much more than the engine's own time.
const GOAL: f64 = 1.10;
/// What the engine still does after a removal has ended by then.
const CALM: Duration = Duration::from_millis(400);

/// Both, one after the other.
struct Round {
    pod: Duration,
    /// Processor time of `kabuki up` for this pod.
    cpu: Duration,
    engine: Started,
}

fn main() -> Outcome<()> {
    let arguments: Vec<String> = std::env::args().collect();
    let has = |flag: &str| arguments.iter().any(|argument| argument == flag);
    // `cargo test --all-targets` runs this too, without cargo's own flag: then it only has to work.
    let rounds = if has("--bench") && !has("--quick") { FULL } else { QUICK };
    tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(async {
        match image::import().await {
            Ok(()) => print(&measure(rounds).await?),
            Err(reason) => println!("skipped: {reason}"),
        }
        Ok(())
    })
}

async fn measure(rounds: usize) -> Outcome<Vec<Round>> {
    let cluster = Cluster::up().await?;
    // The first of each pays for what is started lazily; this pod also shows the engine what to make.
    let pattern = cluster.start("pattern").await?;
    let engine = Engine::like(&pattern.container).await?;
    engine.start(0).await?;
    let alone = async |number| {
        sleep(CALM).await;
        engine.start(number).await
    };
    let as_pod = async |number| {
        sleep(CALM).await;
        let name = format!("pod-{number}");
        let pod = cluster.start(&name).await?;
        cluster.delete(&name).await?;
        Outcome::Ok(pod)
    };
    let mut done = Vec::new();
    for number in 1..=rounds {
        let (pod, engine) = if number % 2 == 0 {
            let engine = alone(number).await?;
            (as_pod(number).await?, engine)
        } else {
            (as_pod(number).await?, alone(number).await?)
        };
        done.push(Round { pod: pod.after, cpu: pod.cpu, engine });
    }
    Ok(done)
}

fn print(rounds: &[Round]) {
    let of = |figure: &dyn Fn(&Round) -> f64| sorted(rounds.iter().map(figure).collect());
    let line = |name: &str, values: &[f64]| {
        let (median, least, most) = (values[values.len() / 2], values[0], values[values.len() - 1]);
        println!("{name:<48} {median:>8.1} ms  ({least:.1} to {most:.1})");
    };
    println!("{} rounds, both in each; medians", rounds.len());
    line("a pod, from POST to Ready", &of(&|round| millis(round.pod)));
    line("  processor time of kabuki", &of(&|round| millis(round.cpu)));
    line("the engine alone, same containers", &of(&|round| millis(round.engine.sum())));
    for (place, name) in Started::STEPS.iter().enumerate() {
        line(&format!("  {name}"), &of(&|round| millis(round.engine.steps[place])));
    }
    let ratios = of(&|round| round.pod.as_secs_f64() / round.engine.sum().as_secs_f64());
    println!("ratio: {:.3}, goal: at most {GOAL:.2}", ratios[ratios.len() / 2]);
}

fn sorted(mut values: Vec<f64>) -> Vec<f64> {
    values.sort_by(f64::total_cmp);
    values
}

fn millis(time: Duration) -> f64 {
    time.as_secs_f64() * 1e3
}
