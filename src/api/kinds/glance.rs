//! A few values of an object, read in one pass over its bytes that keeps nothing else.

use std::borrow::Cow;
use std::fmt;

use serde::Deserialize;
use serde::de::{DeserializeSeed, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde_json::Value;

use super::fields::Fields;

/// The values at pointers to fields of structs, in their order. Of a pointer that leads nowhere, and of bytes that are no JSON, nothing.
pub fn glance(bytes: &[u8], pointers: &[&str]) -> Vec<Option<Value>> {
    let mut found = vec![None; pointers.len()];
    let wanted = pointers.iter().enumerate().filter_map(|(place, pointer)| Some((place, pointer.strip_prefix('/')?))).collect();
    // What came before bytes that make no sense stays.
    let _ = Glance { wanted, found: &mut found }.deserialize(&mut serde_json::Deserializer::from_slice(bytes));
    found
}

struct Glance<'f> {
    /// Places in `found`, and what leads there from here: `spec/nodeName`.
    wanted: Vec<(usize, &'f str)>,
    found: &'f mut [Option<Value>],
}

#[derive(Deserialize)]
struct Name<'a>(#[serde(borrow)] Cow<'a, str>);

impl<'de> DeserializeSeed<'de> for Glance<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Glance<'_> {
    type Value = ();

    fn expecting(&self, formatter: &mut fmt::Formatter) -> fmt::Result {
        formatter.write_str("JSON")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        while let Some(Name(name)) = map.next_key()? {
            let leading = self.wanted.iter().filter_map(|(place, path)| {
                let (head, rest) = path.split_once('/').unwrap_or((path, ""));
                (head == name).then_some((*place, rest))
            });
            let wanted: Vec<(usize, &str)> = leading.collect();
            if wanted.is_empty() {
                map.next_value::<IgnoredAny>()?;
            } else if wanted.iter().any(|(_, rest)| rest.is_empty()) {
                let value: Value = map.next_value()?;
                for (place, rest) in wanted {
                    self.found[place] = if rest.is_empty() { Some(value.clone()) } else { value.at(&format!("/{rest}")).cloned() };
                }
            } else {
                map.next_value_seed(Glance { wanted, found: self.found })?;
            }
        }
        Ok(())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<(), A::Error> {
        while seq.next_element::<IgnoredAny>()?.is_some() {}
        Ok(())
    }

    fn visit_str<E>(self, _: &str) -> Result<(), E> {
        Ok(())
    }

    fn visit_bool<E>(self, _: bool) -> Result<(), E> {
        Ok(())
    }

    fn visit_u64<E>(self, _: u64) -> Result<(), E> {
        Ok(())
    }

    fn visit_i64<E>(self, _: i64) -> Result<(), E> {
        Ok(())
    }

    fn visit_f64<E>(self, _: f64) -> Result<(), E> {
        Ok(())
    }

    fn visit_unit<E>(self) -> Result<(), E> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn what_is_glanced_at_is_what_a_reader_of_everything_finds() {
        let pod = json!({
            "kind": "Pod",
            "metadata": {"name": "a\"b", "labels": {"spec": {"nodeName": "not this"}}},
            "spec": {"containers": [{"nodeName": "nor this"}], "hostNetwork": true, "nodeName": "n\\1"},
            "status": null,
        });
        let pointers = ["/spec/nodeName", "/spec/hostNetwork", "/status/phase", "/metadata/name", "/kind", "/kind/deeper"];
        let found = glance(pod.to_string().as_bytes(), &pointers);
        assert_eq!(found, pointers.map(|pointer| pod.pointer(pointer).cloned()));
        assert_eq!(glance(b"no JSON", &["/a"]), [None]);
    }
}
