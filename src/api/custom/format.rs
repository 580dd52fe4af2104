//! The formats of texts (`format`) that are checked: those of `kube-openapi/pkg/validation/strfmt`. Others say nothing.

use std::net::{Ipv4Addr, Ipv6Addr};
use std::sync::LazyLock;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use regex::Regex;

use crate::api::validation::format::{dns_label, dns_subdomain};

/// A regular expression that is made when it is first asked for.
type Pattern = LazyLock<Regex>;

macro_rules! pattern {
    ($name:ident, $text:expr) => {
        static $name: Pattern = LazyLock::new(|| Regex::new($text).expect("the pattern is well formed"));
    };
}

pattern!(OBJECT_ID, "^[0-9a-fA-F]{24}$");
pattern!(EMAIL, r"^[^@\s<>]+@[^@\s<>]+$");
pattern!(UUID, "(?i)^[0-9a-f]{8}-?[0-9a-f]{4}-?[0-9a-f]{4}-?[0-9a-f]{4}-?[0-9a-f]{12}$");
pattern!(UUID3, "(?i)^[0-9a-f]{8}-?[0-9a-f]{4}-?3[0-9a-f]{3}-?[0-9a-f]{4}-?[0-9a-f]{12}$");
pattern!(UUID4, "(?i)^[0-9a-f]{8}-?[0-9a-f]{4}-?4[0-9a-f]{3}-?[89ab][0-9a-f]{3}-?[0-9a-f]{12}$");
pattern!(UUID5, "(?i)^[0-9a-f]{8}-?[0-9a-f]{4}-?5[0-9a-f]{3}-?[89ab][0-9a-f]{3}-?[0-9a-f]{12}$");
pattern!(SSN, r"^\d{3}[- ]?\d{2}[- ]?\d{4}$");
pattern!(HEX_COLOR, "^#?([0-9a-fA-F]{3}|[0-9a-fA-F]{6})$");
pattern!(
    RGB_COLOR,
    r"^rgb\(\s*(0|[1-9]\d?|1\d\d?|2[0-4]\d|25[0-5])\s*,\s*(0|[1-9]\d?|1\d\d?|2[0-4]\d|25[0-5])\s*,\s*(0|[1-9]\d?|1\d\d?|2[0-4]\d|25[0-5])\s*\)$"
);
pattern!(MAC, "(?i)^([0-9a-f]{2}([:-])){5}[0-9a-f]{2}$|^([0-9a-f]{4}\\.){2}[0-9a-f]{4}$|^([0-9a-f]{2}[:-]){7}[0-9a-f]{2}$");
pattern!(
    HOSTNAME,
    r"^([a-zA-Z0-9_\p{L}]([a-zA-Z0-9_\-\p{L}]{0,61}[a-zA-Z0-9_\p{L}])?)(\.([a-zA-Z0-9_\p{L}]([a-zA-Z0-9_\-\p{L}]{0,61}[a-zA-Z0-9_\p{L}])?))*$"
);
pattern!(URI, "^([a-zA-Z][a-zA-Z0-9+.-]*:[^\\s]*|/[^\\s]*)$");
pattern!(DATE, r"^\d{4}-\d{2}-\d{2}$");
pattern!(DATE_TIME, r"(?i)^(\d{4}-\d{2}-\d{2})[t ](\d{2}):(\d{2}):(\d{2})(\.\d+)?(z|[+-]\d{2}:?\d{2})$");
pattern!(
    DURATION,
    r"^[+-]?(\d+(\.\d*)?|\.\d+)(ns|us|µs|μs|ms|s|m|h)((\d+(\.\d*)?|\.\d+)(ns|us|µs|μs|ms|s|m|h))*$|^[+-]?0$|^\d+\s*(n|ns|nano|nanos|nanosecond|nanoseconds|u|us|µ|micro|micros|microseconds|ms|milli|millis|milliseconds|s|sec|secs|seconds?|m|min|mins|minutes?|h|hr|hrs|hours?|d|days?|w|wk|weeks?)$"
);

/// Whether a text is of a format, or the format is none that is known.
pub fn fits(format: &str, text: &str) -> bool {
    match format {
        "" => true,
        "bsonobjectid" => OBJECT_ID.is_match(text),
        "uri" => URI.is_match(text),
        "email" => EMAIL.is_match(text),
        "hostname" => text.len() <= 255 && HOSTNAME.is_match(text),
        "ipv4" => text.parse::<Ipv4Addr>().is_ok(),
        "ipv6" => text.contains(':') && text.parse::<Ipv6Addr>().is_ok(),
        "cidr" => is_cidr(text),
        "mac" => MAC.is_match(text),
        "uuid" => UUID.is_match(text),
        "uuid3" => UUID3.is_match(text),
        "uuid4" => UUID4.is_match(text),
        "uuid5" => UUID5.is_match(text),
        "isbn" => is_isbn10(text) || is_isbn13(text),
        "isbn10" => is_isbn10(text),
        "isbn13" => is_isbn13(text),
        "creditcard" => is_credit_card(text),
        "ssn" => SSN.is_match(text),
        "hexcolor" => HEX_COLOR.is_match(text),
        "rgbcolor" => RGB_COLOR.is_match(text),
        "byte" => STANDARD.decode(text).is_ok(),
        "date" => DATE.is_match(text) && text.parse::<jiff::civil::Date>().is_ok(),
        "date-time" | "datetime" => is_date_time(text),
        "duration" => DURATION.is_match(text),
        "k8s-short-name" => dns_label(text).is_empty(),
        "k8s-long-name" => dns_subdomain(text).is_empty(),
        _ => true,
    }
}

fn is_cidr(text: &str) -> bool {
    let Some((address, length)) = text.split_once('/') else { return false };
    let most = match address.parse::<std::net::IpAddr>() {
        Ok(std::net::IpAddr::V4(_)) => 32,
        Ok(std::net::IpAddr::V6(_)) => 128,
        Err(_) => return false,
    };
    length.bytes().all(|byte| byte.is_ascii_digit()) && length.parse::<u8>().is_ok_and(|length| length <= most)
}

fn is_date_time(text: &str) -> bool {
    let Some(parts) = DATE_TIME.captures(text) else { return false };
    let below = |group: usize, limit: u32| parts[group].parse::<u32>().is_ok_and(|number| number < limit);
    parts[1].parse::<jiff::civil::Date>().is_ok() && below(2, 24) && below(3, 60) && below(4, 60)
}

fn digits(text: &str) -> String {
    text.chars().filter(|character| !matches!(character, '-' | ' ')).collect()
}

fn is_isbn10(text: &str) -> bool {
    let text = digits(text);
    let of = |(place, digit): (usize, char)| match digit {
        'X' if place == 9 => Some(10),
        digit => digit.to_digit(10),
    };
    let parts: Option<Vec<u32>> = text.chars().enumerate().map(of).collect();
    parts.is_some_and(|parts| parts.len() == 10 && (1..).zip(&parts).map(|(place, digit)| place * digit).sum::<u32>() % 11 == 0)
}

fn is_isbn13(text: &str) -> bool {
    let parts: Option<Vec<u32>> = digits(text).chars().map(|digit| digit.to_digit(10)).collect();
    let weight = |place: usize| if place.is_multiple_of(2) { 1 } else { 3 };
    parts.is_some_and(|parts| {
        parts.len() == 13 && parts.iter().enumerate().map(|(place, digit)| weight(place) * digit).sum::<u32>().is_multiple_of(10)
    })
}

/// Luhn's sum.
fn is_credit_card(text: &str) -> bool {
    let parts: Option<Vec<u32>> = digits(text).chars().rev().map(|digit| digit.to_digit(10)).collect();
    parts.is_some_and(|parts| {
        let sum = |(place, digit): (usize, &u32)| if place.is_multiple_of(2) { *digit } else { digit * 2 / 10 + digit * 2 % 10 };
        (13..=19).contains(&parts.len()) && parts.iter().enumerate().map(sum).sum::<u32>().is_multiple_of(10)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_is_of_a_format_or_not() {
        for (format, good, bad) in [
            ("uri", "https://example.com/a", "no uri"),
            ("email", "a@example.com", "example.com"),
            ("ipv4", "10.0.0.1", "10.0.0"),
            ("ipv6", "::1", "10.0.0.1"),
            ("cidr", "10.0.0.0/8", "10.0.0.0/33"),
            ("mac", "00:11:22:33:44:55", "00:11"),
            ("uuid", "a1a2a3a4-b1b2-c1c2-d1d2-d3d4d5d6d7d8", "a1a2"),
            ("isbn10", "0-306-40615-2", "0-306-40615-3"),
            ("isbn13", "978-0-306-40615-7", "978-0-306-40615-8"),
            ("creditcard", "4111 1111 1111 1111", "4111 1111 1111 1112"),
            ("hexcolor", "#ffffff", "#fffff"),
            ("byte", "YQ==", "!"),
            ("date", "2024-02-29", "2023-02-29"),
            ("date-time", "2024-02-29T10:00:00Z", "2024-02-29"),
            ("duration", "1h30m", "soon"),
            ("hostname", "a.example.com", "a b"),
        ] {
            assert!(fits(format, good), "{format} {good}");
            assert!(!fits(format, bad), "{format} {bad}");
        }
        assert!(fits("whatever", "x"));
    }
}
