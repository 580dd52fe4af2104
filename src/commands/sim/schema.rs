use clap::Args;
use schemars::schema_for;

use crate::commands::Failure;
use crate::simulation::Scenario;

#[derive(Args, Debug)]
pub struct Schema {}

impl Schema {
    pub fn run(self) -> Result<(), Failure> {
        say!("{}", serde_json::to_string_pretty(&schema_for!(Scenario))?);
        Ok(())
    }
}
