//! All deeds, by name.

use schemars::schema_for;
use serde_json::Value;

use super::Deed;

/// A deed in a line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    pub name: String,
    pub about: String,
    /// Done by a user, and no fault.
    pub is_users: bool,
}

/// All deeds in order, as their schema has them.
pub fn catalogue() -> Vec<Entry> {
    let schema = schema_for!(Deed).to_value();
    let variants = schema["oneOf"].as_array().cloned().unwrap_or_default();
    let entry = |variant: &Value| {
        let name = variant["properties"].as_object()?.keys().next()?.clone();
        let about = variant["description"].as_str().unwrap_or_default().to_owned();
        Some(Entry { is_users: about.starts_with("A user") || name == "herd", name, about })
    };
    variants.iter().filter_map(entry).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_deed_has_a_name_and_a_line() {
        let all = catalogue();
        assert!(all.len() > 25, "{all:?}");
        assert!(all.iter().all(|entry| !entry.about.is_empty()), "{all:?}");
        assert!(all.iter().any(|entry| entry.name == "silence-node" && !entry.is_users));
    }
}
