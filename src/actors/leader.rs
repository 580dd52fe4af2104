//! Leader election by a Lease: of several processes that could act, one does (Leases concept page, "Leader election").
//!
//! The actor owns this process's claim. It is woken by its own timer, answers nothing, and says through [`Leadership`] until when this
//! process may act. A claim that is not renewed lapses by itself, so a hanging API, a frozen actor or a lost connection ends leadership
//! before another process can have taken it. Clocks of different machines are never compared: how old a foreign claim is counts from when
//! it was first seen here.

use std::time::Duration;

use actix::{Actor, ActorContext, ActorFutureExt, AsyncContext, Running, WrapFuture};
use k8s_openapi::api::coordination::v1::Lease;
use rand::RngExt;
use serde::Deserialize;
use serde_json::{Value, json};

use crate::actors::informer::ObjectKey;
use crate::api::client::{ClientRef, WriteOptions};
use crate::api::kinds::Registry;
use crate::api::status::Status;
use crate::runtime::clock::{self, Instant};
use crate::runtime::entropy::Entropy;
use crate::runtime::supervision::{ChildSpec, Ctx, Supervisor};
use crate::runtime::watch;

/// For so long others respect a claim that is not renewed.
const LEASE_DURATION: Duration = Duration::from_secs(15);
/// For so long one's own claim holds without being renewed.
const RENEW_DEADLINE: Duration = Duration::from_secs(10);
const RETRY_PERIOD: Duration = Duration::from_secs(2);

/// Whether this process leads, for all who act only then. Clones share it.
#[derive(Clone)]
pub struct Leadership(watch::Receiver<Option<Instant>>);

impl Leadership {
    /// The claim holds now.
    pub fn holds(&self) -> bool {
        is_held(&self.0.borrow())
    }

    /// Resolves once this process leads.
    pub async fn gained(&mut self) {
        if self.0.wait_for(is_held).await.is_err() {
            // The election is over for good; nobody will lead here.
            std::future::pending::<()>().await;
        }
    }

    /// Resolves once this process no longer leads: its claim was released, taken or has lapsed.
    pub async fn lost(&mut self) {
        loop {
            let Some(renewed) = *self.0.borrow_and_update() else { return };
            tokio::select! {
                biased;
                changed = self.0.changed() => if changed.is_err() { return },
                () = tokio::time::sleep_until(renewed + RENEW_DEADLINE) => return,
            }
        }
    }
}

/// Whether a claim, by when it was last renewed, holds now.
fn is_held(claim: &Option<Instant>) -> bool {
    claim.is_some_and(|renewed| renewed.elapsed() < RENEW_DEADLINE)
}

/// Stands for election.
pub struct Candidate {
    client: ClientRef,
    lease: ObjectKey,
    identity: String,
    claim: watch::Sender<Option<Instant>>,
    /// Taken at the start.
    entropy: Option<Entropy>,
    releasing: bool,
}

impl Candidate {
    /// Starts a candidate. `identity` must be another in each process; `lease` names what is led.
    pub fn start(supervisor: &Supervisor, client: ClientRef, lease: ObjectKey, identity: &str, entropy: &Entropy) -> Leadership {
        let (claim, leadership) = watch::channel(None);
        let name = format!("leader of {}", lease.name);
        let (stream, identity) = (entropy.split(&name), identity.to_owned());
        let mut starts = 0_u64;
        supervisor.start(ChildSpec::new(name, move || {
            starts += 1;
            Candidate {
                client: client.clone(),
                lease: lease.clone(),
                identity: identity.clone(),
                claim: claim.clone(),
                entropy: Some(stream.split(&starts.to_string())),
                releasing: false,
            }
        }));
        Leadership(leadership)
    }
}

impl Actor for Candidate {
    type Context = Ctx<Self>;

    fn started(&mut self, ctx: &mut Self::Context) {
        let campaign = Campaign {
            client: self.client.clone(),
            lease: self.lease.clone(),
            identity: self.identity.clone(),
            claim: self.claim.clone(),
            entropy: self.entropy.take().expect("an actor is started once"),
            observed: None,
        };
        ctx.spawn(campaign.run().into_actor(self).map(|(), _, _| ()));
    }

    /// Lets go of the lease first, so that another need not wait for it to lapse.
    fn stopping(&mut self, ctx: &mut Self::Context) -> Running {
        if self.releasing || self.claim.send_replace(None).is_none() {
            return Running::Stop;
        }
        self.releasing = true;
        let (client, lease, identity) = (self.client.clone(), self.lease.clone(), self.identity.clone());
        let release = async move {
            if let Err(error) = release(&client, &lease, &identity).await {
                tracing::warn!(%lease, %error, "the lease could not be released and will lapse");
            }
        };
        ctx.spawn(release.into_actor(self).map(|(), _, ctx| ctx.stop()));
        Running::Continue
    }
}

/// The part of a lease that says who leads.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct Claim {
    holder_identity: String,
    lease_duration_seconds: u64,
    acquire_time: String,
    renew_time: String,
    lease_transitions: u64,
}

/// The pursuit of a lease.
struct Campaign {
    client: ClientRef,
    lease: ObjectKey,
    identity: String,
    claim: watch::Sender<Option<Instant>>,
    entropy: Entropy,
    /// The last claim that was seen, and when it was first.
    observed: Option<(Claim, Instant)>,
}

impl Campaign {
    async fn run(mut self) {
        loop {
            let started = clock::instant();
            match tokio::time::timeout(RENEW_DEADLINE, self.attempt()).await {
                // The claim is as old as the attempt's beginning: what others see cannot be older.
                Ok(Ok(true)) => _ = self.claim.send_replace(Some(started)),
                Ok(Ok(false)) => _ = self.claim.send_if_modified(|claim| claim.take().is_some()),
                Ok(Err(error)) => tracing::debug!(lease = %self.lease, %error, "an attempt to lead failed"),
                Err(_) => tracing::debug!(lease = %self.lease, "an attempt to lead took too long"),
            }
            let lapsed = |renewed: Instant| renewed.elapsed() >= RENEW_DEADLINE;
            self.claim.send_if_modified(|claim| claim.take_if(|renewed| lapsed(*renewed)).is_some());
            let leads = self.claim.borrow().is_some();
            let jitter = if leads { 1.0 } else { self.entropy.rng().random_range(1.0..1.2) };
            tokio::time::sleep(RETRY_PERIOD.mul_f64(jitter)).await;
        }
    }

    /// Takes or renews the lease; says whether it is this process's now.
    async fn attempt(&mut self) -> Result<bool, Status> {
        let kind = Registry::built_in().of::<Lease>();
        let ObjectKey { namespace, name } = self.lease.clone();
        let options = WriteOptions::default();
        let object = match self.client.get(kind, &namespace, &name).await {
            Ok(object) => object,
            Err(error) if error.is_not_found() => {
                let claim = claimed(&Claim::default(), &self.identity);
                let body = json!({ "apiVersion": kind.api_version(), "kind": kind.kind(), "metadata": { "name": &*name }, "spec": claim });
                return self.client.create(kind, &namespace, body, &options).await.map(|_| true);
            }
            Err(error) => return Err(error),
        };
        let mut body = object.value();
        let claim = Claim::deserialize(&body["spec"]).unwrap_or_default();
        if self.is_held_by_another(&claim) {
            return Ok(false);
        }
        body["spec"] = claimed(&claim, &self.identity);
        // The update names the version it replaces, so of two who try only one succeeds.
        self.client.update(kind, &namespace, &name, "", body, &options).await.map(|_| true)
    }

    fn is_held_by_another(&mut self, claim: &Claim) -> bool {
        let now = clock::instant();
        let since = match &self.observed {
            Some((seen, since)) if seen == claim => *since,
            _ => {
                self.observed = Some((claim.clone(), now));
                now
            }
        };
        let foreign = !claim.holder_identity.is_empty() && claim.holder_identity != self.identity;
        foreign && now < since + Duration::from_secs(claim.lease_duration_seconds)
    }
}

/// The claim by which `identity` takes over, or renews, an old one.
fn claimed(old: &Claim, identity: &str) -> Value {
    let now = format!("{:.6}", clock::now());
    let renews = old.holder_identity == identity;
    let first = old.acquire_time.is_empty();
    json!({
        "holderIdentity": identity,
        "leaseDurationSeconds": LEASE_DURATION.as_secs(),
        "acquireTime": if renews { &old.acquire_time } else { &now },
        "renewTime": now,
        "leaseTransitions": old.lease_transitions + u64::from(!renews && !first),
    })
}

async fn release(client: &ClientRef, lease: &ObjectKey, identity: &str) -> Result<(), Status> {
    let kind = Registry::built_in().of::<Lease>();
    let mut body = client.get(kind, &lease.namespace, &lease.name).await?.value();
    if body["spec"]["holderIdentity"] != identity {
        return Ok(());
    }
    body["spec"]["holderIdentity"] = "".into();
    body["spec"]["leaseDurationSeconds"] = 1.into();
    client.update(kind, &lease.namespace, &lease.name, "", body, &WriteOptions::default()).await.map(|_| ())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::actors::controllers::fixtures::{World, world};
    use crate::runtime::supervision::Strategy;

    fn stand(world: &World, identity: &str) -> (Supervisor, Leadership) {
        let supervisor = world.supervisor.supervisor(identity, Strategy::OneForOne);
        let lease = ObjectKey::new("default", "work");
        let leadership = Candidate::start(&supervisor, world.client.clone(), lease, identity, &world.entropy);
        (supervisor, leadership)
    }

    async fn holder(world: &World) -> (String, u64) {
        let lease = world.get("leases", "default", "work").await.unwrap();
        (lease["spec"]["holderIdentity"].as_str().unwrap().to_owned(), lease["spec"]["leaseTransitions"].as_u64().unwrap())
    }

    #[test]
    fn one_leads_and_renews_while_the_other_waits() {
        world(|world| async move {
            let (_a, mut first) = stand(&world, "a");
            first.gained().await;
            let (_b, second) = stand(&world, "b");
            for _ in 0..60 {
                world.pass(10).await;
                assert!(first.holds() && !second.holds());
            }
            assert_eq!(holder(&world).await, ("a".to_owned(), 0));
        });
    }

    #[test]
    fn a_leader_that_stops_lets_go_and_the_next_takes_over_at_once() {
        world(|world| async move {
            let (a, mut first) = stand(&world, "a");
            first.gained().await;
            let (_b, mut second) = stand(&world, "b");
            world.pass(5).await;
            let stopped = clock::instant();
            a.stop().await;
            first.lost().await;
            second.gained().await;
            assert!(stopped.elapsed() < Duration::from_secs(4), "{:?}", stopped.elapsed());
            assert_eq!(holder(&world).await, ("b".to_owned(), 1));
        });
    }

    #[test]
    fn a_claim_lapses_here_before_another_may_take_it() {
        world(|world| async move {
            let lease = json!({ "holderIdentity": "frozen", "leaseDurationSeconds": 15, "renewTime": "2000-01-01T00:00:00.000000Z" });
            world.create("leases", "default", json!({ "metadata": { "name": "work" }, "spec": lease })).await;
            let start = clock::instant();
            let (_b, mut second) = stand(&world, "b");
            second.gained().await;
            let waited = start.elapsed().as_secs();
            assert!((15..=18).contains(&waited), "from when it was first seen, whatever its clock says: {waited} s");
            // Somebody takes it away by force.
            world
                .merge("leases", "default", "work", "", json!({ "spec": { "holderIdentity": "thief", "leaseDurationSeconds": 15 } }))
                .await;
            second.lost().await;
            assert!(!second.holds());
        });
    }

    #[test]
    fn a_claim_that_has_lapsed_is_not_gained_again_until_it_is_renewed() {
        world(|world| async move {
            let (claim, receiver) = watch::channel(Some(clock::instant()));
            let mut leadership = Leadership(receiver);
            world.pass(11).await;
            assert!(tokio::time::timeout(Duration::from_secs(5), leadership.gained()).await.is_err());
            claim.send_replace(Some(clock::instant()));
            assert!(tokio::time::timeout(Duration::from_secs(5), leadership.gained()).await.is_ok());
        });
    }

    #[test]
    fn a_claim_that_is_not_renewed_is_lost_even_if_its_candidate_hangs() {
        world(|world| async move {
            let (claim, receiver) = watch::channel(Some(clock::instant()));
            let mut leadership = Leadership(receiver);
            leadership.gained().await;
            let start = clock::instant();
            leadership.lost().await;
            assert_eq!(start.elapsed().as_secs(), 10);
            drop((claim, world));
        });
    }
}
