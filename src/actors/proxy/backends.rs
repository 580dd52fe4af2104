//! Where a frontend's connections may go, and which of them goes where.

use std::collections::{BTreeSet, HashMap};
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use rand::RngExt;

use crate::runtime::clock::Instant;
use crate::runtime::entropy::Entropy;

/// Clients whose endpoint is remembered; the one that was silent for longest is forgotten for a new one.
const CLIENTS: usize = 65_536;

/// All that a listener must know of its service. Immutable: a change swaps the whole.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Backends {
    /// In order, each once.
    addresses: Vec<SocketAddr>,
    /// How long a client stays with its endpoint after its last connection.
    pub affinity: Option<Duration>,
}

impl Backends {
    pub fn new(addresses: impl IntoIterator<Item = SocketAddr>, affinity: Option<Duration>) -> Self {
        let addresses: BTreeSet<SocketAddr> = addresses.into_iter().collect();
        Self { addresses: addresses.into_iter().collect(), affinity }
    }

    pub fn addresses(&self) -> &[SocketAddr] {
        &self.addresses
    }

    pub fn is_empty(&self) -> bool {
        self.addresses.is_empty()
    }

    pub fn has(&self, address: SocketAddr) -> bool {
        self.addresses.binary_search(&address).is_ok()
    }
}

/// Spreads connections evenly: each backend in turn, beginning anywhere, save that a client stays where it was if the service wants it so.
pub struct Balancer {
    next: usize,
    clients: HashMap<IpAddr, (SocketAddr, Instant)>,
    /// The same clients, the one that was silent for longest first.
    by_age: BTreeSet<(Instant, IpAddr)>,
}

impl Balancer {
    pub fn new(entropy: &mut Entropy) -> Self {
        Self { next: entropy.rng().random_range(0..1 << 16), clients: HashMap::new(), by_age: BTreeSet::new() }
    }

    /// The backends in the order in which a client's new connection is to try them.
    pub fn candidates(&mut self, backends: &Backends, client: IpAddr, now: Instant) -> Vec<SocketAddr> {
        let count = backends.addresses.len();
        if count == 0 {
            return Vec::new();
        }
        let stays = backends.affinity.and_then(|timeout| self.remembered(client, now, timeout)).filter(|address| backends.has(*address));
        let first = match stays {
            Some(address) => backends.addresses.binary_search(&address).unwrap_or_default(),
            None => {
                self.next = self.next.wrapping_add(1);
                self.next % count
            }
        };
        backends.addresses[first..].iter().chain(&backends.addresses[..first]).copied().collect()
    }

    /// A connection of a client was made to a backend.
    pub fn connected(&mut self, backends: &Backends, client: IpAddr, backend: SocketAddr, now: Instant) {
        if backends.affinity.is_none() {
            return;
        }
        if let Some((_, since)) = self.clients.insert(client, (backend, now)) {
            self.by_age.remove(&(since, client));
        }
        self.by_age.insert((now, client));
        if self.clients.len() > CLIENTS
            && let Some((_, oldest)) = self.by_age.pop_first()
        {
            self.clients.remove(&oldest);
        }
    }

    fn remembered(&self, client: IpAddr, now: Instant, timeout: Duration) -> Option<SocketAddr> {
        let (backend, since) = self.clients.get(&client)?;
        (now.duration_since(*since) < timeout).then_some(*backend)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use crate::runtime::clock;

    fn backends(count: u8, affinity: Option<u64>) -> Backends {
        Backends::new((1..=count).map(|n| SocketAddr::from(([10, 0, 0, n], 80))), affinity.map(Duration::from_secs))
    }

    fn client(n: u8) -> IpAddr {
        [10, 9, 9, n].into()
    }

    fn balancer() -> Balancer {
        Balancer::new(&mut Entropy::from_seed(1))
    }

    #[test]
    fn connections_are_spread_evenly_and_each_may_try_every_backend() {
        let (mut balancer, backends) = (balancer(), backends(3, None));
        let mut counts = BTreeMap::new();
        for _ in 0..300 {
            let candidates = balancer.candidates(&backends, client(1), clock::instant());
            assert_eq!(candidates.iter().collect::<BTreeSet<_>>().len(), 3);
            *counts.entry(candidates[0]).or_insert(0) += 1;
        }
        assert_eq!(counts.into_values().collect::<Vec<_>>(), [100, 100, 100]);
    }

    #[test]
    fn one_seed_gives_one_order() {
        let order = |seed| {
            let mut balancer = Balancer::new(&mut Entropy::from_seed(seed));
            balancer.candidates(&backends(200, None), client(1), clock::instant())
        };
        assert_eq!(order(1), order(1));
        assert_ne!(order(1), order(2));
    }

    #[test]
    fn a_client_stays_until_it_was_silent_for_the_timeout() {
        let (mut balancer, backends, mut now) = (balancer(), backends(3, Some(10)), clock::instant());
        let home = balancer.candidates(&backends, client(1), now)[0];
        for pause in [9, 9, 9] {
            balancer.connected(&backends, client(1), home, now);
            now += Duration::from_secs(pause);
            assert_eq!(balancer.candidates(&backends, client(1), now)[0], home);
        }
        let others: BTreeSet<_> = (2..5).map(|n| balancer.candidates(&backends, client(n), now)[0]).collect();
        assert_eq!(others.len(), 3);
        now += Duration::from_secs(2);
        assert_ne!(balancer.candidates(&backends, client(1), now)[0], balancer.candidates(&backends, client(1), now)[0]);
    }

    #[test]
    fn a_client_moves_when_its_backend_goes() {
        let (mut balancer, now) = (balancer(), clock::instant());
        let gone = SocketAddr::from(([10, 0, 0, 3], 80));
        balancer.connected(&backends(3, Some(10)), client(1), gone, now);
        assert!(!balancer.candidates(&backends(2, Some(10)), client(1), now).contains(&gone));
        assert!(balancer.candidates(&Backends::default(), client(1), now).is_empty());
    }

    #[test]
    fn no_more_clients_are_remembered_than_fit() {
        let (mut balancer, backends, now) = (balancer(), backends(1, Some(10)), clock::instant());
        for n in 0..=CLIENTS {
            let client = IpAddr::from(u32::try_from(n).unwrap().to_be_bytes());
            balancer.connected(&backends, client, backends.addresses()[0], now + Duration::from_micros(n as u64));
        }
        assert_eq!((balancer.clients.len(), balancer.by_age.len()), (CLIENTS, CLIENTS));
        assert_eq!(balancer.remembered([0, 0, 0, 0].into(), now, Duration::from_secs(10)), None);
    }
}
