//! IP addresses and ranges: what new kinds refuse of them, and what old kinds warn of (KEP-4858).

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use super::Path;
use super::format::{Wrong, cidr, ip, legacy_ip};

/// A range in the form in which it was written.
struct Range {
    address: IpAddr,
    bits: u8,
}

impl Range {
    fn read(text: &str) -> Option<Self> {
        let (address, bits) = text.split_once('/').filter(|_| cidr(text).is_none())?;
        Some(Self { address: legacy_ip(address)?, bits: bits.parse().ok()? })
    }

    /// The first address of the range. A mapped address counts as one of IPv4 only if all of its prefix is that of mapped ones.
    fn network(&self) -> IpAddr {
        match self.address {
            IpAddr::V4(address) => {
                let mask = u32::MAX.checked_shl(32 - u32::from(self.bits)).unwrap_or_default();
                Ipv4Addr::from(u32::from(address) & mask).into()
            }
            IpAddr::V6(address) => {
                let mask = u128::MAX.checked_shl(128 - u32::from(self.bits)).unwrap_or_default();
                Ipv6Addr::from(u128::from(address) & mask).into()
            }
        }
    }

    fn canonical(&self) -> String {
        format!("{}/{}", shown(self.network()), self.bits)
    }
}

/// As Go prints it: a mapped address as that of IPv4 that it maps.
fn shown(address: IpAddr) -> String {
    match address {
        IpAddr::V6(address) => address.to_ipv4_mapped().map_or_else(|| address.to_string(), |mapped| mapped.to_string()),
        IpAddr::V4(address) => address.to_string(),
    }
}

fn is_mapped(address: IpAddr) -> bool {
    matches!(address, IpAddr::V6(address) if address.to_ipv4_mapped().is_some())
}

/// What is wrong with an address that must be written in the one form that all programs read alike.
pub fn strict_ip(text: &str) -> Wrong {
    let address = match ip(text) {
        Ok(address) => address,
        Err(why) => return vec![why.to_owned()],
    };
    if text.parse::<IpAddr>().is_err() {
        return vec!["must not have leading 0s".to_owned()];
    }
    if is_mapped(address) {
        return vec!["must not be an IPv4-mapped IPv6 address".to_owned()];
    }
    let canonical = address.to_string();
    (canonical != text).then(|| format!("must be in canonical form (\"{canonical}\")")).into_iter().collect()
}

/// The same of a range.
pub fn strict_cidr(text: &str) -> Wrong {
    if let Some(why) = cidr(text) {
        return vec![why.to_owned()];
    }
    let Some(range) = Range::read(text) else { return Wrong::new() };
    if !is_standard(text) {
        return vec!["must not have leading 0s in IP or prefix length".to_owned()];
    }
    if is_mapped(range.address) {
        return vec!["must not have an IPv4-mapped IPv6 address".to_owned()];
    }
    if range.network() != range.address {
        return vec!["must not have bits set beyond the prefix length".to_owned()];
    }
    let canonical = range.canonical();
    (canonical != text).then(|| format!("must be in canonical form (\"{canonical}\")")).into_iter().collect()
}

/// What is wrong with the address of an interface, which says the length of its network.
pub fn interface_address(text: &str) -> Wrong {
    let Some(range) = Range::read(text).filter(|_| is_standard(text)) else {
        return vec!["must be a valid address in CIDR form, (e.g. 10.9.8.7/24 or 2001:db8::1/64)".to_owned()];
    };
    if is_mapped(range.address) {
        return vec!["must not have an IPv4-mapped IPv6 address".to_owned()];
    }
    let canonical = format!("{}/{}", range.address, range.bits);
    (canonical != text).then(|| format!("must be in canonical form (\"{canonical}\")")).into_iter().collect()
}

/// Neither the address nor the length of a range begins with a nought too many.
fn is_standard(range: &str) -> bool {
    range.split_once('/').is_some_and(|(address, bits)| address.parse::<IpAddr>().is_ok() && (bits == "0" || !bits.starts_with('0')))
}

/// Whether a range is written in IPv4; `None` for what is no range.
pub fn is_ipv4_range(text: &str) -> Option<bool> {
    Range::read(text).map(|range| range.address.is_ipv4())
}

/// One range lies within another and is smaller than it. What is no range lies in every other.
pub fn is_strictly_within(inner: &str, outer: &str) -> bool {
    let (Some(inner), Some(outer)) = (Range::read(inner), Range::read(outer)) else { return true };
    let cut = Range { address: inner.network(), bits: outer.bits };
    inner.address.is_ipv4() == outer.address.is_ipv4() && inner.bits > outer.bits && cut.network() == outer.network()
}

/// What will no longer be taken of an address, or is unusual.
pub fn ip_warnings(text: &str, path: &Path) -> Vec<String> {
    let Some(address) = legacy_ip(text) else { return Vec::new() };
    if text.parse::<IpAddr>().is_err() || is_mapped(address) {
        let better = shown(address);
        let why = "will be considered invalid in a future Kubernetes release: use";
        return vec![format!("{path}: non-standard IP address \"{text}\" {why} \"{better}\"")];
    }
    if address.is_ipv6() && address.to_string() != text {
        return vec![format!("{path}: IPv6 address \"{text}\" should be in RFC 5952 canonical format (\"{address}\")")];
    }
    Vec::new()
}

/// The same of a range.
pub fn cidr_warnings(text: &str, path: &Path) -> Vec<String> {
    let Some(range) = Range::read(text) else { return Vec::new() };
    let canonical = range.canonical();
    let mut warnings = Vec::new();
    if range.network() != range.address {
        let one = format!("{}/{}", shown(range.address), if range.address.is_ipv4() { 32 } else { 128 });
        warnings.push(format!("{path}: CIDR value \"{text}\" is ambiguous in this context (should be \"{canonical}\" or \"{one}\"?)"));
    }
    if !is_standard(text) || is_mapped(range.address) {
        let why = "will be considered invalid in a future Kubernetes release: use";
        warnings.push(format!("{path}: non-standard CIDR value \"{text}\" {why} \"{canonical}\""));
    }
    if warnings.is_empty() && range.address.is_ipv6() && canonical != text {
        warnings.push(format!("{path}: IPv6 CIDR value \"{text}\" should be in RFC 5952 canonical format (\"{canonical}\")"));
    }
    warnings
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_has_one_form() {
        for (text, wrong) in [
            ("10.0.0.1", ""),
            ("2001:db8::1", ""),
            ("x", "must be a valid IP address, (e.g. 10.9.8.7 or 2001:db8::ffff)"),
            ("10.0.0.01", "must not have leading 0s"),
            ("::ffff:1.2.3.4", "must not be an IPv4-mapped IPv6 address"),
            ("2001:DB8::1", "must be in canonical form (\"2001:db8::1\")"),
        ] {
            assert_eq!(strict_ip(text).join("|"), wrong, "{text}");
        }
    }

    #[test]
    fn a_range_has_one_form() {
        for (text, wrong) in [
            ("10.0.0.0/8", ""),
            ("0.0.0.0/0", ""),
            ("10.0.0.0", "must be a valid CIDR value, (e.g. 10.9.8.0/24 or 2001:db8::/64)"),
            ("10.0.0.0/08", "must not have leading 0s in IP or prefix length"),
            ("10.1.0.0/8", "must not have bits set beyond the prefix length"),
            ("2001:DB8::/64", "must be in canonical form (\"2001:db8::/64\")"),
        ] {
            assert_eq!(strict_cidr(text).join("|"), wrong, "{text}");
        }
    }

    #[test]
    fn a_range_within_another_is_smaller_than_it() {
        for (inner, outer, within) in [
            ("10.1.0.0/16", "10.0.0.0/8", true),
            ("10.0.0.0/8", "10.0.0.0/8", false),
            ("11.0.0.0/16", "10.0.0.0/8", false),
            ("2001:db8:1::/48", "2001:db8::/32", true),
            ("2001:db8:1::/48", "10.0.0.0/8", false),
        ] {
            assert_eq!(is_strictly_within(inner, outer), within, "{inner} in {outer}");
        }
    }

    #[test]
    fn old_kinds_warn_of_what_new_ones_refuse() {
        let path = Path::new("p");
        assert_eq!(
            cidr_warnings("10.1.2.3/8", &path),
            ["p: CIDR value \"10.1.2.3/8\" is ambiguous in this context (should be \"10.0.0.0/8\" or \"10.1.2.3/32\"?)"]
        );
        assert_eq!(
            ip_warnings("010.0.0.1", &path),
            ["p: non-standard IP address \"010.0.0.1\" will be considered invalid in a future Kubernetes release: use \"10.0.0.1\""]
        );
        assert!(cidr_warnings("10.0.0.0/8", &path).is_empty() && ip_warnings("::1", &path).is_empty());
    }
}
