//! Paths by which definitions point into objects: `.spec.list[0].name`, `.metadata.labels['a.b']`, `.list[*].x`, `.list[?(@.type=="Ready")].status`
//! (<https://kubernetes.io/docs/reference/kubectl/jsonpath/>, as far as columns need it).

use serde_json::Value;

/// A path that was parsed.
#[derive(Clone, Debug, PartialEq)]
pub struct JsonPath(Vec<Step>);

#[derive(Clone, Debug, PartialEq)]
enum Step {
    Field(String),
    /// From the end if negative.
    Index(i64),
    /// From, to, and by how many.
    Slice(Option<i64>, Option<i64>),
    All,
    /// At any depth below.
    Descend,
    Filter(JsonPath, Comparison, Value),
    Has(JsonPath),
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Comparison {
    Equal,
    NotEqual,
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
}

impl JsonPath {
    /// # Errors
    /// It is no path; the text says where.
    pub fn parse(text: &str) -> Result<Self, String> {
        let mut steps = Vec::new();
        let mut rest = text.trim();
        rest = rest.strip_prefix('$').unwrap_or(rest);
        while !rest.is_empty() {
            if let Some(after) = rest.strip_prefix("..") {
                steps.push(Step::Descend);
                rest = after;
                if !rest.starts_with(['[', '*']) {
                    rest = field(rest, &mut steps);
                }
            } else if let Some(after) = rest.strip_prefix('[') {
                let end = closing(after).ok_or("unterminated array")?;
                steps.push(bracket(&after[..end])?);
                rest = &after[end + 1..];
            } else {
                rest = field(rest.strip_prefix('.').unwrap_or(rest), &mut steps);
            }
        }
        Ok(Self(steps))
    }

    /// All that it leads to, in order.
    pub fn find<'v>(&self, value: &'v Value) -> Vec<&'v Value> {
        self.0.iter().fold(vec![value], |found, step| {
            let mut next = Vec::new();
            found.into_iter().for_each(|value| step.take(value, &mut next));
            next
        })
    }
}

impl Step {
    fn take<'v>(&self, value: &'v Value, found: &mut Vec<&'v Value>) {
        let place = |index: i64, length: usize| {
            let length = i64::try_from(length).unwrap_or(i64::MAX);
            if index < 0 { length + index } else { index }
        };
        match (self, value) {
            (Self::Field(name), Value::Object(fields)) => found.extend(fields.get(name)),
            (Self::Index(index), Value::Array(items)) => {
                found.extend(usize::try_from(place(*index, items.len())).ok().and_then(|index| items.get(index)));
            }
            (Self::Slice(from, to), Value::Array(items)) => {
                let bound = |at: i64| usize::try_from(place(at, items.len()).max(0)).unwrap_or(usize::MAX).min(items.len());
                let (from, to) = (bound(from.unwrap_or(0)), to.map_or(items.len(), bound));
                found.extend(items.get(from..to).into_iter().flatten());
            }
            (Self::All, Value::Array(items)) => found.extend(items),
            (Self::All, Value::Object(fields)) => found.extend(fields.values()),
            (Self::Descend, value) => {
                found.push(value);
                match value {
                    Value::Array(items) => items.iter().for_each(|item| self.take(item, found)),
                    Value::Object(fields) => fields.values().for_each(|field| self.take(field, found)),
                    _ => {}
                }
            }
            (Self::Filter(path, comparison, wanted), Value::Array(items)) => {
                let holds = |item: &&Value| path.find(item).first().is_some_and(|found| comparison.holds(found, wanted));
                found.extend(items.iter().filter(holds));
            }
            (Self::Has(path), Value::Array(items)) => found.extend(items.iter().filter(|item| !path.find(item).is_empty())),
            _ => {}
        }
    }
}

impl Comparison {
    fn holds(self, left: &Value, right: &Value) -> bool {
        let order = match (left, right) {
            (Value::Number(left), Value::Number(right)) => left.as_f64().partial_cmp(&right.as_f64()),
            (Value::String(left), Value::String(right)) => Some(left.cmp(right)),
            (left, right) if left == right => Some(std::cmp::Ordering::Equal),
            _ => None,
        };
        match self {
            Self::Equal => order.is_some_and(std::cmp::Ordering::is_eq),
            Self::NotEqual => !order.is_some_and(std::cmp::Ordering::is_eq),
            Self::Less => order.is_some_and(std::cmp::Ordering::is_lt),
            Self::LessOrEqual => order.is_some_and(std::cmp::Ordering::is_le),
            Self::Greater => order.is_some_and(std::cmp::Ordering::is_gt),
            Self::GreaterOrEqual => order.is_some_and(std::cmp::Ordering::is_ge),
        }
    }
}

/// A name up to the next delimiter; a backslash takes a delimiter into the name.
fn field<'t>(text: &'t str, steps: &mut Vec<Step>) -> &'t str {
    let mut name = String::new();
    let mut characters = text.char_indices();
    let mut end = text.len();
    while let Some((at, character)) = characters.next() {
        match character {
            '\\' => name.extend(characters.next().map(|(_, escaped)| escaped)),
            '.' | '[' => {
                end = at;
                break;
            }
            other => name.push(other),
        }
    }
    match name.as_str() {
        "" => {}
        "*" => steps.push(Step::All),
        _ => steps.push(Step::Field(name)),
    }
    &text[end..]
}

/// The place of the bracket that ends what began, heeding quotation marks and brackets within.
fn closing(text: &str) -> Option<usize> {
    let (mut depth, mut quote) = (0usize, None);
    for (at, character) in text.char_indices() {
        match (quote, character) {
            (Some(mark), found) if mark == found => quote = None,
            (Some(_), _) => {}
            (None, '\'' | '"') => quote = Some(character),
            (None, '[') => depth += 1,
            (None, ']') if depth == 0 => return Some(at),
            (None, ']') => depth -= 1,
            _ => {}
        }
    }
    None
}

fn bracket(text: &str) -> Result<Step, String> {
    let text = text.trim();
    if text == "*" || text.is_empty() {
        return Ok(Step::All);
    }
    if let Some(filter) = text.strip_prefix("?(").and_then(|rest| rest.strip_suffix(')')) {
        return self::filter(filter);
    }
    if let Some(name) = quoted(text) {
        return Ok(Step::Field(name.to_owned()));
    }
    let number = |text: &str| text.trim().parse::<i64>().map_err(|_| format!("invalid array index {text}"));
    let mut parts = text.split(':');
    let (Some(first), second) = (parts.next(), parts.next()) else { return Err(format!("invalid array index {text}")) };
    let optional = |text: &str| if text.trim().is_empty() { Ok(None) } else { number(text).map(Some) };
    match second {
        None => number(first).map(Step::Index),
        Some(second) => Ok(Step::Slice(optional(first)?, optional(second)?)),
    }
}

fn quoted(text: &str) -> Option<&str> {
    let strip = |mark: char| text.strip_prefix(mark).and_then(|rest| rest.strip_suffix(mark));
    strip('\'').or_else(|| strip('"'))
}

fn filter(text: &str) -> Result<Step, String> {
    let operators = [
        ("==", Comparison::Equal),
        ("!=", Comparison::NotEqual),
        ("<=", Comparison::LessOrEqual),
        (">=", Comparison::GreaterOrEqual),
        ("<", Comparison::Less),
        (">", Comparison::Greater),
    ];
    let path = |text: &str| JsonPath::parse(text.trim().strip_prefix('@').unwrap_or(text.trim()));
    let Some((at, operator, comparison)) =
        operators.iter().filter_map(|(operator, comparison)| Some((text.find(operator)?, operator, comparison))).min_by_key(|(at, ..)| *at)
    else {
        return path(text).map(Step::Has);
    };
    let right = text[at + operator.len()..].trim();
    let wanted = match quoted(right) {
        Some(word) => Value::String(word.to_owned()),
        None => serde_json::from_str(right).map_err(|_| format!("unrecognized character in filter: {right}"))?,
    };
    Ok(Step::Filter(path(&text[..at])?, *comparison, wanted))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_path_leads_to_all_that_it_names() {
        let object = json!({
            "spec": {"a": 1, "l": ["p", "q", "r"], "x.y": true},
            "metadata": {"labels": {"a.b/c": "d"}},
            "status": {"conditions": [{"type": "Ready", "status": "True", "n": 1}, {"type": "Other", "status": "False", "n": 5}]},
        });
        for (path, expected) in [
            (".spec.a", json!([1])),
            ("{.spec.a}", json!([])),
            (".spec.l[0]", json!(["p"])),
            (".spec.l[-1]", json!(["r"])),
            (".spec.l[1:]", json!(["q", "r"])),
            (".spec.l[*]", json!(["p", "q", "r"])),
            (".spec.l[7]", json!([])),
            (r".metadata.labels.a\.b/c", json!(["d"])),
            (".metadata.labels['a.b/c']", json!(["d"])),
            (".status.conditions[?(@.type==\"Ready\")].status", json!(["True"])),
            (".status.conditions[?(@.n > 3)].type", json!(["Other"])),
            ("..type", json!(["Ready", "Other"])),
            (".nope.nope", json!([])),
        ] {
            let found = JsonPath::parse(path).unwrap();
            assert_eq!(json!(found.find(&object)), expected, "{path}");
        }
        assert!(JsonPath::parse(".spec.l[").is_err() && JsonPath::parse(".spec.l[x]").is_err());
    }
}
