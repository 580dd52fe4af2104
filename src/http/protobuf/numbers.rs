//! The number that each field has on the wire.

use std::collections::BTreeMap;
use std::sync::LazyLock;

/// The fields of a message by their numbers.
pub type Numbers = BTreeMap<u64, Entry>;

/// What stands under a number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Entry {
    /// A field, by its name in JSON.
    Field(&'static str),
    /// A field whose message holds a schema, or what may stand in a schema's place.
    Either(&'static str, Alternative),
    /// A message whose fields are the outer one's in JSON: Go embeds its type.
    Embedded(&'static str),
}

/// What may stand in the place of a schema (`JSONSchemaPropsOrBool` and its like).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Alternative {
    /// `{1: flag, 2: schema}`
    Flag,
    /// `{1: schema, 2: schemas}`
    List,
    /// `{1: schema, 2: texts}`
    Texts,
    /// An object without fields, and no schema.
    Empty,
}

/// The type of schemas.
pub const SCHEMA: &str = "apiextensions-apiserver.pkg.apis.apiextensions.v1.JSONSchemaProps";

/// One message a line: its name, then each field with its number, as upstream's `generated.proto` files (v1.35) give them. A name with a
/// dot is that of an embedded message; behind a colon stands what else a field may hold than a schema.
static NUMBERS: LazyLock<BTreeMap<&'static str, Numbers>> = LazyLock::new(|| {
    let messages = include_str!("numbers.txt").lines().map(|line| {
        let mut words = line.split(' ');
        (words.next().unwrap_or_default(), words.map(entry).collect())
    });
    messages.collect()
});

fn entry(word: &'static str) -> (u64, Entry) {
    let (name, number) = word.split_once('=').expect("the table is well formed");
    let (number, alternative) = number.split_once(':').unwrap_or((number, ""));
    let entry = match alternative {
        "flag" => Entry::Either(name, Alternative::Flag),
        "list" => Entry::Either(name, Alternative::List),
        "texts" => Entry::Either(name, Alternative::Texts),
        "empty" => Entry::Either(name, Alternative::Empty),
        _ if name.contains('.') => Entry::Embedded(name),
        _ => Entry::Field(name),
    };
    (number.parse().expect("the table is well formed"), entry)
}

/// The fields of a message such as `core.v1.Pod`, if it is one that is read.
pub fn of(message: &str) -> Option<&'static Numbers> {
    NUMBERS.get(message)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::api::kinds::Registry;
    use crate::api::schema::{Facts, Schema, Shape, Type};
    use crate::http::reviews::REVIEWS;

    fn names(message: &str) -> Vec<&'static str> {
        let entries = of(message).unwrap_or_else(|| panic!("{message} is not in the table")).values();
        let names = entries.flat_map(|entry| match entry {
            Entry::Field(name) | Entry::Either(name, _) => vec![*name],
            Entry::Embedded(message) => names(message),
        });
        names.collect()
    }

    /// A type and all that stand in it have a number for every field.
    fn check(known: &Type, seen: &mut Vec<&'static str>) {
        if seen.contains(&known.name) {
            return;
        }
        seen.push(known.name);
        let mut numbered = names(known.name);
        numbered.sort_unstable();
        let is_header = |name: &&str| matches!(*name, "apiVersion" | "kind") && known.fields.iter().any(|field| field.name == "metadata");
        let fields: Vec<&str> = known.fields.iter().map(|field| field.name).filter(|name| !is_header(name)).collect();
        assert_eq!(numbered, fields, "{}", known.name);
        for field in &known.fields {
            let mut shape = &field.shape;
            while let Shape::List(item) | Shape::Map(item) = shape {
                shape = item;
            }
            if let Some(inner) = Facts::get().of(shape) {
                check(inner, seen);
            }
        }
    }

    #[test]
    fn every_field_of_every_kind_has_its_number() {
        let mut seen = Vec::new();
        for kind in Registry::built_in().all() {
            let Schema::Known(name) = kind.schema else { panic!("{kind:?} is built in") };
            check(Facts::get().named(name).unwrap(), &mut seen);
        }
        for review in &REVIEWS {
            check(Facts::get().named(review.schema).unwrap(), &mut seen);
        }
        assert!(seen.contains(&"core.v1.EphemeralContainer"));
    }
}
