//! Fields that JSON of no certain type gives twice.

use std::collections::HashSet;
use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, Error, MapAccess, SeqAccess, Visitor};

use super::visit::{Dialect, Notes};

/// What strict decoding has against well formed JSON of no certain type: every field that an object has twice, by its path.
pub fn duplicates(json: &[u8]) -> Vec<String> {
    let mut notes = Notes::new(Dialect::Json);
    // What is not well formed has been refused before.
    let _ = Walk(&mut notes).deserialize(&mut serde_json::Deserializer::from_slice(json));
    notes.strict
}

struct Walk<'a>(&'a mut Notes);

impl<'de> DeserializeSeed<'de> for Walk<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Walk<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JSON")
    }

    fn visit_unit<E: Error>(self) -> Result<(), E> {
        Ok(())
    }

    fn visit_bool<E: Error>(self, _: bool) -> Result<(), E> {
        Ok(())
    }

    fn visit_u64<E: Error>(self, _: u64) -> Result<(), E> {
        Ok(())
    }

    fn visit_i64<E: Error>(self, _: i64) -> Result<(), E> {
        Ok(())
    }

    fn visit_f64<E: Error>(self, _: f64) -> Result<(), E> {
        Ok(())
    }

    fn visit_str<E: Error>(self, _: &str) -> Result<(), E> {
        Ok(())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut access: A) -> Result<(), A::Error> {
        let mut found = Some(());
        let mut index = 0;
        while found.is_some() {
            let before = self.0.enter_item(index);
            found = access.next_element_seed(Walk(self.0))?;
            self.0.leave(before);
            index += 1;
        }
        Ok(())
    }

    fn visit_map<A: MapAccess<'de>>(self, mut access: A) -> Result<(), A::Error> {
        let mut seen = HashSet::new();
        while let Some(key) = access.next_key::<String>()? {
            let before = self.0.enter(&key);
            access.next_value_seed(Walk(self.0))?;
            self.0.leave(before);
            if seen.contains(&key) {
                self.0.strict("duplicate", &key);
            }
            seen.insert(key);
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_field_that_is_given_twice_is_named_by_its_path() {
        for (json, expected) in [
            (r#"{"a": 1, "b": [{"c": 1}, {"c": 2}]}"#, &[][..]),
            (r#"{"data": {"c": "1", "c": "2", "c": "3"}, "x": true, "x": null}"#, &["data.c", "x"]),
            (r#"{"a": [[], [{"b": 1.5, "b": -1}]]}"#, &["a[1][0].b"]),
            (r#"[{"op": "add", "op": "test"}]"#, &["[0].op"]),
        ] {
            let expected: Vec<String> = expected.iter().map(|path| format!("duplicate field \"{path}\"")).collect();
            assert_eq!(duplicates(json.as_bytes()), expected, "{json}");
        }
    }
}
