//! `resource.Quantity`: exact amounts such as `100m`, `1.5Gi`, `2e3`
//! (<https://kubernetes.io/docs/reference/kubernetes-api/common-definitions/quantity/>).

use std::borrow::Cow;
use std::cmp::Ordering;
use std::fmt;
use std::ops::{Add, AddAssign, Sub, SubAssign};
use std::str::FromStr;

const NANOS: i128 = 1_000_000_000;
const NANOS_IN_MILLI: i128 = 1_000_000;
/// Larger amounts are taken as this one.
const LIMIT: i128 = 10i128.pow(38);
const DECIMAL_SUFFIXES: [(&str, i32); 10] =
    [("n", -9), ("u", -6), ("m", -3), ("", 0), ("k", 3), ("M", 6), ("G", 9), ("T", 12), ("P", 15), ("E", 18)];
const BINARY_SUFFIXES: [&str; 6] = ["Ki", "Mi", "Gi", "Ti", "Pi", "Ei"];

/// An amount in billionths, and the way it likes to be written. Compared by the amount alone.
#[derive(Clone, Copy, Debug, Default)]
pub struct Quantity {
    nanos: i128,
    format: Format,
}

/// How an amount is written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Format {
    /// `12M`
    #[default]
    DecimalSi,
    /// `12Mi`
    BinarySi,
    /// `12e6`
    DecimalExponent,
}

/// Why a text is no quantity; prints as upstream does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum QuantityError {
    #[error("quantities must match the regular expression '^([+-]?[0-9.]+)([eEinumkKMGTP]*[-+]?[0-9]*)$'")]
    Format,
    #[error("unable to parse quantity's suffix")]
    Suffix,
}

/// A text taken apart, its amount not yet computed.
struct Parts<'a> {
    negative: bool,
    /// Without leading zeros.
    whole: &'a str,
    fraction: &'a str,
    format: Format,
    /// Of ten, or of two in `BinarySi`.
    exponent: i32,
}

impl Quantity {
    pub fn from_value(value: i64, format: Format) -> Self {
        Self { nanos: i128::from(value) * NANOS, format }
    }

    pub fn from_milli(milli: i64, format: Format) -> Self {
        Self { nanos: i128::from(milli) * NANOS_IN_MILLI, format }
    }

    /// Units, rounded away from zero; capped to what fits.
    pub fn value(&self) -> i64 {
        self.scaled(NANOS)
    }

    /// Thousandths, rounded away from zero; capped to what fits.
    pub fn milli_value(&self) -> i64 {
        self.scaled(NANOS_IN_MILLI)
    }

    pub fn format(&self) -> Format {
        self.format
    }

    pub fn is_zero(&self) -> bool {
        self.nanos == 0
    }

    pub fn is_negative(&self) -> bool {
        self.nanos < 0
    }

    /// The amount, rounded away from zero to whole thousandths: the finest that resource lists keep.
    #[must_use]
    pub fn rounded_to_milli(self) -> Self {
        Self { nanos: divide_away_from_zero(self.nanos, NANOS_IN_MILLI).saturating_mul(NANOS_IN_MILLI), ..self }
    }

    /// The text that upstream would store for this one: itself where its scanner takes it for canonical (`1.500` and `1E3` stay),
    /// else the canonical form. With `to_milli`, rounded as in resource lists.
    ///
    /// # Errors
    /// It is no quantity.
    pub fn normalise(text: &str, to_milli: bool) -> Result<Cow<'_, str>, QuantityError> {
        let parts = Parts::scan(text)?;
        let finer_than_milli = parts.exponent - (parts.fraction.len() as i32) < -3;
        if parts.is_kept() && !(to_milli && finer_than_milli) {
            return Ok(Cow::Borrowed(text));
        }
        let quantity = parts.quantity();
        Ok(Cow::Owned(if to_milli { quantity.rounded_to_milli() } else { quantity }.to_string()))
    }

    fn scaled(&self, unit: i128) -> i64 {
        let value = divide_away_from_zero(self.nanos, unit);
        i64::try_from(value).unwrap_or(if value < 0 { i64::MIN } else { i64::MAX })
    }

    fn combined(self, other: Self, nanos: i128) -> Self {
        let format = if self.nanos == 0 { other.format } else { self.format };
        Self { nanos: nanos.clamp(-LIMIT, LIMIT), format }
    }
}

fn divide_away_from_zero(nanos: i128, unit: i128) -> i128 {
    nanos / unit + if nanos % unit == 0 { 0 } else { nanos.signum() }
}

impl<'a> Parts<'a> {
    fn scan(text: &'a str) -> Result<Self, QuantityError> {
        if text.is_empty() {
            return Err(QuantityError::Format);
        }
        let digits = |text: &'a str| text.split_at(text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len()));
        let unsigned = text.strip_prefix(['+', '-']).unwrap_or(text);
        let (whole, rest) = digits(unsigned.trim_start_matches('0'));
        let (fraction, suffix) = rest.strip_prefix('.').map_or(("", rest), digits);
        let power = suffix.trim_start_matches(|c| "eEinumkKMGTP".contains(c));
        if !power.strip_prefix(['+', '-']).unwrap_or(power).bytes().all(|byte| byte.is_ascii_digit()) {
            return Err(QuantityError::Format);
        }
        let (format, exponent) = interpret(suffix).ok_or(QuantityError::Suffix)?;
        Ok(Self { negative: text.starts_with('-'), whole, fraction, format, exponent })
    }

    /// Upstream's fast path keeps such texts as they are.
    fn is_kept(&self) -> bool {
        let digits = self.whole.len().max(1) as i32;
        let scale = self.exponent - self.fraction.len() as i32;
        match self.format {
            Format::BinarySi => {
                let fits = self.fraction.is_empty() && 14 - digits - self.exponent * 3 / 10 >= 0;
                fits && self.whole.parse::<i64>().is_ok_and(|value| value & 7 != 0)
            }
            Format::DecimalSi | Format::DecimalExponent => {
                let fits = digits + self.fraction.len() as i32 <= 18 && scale >= -9;
                let last = self.fraction.bytes().rev().chain(self.whole.bytes().rev()).take(3);
                fits && scale % 3 == 0 && !self.whole.is_empty() && !last.eq(*b"000")
            }
        }
    }

    fn quantity(&self) -> Quantity {
        /// More digits than this after the point cannot matter, but for rounding.
        const FINEST: usize = 18;
        let (fraction, beyond) = self.fraction.split_at(self.fraction.len().min(FINEST));
        let inexact = beyond.bytes().any(|byte| byte != b'0');
        let digits = self.whole.bytes().chain(fraction.bytes());
        let mut nanos = digits.fold(0i128, |sum, digit| sum.saturating_mul(10).saturating_add(i128::from(digit - b'0'))).min(LIMIT);
        let mut shift = 9 - fraction.len() as i32;
        match self.format {
            Format::BinarySi => nanos = nanos.saturating_mul(1 << self.exponent),
            Format::DecimalSi | Format::DecimalExponent => shift += self.exponent,
        }
        let power = 10i128.saturating_pow(shift.unsigned_abs());
        nanos = if shift >= 0 {
            nanos.saturating_mul(power)
        } else if inexact {
            nanos / power + 1
        } else {
            divide_away_from_zero(nanos, power)
        };
        let mut format = self.format;
        let limit = if format == Format::BinarySi { i128::from(i64::MAX) * NANOS } else { LIMIT };
        nanos = nanos.min(limit);
        if format == Format::BinarySi && nanos > 0 && nanos < NANOS {
            format = Format::DecimalSi;
        }
        Quantity { nanos: if self.negative { -nanos } else { nanos }, format }
    }
}

fn interpret(suffix: &str) -> Option<(Format, i32)> {
    if let Some((_, exponent)) = DECIMAL_SUFFIXES.iter().find(|(name, _)| *name == suffix) {
        return Some((Format::DecimalSi, *exponent));
    }
    if let Some(index) = BINARY_SUFFIXES.iter().position(|name| *name == suffix) {
        return Some((Format::BinarySi, 10 * (index as i32 + 1)));
    }
    let exponent: i64 = suffix.strip_prefix(['e', 'E'])?.parse().ok()?;
    Some((Format::DecimalExponent, exponent.clamp(-100, 100) as i32))
}

impl FromStr for Quantity {
    type Err = QuantityError;

    fn from_str(text: &str) -> Result<Self, QuantityError> {
        Ok(Parts::scan(text)?.quantity())
    }
}

impl fmt::Display for Quantity {
    /// The canonical form: no fraction, no precision lost, the largest suffix that allows it.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.nanos == 0 {
            return f.write_str("0");
        }
        if self.format == Format::BinarySi && self.nanos % NANOS == 0 && self.nanos.abs() >= 1024 * NANOS {
            let (mut mantissa, mut suffix) = (self.nanos / NANOS, "");
            for larger in BINARY_SUFFIXES {
                if mantissa % 1024 != 0 {
                    break;
                }
                (mantissa, suffix) = (mantissa / 1024, larger);
            }
            return write!(f, "{mantissa}{suffix}");
        }
        let (mut mantissa, mut exponent) = (self.nanos, -9);
        while mantissa % 1000 == 0 && (exponent < 18 || self.format == Format::DecimalExponent) {
            (mantissa, exponent) = (mantissa / 1000, exponent + 3);
        }
        match DECIMAL_SUFFIXES.iter().find(|(_, power)| *power == exponent) {
            Some((suffix, _)) if self.format != Format::DecimalExponent || exponent == 0 => write!(f, "{mantissa}{suffix}"),
            _ => write!(f, "{mantissa}e{exponent}"),
        }
    }
}

impl PartialEq for Quantity {
    fn eq(&self, other: &Self) -> bool {
        self.nanos == other.nanos
    }
}

impl Eq for Quantity {}

impl PartialOrd for Quantity {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Quantity {
    fn cmp(&self, other: &Self) -> Ordering {
        self.nanos.cmp(&other.nanos)
    }
}

impl Add for Quantity {
    type Output = Self;

    fn add(self, other: Self) -> Self {
        self.combined(other, self.nanos.saturating_add(other.nanos))
    }
}

impl Sub for Quantity {
    type Output = Self;

    fn sub(self, other: Self) -> Self {
        self.combined(other, self.nanos.saturating_sub(other.nanos))
    }
}

impl AddAssign for Quantity {
    fn add_assign(&mut self, other: Self) {
        *self = *self + other;
    }
}

impl SubAssign for Quantity {
    fn sub_assign(&mut self, other: Self) {
        *self = *self - other;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn quantity(text: &str) -> Quantity {
        text.parse().unwrap()
    }

    #[test]
    fn amounts_are_written_canonically() {
        for (text, canonical) in [
            ("0", "0"),
            ("0Ki", "0"),
            ("-0", "0"),
            ("1.5", "1500m"),
            ("1.5Gi", "1536Mi"),
            ("1024Mi", "1Gi"),
            ("1000m", "1"),
            ("1000k", "1M"),
            ("100000", "100k"),
            ("1023Ki", "1023Ki"),
            ("512", "512"),
            ("0.5Ki", "512"),
            ("1.1Ki", "1126400m"),
            ("1e3", "1e3"),
            ("12e5", "1200e3"),
            ("1E3", "1e3"),
            ("1E", "1E"),
            ("1000E", "1000E"),
            ("0.1n", "1n"),
            ("-1.5", "-1500m"),
            ("0.0000000001", "1n"),
            ("1.0000000000000000001", "1000000001n"),
            ("10Ei", "9223372036854775807"),
            ("+5", "5"),
            (".5", "500m"),
            ("5.", "5"),
        ] {
            assert_eq!(quantity(text).to_string(), canonical, "{text}");
        }
    }

    #[test]
    fn a_text_that_upstream_takes_for_canonical_is_stored_as_it_is() {
        for (text, stored) in [
            ("100m", "100m"),
            ("1.500", "1.500"),
            ("1E3", "1E3"),
            ("100Mi", "100Mi"),
            ("1024Mi", "1Gi"),
            ("1000m", "1"),
            ("2000", "2k"),
            ("0.5", "500m"),
            ("10.000", "10"),
        ] {
            assert_eq!(Quantity::normalise(text, false).unwrap(), stored, "{text}");
        }
        assert_eq!(Quantity::normalise("100u", true).unwrap(), "1m");
        assert_eq!(Quantity::normalise("100u", false).unwrap(), "100u");
    }

    #[test]
    fn what_is_no_quantity_is_told_in_upstreams_words() {
        for (text, error) in [
            ("", QuantityError::Format),
            ("lots", QuantityError::Format),
            ("1 Gi", QuantityError::Format),
            ("1.2.3", QuantityError::Format),
            ("1ki", QuantityError::Suffix),
            ("1e", QuantityError::Suffix),
            ("1Mi5", QuantityError::Suffix),
        ] {
            assert_eq!(text.parse::<Quantity>(), Err(error), "{text}");
        }
    }

    #[test]
    fn values_round_away_from_zero() {
        assert_eq!((quantity("1500m").value(), quantity("1500m").milli_value()), (2, 1500));
        assert_eq!((quantity("-1100m").value(), quantity("1u").milli_value()), (-2, 1));
        assert_eq!(quantity("100E").value(), i64::MAX);
    }

    #[test]
    fn sums_keep_the_format_of_the_first_that_is_not_zero() {
        assert_eq!((quantity("1Gi") + quantity("1M")).to_string(), "1074741824");
        assert_eq!((quantity("0") + quantity("1Gi")).to_string(), "1Gi");
        assert_eq!((quantity("1") - quantity("1500m")).to_string(), "-500m");
    }

    proptest! {
        #[test]
        fn the_canonical_form_is_the_same_amount(text in "[+-]?[0-9]{1,12}(\\.[0-9]{0,6})?(n|u|m|k|M|G|T|P|E|Ki|Mi|Gi|e[0-9]|E-[0-3])?") {
            let first = quantity(&text);
            let again = quantity(&first.to_string());
            prop_assert_eq!(again, first);
            prop_assert_eq!(again.to_string(), first.to_string());
        }

        #[test]
        fn order_is_that_of_the_numbers(a in -1_000_000i64..1_000_000, b in -1_000_000i64..1_000_000) {
            let (x, y) = (quantity(&format!("{a}m")), quantity(&format!("{b}m")));
            prop_assert_eq!(x.cmp(&y), a.cmp(&b));
            prop_assert_eq!((x + y).milli_value(), a + b);
        }

        #[test]
        fn no_text_panics(text in "[-+.0-9eEinumkKMGTP]*") {
            let _ = text.parse::<Quantity>();
            let _ = Quantity::normalise(&text, true);
        }
    }
}
