//! Amounts that are a number or a share of all.

use k8s_openapi::apimachinery::pkg::util::intstr::IntOrString;

use super::numbers::not_negative;
use super::{ErrorList, Path, Shown};

const PERCENT: &str = "a valid percent string must be a numeric string followed by an ending '%' (e.g. '1%',  or '93%', regex used for \
validation is '[0-9]+%')";

impl Shown for &IntOrString {
    fn shown(&self) -> String {
        match self {
            IntOrString::Int(number) => number.shown(),
            IntOrString::String(text) => text.shown(),
        }
    }
}

/// The share that an amount states; `None` if it states none.
fn share(amount: &IntOrString) -> Option<i64> {
    let IntOrString::String(text) = amount else { return None };
    let digits = text.strip_suffix('%').filter(|digits| !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit()))?;
    Some(digits.parse().unwrap_or(i64::MAX))
}

/// The number or the share.
pub fn amount(amount: &IntOrString) -> i64 {
    match amount {
        IntOrString::Int(number) => (*number).into(),
        IntOrString::String(text) => share(amount).or_else(|| text.parse().ok()).unwrap_or_default(),
    }
}

/// It must be a number that is not negative, or a share.
pub fn number_or_share(amount: &IntOrString, path: &Path, errors: &mut ErrorList) {
    match amount {
        IntOrString::Int(number) => not_negative(Some(*number), path, errors),
        IntOrString::String(_) if share(amount).is_none() => errors.invalid(path, amount, PERCENT),
        IntOrString::String(_) => {}
    }
}

/// A share must not be more than all.
pub fn not_more_than_all(amount: &IntOrString, path: &Path, errors: &mut ErrorList) {
    if share(amount).is_some_and(|share| share > 100) {
        errors.invalid(path, amount, "must not be greater than 100%");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_amount_is_a_number_or_a_share() {
        let text = |text: &str| IntOrString::String(text.to_owned());
        for (given, value, wrong) in [
            (IntOrString::Int(3), 3, None),
            (IntOrString::Int(-1), -1, Some("Invalid value: -1: must be greater than or equal to 0")),
            (text("30%"), 30, None),
            (text("130%"), 130, Some("Invalid value: \"130%\": must not be greater than 100%")),
        ] {
            let mut errors = ErrorList::default();
            number_or_share(&given, &Path::new("f"), &mut errors);
            not_more_than_all(&given, &Path::new("f"), &mut errors);
            assert_eq!((amount(&given), errors.0.first().map(|error| error.message.as_str())), (value, wrong));
        }
        for given in ["30", "%", "x%", ""] {
            let mut errors = ErrorList::default();
            number_or_share(&text(given), &Path::new("f"), &mut errors);
            assert_eq!(errors.0.len(), 1, "{given}");
        }
    }
}
