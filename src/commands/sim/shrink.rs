use std::path::PathBuf;

use clap::Args;

use super::plant::Plant;
use super::replay::FailureFile;
use crate::commands::Failure;
use crate::simulation::shrink;

#[derive(Args, Debug)]
pub struct Shrink {
    /// A file that `run` has written
    failure: PathBuf,
    #[command(flatten)]
    plant: Plant,
}

impl Shrink {
    pub fn run(self) -> Result<(), Failure> {
        let failure = FailureFile::read(&self.failure)?;
        let _planted = self.plant.take_root();
        let mut attempts = 0;
        let mut tried = |deeds: usize, fails: bool| {
            attempts += 1;
            eprintln!("{attempts}: {deeds} deeds: {}", if fails { "still fails" } else { "is clean" });
        };
        let Some((script, violation, digest)) = shrink(&failure.script, &mut tried)? else {
            return Err(format!("{}: it breaks nothing any more", self.failure.display()).into());
        };
        let path = self.failure.with_extension("min.json");
        say!(
            "{} of {} deeds are left, {} nodes, {} pods:",
            script.steps.len(),
            failure.script.steps.len(),
            script.scenario.nodes.count,
            script.scenario.pods
        );
        for step in &script.steps {
            say!("  {} {}", step.at, serde_json::to_string(&step.deed)?);
        }
        say!("broken: {}: {}", violation.invariant, violation.what);
        FailureFile::new(script, violation, digest).write(&path)?;
        say!("again: kabuki sim replay {}", path.display());
        Ok(())
    }
}
