//! A test of something that is written against the API: it lives beside a whole cluster, in simulated time.

use std::future::Future;
use std::sync::Arc;

use super::cluster::{Cluster, Setup, run};
use super::invariants;
use super::watchdog::Watchdog;

/// Tells a story in a cluster of so many nodes, as [`run`] does; besides, the cluster's process is started again whenever it ends, and
/// every event is held against every invariant. The same seed and story are the same run.
///
/// ```
/// use std::time::Duration;
///
/// let journal = kabuki::simulation::trial(7, 3, async |cluster| {
///     cluster.apply_text("{apiVersion: v1, kind: Namespace, metadata: {name: shop}}").await.unwrap();
///     cluster.inject(&"lose-node: {node: 1, for: 2m}".parse().unwrap()).await.unwrap();
///     cluster.pass(Duration::from_secs(3600)).await;
///     cluster.journal.clone()
/// });
/// assert!(journal.count() > 1000);
/// ```
///
/// # Panics
/// The story did, or an invariant is broken: says which, by what and when.
pub fn trial<T, F: Future<Output = T>>(seed: u64, nodes: u32, story: impl FnOnce(Arc<Cluster>) -> F) -> T {
    let watchdog = Watchdog::new(invariants::all(), Arc::default());
    let setup = Setup { own_informers: true, ..Setup::new(seed, nodes) };
    setup.journal.call(Box::new(watchdog.clone()));
    let (told, _) = run(setup, |cluster| async move {
        let keeper = cluster.clone();
        let keeper = actix::spawn(async move { keeper.keep().await });
        let told = story(cluster).await;
        keeper.abort();
        told
    });
    if let Some(violation) = watchdog.violation() {
        panic!("seed {seed}: {} of {:?} at {}: {}", violation.invariant, violation.object, violation.time, violation.what);
    }
    told
}
