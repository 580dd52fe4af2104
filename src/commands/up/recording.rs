//! The recording of a live cluster: what it is begun with.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use clap::Args;

use crate::api::quantity::Quantity;
use crate::api::secrecy;
use crate::commands::{Failure, cluster};
use crate::runtime::recording::{Options, Record, Recorder};
use crate::runtime::supervision::{KILLED, LastPanic};

/// Less has no room for how things stand.
const LEAST: i64 = 1 << 20;

#[derive(Args, Clone, Debug)]
pub struct Recording {
    /// Record what happens from outside, for `kabuki sim replay FILE`
    #[arg(long, value_name = "FILE")]
    record: Option<PathBuf>,
    /// How much the recording may fill on the disk; then its oldest part goes
    #[arg(long, value_name = "SIZE", default_value = "256Mi", value_parser = size, requires = "record")]
    record_limit: u64,
    /// Record the data of secrets, too; without it their values are left out
    #[arg(long, requires = "record")]
    record_secrets: bool,
}

pub(super) fn size(text: &str) -> Result<u64, String> {
    let quantity: Quantity = text.parse().map_err(|error| format!("{error}"))?;
    match quantity.value() {
        value if value < LEAST => Err("it has to be 1Mi at least".to_owned()),
        value => Ok(value.unsigned_abs()),
    }
}

impl Recording {
    /// Starts the recorder of the cluster in a directory; one that does nothing if none is asked for.
    ///
    /// # Errors
    /// The file cannot be written, or is no recording of this cluster.
    pub fn start(&self, directory: &Path) -> Result<Recorder, Failure> {
        let Some(file) = self.record.clone() else { return Ok(Recorder::default()) };
        let secrets = self.record_secrets;
        let redact = Arc::new(move |collection: &str, bytes: &[u8]| secrecy::redacted(collection, bytes, secrets));
        let options = Options { file, limit: self.record_limit, cluster: cluster::name(directory)?, redact, secrets };
        Recorder::start(options).map_err(|error| format!("--record {error}").into())
    }

    /// One line for people, if there is a recording.
    pub fn describe(&self) -> Option<String> {
        Some(format!("recording to {}", self.record.as_ref()?.display()))
    }
}

/// Records the panics of a tree's actors; those that were asked for are recorded by who asked.
pub fn panics(recorder: Recorder) -> impl Fn(&str, &LastPanic) + Send + Sync + 'static {
    move |actor, panic| {
        if panic.message != KILLED {
            let (actor, message, location) = (actor.to_owned(), panic.message.clone(), panic.location.clone());
            recorder.write(|| Record::Panic { actor, message, location });
        }
    }
}
