//! client-go, and what is made of it.

use std::path::Path;
use std::process::Command;

use super::stage::{installed, play, run, sources};
use crate::site::{Site, has};

/// One of the programs of the module; `None` if something that it needs cannot be had.
pub fn program(name: &str) -> Option<Command> {
    // The compiler has a cache of its own, which knows better than we what is to be built again.
    let folder = has(&["go"]).then(|| installed("go", &["go.mod", "go.sum"], download))??;
    let program = folder.join(name);
    let package = format!("./{name}");
    run(Command::new("go").args(["build", "-o"]).arg(&program).arg(package).current_dir(sources("go"))).unwrap();
    Some(Command::new(program))
}

fn download(_: &Path) -> Result<(), String> {
    run(Command::new("go").args(["mod", "download"]).current_dir(sources("go")))
}

#[test]
fn client_go_is_served_as_json_and_as_protobuf_and_loses_nothing_by_a_kill() {
    let Some(story) = program("story") else { return };
    play(&mut Site::up(33, &["--nodes=1", "--runtime=simulated"]), story);
}
