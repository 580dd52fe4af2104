use std::collections::BTreeSet;
use std::net::IpAddr;

use super::Cidr;

/// Who has which address of a range. The network address, the one after it (the node's own) and the last one are never given.
#[derive(Clone, Debug)]
pub struct AddressPool {
    range: Cidr,
    /// The index that is tried next: an address that is given back rests until all others have been used.
    next: u128,
    taken: BTreeSet<IpAddr>,
}

impl AddressPool {
    const FIRST: u128 = 2;

    pub fn new(range: Cidr) -> Self {
        Self { range, next: Self::FIRST, taken: BTreeSet::new() }
    }

    pub fn range(&self) -> Cidr {
        self.range
    }

    /// An address that nobody has, or `None` if there is none.
    pub fn take(&mut self) -> Option<IpAddr> {
        let end = self.range.size().saturating_sub(1);
        if (self.taken.len() as u128) >= end.saturating_sub(Self::FIRST) {
            return None;
        }
        loop {
            if self.next >= end {
                self.next = Self::FIRST;
            }
            let address = self.range.nth(self.next)?;
            self.next += 1;
            if self.taken.insert(address) {
                return Some(address);
            }
        }
    }

    /// Marks an address as somebody's, as found in the world; false if it was already, or is none that the range gives.
    pub fn claim(&mut self, address: IpAddr) -> bool {
        let given = Self::FIRST..self.range.size().saturating_sub(1);
        self.range.index_of(address).is_some_and(|index| given.contains(&index)) && self.taken.insert(address)
    }

    pub fn release(&mut self, address: IpAddr) {
        self.taken.remove(&address);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_address_is_given_once_and_rests_before_it_is_given_again() {
        let mut pool = AddressPool::new("10.0.0.0/29".parse().unwrap());
        let mut take = || pool.take().map(|address| address.to_string());
        assert_eq!(take().as_deref(), Some("10.0.0.2"));
        assert_eq!(take().as_deref(), Some("10.0.0.3"));
        pool.release("10.0.0.2".parse().unwrap());
        assert!(pool.claim("10.0.0.5".parse().unwrap()));
        let rest: Vec<_> = std::iter::from_fn(|| pool.take()).map(|address| address.to_string()).collect();
        assert_eq!(rest, ["10.0.0.4", "10.0.0.6", "10.0.0.2"]);
    }

    #[test]
    fn nobody_can_claim_what_is_taken_or_reserved_or_elsewhere() {
        let mut pool = AddressPool::new("10.0.0.0/30".parse().unwrap());
        assert!(pool.claim("10.0.0.2".parse().unwrap()));
        for address in ["10.0.0.2", "10.0.0.0", "10.0.0.1", "10.0.0.3", "10.0.0.4"] {
            assert!(!pool.claim(address.parse().unwrap()), "{address}");
        }
        assert_eq!(pool.take(), None);
        assert_eq!(AddressPool::new("10.0.0.0/32".parse().unwrap()).take(), None);
    }
}
