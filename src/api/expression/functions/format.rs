//! Named forms of texts (`k8s.io/apiserver/pkg/cel/library/format.go`).

use jiff::Timestamp;
use jiff::civil::Date;

use super::{Fault, Function, Outcome, Price, function, no_overload};
use crate::api::expression::value::Val;
use crate::api::validation::format as forms;

/// A form, and what is wrong with a text that is not in it.
#[derive(Debug)]
pub struct Format {
    name: &'static str,
    check: fn(&str) -> Vec<String>,
}

static KNOWN: [Format; 13] = [
    Format { name: "dns1123Label", check: forms::dns_label },
    Format { name: "dns1123Subdomain", check: forms::dns_subdomain },
    Format { name: "dns1035Label", check: forms::dns_1035_label },
    Format { name: "qualifiedName", check: forms::qualified_name },
    Format { name: "dns1123LabelPrefix", check: |text| forms::dns_label(&prefix(text)) },
    Format { name: "dns1123SubdomainPrefix", check: |text| forms::dns_subdomain(&prefix(text)) },
    Format { name: "dns1035LabelPrefix", check: |text| forms::dns_1035_label(&prefix(text)) },
    Format { name: "labelValue", check: forms::label_value },
    Format { name: "uri", check: |text| wrong(text.parse::<hyper::Uri>().is_ok(), "invalid URI") },
    Format { name: "uuid", check: |text| wrong(uuid::Uuid::parse_str(text).is_ok(), "does not match the UUID format") },
    Format { name: "byte", check: |text| wrong(is_base64(text), "invalid base64") },
    Format { name: "date", check: |text| wrong(text.parse::<Date>().is_ok(), "invalid date") },
    Format { name: "datetime", check: |text| wrong(text.parse::<Timestamp>().is_ok(), "invalid datetime") },
];

/// What a generated name begins with: one that could end there.
fn prefix(text: &str) -> String {
    text.strip_suffix('-').map_or_else(|| text.to_owned(), |start| format!("{start}a"))
}

fn wrong(is_right: bool, why: &str) -> Vec<String> {
    if is_right { Vec::new() } else { vec![why.to_owned()] }
}

fn is_base64(text: &str) -> bool {
    use base64::Engine as _;
    base64::engine::general_purpose::STANDARD.decode(text).is_ok()
}

pub(super) const FUNCTIONS: &[Function] = &[
    function("format.named", Price::One, |of| match of {
        [Val::Text(name)] => Ok(named(name).map_or(Val::Optional(None), Val::some)),
        _ => no_overload(),
    }),
    function("format.dns1123Label", Price::One, |_| known("dns1123Label")),
    function("format.dns1123Subdomain", Price::One, |_| known("dns1123Subdomain")),
    function("format.dns1035Label", Price::One, |_| known("dns1035Label")),
    function("format.qualifiedName", Price::One, |_| known("qualifiedName")),
    function("format.dns1123LabelPrefix", Price::One, |_| known("dns1123LabelPrefix")),
    function("format.dns1123SubdomainPrefix", Price::One, |_| known("dns1123SubdomainPrefix")),
    function("format.dns1035LabelPrefix", Price::One, |_| known("dns1035LabelPrefix")),
    function("format.labelValue", Price::One, |_| known("labelValue")),
    function("format.uri", Price::One, |_| known("uri")),
    function("format.uuid", Price::One, |_| known("uuid")),
    function("format.byte", Price::One, |_| known("byte")),
    function("format.date", Price::One, |_| known("date")),
    function("format.datetime", Price::One, |_| known("datetime")),
    function(".validate", Price::Second, |of| match of {
        [Val::Format(format), Val::Text(text)] => {
            let wrong = (format.check)(text);
            let wrong: Vec<Val> = wrong.into_iter().map(Val::text).collect();
            Ok(if wrong.is_empty() { Val::Optional(None) } else { Val::some(Val::list(wrong)) })
        }
        _ => no_overload(),
    }),
];

fn named<'a>(name: &str) -> Option<Val<'a>> {
    KNOWN.iter().find(|format| format.name == name).map(Val::Format)
}

fn known<'a>(name: &str) -> Outcome<'a> {
    named(name).ok_or_else(|| Fault::new(format!("no format {name}")))
}
