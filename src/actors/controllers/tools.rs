//! What every reconciler works with.

use crate::actors::informer::Informers;
use crate::api::client::ClientRef;

/// The way to the API, and what it shows. Clones share both.
#[derive(Clone)]
pub struct Tools {
    pub client: ClientRef,
    pub informers: Informers,
}
