//! How Go reads and writes times and bytes, with its messages.

use base64::Engine;
use base64::alphabet;
use base64::engine::{GeneralPurpose, GeneralPurposeConfig};
use jiff::Timestamp;
use serde_json::Value;

const BASE64: GeneralPurpose = GeneralPurpose::new(&alphabet::STANDARD, GeneralPurposeConfig::new().with_decode_allow_trailing_bits(true));

/// The layouts by which Go describes a time.
pub(super) const RFC3339: &str = "2006-01-02T15:04:05Z07:00";
pub(super) const RFC3339_MICRO: &str = "2006-01-02T15:04:05.000000Z07:00";

/// A time in UTC: whole seconds, or exactly six digits of them with [`RFC3339_MICRO`].
///
/// # Errors
/// As Go's `time.Parse` says it.
pub(super) fn time(text: &str, layout: &str) -> Result<String, String> {
    check_layout(text, layout)?;
    let instant: Timestamp = text.parse().map_err(|_| format!("parsing time {text:?}: day out of range"))?;
    Ok(if layout == RFC3339_MICRO { written_finely(instant) } else { written(instant) })
}

/// What JSON Schema calls the type of a value.
pub fn json_type(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "boolean",
        Value::Number(number) if number.is_f64() => "number",
        Value::Number(_) => "integer",
        Value::String(_) => "string",
        Value::Array(_) => "array",
        Value::Object(_) => "object",
    }
}

/// What Go calls the type of a value that has no type of its own (`unstructured`).
pub fn go_type(value: &Value) -> &'static str {
    match value {
        Value::Null => "<nil>",
        Value::Bool(_) => "bool",
        Value::Number(number) if number.is_f64() => "float64",
        Value::Number(_) => "int64",
        Value::String(_) => "string",
        Value::Array(_) => "[]interface {}",
        Value::Object(_) => "map[string]interface {}",
    }
}

/// A time as `metav1.Time` is written: whole seconds, UTC.
pub fn written(time: Timestamp) -> String {
    time.strftime("%Y-%m-%dT%H:%M:%SZ").to_string()
}

/// A time as `metav1.MicroTime` is written: exactly six digits of a second, UTC.
pub fn written_finely(time: Timestamp) -> String {
    time.strftime("%Y-%m-%dT%H:%M:%S.%6fZ").to_string()
}

/// Walks both texts element by element; a fraction of seconds may stand where the layout has none.
fn check_layout(text: &str, layout: &str) -> Result<(), String> {
    const ELEMENTS: [(&str, i32, &str); 6] =
        [("2006", 9999, "year"), ("01", 12, "month"), ("02", 31, "day"), ("15", 23, "hour"), ("04", 59, "minute"), ("05", 59, "second")];
    const SEPARATORS: [&str; 6] = ["", "-", "-", "T", ":", ":"];
    let unlike = |rest: &str, element: &str| Err(format!("parsing time {text:?} as {layout:?}: cannot parse {rest:?} as {element:?}"));
    let mut rest = text;
    for ((element, most, name), separator) in ELEMENTS.into_iter().zip(SEPARATORS) {
        let Some(after) = rest.strip_prefix(separator) else { return unlike(rest, separator) };
        let digits = after.get(..element.len()).filter(|digits| digits.bytes().all(|byte| byte.is_ascii_digit()));
        let Some(number) = digits.and_then(|digits| digits.parse::<i32>().ok()) else { return unlike(after, element) };
        let least = i32::from(matches!(name, "month" | "day"));
        if !(least..=most).contains(&number) {
            return Err(format!("parsing time {text:?}: {name} out of range"));
        }
        rest = &after[element.len()..];
    }
    let fraction = rest.strip_prefix('.').map_or("", |after| &after[..after.bytes().take_while(u8::is_ascii_digit).count()]);
    if layout == RFC3339_MICRO && fraction.len() != 6 {
        return unlike(rest, ".000000");
    }
    if !fraction.is_empty() {
        rest = &rest[1 + fraction.len()..];
    }
    let is_offset = |zone: &[u8]| match zone {
        [b'+' | b'-', a, b, b':', c, d] => [a, b, c, d].iter().all(|byte| byte.is_ascii_digit()),
        _ => false,
    };
    match rest {
        "Z" => Ok(()),
        zone if is_offset(zone.as_bytes()) => Ok(()),
        zone if zone.starts_with('Z') => Err(format!("parsing time {text:?}: extra text: {:?}", &zone[1..])),
        zone => unlike(zone, "Z07:00"),
    }
}

/// Base64 in its canonical form.
///
/// # Errors
/// As Go's `base64` says it.
pub(super) fn base64(text: &str) -> Result<String, String> {
    use base64::DecodeError;
    let folded = text.contains(['\r', '\n']).then(|| text.replace(['\r', '\n'], ""));
    let plain = folded.as_deref().unwrap_or(text);
    match BASE64.decode(plain) {
        Ok(bytes) => Ok(BASE64.encode(bytes)),
        Err(DecodeError::InvalidByte(at, _) | DecodeError::InvalidLastSymbol(at, _)) => Err(illegal(at)),
        Err(DecodeError::InvalidLength(_) | DecodeError::InvalidPadding) => Err(illegal(plain.trim_end_matches('=').len() / 4 * 4)),
    }
}

fn illegal(at: usize) -> String {
    format!("illegal base64 data at input byte {at}")
}

/// What Go's scanner says of a text that is no JSON.
pub(super) fn syntax(error: &serde_json::Error, body: &[u8]) -> String {
    let text = error.to_string();
    if error.is_eof() {
        return "unexpected end of JSON input".into();
    }
    if text.starts_with("recursion limit exceeded") {
        return "exceeded max depth".into();
    }
    let line = body.split(|byte| *byte == b'\n').nth(error.line().saturating_sub(1)).unwrap_or_default();
    let at = line.get(error.column().saturating_sub(1)..).unwrap_or_default();
    let found = String::from_utf8_lossy(at).chars().next().unwrap_or('\n');
    let place = [
        ("expected `:`", "after object key"),
        ("expected `,` or `}`", "after object key:value pair"),
        ("expected `,` or `]`", "after array element"),
        ("key must be a string", "looking for beginning of object key string"),
        ("trailing characters", "after top-level value"),
        ("control character", "in string literal"),
        ("invalid escape", "in string escape code"),
        ("invalid number", "in numeric literal"),
    ];
    let place = place.iter().find(|(ours, _)| text.starts_with(ours)).map_or("looking for beginning of value", |(_, theirs)| theirs);
    format!("invalid character {found:?} {place}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_become_utc_in_their_precision() {
        for (text, layout, expected) in [
            ("2020-01-01T00:00:00Z", RFC3339, Ok("2020-01-01T00:00:00Z")),
            ("2020-01-01T02:00:00.987+02:00", RFC3339, Ok("2020-01-01T00:00:00Z")),
            ("2020-01-01T00:00:00.123456Z", RFC3339_MICRO, Ok("2020-01-01T00:00:00.123456Z")),
            (
                "yesterday",
                RFC3339_MICRO,
                Err("parsing time \"yesterday\" as \"2006-01-02T15:04:05.000000Z07:00\": cannot parse \"yesterday\" as \"2006\""),
            ),
            (
                "2020-01-01T00:00:00Z",
                RFC3339_MICRO,
                Err("parsing time \"2020-01-01T00:00:00Z\" as \"2006-01-02T15:04:05.000000Z07:00\": cannot parse \"Z\" as \".000000\""),
            ),
            ("2020-13-01T00:00:00Z", RFC3339, Err("parsing time \"2020-13-01T00:00:00Z\": month out of range")),
            ("2020-02-31T00:00:00Z", RFC3339, Err("parsing time \"2020-02-31T00:00:00Z\": day out of range")),
            ("", RFC3339, Err("parsing time \"\" as \"2006-01-02T15:04:05Z07:00\": cannot parse \"\" as \"2006\"")),
            ("2020-01-01é", RFC3339, Err("parsing time \"2020-01-01é\" as \"2006-01-02T15:04:05Z07:00\": cannot parse \"é\" as \"T\"")),
        ] {
            assert_eq!(time(text, layout), expected.map(str::to_owned).map_err(str::to_owned), "{text}");
        }
    }

    #[test]
    fn base64_is_read_as_go_reads_it() {
        for (text, expected) in [
            ("YQ==", Ok("YQ==")),
            ("YW\nJj", Ok("YWJj")),
            ("YR==", Ok("YQ==")),
            ("!", Err("illegal base64 data at input byte 0")),
            ("YWJj!", Err("illegal base64 data at input byte 4")),
            ("YWJjZ", Err("illegal base64 data at input byte 4")),
        ] {
            assert_eq!(base64(text), expected.map(str::to_owned).map_err(str::to_owned), "{text}");
        }
    }
}
