//! Defaults of a schema, and nulls where there may be none (upstream: `structural-schema` defaulting).

use serde_json::Value;

use super::schema::{Structural, Values};

/// Puts defaults where nothing is, or a null that may not be.
pub fn defaults(value: &mut Value, schema: &Structural) {
    if !schema.has_defaults {
        return;
    }
    match value {
        Value::Object(fields) => {
            for (name, of_field) in &schema.properties {
                let Some(default) = &of_field.default else { continue };
                match fields.get_mut(&**name) {
                    None => drop(fields.insert(name.to_string(), default.clone())),
                    Some(field) if is_misplaced(field, of_field) => *field = default.clone(),
                    Some(_) => {}
                }
            }
            for (name, field) in fields.iter_mut() {
                match (schema.properties.get(name.as_str()), &schema.values) {
                    (Some(of_field), _) => defaults(field, of_field),
                    (None, Values::Of(of_values)) => value_or_default(field, of_values),
                    _ => {}
                }
            }
        }
        Value::Array(items) => {
            if let Some(of_items) = &schema.items {
                items.iter_mut().for_each(|item| value_or_default(item, of_items));
            }
        }
        _ => {}
    }
}

fn value_or_default(value: &mut Value, schema: &Structural) {
    if let Some(default) = schema.default.as_ref().filter(|_| is_misplaced(value, schema)) {
        *value = default.clone();
    }
    defaults(value, schema);
}

/// Takes out nulls where there may be none and no default takes their place.
pub fn drop_nulls(value: &mut Value, schema: &Structural) {
    match value {
        Value::Object(fields) => {
            fields.retain(|name, field| schema.field(name).is_none_or(|of| !is_misplaced(field, of) || of.default.is_some()));
            for (name, field) in fields.iter_mut() {
                if let Some(of_field) = schema.field(name) {
                    drop_nulls(field, of_field);
                }
            }
        }
        Value::Array(items) => {
            if let Some(of_items) = &schema.items {
                items.iter_mut().for_each(|item| drop_nulls(item, of_items));
            }
        }
        _ => {}
    }
}

fn is_misplaced(value: &Value, schema: &Structural) -> bool {
    value.is_null() && !schema.nullable
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_default_stands_where_nothing_or_a_misplaced_null_does() {
        let schema = Structural::compile(&json!({"type": "object", "properties": {
            "a": {"type": "string", "nullable": true}, "b": {"type": "string"}, "c": {"type": "string", "default": "d"},
            "d": {"type": "string", "nullable": true, "default": "e"},
            "o": {"type": "object", "default": {}, "properties": {"x": {"type": "string", "default": "y"}}},
            "l": {"type": "array", "items": {"type": "object", "properties": {"d": {"type": "integer", "default": 1}}}},
        }}));
        let mut value = json!({"a": null, "b": null, "c": null, "d": null, "l": [{}, {"d": 2}]});
        drop_nulls(&mut value, &schema);
        defaults(&mut value, &schema);
        assert_eq!(value, json!({"a": null, "c": "d", "d": null, "o": {"x": "y"}, "l": [{"d": 1}, {"d": 2}]}));
    }
}
