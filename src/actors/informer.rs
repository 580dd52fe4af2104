//! The informer: one actor per kind and process that lists, then watches, and shows what it knows.
//!
//! It owns the view of its kind: an immutable map at its own revision, which readers load without asking the actor. It is woken by what the
//! API sends, takes no messages, and feeds its subscribers the keys that changed. What it shows may be behind the store (that is what a
//! watch is), but never goes back, also when the actor is restarted: a new one lists, and tells subscribers the difference.

mod handle;
pub mod index;
mod key;
mod set;
mod source;
mod subscription;
#[cfg(test)]
mod tests;
mod view;

use std::sync::Arc;

use actix::{Actor, AsyncContext, StreamHandler};
use futures::StreamExt;

pub use handle::InformerHandle;
pub use index::Index;
pub use key::ObjectKey;
pub use set::Informers;
pub use source::Selection;
pub use subscription::{Delta, Subscription};
pub use view::{Entry, View};

use crate::api::client::ClientRef;
use crate::api::kinds::{Kind, KindRef};
use crate::runtime::entropy::Entropy;
use crate::runtime::supervision::{ChildSpec, Ctx, Supervisor};
use handle::Shared;
use source::Update;

/// At most this many updates are taken together; a view is published once for all of them.
const BATCH: usize = 512;

/// Keeps the view of one kind.
pub struct Informer {
    client: ClientRef,
    kind: KindRef,
    selection: Selection,
    /// Taken at the start.
    entropy: Option<Entropy>,
    shared: Arc<Shared>,
}

impl Informer {
    /// Starts an informer under a supervisor. The handle outlives every restart.
    pub fn start(
        supervisor: &Supervisor,
        client: ClientRef,
        kind: &KindRef,
        selection: Selection,
        indexes: &[Index],
        entropy: &Entropy,
    ) -> InformerHandle {
        let shared = Arc::new(Shared::new(indexes));
        let handle = InformerHandle::new(shared.clone());
        let name = name(kind);
        let stream = entropy.split(&name);
        let kind = kind.clone();
        let mut starts = 0_u64;
        supervisor.start(ChildSpec::new(name, move || {
            starts += 1;
            Informer {
                client: client.clone(),
                kind: kind.clone(),
                selection: selection.clone(),
                entropy: Some(stream.split(&starts.to_string())),
                shared: shared.clone(),
            }
        }));
        handle
    }
}

/// Of a kind's informer. Custom resources may go by the plural of others.
fn name(kind: &Kind) -> String {
    let group = if kind.custom.is_some() { format!(".{}", kind.group()) } else { String::new() };
    format!("informer {}{group}", kind.plural())
}

impl Actor for Informer {
    type Context = Ctx<Self>;

    fn started(&mut self, ctx: &mut Self::Context) {
        let entropy = self.entropy.take().expect("an actor is started once");
        let updates = source::updates(self.client.clone(), self.kind.clone(), self.selection.clone(), entropy);
        ctx.add_stream(updates.ready_chunks(BATCH));
    }
}

impl StreamHandler<Vec<Update>> for Informer {
    fn handle(&mut self, updates: Vec<Update>, _: &mut Self::Context) {
        let mut view = (*self.shared.view()).clone();
        let mut deltas = Vec::new();
        for update in updates {
            match update {
                Update::Listed(list) => deltas.extend(view.replace(list)),
                Update::Event(event) => deltas.extend(view.apply(event)),
            }
        }
        self.shared.publish(view, deltas);
    }
}
