use std::path::PathBuf;

use clap::Args;

use super::replay::FailureFile;
use crate::commands::Failure;
use crate::simulation::{Watching, rehearse, report};

#[derive(Args, Debug)]
pub struct Report {
    /// A file that `run` or `shrink` has written
    failure: PathBuf,
    /// Where the page is written
    #[arg(long)]
    html: PathBuf,
}

impl Report {
    pub fn run(self) -> Result<(), Failure> {
        let failure = FailureFile::read(&self.failure)?;
        let (outcome, journal) = rehearse(&failure.script, &Watching { keeps_journal: true, ..Watching::default() })?;
        let page = report(&outcome, &journal.entries());
        std::fs::write(&self.html, page).map_err(|error| format!("{}: {error}", self.html.display()))?;
        say!("{} written", self.html.display());
        Ok(())
    }
}
