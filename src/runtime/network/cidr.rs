use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::str::FromStr;

/// A range of addresses: a network address and the length of its prefix. Its host bits are zero.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Cidr {
    address: IpAddr,
    prefix: u8,
}

/// What was given is not `address/prefix`.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is not a range of addresses like 10.244.0.0/16")]
pub struct InvalidCidr(String);

impl Cidr {
    /// The range that holds `address`, or `None` if the prefix is longer than the address.
    pub fn new(address: IpAddr, prefix: u8) -> Option<Self> {
        let shift = width(address).checked_sub(prefix)?;
        let bits = bits(address).checked_shr(shift.into()).and_then(|high| high.checked_shl(shift.into())).unwrap_or(0);
        Some(Self { address: like(address, bits), prefix })
    }

    /// The first address.
    pub fn address(&self) -> IpAddr {
        self.address
    }

    pub fn prefix(&self) -> u8 {
        self.prefix
    }

    /// How many addresses there are; saturates at the largest number.
    pub fn size(&self) -> u128 {
        1u128.checked_shl((width(self.address) - self.prefix).into()).unwrap_or(u128::MAX)
    }

    /// The address at `index`, counted from the network address, if the range has it.
    pub fn nth(&self, index: u128) -> Option<IpAddr> {
        (index < self.size()).then(|| like(self.address, bits(self.address) + index))
    }

    /// The share of one of `of` nodes in the range of all pods: a /24 (upstream's default) where there is room for it, at the least a /28.
    /// `None` if there are too many nodes for that, or the range has no such share.
    pub fn share(&self, index: u32, of: u32) -> Option<Self> {
        let prefix = self.prefix + of.next_power_of_two().trailing_zeros() as u8;
        let width = width(self.address);
        let longest = width - 4;
        if prefix > longest {
            return None;
        }
        let prefix = prefix.max(24);
        Self::new(self.nth(u128::from(index) << (width - prefix))?, prefix)
    }

    /// The inverse of [`Cidr::nth`].
    pub fn index_of(&self, address: IpAddr) -> Option<u128> {
        self.contains(address).then(|| bits(address) - bits(self.address))
    }

    pub fn contains(&self, address: IpAddr) -> bool {
        Self::new(address, self.prefix) == Some(*self)
    }

    pub fn overlaps(&self, other: &Self) -> bool {
        self.contains(other.address) || other.contains(self.address)
    }
}

fn width(address: IpAddr) -> u8 {
    if address.is_ipv4() { 32 } else { 128 }
}

fn bits(address: IpAddr) -> u128 {
    match address {
        IpAddr::V4(v4) => u32::from(v4).into(),
        IpAddr::V6(v6) => v6.into(),
    }
}

/// An address of the same family as `family`, whose width `bits` does not exceed.
fn like(family: IpAddr, bits: u128) -> IpAddr {
    match family {
        IpAddr::V4(_) => Ipv4Addr::from(bits as u32).into(),
        IpAddr::V6(_) => Ipv6Addr::from(bits).into(),
    }
}

impl FromStr for Cidr {
    type Err = InvalidCidr;

    /// Host bits in the address are refused: whoever wrote them meant something else than the range.
    fn from_str(text: &str) -> Result<Self, InvalidCidr> {
        let parse = || {
            let (address, prefix) = text.split_once('/')?;
            let address: IpAddr = address.parse().ok()?;
            Self::new(address, prefix.parse().ok()?).filter(|range| range.address == address)
        };
        parse().ok_or_else(|| InvalidCidr(text.to_owned()))
    }
}

impl fmt::Display for Cidr {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.address, self.prefix)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn range(text: &str) -> Cidr {
        text.parse().unwrap()
    }

    #[test]
    fn a_range_is_read_and_written_in_one_form() {
        for text in ["10.244.0.0/16", "0.0.0.0/0", "192.0.2.7/32", "fd00::/8", "::/0"] {
            assert_eq!(range(text).to_string(), text);
        }
        for text in ["10.244.0.0", "10.244.0.1/16", "10.0.0.0/33", "10.0.0.0/-1", "fd00::/129", "/8", "x/8", ""] {
            assert!(text.parse::<Cidr>().is_err(), "{text}");
        }
    }

    #[test]
    fn addresses_are_counted_within_the_range_only() {
        let pods = range("10.244.3.0/24");
        assert_eq!(pods.nth(7), Some("10.244.3.7".parse().unwrap()));
        assert_eq!(pods.nth(256), None);
        assert_eq!(pods.index_of("10.244.3.255".parse().unwrap()), Some(255));
        assert_eq!(pods.index_of("10.244.4.0".parse().unwrap()), None);
        assert_eq!(pods.index_of("::1".parse().unwrap()), None);
        assert_eq!(range("0.0.0.0/0").size(), 1 << 32);
        assert_eq!(range("fd00::/64").nth(1), Some("fd00::1".parse().unwrap()));
    }

    #[test]
    fn nodes_share_a_range() {
        let share = |of: &str, index, nodes| range(of).share(index, nodes).map(|share| share.to_string());
        assert_eq!(share("10.244.0.0/16", 0, 1).as_deref(), Some("10.244.0.0/24"));
        assert_eq!(share("10.244.0.0/16", 99, 100).as_deref(), Some("10.244.99.0/24"));
        assert_eq!(share("10.244.0.0/16", 1, 1000).as_deref(), Some("10.244.0.64/26"));
        assert_eq!(share("10.244.0.0/26", 3, 4).as_deref(), Some("10.244.0.48/28"));
        assert_eq!(share("10.244.0.0/26", 0, 5), None, "shares of less than sixteen addresses are of no use");
        assert_eq!(share("10.244.0.0/16", 300, 1), None, "outside the range");
    }

    #[test]
    fn ranges_overlap_when_one_holds_the_other() {
        assert!(range("10.0.0.0/8").overlaps(&range("10.96.0.0/16")));
        assert!(range("10.96.0.0/16").overlaps(&range("10.0.0.0/8")));
        assert!(!range("10.96.0.0/16").overlaps(&range("10.97.0.0/16")));
        assert!(!range("0.0.0.0/0").overlaps(&range("::/0")));
    }
}
