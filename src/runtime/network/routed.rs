use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr};

use async_trait::async_trait;
use parking_lot::Mutex;
use sha2::{Digest, Sha256};

use super::links::{Link, Links, Mac, enable_forwarding};
use super::rules::Rules;
use super::{AddressPool, Cidr, NetworkError, NetworkNamespace, PodNetwork};

type Result<T> = std::result::Result<T, NetworkError>;

/// A network without bridge or overlay: each sandbox has a pair of links to the host, which routes its one address. Sandboxes see a gateway
/// that is nobody else's ([`GATEWAY`]), and neither side ever asks who has an address.
///
/// All state is the kernel's: a link's alias says whose it is, its route which address it has. It stays when this process ends.
pub struct RoutedNetwork {
    links: Links,
    rules: Rules,
    /// What begins the alias of each of the cluster's links.
    mark: String,
    /// The ranges of the whole cluster.
    inside: Vec<Cidr>,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    /// None until the node knows its range.
    pool: Option<AddressPool>,
    addresses: BTreeMap<String, Ipv4Addr>,
}

/// What sandboxes take for their router. Link-local, so it cannot be a destination.
const GATEWAY: Ipv4Addr = Ipv4Addr::new(169, 254, 1, 1);

/// The host's station on every pair: locally administered, as each pair is a network of its own.
pub(super) const HOST_MAC: Mac = [0x02, 0xff, 0xff, 0xff, 0xff, 0xff];

/// The sandbox's end of the pair.
pub(super) const INTERFACE: &str = "eth0";

impl RoutedNetwork {
    /// Whether this process may make links, enter other network namespaces and set rules.
    pub fn is_permitted() -> bool {
        const CAP_NET_ADMIN: u64 = 1 << 12;
        const CAP_SYS_ADMIN: u64 = 1 << 21;
        let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
        let effective = status.lines().find_map(|line| line.strip_prefix("CapEff:"));
        let effective = effective.and_then(|hex| u64::from_str_radix(hex.trim(), 16).ok()).unwrap_or(0);
        effective & CAP_NET_ADMIN != 0 && effective & CAP_SYS_ADMIN != 0
    }

    /// Finds what the cluster has on this machine. `inside` are the ranges of all its pods and services: what stays within is not masqueraded.
    pub async fn open(cluster: &str, inside: Vec<Cidr>) -> Result<Self> {
        let (links, mark) = (Links::of_host()?, mark(cluster));
        enable_forwarding()?;
        let addresses = adopt(&links, &mark).await?;
        Ok(Self { links, rules: Rules::of(cluster), mark, inside, state: Mutex::new(State { pool: None, addresses }) })
    }

    /// Removes a cluster's links and rules from this machine. Forwarding stays on: others may have come to need it.
    pub async fn remove_everything(cluster: &str) -> Result<()> {
        let (links, mark) = (Links::of_host()?, mark(cluster));
        for link in links.list().await?.iter().filter(|link| link.alias.starts_with(&mark)) {
            links.delete(&link.name).await?;
        }
        Rules::of(cluster).remove().await
    }

    fn alias(&self, sandbox: &str) -> String {
        format!("{}{sandbox}", self.mark)
    }

    /// Somebody else's addresses must not be taken from them.
    async fn check_free(&self, range: Cidr) -> Result<()> {
        let links = self.links.list().await?;
        let link = |index: Option<u32>| links.iter().find(|link| Some(link.index) == index);
        for route in self.links.routes().await? {
            let foreign = link(route.link).filter(|link| !link.alias.starts_with(&self.mark));
            if let Some(link) = foreign.filter(|_| route.destination.prefix() > 0 && route.destination.overlaps(&range)) {
                let reason = format!("{range} overlaps with {}, which this machine reaches by {}", route.destination, link.name);
                return Err(NetworkError::Failed { doing: "taking the range of pods", reason });
            }
        }
        Ok(())
    }

    async fn connect(&self, sandbox: &str, pid: u32, address: Ipv4Addr, node: Ipv4Addr) -> Result<()> {
        let alias = self.alias(sandbox);
        let name = link_name(&alias);
        let namespace = NetworkNamespace::of_process(pid)
            .map_err(|error| NetworkError::Failed { doing: "opening the sandbox's namespace", reason: error.to_string() })?;
        // One that was left half made.
        self.links.delete(&name).await?;
        self.links.add_pair((&name, HOST_MAC), (INTERFACE, mac(address)), &namespace).await?;

        let host = found(self.links.find(&name).await?)?;
        self.links.set_alias(host.index, &alias).await?;
        self.links.set_up(host.index).await?;
        self.links.add_address(host.index, node).await?;
        self.links.add_neighbour(host.index, address, mac(address)).await?;

        let inner = Links::inside(&namespace).await?;
        let loopback = found(inner.find("lo").await?)?;
        inner.set_up(loopback.index).await?;
        let end = found(inner.find(INTERFACE).await?)?;
        inner.set_up(end.index).await?;
        inner.add_address(end.index, address).await?;
        inner.add_neighbour(end.index, GATEWAY, HOST_MAC).await?;
        inner.add_route(end.index, GATEWAY).await?;
        inner.add_default_route(end.index, GATEWAY).await?;
        // Last: whoever finds a route finds a sandbox that is connected.
        self.links.add_route(host.index, address).await
    }
}

/// The sandboxes that are connected, and their addresses.
async fn adopt(links: &Links, mark: &str) -> Result<BTreeMap<String, Ipv4Addr>> {
    let ours = links.list().await?;
    let routes = links.routes().await?;
    let address = |link: &Link| {
        let route = routes.iter().find(|route| route.link == Some(link.index) && route.destination.prefix() == 32)?;
        match route.destination.address() {
            IpAddr::V4(address) => Some(address),
            IpAddr::V6(_) => None,
        }
    };
    let sandboxes = ours.iter().filter_map(|link| Some((link.alias.strip_prefix(mark)?.to_owned(), address(link)?)));
    Ok(sandboxes.collect())
}

pub(super) fn mark(cluster: &str) -> String {
    format!("kabuki/{cluster}/")
}

pub(super) fn found(link: Option<Link>) -> Result<Link> {
    link.ok_or_else(|| NetworkError::Failed { doing: "finding a link", reason: "it has gone".to_owned() })
}

/// The name of the host's end: unique for an alias, and as long as the kernel allows.
pub(super) fn link_name(alias: &str) -> String {
    let digest = Sha256::digest(alias);
    format!("kbk{}", digest[..6].iter().map(|byte| format!("{byte:02x}")).collect::<String>())
}

/// A sandbox's station: locally administered, its address in it.
fn mac(address: Ipv4Addr) -> Mac {
    let [a, b, c, d] = address.octets();
    [0x02, 0x4b, a, b, c, d]
}

fn v4(address: Option<IpAddr>, range: Cidr) -> Result<Ipv4Addr> {
    match address {
        Some(IpAddr::V4(address)) => Ok(address),
        Some(IpAddr::V6(_)) => Err(NetworkError::Failed { doing: "taking an address", reason: format!("{range} is not IPv4") }),
        None => Err(NetworkError::Exhausted(range)),
    }
}

#[async_trait]
impl PodNetwork for RoutedNetwork {
    async fn set_range(&self, range: Cidr) -> Result<()> {
        v4(Some(range.address()), range)?;
        self.check_free(range).await?;
        self.rules.apply(range, &self.inside).await?;
        let mut state = self.state.lock();
        let mut pool = AddressPool::new(range);
        for address in state.addresses.values() {
            pool.claim((*address).into());
        }
        state.pool = Some(pool);
        Ok(())
    }

    async fn attach(&self, sandbox: &str, pid: u32) -> Result<IpAddr> {
        let (address, node) = {
            let mut state = self.state.lock();
            let no_range = || NetworkError::Failed { doing: "taking an address", reason: "the node has no range for pods yet".to_owned() };
            let pool = state.pool.as_mut().ok_or_else(no_range)?;
            (v4(pool.take(), pool.range())?, v4(pool.range().nth(1), pool.range())?)
        };
        let connected = self.connect(sandbox, pid, address, node).await;
        if let Err(error) = connected {
            // The first error is the one to know; the link goes with its namespace at the latest.
            let _ = self.links.delete(&link_name(&self.alias(sandbox))).await;
            if let Some(pool) = &mut self.state.lock().pool {
                pool.release(address.into());
            }
            return Err(error);
        }
        self.state.lock().addresses.insert(sandbox.to_owned(), address);
        Ok(address.into())
    }

    async fn detach(&self, sandbox: &str) -> Result<()> {
        self.links.delete(&link_name(&self.alias(sandbox))).await?;
        let mut state = self.state.lock();
        if let Some(address) = state.addresses.remove(sandbox)
            && let Some(pool) = &mut state.pool
        {
            pool.release(address.into());
        }
        Ok(())
    }

    fn address(&self, sandbox: &str) -> Option<IpAddr> {
        self.state.lock().addresses.get(sandbox).copied().map(IpAddr::V4)
    }
}
