use std::path::{Path, PathBuf};

use clap::Args;
use serde::{Deserialize, Serialize};

use super::plant::Plant;
use super::{Output, print};
use crate::commands::Failure;
use crate::runtime::clock;
use crate::simulation::{Script, Violation, Watching, rehearse};

/// The form of failure files. A change of what a script means has a new one.
const VERSION: u32 = 1;

#[derive(Args, Debug)]
pub struct Replay {
    /// A file that `run` or `shrink` has written
    failure: PathBuf,
    /// Print every event that names this text
    #[arg(long)]
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
    /// Whether nothing was broken this time.
    pub fn run(self) -> Result<bool, Failure> {
        let failure = FailureFile::read(&self.failure)?;
        let _planted = self.plant.take_root();
        let begun = clock::instant();
        let (outcome, journal) = rehearse(&failure.script, &Watching { keeps_journal: true, ..Watching::default() })?;
        if let Some(text) = &self.verbose {
            journal.entries().iter().map(ToString::to_string).filter(|line| line.contains(text)).for_each(|line| println!("{line}"));
        }
        let again = format!("kabuki sim replay {}", self.failure.display());
        print::outcome(self.output, &outcome, begun.elapsed(), Some((&journal, &again)));
        if outcome.digest != failure.digest {
            eprintln!("the run differs from the one that was recorded: its digest was {}", failure.digest);
        }
        Ok(outcome.violation.is_none())
    }
}
