use clap::Args;

use super::scenarios;
use crate::commands::Failure;
use crate::commands::print::{Columns, write};
use crate::simulation::{coverage, table};

#[derive(Args, Debug)]
pub struct Coverage {
    /// One that ships, or a file
    #[arg(default_value = "coverage")]
    scenario: String,
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// How many runs there are at once
    #[arg(long, default_value_t = 1)]
    jobs: usize,
}

impl Coverage {
    /// Whether every place was hit, and nothing broken.
    pub fn run(self) -> Result<bool, Failure> {
        let scenario = scenarios::find(&self.scenario)?;
        let all = coverage(&scenario, self.seed, self.jobs)?;
        for covered in &all {
            if let Some(violation) = &covered.violation {
                eprintln!("{:?} {:?}: {}: {}", covered.site, covered.blow, violation.invariant, violation.what);
            }
        }
        let head = ["WRITE", "KILLED BEFORE", "KILLED AFTER", "SAW THE PAST"].map(str::to_owned);
        let mut columns = Columns::default();
        std::iter::once(head).chain(table(&all)).for_each(|row| columns.row(row));
        write(&columns.text())?;
        Ok(all.iter().all(|covered| covered.hit && covered.violation.is_none()))
    }
}
