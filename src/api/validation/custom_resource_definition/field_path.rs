//! Paths to fields of a schema, as people write them: `.spec.a`, `.spec.map['key']`.

use serde_json::Value;

use super::set;

/// Whether a path may name entries of maps by `['key']`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Arrays {
    Taken,
    Refused,
}

const NOWHERE: &str = "does not refer to a valid field";
const END: &str = "unexpected end of JSON path";

/// The steps of a path and the schema of what it leads to.
///
/// # Errors
/// It leads nowhere; the text says why.
pub fn field_path<'s>(text: &str, schema: &'s Value, arrays: Arrays) -> Result<(Vec<String>, &'s Value), String> {
    let mut tokens = tokens(text).into_iter();
    let (mut steps, mut schema) = (Vec::new(), schema);
    while let Some(token) = tokens.next() {
        let name = match token {
            "[" if arrays == Arrays::Refused => return Err("array notation is not allowed".to_owned()),
            "[" => {
                let quoted = tokens.next().ok_or(END)?;
                let inner = quoted.strip_prefix('\'').and_then(|rest| rest.strip_suffix('\''));
                let name = inner.ok_or_else(|| format!("expected single quoted string but got {quoted}"))?;
                match tokens.next().ok_or(END)? {
                    "]" => name,
                    other => return Err(format!("expected ] but got {other}")),
                }
            }
            "." => tokens.next().ok_or(END)?,
            other => return Err(format!("expected [ or . but got: {other}")),
        };
        schema = match set(schema, "properties") {
            Some(properties) => properties.get(name).ok_or(NOWHERE)?,
            None => set(schema, "additionalProperties").filter(|values| values.is_object()).ok_or(NOWHERE)?,
        };
        steps.push(name.to_owned());
    }
    Ok((steps, schema))
}

/// The delimiters and what stands between them; a quoted text is one.
fn tokens(text: &str) -> Vec<&str> {
    let mut tokens = Vec::new();
    let mut rest = text;
    while let Some(first) = rest.chars().next() {
        let length = match first {
            '.' | '[' | ']' => 1,
            '\'' => rest[1..].find('\'').map_or(rest.len(), |end| end + 2),
            _ => rest.find(['.', '[', ']']).unwrap_or(rest.len()),
        };
        tokens.push(&rest[..length]);
        rest = &rest[length..];
    }
    tokens
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_path_leads_to_the_schema_of_a_field_or_nowhere() {
        let schema = json!({"properties": {"a": {"additionalProperties": {"type": "string"}}}});
        let led = |path: &str, arrays| field_path(path, &schema, arrays).map(|(_, found)| found["type"].clone());
        assert_eq!(led(".a['x.y']", Arrays::Taken), Ok("string".into()));
        assert_eq!(led(".a['x']", Arrays::Refused), Err("array notation is not allowed".to_owned()));
        assert_eq!(led(".b", Arrays::Taken), Err(NOWHERE.to_owned()));
        assert_eq!(led("a", Arrays::Taken), Err("expected [ or . but got: a".to_owned()));
        assert_eq!(led(".a[", Arrays::Taken), Err(END.to_owned()));
    }
}
