//! One file a subcommand; where a process is put together.

mod access;
mod apply;
mod cluster;
mod completions;
mod delete;
mod describe;
mod down;
mod get;
mod kill_actor;
mod logs;
mod manifests;
mod print;
mod resources;
mod sim;
mod tree;
mod up;
mod why;

use std::process::ExitCode;

use clap::{Parser, Subcommand};
use tracing_subscriber::EnvFilter;
use tracing_subscriber::filter::LevelFilter;

use crate::runtime::containers::docker::DockerOptions;

/// Why a command failed, in one line that a person can act on.
pub type Failure = Box<dyn std::error::Error + Send + Sync>;

/// A Kubernetes cluster in one binary.
#[derive(Debug, Parser)]
#[command(name = "kabuki", version, about, propagate_version = true, max_term_width = 120)]
pub struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    Up(up::Up),
    /// Remove what `up` left behind on this machine
    Down(down::Down),
    /// Show objects, one line each
    Get(get::Get),
    /// Show everything about objects, with their events
    Describe(describe::Describe),
    /// Create or change objects to be as their manifests say
    Apply(apply::Apply),
    /// Delete objects
    Delete(delete::Delete),
    /// Print what a pod's container has written
    Logs(logs::Logs),
    /// Say what keeps a pod from running: each node that refuses it, and by which plugin
    Why(why::Why),
    /// Show the live supervision tree
    Tree(tree::Tree),
    /// Let an actor die as by a panic; its supervisor starts it anew
    KillActor(kill_actor::KillActor),
    Sim(sim::Sim),
    /// Print completions for a shell
    Completions(completions::Completions),
}

/// Where the engine is: where its other clients look for it.
fn docker_socket() -> Result<String, Failure> {
    Ok(DockerOptions::socket_named_by(std::env::var("DOCKER_HOST").ok().as_deref())?)
}

/// The program's entry.
pub fn main() -> ExitCode {
    let cli = Cli::parse();
    // What actors complain of in a simulated day is in its journal.
    let quiet = matches!(cli.command, Command::Sim(_));
    log(if quiet { LevelFilter::OFF } else { LevelFilter::WARN });
    if let Command::Sim(command) = cli.command {
        return command.run();
    }
    match run(cli) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            eprintln!("error: {failure}");
            ExitCode::FAILURE
        }
    }
}

/// Warnings and errors go to standard error; `KABUKI_LOG` says what else (`info`, `kabuki::actors::scheduler=debug`).
fn log(default: LevelFilter) {
    let filter = EnvFilter::builder().with_env_var("KABUKI_LOG").with_default_directive(default.into()).from_env_lossy();
    tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr).init();
}

fn run(cli: Cli) -> Result<(), Failure> {
    match cli.command {
        Command::Up(command) => command.run(),
        Command::Sim(_) => Err("a simulation is run before this".into()),
        Command::Down(command) => client(command.run()),
        Command::Get(command) => client(command.run()),
        Command::Describe(command) => client(command.run()),
        Command::Apply(command) => client(command.run()),
        Command::Delete(command) => client(command.run()),
        Command::Logs(command) => client(command.run()),
        Command::Why(command) => client(command.run()),
        Command::Tree(command) => client(command.run()),
        Command::KillActor(command) => client(command.run()),
        Command::Completions(command) => command.run(),
    }
}

/// Runs a command that only asks a server. Ctrl-C ends it, as it ends any program that holds nothing.
fn client(command: impl Future<Output = Result<(), Failure>>) -> Result<(), Failure> {
    tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(command)
}
