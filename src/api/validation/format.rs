//! The forms of names: what is wrong with a text, in upstream's words; nothing if it is well formed.

use std::net::IpAddr;

const SUBDOMAIN: &str = "a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.', and must start and end with an \
alphanumeric character (e.g. 'example.com', regex used for validation is '[a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*')";
const LABEL: &str = "a lowercase RFC 1123 label must consist of lower case alphanumeric characters or '-', and must start and end with an alphanumeric \
character (e.g. 'my-name',  or '123-abc', regex used for validation is '[a-z0-9]([-a-z0-9]*[a-z0-9])?')";
const LABEL_1035: &str = "a DNS-1035 label must consist of lower case alphanumeric characters or '-', start with an alphabetic character, and end with an \
alphanumeric character (e.g. 'my-name',  or 'abc-123', regex used for validation is '[a-z]([-a-z0-9]*[a-z0-9])?')";
const NAME_PART: &str = "must consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character (e.g. 'MyName',  \
or 'my.name',  or '123-abc', regex used for validation is '([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]')";
const LABEL_VALUE: &str = "a valid label must be an empty string or consist of alphanumeric characters, '-', '_' or '.', and must start and end with an \
alphanumeric character (e.g. 'MyValue',  or 'my_value',  or '12345', regex used for validation is '(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])?')";
const CONFIG_KEY: &str = "a valid config key must consist of alphanumeric characters, '-', '_' or '.' (e.g. 'key.name',  or 'KEY_NAME',  or 'key-name', \
regex used for validation is '[-._a-zA-Z0-9]+')";
const ENV_NAME: &str = "a valid environment variable name must consist only of printable ASCII characters other than '='";
const WILDCARD: &str = "a wildcard DNS-1123 subdomain must start with '*.', followed by a valid DNS subdomain, which must consist of lower case \
alphanumeric characters, '-' or '.' and end with an alphanumeric character (e.g. '*.example.com', regex used for validation is \
'\\*\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*')";
const C_IDENTIFIER: &str = "a valid C identifier must start with alphabetic character or '_', followed by a string of alphanumeric characters or '_' \
(e.g. 'my_name',  or 'MY_NAME',  or 'MyName', regex used for validation is '[A-Za-z_][A-Za-z0-9_]*')";
const IP: &str = "must be a valid IP address, (e.g. 10.9.8.7 or 2001:db8::ffff)";
const CIDR: &str = "must be a valid CIDR value, (e.g. 10.9.8.0/24 or 2001:db8::/64)";

pub const LABEL_LENGTH: usize = 63;
pub const SUBDOMAIN_LENGTH: usize = 253;

/// What is wrong with a text.
pub type Wrong = Vec<String>;

fn longer(text: &str, most: usize) -> Option<String> {
    (text.len() > most).then(|| format!("must be no more than {most} characters"))
}

fn longer_bytes(text: &str, most: usize) -> Option<String> {
    (text.len() > most).then(|| format!("must be no more than {most} bytes"))
}

fn ill_formed(well_formed: bool, message: &str) -> Option<String> {
    (!well_formed).then(|| message.to_owned())
}

/// Of lower case letters, digits and dashes, with a letter or digit at both ends.
fn is_label(text: &str) -> bool {
    let (Some(first), Some(last)) = (text.bytes().next(), text.bytes().last()) else { return false };
    let alphanumeric = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit();
    alphanumeric(first) && alphanumeric(last) && text.bytes().all(|byte| alphanumeric(byte) || byte == b'-')
}

/// Of letters, digits, `-`, `_` and `.`, with a letter or digit at both ends.
fn is_name_part(text: &str) -> bool {
    let (Some(first), Some(last)) = (text.bytes().next(), text.bytes().last()) else { return false };
    first.is_ascii_alphanumeric()
        && last.is_ascii_alphanumeric()
        && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte))
}

pub fn dns_label(text: &str) -> Wrong {
    longer(text, LABEL_LENGTH).into_iter().chain(ill_formed(is_label(text), LABEL)).collect()
}

pub fn dns_1035_label(text: &str) -> Wrong {
    let well_formed = is_label(text) && text.starts_with(|first: char| first.is_ascii_lowercase());
    longer(text, LABEL_LENGTH).into_iter().chain(ill_formed(well_formed, LABEL_1035)).collect()
}

pub fn dns_subdomain(text: &str) -> Wrong {
    longer(text, SUBDOMAIN_LENGTH).into_iter().chain(ill_formed(text.split('.').all(is_label), SUBDOMAIN)).collect()
}

/// A subdomain whose first label is `*`.
pub fn wildcard_subdomain(text: &str) -> Wrong {
    let well_formed = text.strip_prefix("*.").is_some_and(|rest| rest.split('.').all(is_label));
    longer(text, SUBDOMAIN_LENGTH).into_iter().chain(ill_formed(well_formed, WILDCARD)).collect()
}

pub fn c_identifier(text: &str) -> Wrong {
    let first = text.bytes().next().is_some_and(|byte| byte.is_ascii_alphabetic() || byte == b'_');
    let well_formed = first && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
    ill_formed(well_formed, C_IDENTIFIER).into_iter().collect()
}

/// A label's key, and whatever else is named like one: `example.com/name` or `name`.
pub fn qualified_name(text: &str) -> Wrong {
    let mut wrong = Wrong::new();
    let name = match text.split('/').collect::<Vec<_>>()[..] {
        [name] => name,
        [prefix, name] => {
            if prefix.is_empty() {
                wrong.push("prefix part must be non-empty".to_owned());
            } else {
                wrong.extend(dns_subdomain(prefix).into_iter().map(|why| format!("prefix part {why}")));
            }
            name
        }
        _ => {
            return vec![format!(
                "a valid label key {NAME_PART} with an optional DNS subdomain prefix and '/' (e.g. 'example.com/MyName')"
            )];
        }
    };
    if name.is_empty() {
        wrong.push("name part must be non-empty".to_owned());
    }
    wrong.extend(longer_bytes(name, LABEL_LENGTH).map(|why| format!("name part {why}")));
    wrong.extend((!is_name_part(name)).then(|| format!("name part {NAME_PART}")));
    wrong
}

pub fn label_value(text: &str) -> Wrong {
    longer_bytes(text, LABEL_LENGTH).into_iter().chain(ill_formed(text.is_empty() || is_name_part(text), LABEL_VALUE)).collect()
}

/// A key of a ConfigMap or Secret.
pub fn config_key(text: &str) -> Wrong {
    let well_formed = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte));
    let mut wrong: Wrong = longer(text, SUBDOMAIN_LENGTH).into_iter().chain(ill_formed(well_formed, CONFIG_KEY)).collect();
    wrong.extend(as_path(text));
    wrong
}

/// A name that would lead out of a directory if it were a file.
fn as_path(text: &str) -> Option<String> {
    match text {
        "." => Some("must not be '.'".to_owned()),
        ".." => Some("must not be '..'".to_owned()),
        _ if text.starts_with("..") => Some("must not start with '..'".to_owned()),
        _ => None,
    }
}

/// A name that can stand in a path of the API.
pub fn path_segment(text: &str) -> Wrong {
    if matches!(text, "." | "..") {
        return vec![format!("may not be '{text}'")];
    }
    ["/", "%"].iter().filter(|illegal| text.contains(**illegal)).map(|illegal| format!("may not contain '{illegal}'")).collect()
}

pub fn env_name(text: &str) -> Wrong {
    ill_formed(!text.is_empty() && text.bytes().all(|byte| matches!(byte, b' '..=b'~') && byte != b'='), ENV_NAME).into_iter().collect()
}

/// The name of a container's port (an IANA service name).
pub fn port_name(text: &str) -> Wrong {
    let mut wrong: Wrong = longer(text, 15).into_iter().collect();
    let is_allowed = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
    if text.is_empty() || !text.bytes().all(is_allowed) {
        wrong.push("must contain only alpha-numeric characters (a-z, 0-9), and hyphens (-)".to_owned());
    }
    if !text.bytes().any(|byte| byte.is_ascii_lowercase()) {
        wrong.push("must contain at least one letter (a-z)".to_owned());
    }
    if text.contains("--") {
        wrong.push("must not contain consecutive hyphens".to_owned());
    }
    if text.starts_with('-') || text.ends_with('-') {
        wrong.push("must not begin or end with a hyphen".to_owned());
    }
    wrong
}

/// A port's number.
pub fn port_number(number: i32) -> Option<&'static str> {
    (!(1..=65535).contains(&number)).then_some("must be between 1 and 65535, inclusive")
}

/// A user's or group's number.
pub fn account_number(number: i64) -> Option<&'static str> {
    (!(0..=i64::from(i32::MAX)).contains(&number)).then_some("must be between 0 and 2147483647, inclusive")
}

/// # Errors
/// It is no address; the text says so.
pub fn ip(text: &str) -> Result<IpAddr, &'static str> {
    legacy_ip(text).ok_or(IP)
}

/// Upstream's old parser took leading zeros in IPv4 addresses, and so do the kinds that were served then.
pub fn legacy_ip(text: &str) -> Option<IpAddr> {
    let octets: Vec<&str> = text.split('.').collect();
    if octets.len() == 4 && !text.contains(':') {
        let octet =
            |octet: &str| (!octet.is_empty() && octet.bytes().all(|byte| byte.is_ascii_digit())).then(|| octet.parse::<u8>().ok())?;
        let [a, b, c, d] = octets[..] else { return None };
        return Some(IpAddr::from([octet(a)?, octet(b)?, octet(c)?, octet(d)?]));
    }
    text.parse().ok()
}

/// An address range; gives what is wrong with it.
pub fn cidr(text: &str) -> Option<&'static str> {
    let well_formed = text.split_once('/').is_some_and(|(address, bits)| {
        let most = legacy_ip(address).map(|address| if address.is_ipv4() { 32u8 } else { 128 });
        !bits.is_empty()
            && bits.bytes().all(|byte| byte.is_ascii_digit())
            && most.is_some_and(|most| bits.parse::<u8>().is_ok_and(|bits| bits <= most))
    });
    (!well_formed).then_some(CIDR)
}

/// Why an address cannot be an endpoint's or an external one: it means something only to the host that uses it.
pub fn special_address(address: IpAddr) -> Wrong {
    let mut wrong = Wrong::new();
    if address.is_unspecified() {
        wrong.push("may not be unspecified (0.0.0.0 or ::)".to_owned());
    }
    if address.is_loopback() {
        wrong.push("may not be in the loopback range (127.0.0.0/8, ::1/128)".to_owned());
    }
    let (link_local, link_local_multicast) = match address {
        IpAddr::V4(address) => (address.is_link_local(), address.octets()[..3] == [224, 0, 0]),
        IpAddr::V6(address) => (address.is_unicast_link_local(), address.segments()[0] & 0xff0f == 0xff02),
    };
    if link_local {
        wrong.push("may not be in the link-local range (169.254.0.0/16, fe80::/10)".to_owned());
    }
    if link_local_multicast {
        wrong.push("may not be in the link-local multicast range (224.0.0.0/24, ff02::/10)".to_owned());
    }
    wrong
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_judged_by_their_form() {
        type Rule = fn(&str) -> Wrong;
        let long = "a".repeat(64);
        let cases: [(Rule, &str, usize); 18] = [
            (dns_label, "a-1", 0),
            (dns_label, "A", 1),
            (dns_label, &long, 1),
            (dns_label, "", 1),
            (dns_1035_label, "1a", 1),
            (dns_subdomain, "a.b-c", 0),
            (dns_subdomain, "a..b", 1),
            (qualified_name, "example.com/My_name", 0),
            (qualified_name, "/a", 1),
            (qualified_name, "", 2),
            (qualified_name, "a/b/c", 1),
            (label_value, "", 0),
            (label_value, "-", 1),
            (config_key, "..", 1),
            (config_key, "a b", 1),
            (env_name, "A B", 0),
            (port_name, "80", 1),
            (port_name, "-", 2),
        ];
        for (rule, text, wrong) in cases {
            assert_eq!(rule(text).len(), wrong, "{text:?}: {:?}", rule(text));
        }
    }

    #[test]
    fn addresses_and_ranges_are_judged_by_their_form() {
        assert!(ip("10.0.0.010").is_ok() && ip("::1").is_ok() && ip("1.2.3").is_err() && ip("x").is_err());
        assert!(cidr("10.0.0.0/8").is_none() && cidr("10.0.0.0/33").is_some() && cidr("1.2.3.4").is_some());
        assert_eq!(special_address("127.0.0.1".parse().unwrap()).len(), 1);
        assert_eq!(special_address("10.0.0.1".parse().unwrap()).len(), 0);
    }
}
