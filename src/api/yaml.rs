//! YAML, as Kubernetes reads it: JSON in other clothes, with bounds on what aliases may blow up to.

use serde::de::DeserializeOwned;
use serde_json::Value;
use serde_saphyr::{Error, Options};

/// Nodes that all aliases of a text together may stand for. A manifest needs few; an alias bomb wants billions.
const REPLAYED_NODES: usize = 100_000;

/// The documents of a text, in order; an empty one is `null`. It may be as large as an export of a whole cluster.
///
/// # Errors
/// The text is no YAML, repeats a key, or its aliases stand for more than the bounds allow; the error names line and column.
pub fn documents(text: &str) -> Result<Vec<Value>, Error> {
    let mut options = options();
    if let Some(budget) = &mut options.budget {
        let most = [&mut budget.max_events, &mut budget.max_nodes, &mut budget.max_documents, &mut budget.max_total_scalar_bytes];
        // What is written costs its writer as much as its reader; only aliases are dear.
        most.into_iter().for_each(|most| *most = usize::MAX);
    }
    serde_saphyr::from_multiple_with_options(text, options)
}

/// A text's only document.
///
/// # Errors
/// As [`documents`].
pub fn document(text: &str) -> Result<Value, Error> {
    serde_saphyr::from_str_with_options(text, options())
}

/// A text's only document, as a type of its own.
///
/// # Errors
/// As [`documents`], and where it does not fit the type: each names line and column.
pub fn typed<T: DeserializeOwned>(text: &str) -> Result<T, Error> {
    serde_saphyr::from_str_with_options(text, options())
}

fn options() -> Options {
    let mut options = Options::default();
    options.alias_limits.max_total_replayed_events = REPLAYED_NODES;
    options.with_snippet = false;
    options
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_alias_bomb_is_refused_and_not_unpacked() {
        let mut bomb = String::from("a0: &a0 [x,x,x,x,x,x,x,x,x,x]\n");
        for level in 1..12 {
            let last = format!("*a{}", level - 1);
            bomb.push_str(&format!("a{level}: &a{level} [{}]\n", [last.as_str(); 10].join(",")));
        }
        assert!(document(&bomb).is_err());
    }

    #[test]
    fn scalars_are_what_json_would_have() {
        let value = document("{a: 1, b: 0.5, c: true, d: '1', e: null, f: 2024-01-01, g: 0x10}").unwrap();
        assert_eq!(value, serde_json::json!({"a": 1, "b": 0.5, "c": true, "d": "1", "e": null, "f": "2024-01-01", "g": 16}));
    }
}
