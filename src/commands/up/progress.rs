//! What `kabuki up` tells whoever started it.

use std::path::PathBuf;

use super::process::Process;
use crate::api::remote::Remote;
use crate::commands::access::Connection;
use crate::commands::{Failure, apply, manifests};

/// The first lines: that it is ready, what it is, and what to paste.
pub fn introduce(process: &Process) {
    println!("ready in {:.2} s", process.ready_after.as_secs_f64());
    println!("export KUBECONFIG={}", process.kubeconfig.display());
}

/// Applies manifests as any client would.
pub async fn apply(process: &Process, places: &[PathBuf]) -> Result<(), Failure> {
    if places.is_empty() {
        return Ok(());
    }
    let manifests = manifests::read(places)?;
    let remote = Remote::from_kubeconfig(&process.kubeconfig)?;
    let connection = Connection { namespace: remote.namespace().to_owned(), remote };
    for (name, outcome) in apply::apply(&connection, manifests, false).await? {
        println!("{name} {outcome}");
    }
    Ok(())
}
