//! One file a subcommand; where a process is put together.

use std::process::ExitCode;

/// The program's entry.
pub fn main() -> ExitCode {
    ExitCode::SUCCESS
}
