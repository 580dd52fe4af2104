use std::ops::RangeInclusive;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use clap::Args;
use parking_lot::Mutex;

use super::plant::Plant;
use super::progress::Progress;
use super::replay::FailureFile;
use super::source::Source;
use super::{Output, print, scenarios};
use crate::commands::Failure;
use crate::runtime::clock;
use crate::simulation::{Export, RunOutcome, Scenario, Script, Watching, rehearse};

#[derive(Args, Debug)]
pub struct Run {
    /// One that ships (`kabuki sim list`), or a file
    scenario: String,
    /// What all chance comes from
    #[arg(long, default_value_t = 1, conflicts_with = "seeds")]
    seed: u64,
    /// Many of them: `1..1000`
    #[arg(long, value_parser = seeds)]
    seeds: Option<RangeInclusive<u64>>,
    /// How many seeds are run at once
    #[arg(long, default_value_t = 1)]
    jobs: usize,
    /// Stop at the first seed that breaks an invariant
    #[arg(long)]
    until_failure: bool,
    /// Instead of the scenario's
    #[arg(long)]
    nodes: Option<u32>,
    /// Instead of the scenario's
    #[arg(long, conflicts_with_all = ["from_kubeconfig", "from_objects"])]
    pods: Option<u32>,
    /// Where failures are written
    #[arg(long, default_value = ".")]
    failures: PathBuf,
    #[command(flatten)]
    source: Source,
    #[arg(long, value_enum, default_value = "text")]
    output: Output,
    #[command(flatten)]
    plant: Plant,
}

fn seeds(text: &str) -> Result<RangeInclusive<u64>, String> {
    let wrong = || format!("{text:?} is no range of seeds: write it as 1..1000");
    let (first, last) = text.split_once("..").ok_or_else(wrong)?;
    let (first, last) = (first.parse().map_err(|_| wrong())?, last.trim_start_matches('=').parse().map_err(|_| wrong())?);
    if first > last { Err(wrong()) } else { Ok(first..=last) }
}

impl Run {
    /// Whether nothing was broken.
    pub fn run(self) -> Result<bool, Failure> {
        let mut scenario = scenarios::find(&self.scenario)?;
        if !self.failures.is_dir() {
            return Err(format!("--failures {}: there is no such directory", self.failures.display()).into());
        }
        scenario.nodes.count = self.nodes.unwrap_or(scenario.nodes.count);
        scenario.pods = self.pods.unwrap_or(scenario.pods);
        scenario.check()?;
        let export = self.source.export()?;
        let _planted = self.plant.take_root();
        match self.seeds.clone() {
            None => self.one(&scenario.script(self.seed).from(export)),
            Some(seeds) => self.many(&scenario, &export, seeds),
        }
    }

    fn one(&self, script: &Script) -> Result<bool, Failure> {
        let (outcome, wall) = timed(script, &format!("{} seed {}", script.scenario.name, script.seed))?;
        match outcome.violation {
            None => print::outcome(self.output, &outcome, wall, None),
            Some(_) => self.failed(script, &outcome, wall)?,
        }
        Ok(outcome.violation.is_none())
    }

    fn many(&self, scenario: &Scenario, export: &Export, seeds: RangeInclusive<u64>) -> Result<bool, Failure> {
        let (begun, last) = (clock::instant(), *seeds.end());
        let (next, stop) = (AtomicU64::new(*seeds.start()), AtomicBool::new(false));
        let broken: Mutex<Vec<(Script, RunOutcome, Duration)>> = Mutex::default();
        let done = AtomicU64::new(0);
        let work = || -> Result<(), Failure> {
            let _planted = self.plant.take_root();
            while !stop.load(Ordering::Relaxed) {
                let seed = next.fetch_add(1, Ordering::Relaxed);
                if seed > last {
                    break;
                }
                let script = scenario.clone().script(seed).from(export.clone());
                let run = clock::instant();
                let (outcome, _) = rehearse(&script, &Watching::default())?;
                done.fetch_add(1, Ordering::Relaxed);
                if self.output == Output::Json && outcome.violation.is_none() {
                    print::outcome(self.output, &outcome, run.elapsed(), None);
                }
                if outcome.violation.is_some() {
                    stop.fetch_or(self.until_failure, Ordering::Relaxed);
                    broken.lock().push((script, outcome, run.elapsed()));
                }
            }
            Ok(())
        };
        std::thread::scope(|scope| {
            let threads: Vec<_> = (0..self.jobs.max(1)).map(|_| scope.spawn(work)).collect();
            threads.into_iter().try_for_each(|thread| thread.join().unwrap_or_else(|_| Err("a run panicked".into())))
        })?;
        let mut broken = broken.into_inner();
        broken.sort_by_key(|(script, ..)| script.seed);
        for (script, outcome, wall) in &broken {
            self.failed(script, outcome, *wall)?;
        }
        if self.output == Output::Text {
            let (done, wall) = (done.into_inner(), begun.elapsed().as_secs_f64());
            say!("{}: {done} seeds in {wall:.1} s, {} of them broken", scenario.name, broken.len());
        }
        Ok(broken.is_empty())
    }

    /// Runs a failure once more, to tell what led to it, and writes it down.
    fn failed(&self, script: &Script, outcome: &RunOutcome, wall: Duration) -> Result<(), Failure> {
        let (again, journal) = rehearse(script, &Watching { keeps_journal: true, ..Watching::default() })?;
        if again.digest != outcome.digest {
            eprintln!("the same seed gave another run: the digests are {} and {}", outcome.digest, again.digest);
        }
        let path = self.failures.join(format!("{}-{}.json", script.scenario.name, script.seed));
        if let Some(violation) = outcome.violation.clone() {
            FailureFile::new(script.clone(), violation, outcome.digest.clone()).write(&path)?;
        }
        print::outcome(self.output, outcome, wall, Some((&journal, &format!("kabuki sim replay {}", path.display()))));
        Ok(())
    }
}

fn timed(script: &Script, what: &str) -> Result<(RunOutcome, Duration), Failure> {
    let watching = Watching::default();
    let progress = Progress::follow(what.to_owned(), watching.clock.clone());
    let begun = clock::instant();
    let (outcome, _) = rehearse(script, &watching)?;
    drop(progress);
    Ok((outcome, begun.elapsed()))
}
