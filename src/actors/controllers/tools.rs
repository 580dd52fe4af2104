//! What every reconciler works with.

use crate::actors::events::Recorder;
use crate::actors::informer::Informers;
use crate::api::client::ClientRef;

/// The way to the API, what it shows, and a place to say what happened. Clones share all three.
#[derive(Clone)]
pub struct Tools {
    pub client: ClientRef,
    pub informers: Informers,
    pub events: Recorder,
}
