//! Addresses and ranges (`k8s.io/apiserver/pkg/cel/library/{ip,cidr}.go`).

use std::net::IpAddr;

use super::{Fault, Function, Outcome, Price, function, no_overload};
use crate::api::expression::value::Val;

pub(super) const FUNCTIONS: &[Function] = &[
    function("isIP", Price::First, |of| text(of, |text| Ok(Val::Bool(address(text).is_ok())))),
    function("ip", Price::First, |of| text(of, |text| address(text).map(Val::Ip).map_err(Fault::new))),
    function("ip.isCanonical", Price::First, |of| {
        text(of, |text| address(text).map(|address| Val::Bool(address.to_string() == text)).map_err(Fault::new))
    }),
    function(".family", Price::One, |of| ip(of, |address| Val::Int(if address.is_ipv4() { 4 } else { 6 }))),
    function(".isUnspecified", Price::One, |of| ip(of, |address| Val::Bool(address.is_unspecified()))),
    function(".isLoopback", Price::One, |of| ip(of, |address| Val::Bool(address.is_loopback()))),
    function(".isLinkLocalMulticast", Price::One, |of| ip(of, |address| Val::Bool(is_link_local_multicast(address)))),
    function(".isLinkLocalUnicast", Price::One, |of| ip(of, |address| Val::Bool(is_link_local(address)))),
    function(".isGlobalUnicast", Price::One, |of| ip(of, |address| Val::Bool(is_global(address)))),
    function("isCIDR", Price::First, |of| text(of, |text| Ok(Val::Bool(range(text).is_ok())))),
    function("cidr", Price::First, |of| {
        text(of, |text| range(text).map(|(address, prefix)| Val::Cidr(address, prefix)).map_err(Fault::new))
    }),
    function(".ip", Price::One, |of| match of {
        [Val::Cidr(address, _)] => Ok(Val::Ip(*address)),
        _ => no_overload(),
    }),
    function(".prefixLength", Price::One, |of| match of {
        [Val::Cidr(_, prefix)] => Ok(Val::Int((*prefix).into())),
        _ => no_overload(),
    }),
    function(".masked", Price::One, |of| match of {
        [Val::Cidr(address, prefix)] => Ok(Val::Cidr(masked(*address, *prefix), *prefix)),
        _ => no_overload(),
    }),
    function(".containsIP", Price::Sum, |of| match of {
        [Val::Cidr(network, prefix), Val::Ip(address)] => Ok(Val::Bool(contains(*network, *prefix, *address))),
        [Val::Cidr(network, prefix), Val::Text(text)] => {
            address(text).map(|address| Val::Bool(contains(*network, *prefix, address))).map_err(Fault::new)
        }
        _ => no_overload(),
    }),
    function(".containsCIDR", Price::Sum, |of| {
        let (network, prefix, (other, longer)) = match of {
            [Val::Cidr(network, prefix), Val::Cidr(other, longer)] => (network, prefix, (*other, *longer)),
            [Val::Cidr(network, prefix), Val::Text(text)] => (network, prefix, range(text).map_err(Fault::new)?),
            _ => return no_overload(),
        };
        Ok(Val::Bool(*prefix <= longer && contains(*network, *prefix, other)))
    }),
];

fn text<'a>(of: &[Val<'a>], give: impl Fn(&str) -> Outcome<'a>) -> Outcome<'a> {
    if let [Val::Text(text)] = of { give(text) } else { no_overload() }
}

fn ip<'a>(of: &[Val<'a>], give: fn(IpAddr) -> Val<'a>) -> Outcome<'a> {
    if let [Val::Ip(address)] = of { Ok(give(*address)) } else { no_overload() }
}

fn address(text: &str) -> Result<IpAddr, String> {
    let parsed: IpAddr = text
        .parse()
        .map_err(|_| format!("IP Address {text:?} parse error during conversion from string: ParseAddr({text:?}): unable to parse IP"))?;
    match parsed {
        IpAddr::V6(address) if address.to_ipv4_mapped().is_some() => Err(format!("IPv4-mapped IPv6 address {text:?} is not allowed")),
        parsed => Ok(parsed),
    }
}

fn range(text: &str) -> Result<(IpAddr, u8), String> {
    let wrong = || format!("network address parse error during conversion from string: netip.ParsePrefix({text:?}): no '/'");
    let (of, prefix) = text.split_once('/').ok_or_else(wrong)?;
    let address = address(of).map_err(|_| wrong())?;
    let most = if address.is_ipv4() { 32 } else { 128 };
    let is_plain = !prefix.is_empty() && prefix.bytes().all(|byte| byte.is_ascii_digit()) && (prefix == "0" || !prefix.starts_with('0'));
    match prefix.parse() {
        Ok(prefix) if is_plain && prefix <= most => Ok((address, prefix)),
        _ => Err(format!(
            "network address parse error during conversion from string: netip.ParsePrefix({text:?}): prefix length out of range"
        )),
    }
}

fn bits(address: IpAddr) -> (u128, u32) {
    match address {
        IpAddr::V4(address) => (u128::from(u32::from(address)) << 96, 32),
        IpAddr::V6(address) => (u128::from(address), 128),
    }
}

fn mask(prefix: u8) -> u128 {
    if prefix == 0 { 0 } else { u128::MAX << (128 - u32::from(prefix.min(128))) }
}

fn masked(address: IpAddr, prefix: u8) -> IpAddr {
    let (bits, width) = bits(address);
    let kept = bits & mask(prefix);
    if width == 32 { IpAddr::from(((kept >> 96) as u32).to_be_bytes()) } else { IpAddr::from(kept.to_be_bytes()) }
}

fn contains(network: IpAddr, prefix: u8, address: IpAddr) -> bool {
    network.is_ipv4() == address.is_ipv4() && masked(network, prefix) == masked(address, prefix)
}

fn is_link_local(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(address) => address.is_link_local(),
        IpAddr::V6(address) => address.is_unicast_link_local(),
    }
}

fn is_link_local_multicast(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(address) => address.octets()[..3] == [224, 0, 0],
        IpAddr::V6(address) => address.segments()[0] & 0xff0f == 0xff02,
    }
}

fn is_global(address: IpAddr) -> bool {
    let is_broadcast = matches!(address, IpAddr::V4(address) if address.is_broadcast());
    !(is_broadcast || address.is_unspecified() || address.is_loopback() || address.is_multicast() || is_link_local(address))
}
