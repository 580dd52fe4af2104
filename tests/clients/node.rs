//! `@kubernetes/client-node`, the client for JavaScript.

use std::path::Path;
use std::process::Command;

use super::stage::{installed, play, run, sources};
use crate::site::{Site, has};

const PINS: [&str; 2] = ["package.json", "package-lock.json"];

/// The story's program; `None` if something that it needs cannot be had.
pub fn story() -> Option<Command> {
    let folder = has(&["node"]).then(|| installed("node", &PINS, install))??;
    let mut program = Command::new("node");
    program.arg(sources("node").join("story.js")).env("MODULES", folder);
    Some(program)
}

fn install(folder: &Path) -> Result<(), String> {
    for file in PINS {
        std::fs::copy(sources("node").join(file), folder.join(file)).map_err(|error| error.to_string())?;
    }
    run(Command::new("npm").args(["ci", "--no-audit", "--no-fund", "--ignore-scripts"]).current_dir(folder))
}

#[test]
fn javascripts_client_is_served_and_loses_nothing_by_a_kill() {
    let Some(story) = story() else { return };
    play(&mut Site::up(32, &["--nodes=0"]), story);
}
