use std::path::{Path, PathBuf};
use std::sync::Arc;

use clap::Args;
use serde::{Deserialize, Serialize};

use super::plant::Plant;
use super::progress::Progress;
use super::{Output, print, verbose};
use crate::commands::Failure;
use crate::runtime::clock;
use crate::runtime::recording::Recording;
use crate::simulation::{Halt, Journal, Plot, RunOutcome, Script, Violation, Watching, rehearse, replay};

/// The form of failure files. A change of what a script means has a new one.
const VERSION: u32 = 1;

#[derive(Args, Debug)]
pub struct Replay {
    /// A file that `run` or `shrink` has written, or a recording of a live cluster (`kabuki up --record FILE`)
    #[arg(value_name = "FILE")]
    file: PathBuf,
    /// Stop so long after the beginning (12m30s) or at a time (2026-01-01T00:12:30Z), and show how things stand
    #[arg(long, value_name = "TIME")]
    until: Option<String>,
    /// Stop at the first event that touches an object, once the first deed is done: pod/default/web-1
    #[arg(long, value_name = "OBJECT")]
    break_on: Option<String>,
    /// Print what an actor asked, was told and was shown: scheduler, controllers, a node, or any user's name
    #[arg(long, value_name = "ACTOR")]
    verbose: Option<String>,
    #[arg(long, value_enum, default_value = "text")]
    output: Output,
    #[command(flatten)]
    plant: Plant,
}

/// A run that broke an invariant, with all that it takes to run it again.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FailureFile {
    version: u32,
    /// Of the program that wrote it.
    program: String,
    pub script: Script,
    pub violation: Violation,
    pub digest: String,
}

impl FailureFile {
    pub fn new(script: Script, violation: Violation, digest: String) -> Self {
        Self { version: VERSION, program: env!("CARGO_PKG_VERSION").to_owned(), script, violation, digest }
    }

    /// # Errors
    /// It cannot be read, is no failure, or is of another version.
    pub fn read(path: &Path) -> Result<Self, Failure> {
        #[derive(Deserialize)]
        struct Head {
            version: u32,
        }
        let text = std::fs::read_to_string(path).map_err(|error| format!("{}: {error}", path.display()))?;
        let head: Head = serde_json::from_str(&text).map_err(|error| format!("{}: this is no failure: {error}", path.display()))?;
        if head.version != VERSION {
            return Err(format!("{}: version {} is not one that this program replays ({VERSION})", path.display(), head.version).into());
        }
        serde_json::from_str(&text).map_err(|error| format!("{}: {error}", path.display()).into())
    }

    /// # Errors
    /// It cannot be written.
    pub fn write(&self, path: &Path) -> Result<(), Failure> {
        std::fs::write(path, serde_json::to_string_pretty(self)? + "\n").map_err(|error| format!("{}: {error}", path.display()).into())
    }
}

impl Replay {
    /// Whether nothing was broken this time, and all went as it was recorded.
    pub fn run(self) -> Result<bool, Failure> {
        let _planted = self.plant.take_root();
        if Recording::is_one(&self.file) { self.recording() } else { self.failure() }
    }

    fn failure(&self) -> Result<bool, Failure> {
        let failure = FailureFile::read(&self.file)?;
        let watching = Watching { keeps_journal: true, halt: self.halt()?, ..Watching::default() };
        let begun = clock::instant();
        let (outcome, journal) = rehearse(&failure.script, &watching)?;
        self.tell_actor(&journal)?;
        print::outcome(self.output, &outcome, begun.elapsed(), Some((&journal, &self.again())));
        if outcome.halted.is_some() {
            return Ok(true);
        }
        self.tell_unmet(&outcome);
        if outcome.digest != failure.digest {
            eprintln!("the run differs from the one that was recorded: its digest was {}", failure.digest);
        }
        Ok(outcome.violation.is_none())
    }

    fn recording(&self) -> Result<bool, Failure> {
        let name = self.file.display().to_string();
        let halt = self.halt()?;
        let recording = Recording::read(&self.file)?;
        if recording.is_partial {
            eprintln!("{name}: its beginning was dropped for its limit: the replay begins where it does");
        }
        let plot = Arc::new(Plot::of(&recording).map_err(|why| format!("{name}: {why}"))?);
        drop(recording);
        if plot.lost > 0 {
            eprintln!("{name}: {} records were lost while it was made: what follows them may differ", plot.lost);
        }
        let watching = Watching { keeps_journal: true, halt, ..Watching::default() };
        let progress = Progress::follow(name.clone(), watching.clock.clone());
        let begun = clock::instant();
        let (replayed, journal) = replay(&name, &plot, &watching).map_err(|why| format!("--until: {why}"))?;
        drop(progress);
        self.tell_actor(&journal)?;
        print::replayed(self.output, &replayed, begun.elapsed(), &journal, &self.again());
        if replayed.outcome.halted.is_some() {
            return Ok(true);
        }
        self.tell_unmet(&replayed.outcome);
        Ok(replayed.outcome.violation.is_none() && replayed.differences.is_empty())
    }

    /// The command that does the same again.
    fn again(&self) -> String {
        format!("kabuki sim replay {}", self.file.display())
    }

    fn tell_actor(&self, journal: &Journal) -> Result<(), Failure> {
        if let Some(actor) = &self.verbose {
            verbose::lines(&journal.entries(), actor)?.iter().for_each(|line| say!("{line}"));
        }
        Ok(())
    }

    /// Where it is to be stopped.
    fn halt(&self) -> Result<Halt, Failure> {
        let until = self.until.as_deref().map(str::parse).transpose().map_err(|why| format!("--until {why}"))?;
        let on = self.break_on.as_deref().map(str::parse).transpose().map_err(|why| format!("--break-on {why}"))?;
        Ok(Halt { until, on })
    }

    /// Says what was waited for in vain.
    fn tell_unmet(&self, outcome: &RunOutcome) {
        if let Some(object) = &self.break_on {
            eprintln!("nothing touched {object} once the first deed was done");
        }
        if let Some(until) = &self.until {
            eprintln!("the run ended after {:.1} s, before {until}", outcome.virtual_seconds);
        }
    }
}
