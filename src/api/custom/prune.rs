//! Fields that a schema does not declare fall away (upstream: `structural-schema` pruning).

use std::fmt::Write;

use serde_json::{Map, Value};

use super::schema::{Structural, Values};

/// What an object says of itself, whatever its schema.
const HEAD: [&str; 3] = ["apiVersion", "kind", "metadata"];

/// Takes out of a whole object what its schema does not declare; gives the paths of that.
pub fn prune(object: &mut Value, schema: &Structural) -> Vec<String> {
    let mut pruner = Pruner::default();
    pruner.look(object, Some(schema), true, schema.preserves);
    pruner.found
}

#[derive(Default)]
struct Pruner {
    /// Where we are.
    path: String,
    found: Vec<String>,
}

impl Pruner {
    /// `preserves`: what is not declared here stays.
    fn look(&mut self, value: &mut Value, schema: Option<&Structural>, is_object: bool, preserves: bool) {
        match value {
            Value::Object(fields) => self.fields(fields, schema, is_object, preserves),
            Value::Array(items) => {
                let of_items = schema.and_then(|schema| schema.items.as_deref());
                if preserves && of_items.is_none() {
                    return;
                }
                for (index, item) in items.iter_mut().enumerate() {
                    let before = self.path.len();
                    write!(self.path, "[{index}]").expect("a String takes all");
                    self.look(item, of_items, is_embedded(of_items), preserves || of_items.is_some_and(|items| items.preserves));
                    self.path.truncate(before);
                }
            }
            _ => {}
        }
    }

    fn fields(&mut self, fields: &mut Map<String, Value>, schema: Option<&Structural>, is_object: bool, preserves: bool) {
        let mut gone = Vec::new();
        for (name, value) in fields.iter_mut() {
            if is_object && HEAD.contains(&name.as_str()) {
                continue;
            }
            let before = self.path.len();
            if !self.path.is_empty() {
                self.path.push('.');
            }
            self.path.push_str(name);
            match schema.map(|schema| (schema.properties.get(name.as_str()), &schema.values)) {
                Some((Some(inner), _)) => self.look(value, Some(inner), inner.is_embedded, inner.preserves),
                Some((None, Values::Of(inner))) => self.look(value, Some(inner), inner.is_embedded, inner.preserves),
                Some((None, Values::Any)) => self.look(value, None, false, false),
                _ if preserves => {}
                _ => {
                    self.found.push(self.path.clone());
                    gone.push(name.clone());
                }
            }
            self.path.truncate(before);
        }
        for name in gone {
            fields.remove(&name);
        }
    }
}

fn is_embedded(schema: Option<&Structural>) -> bool {
    schema.is_some_and(|schema| schema.is_embedded)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn what_is_not_declared_falls_away_and_is_named() {
        let schema = Structural::compile(&json!({"type": "object", "properties": {"spec": {"type": "object", "properties": {
            "a": {"type": "integer"},
            "keep": {"type": "object", "x-kubernetes-preserve-unknown-fields": true,
                "properties": {"n": {"type": "object", "properties": {"m": {"type": "integer"}}}}},
            "map": {"type": "object", "additionalProperties": {"type": "object", "properties": {"x": {"type": "string"}}}},
            "list": {"type": "array", "items": {"type": "object", "properties": {"x": {"type": "string"}}}},
            "pod": {"type": "object", "x-kubernetes-embedded-resource": true, "properties": {"spec": {"type": "object"}}},
        }}}}));
        let mut object = json!({"kind": "T", "metadata": {"name": "t"}, "extra": {"b": 1}, "spec": {
            "a": 1, "gone": 2, "keep": {"x": {"y": [{"z": 1}]}, "n": {"m": 1, "gone": 2}}, "map": {"k": {"x": "1", "y": 2}},
            "list": [{"x": "1"}, {"y": 2}], "pod": {"kind": "P", "metadata": {}, "status": {}},
        }});
        let found = prune(&mut object, &schema);
        assert_eq!(found, ["extra", "spec.gone", "spec.keep.n.gone", "spec.list[1].y", "spec.map.k.y", "spec.pod.status"]);
        assert_eq!(
            object,
            json!({"kind": "T", "metadata": {"name": "t"}, "spec": {
                "a": 1, "keep": {"x": {"y": [{"z": 1}]}, "n": {"m": 1}}, "map": {"k": {"x": "1"}}, "list": [{"x": "1"}, {}],
                "pod": {"kind": "P", "metadata": {}},
            }})
        );
    }
}
