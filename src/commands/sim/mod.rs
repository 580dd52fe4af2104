//! `kabuki sim`: a cluster's bad day in simulated time, and the same day again.

/// Prints a line to standard output, as `println!` does, for a reader that may go.
macro_rules! say {
    ($($line:tt)*) => { $crate::commands::print::line(&format!($($line)*)) };
}

mod coverage;
mod list;
mod plant;
mod print;
mod progress;
mod replay;
mod report;
mod run;
mod scenarios;
mod schema;
mod serve;
mod shrink;
mod source;
mod verbose;

use std::process::ExitCode;

use clap::{Args, Subcommand, ValueEnum};

/// Run whole clusters in simulated time, with faults, and replay what went wrong
#[derive(Args, Debug)]
pub struct Sim {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Show the scenarios that ship, and what can be done in one
    List(list::List),
    /// Run a scenario
    Run(run::Run),
    /// Run what failed again
    Replay(replay::Replay),
    /// Find the smallest part of a failure that still fails
    Shrink(shrink::Shrink),
    /// Kill the process around every write of the cast, and show them from the past
    Coverage(coverage::Coverage),
    /// Make a page of a failure that a person can read
    Report(report::Report),
    /// Serve the API of a simulated cluster whose clock moves when a request asks for it
    Serve(serve::Serve),
    /// Print the JSON Schema of scenarios
    Schema(schema::Schema),
}

/// How what came out is printed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Output {
    Text,
    Json,
}

/// What a command ends with: all is well, an invariant was broken, or it could not run.
const BROKEN: u8 = 1;
const IMPOSSIBLE: u8 = 2;

impl Sim {
    pub fn run(self) -> ExitCode {
        let outcome = match self.command {
            Command::List(command) => command.run().map(|()| true),
            Command::Run(command) => command.run(),
            Command::Replay(command) => command.run(),
            Command::Shrink(command) => command.run().map(|()| true),
            Command::Coverage(command) => command.run(),
            Command::Report(command) => command.run().map(|()| true),
            Command::Serve(command) => command.run().map(|()| true),
            Command::Schema(command) => command.run().map(|()| true),
        };
        match outcome {
            Ok(true) => ExitCode::SUCCESS,
            Ok(false) => BROKEN.into(),
            Err(failure) => {
                eprintln!("error: {failure}");
                IMPOSSIBLE.into()
            }
        }
    }
}
