//! A control plane as one of several: it acts only while it leads.
//!
//! The actor is woken by its process's claim, and answers nothing. What acts is a supervisor beside it, started anew for each term with
//! informers of its own, so that a term begins with what the API has then; it is stopped in order once the claim is lost. It comes after
//! the candidate among its siblings: when all stop, the lease is let go of last.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use actix::{Actor, AsyncContext, WrapFuture};

use super::{Clients, ControlPlane, Options};
use crate::actors::informer::ObjectKey;
use crate::actors::leader::{Candidate, Leadership};
use crate::api::client::ClientRef;
use crate::runtime::entropy::Entropy;
use crate::runtime::supervision::{ChildSpec, Ctx, Restart, Strategy, Supervisor, SupervisorSpec};

/// What acts and gave up is started again after this time.
const AGAIN: Duration = Duration::from_secs(1);

/// How a process stands for election.
pub struct Candidacy {
    pub lease: ObjectKey,
    /// Another one in each process.
    pub identity: String,
    /// With which the lease is pursued.
    pub client: ClientRef,
}

type ClientsOf = Arc<dyn Fn(&str) -> ClientRef + Send + Sync>;

/// Starts a control plane below `root` that acts whenever it holds the lease. Whether it does is answered.
pub fn stand(root: &Supervisor, clients: ClientsOf, candidacy: Candidacy, entropy: &Entropy, controls: &Options) -> Leadership {
    let Candidacy { lease, identity, client } = candidacy;
    let supervisor = root.supervisor(&format!("candidate {identity}"), Strategy::RestForOne);
    let entropy = Arc::new(entropy.split(&identity));
    let leadership = Candidate::start(&supervisor, client, lease, &identity, &entropy);
    let terms = Arc::new(AtomicU64::new(0));
    let office =
        Office { supervisor: supervisor.clone(), leadership: leadership.clone(), clients, entropy, terms, controls: controls.clone() };
    supervisor.start(ChildSpec::new("office", move || office.clone()));
    leadership
}

#[derive(Clone)]
struct Office {
    supervisor: Supervisor,
    leadership: Leadership,
    clients: ClientsOf,
    entropy: Arc<Entropy>,
    /// How many there were.
    terms: Arc<AtomicU64>,
    controls: Options,
}

impl Actor for Office {
    type Context = Ctx<Self>;

    fn started(&mut self, ctx: &mut Self::Context) {
        let office = self.clone();
        ctx.spawn(async move { office.serve().await }.into_actor(self));
    }
}

impl Office {
    async fn serve(mut self) {
        loop {
            self.leadership.gained().await;
            let term = self.begin();
            tokio::select! {
                biased;
                () = self.leadership.lost() => term.stop().await,
                () = term.gone() => tokio::time::sleep(AGAIN).await,
            }
        }
    }

    /// Nobody starts a term again but this actor, which knows whether it may.
    fn begin(&self) -> Supervisor {
        let entropy = self.entropy.split(&format!("term {}", self.terms.fetch_add(1, Ordering::Relaxed)));
        let clients = Clients { of: |user: &str| (self.clients)(user) };
        let spec = SupervisorSpec::new(Strategy::RestForOne).restart(Restart::Temporary);
        ControlPlane::start_as(spec, &self.supervisor, &clients, &entropy, &self.controls).supervisor
    }
}
