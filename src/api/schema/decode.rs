//! From a request's body to an object, with upstream's refusals.

use serde::Deserialize;
use serde::de::DeserializeSeed;
use serde_json::Value;

use super::facts::{Facts, Shape};
use super::visit::{Dialect, Notes, Reader};
use super::{TypeRef, go};
use crate::api::client::FieldValidation;
use crate::api::kinds::Kind;
use crate::api::status::Status;
use crate::api::yaml;

/// No type of this name is known, so anything is read.
const UNKNOWN: &str = "";
/// Go's limit on nested JSON.
const DEPTH_MAX: usize = 10_000;
/// So much of a body is shown when it cannot be understood.
const SUMMARY_MAX: usize = 30;

/// What a body must be.
#[derive(Clone, Copy, Debug)]
pub struct Target<'a> {
    pub schema: TypeRef<'a>,
    pub group: &'a str,
    pub version: &'a str,
    pub kind: &'a str,
}

/// A request's body, by its content type.
#[derive(Clone, Copy, Debug)]
pub enum Body<'a> {
    Json(&'a [u8]),
    Yaml(&'a [u8]),
}

/// An object as Go's decoder and encoder would leave it, but for what [`finish`](super::finish) adds.
#[derive(Debug, PartialEq)]
pub struct Decoded {
    pub value: Value,
    /// Unknown and duplicate fields, to be sent with the answer.
    pub warnings: Vec<String>,
}

/// What a body says of its own type.
#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct TypeMeta {
    api_version: Option<String>,
    kind: Option<String>,
}

impl<'a> From<&'a Kind> for Target<'a> {
    fn from(kind: &'a Kind) -> Self {
        Self { schema: (&kind.schema).into(), group: kind.group(), version: kind.version(), kind: kind.kind() }
    }
}

impl Target<'_> {
    pub fn api_version(&self) -> String {
        if self.group.is_empty() { self.version.to_owned() } else { format!("{}/{}", self.group, self.version) }
    }

    /// The body does not even say what it is.
    fn unrecognised(&self, why: &str, body: &[u8]) -> Status {
        Status::bad_request(format!("the object provided is unrecognized (must be of type {}): {why} ({})", self.kind, summary(body)))
    }
}

/// Why a body is no object of its target.
#[derive(Debug)]
pub(in crate::api) struct Refusal {
    version: String,
    kind: String,
    pub why: String,
}

impl Refusal {
    fn status(self, target: Target<'_>) -> Status {
        let Self { version, kind, why } = self;
        Status::bad_request(format!("{kind} in version {version:?} cannot be handled as a {}: {why}", target.kind))
    }
}

/// Reads a body into an object of the target's type: unknown fields, nulls and empty optional fields are gone, quantities, times and bytes
/// are canonical, `apiVersion` and `kind` are there.
///
/// # Errors
/// 400 with upstream's message: no JSON or YAML, too deep, another type, a value that does not fit its field; in
/// [`FieldValidation::Strict`] also an unknown or duplicate field.
pub fn decode(target: Target<'_>, body: Body<'_>, validation: FieldValidation) -> Result<Decoded, Status> {
    match body {
        Body::Json(bytes) => {
            let unreadable = |why: String| target.unrecognised(&format!("couldn't get version/kind; json parse error: {why}"), bytes);
            if is_too_deep(bytes) {
                return Err(unreadable("exceeded max depth".into()));
            }
            let schema = match target.schema {
                TypeRef::Known(schema) => schema,
                TypeRef::Custom(_) => UNKNOWN,
            };
            let read = Source::Bytes(bytes).read(schema, Dialect::Json).map_err(|error| unreadable(go::syntax(&error, bytes)))?;
            if let Some(found) = not_an_object(bytes) {
                return Err(unreadable(found));
            }
            if let TypeRef::Custom(instances) = target.schema {
                let known = instances.decoded(bytes, read.0)?;
                return heeded(known.value, known.strict, validation).map_err(|why| instances.refused(&why));
            }
            settle(target, Source::Bytes(bytes), read, validation).map_err(|refusal| refusal.status(target))
        }
        Body::Yaml(bytes) => {
            let unreadable = |why: String| target.unrecognised(&format!("error converting YAML to JSON: {why}"), bytes);
            let text = std::str::from_utf8(bytes).map_err(|error| unreadable(format!("yaml: {error}")))?;
            let value = yaml::document(text).map_err(|error| unreadable(format!("yaml: {error}")))?;
            decode_value(target, &value, validation)
        }
    }
}

/// The same for what is JSON in memory already.
///
/// # Errors
/// As [`decode`].
pub fn decode_value(target: Target<'_>, body: &Value, validation: FieldValidation) -> Result<Decoded, Status> {
    if let TypeRef::Custom(instances) = target.schema {
        let known = instances.decoded(body.to_string().as_bytes(), body.clone())?;
        return heeded(known.value, known.strict, validation).map_err(|why| instances.refused(&why));
    }
    examine(target, body, Dialect::Json, Vec::new(), validation).map_err(|refusal| refusal.status(target))
}

/// The same, for those who have their own words for a refusal. `strict` is what strict decoding has against what the body was made from.
pub(in crate::api) fn examine(
    target: Target<'_>,
    body: &Value,
    dialect: Dialect,
    mut strict: Vec<String>,
    validation: FieldValidation,
) -> Result<Decoded, Refusal> {
    let schema = match target.schema {
        TypeRef::Known(schema) => schema,
        TypeRef::Custom(instances) => {
            let refuse = |why| Refusal { version: target.version.to_owned(), kind: target.kind.to_owned(), why };
            let mut known = instances.settled(body.clone()).map_err(refuse)?;
            strict.append(&mut known.strict);
            return heeded(known.value, strict, validation).map_err(refuse);
        }
    };
    let (value, mut notes) = Source::Value(body).read(schema, dialect).expect("a value in memory is well formed");
    strict.append(&mut notes.strict);
    notes.strict = strict;
    settle(target, Source::Value(body), (value, notes), validation)
}

/// A part of an object, as its type has it: what is left of it, what is not known of at its path, and what does not fit.
pub(in crate::api) fn part(schema: &str, path: &str, value: &Value) -> (Value, Vec<String>, Option<String>) {
    let facts = Facts::get();
    let mut notes = Notes::new(Dialect::Json);
    notes.enter(path);
    let reader = Reader { facts, shape: facts.shape_of(schema).unwrap_or(&Shape::Raw), go: None, notes: &mut notes };
    let read = reader.deserialize(value).expect("a value in memory is well formed");
    (if read.is_null() { Value::Object(serde_json::Map::new()) } else { read }, notes.strict, notes.fault)
}

/// Refuses what strict decoding has something against, warns of it, or passes it over.
fn heeded(value: Value, strict: Vec<String>, validation: FieldValidation) -> Result<Decoded, String> {
    match validation {
        FieldValidation::Strict if !strict.is_empty() => Err(format!("strict decoding error: {}", strict.join(", "))),
        FieldValidation::Warn => Ok(Decoded { value, warnings: strict }),
        _ => Ok(Decoded { value, warnings: Vec::new() }),
    }
}

/// Where a body is read from.
#[derive(Clone, Copy)]
enum Source<'a> {
    Bytes(&'a [u8]),
    Value(&'a Value),
}

impl Source<'_> {
    fn read(self, schema: &str, dialect: Dialect) -> Result<(Value, Notes), serde_json::Error> {
        let facts = Facts::get();
        let mut notes = Notes::new(dialect);
        let reader = Reader { facts, shape: facts.shape_of(schema).unwrap_or(&Shape::Raw), go: None, notes: &mut notes };
        let value = match self {
            Self::Bytes(bytes) => {
                let mut deserializer = serde_json::Deserializer::from_slice(bytes);
                let value = reader.deserialize(&mut deserializer)?;
                deserializer.end()?;
                value
            }
            Self::Value(value) => reader.deserialize(value)?,
        };
        Ok((if value.is_null() { Value::Object(serde_json::Map::new()) } else { value }, notes))
    }

    fn type_meta(self) -> TypeMeta {
        match self {
            Self::Bytes(bytes) => serde_json::from_slice(bytes),
            Self::Value(value) => TypeMeta::deserialize(value),
        }
        .unwrap_or_default()
    }
}

/// Judges what was read.
fn settle(target: Target<'_>, source: Source<'_>, (value, notes): (Value, Notes), validation: FieldValidation) -> Result<Decoded, Refusal> {
    let expected = target.api_version();
    let text = |name| value.get(name).and_then(Value::as_str).map(str::to_owned);
    let (api_version, kind) = match (text("apiVersion"), text("kind")) {
        (None, None) if notes.fault.is_none() => (None, None),
        (Some(api_version), Some(kind)) => (Some(api_version), Some(kind)),
        _ => {
            let said = source.type_meta();
            (said.api_version, said.kind)
        }
    };
    let kind = kind.filter(|kind| !kind.is_empty()).unwrap_or_else(|| target.kind.to_owned());
    let api_version = api_version.filter(|version| !version.is_empty()).unwrap_or_else(|| expected.clone());
    let refuse = |why: String| {
        let version = api_version.rsplit('/').next().unwrap_or_default().to_owned();
        Err(Refusal { version, kind: kind.clone(), why })
    };
    if (api_version.as_str(), kind.as_str()) != (expected.as_str(), target.kind) {
        return refuse(wrong_type(target, source, &api_version, &kind));
    }
    if let Some(fault) = notes.fault {
        return refuse(fault);
    }
    let mut decoded = match heeded(value, notes.strict, validation) {
        Ok(decoded) => decoded,
        Err(why) => return refuse(why),
    };
    let fields = decoded.value.as_object_mut().expect("a struct is read into an object");
    fields.insert("apiVersion".into(), expected.into());
    fields.insert("kind".into(), target.kind.into());
    Ok(decoded)
}

/// Why an object of another type does not do: upstream reads it as what it says it is, before it looks whether that was asked for.
fn wrong_type(target: Target<'_>, source: Source<'_>, api_version: &str, kind: &str) -> String {
    let version = api_version.rsplit('/').next().unwrap_or_default();
    let Some(other) = Facts::get().kind(api_version, kind) else {
        return format!("no kind {kind:?} is registered for version {api_version:?} in scheme \"pkg/api/legacyscheme/scheme.go:30\"");
    };
    let fault = source.read(other.name, Dialect::Json).ok().and_then(|(_, notes)| notes.fault);
    fault.unwrap_or_else(|| {
        let TypeRef::Known(schema) = target.schema else { return String::new() };
        let group = schema.rsplit('.').nth(2).unwrap_or_default();
        format!("converting ({version}.{kind}) to ({group}.{}): unknown conversion", target.kind)
    })
}

/// Go's complaint on a body that is JSON, but no object.
fn not_an_object(body: &[u8]) -> Option<String> {
    let found = match body.iter().find(|byte| !byte.is_ascii_whitespace())? {
        b'{' | b'n' => return None,
        b'[' => "array",
        b'"' => "string",
        b't' | b'f' => "bool",
        _ => "number",
    };
    Some(format!(
        "json: cannot unmarshal {found} into Go value of type struct {{ APIVersion string \"json:\\\"apiVersion,omitempty\\\"\"; \
         Kind string \"json:\\\"kind,omitempty\\\"\" }}"
    ))
}

fn is_too_deep(body: &[u8]) -> bool {
    if body.len() <= DEPTH_MAX {
        return false;
    }
    let (mut depth, mut in_text, mut escaped) = (0usize, false, false);
    for byte in body {
        match byte {
            _ if escaped => escaped = false,
            b'\\' => escaped = in_text,
            b'"' => in_text = !in_text,
            b'{' | b'[' if !in_text => {
                depth += 1;
                if depth > DEPTH_MAX {
                    return true;
                }
            }
            b'}' | b']' if !in_text => depth = depth.saturating_sub(1),
            _ => {}
        }
    }
    false
}

fn summary(body: &[u8]) -> String {
    let (start, more) = if body.len() > SUMMARY_MAX { (&body[..SUMMARY_MAX], " ...") } else { (body, "") };
    match body.first() {
        None => "<empty>".into(),
        Some(b'{') => format!("{}{more}", String::from_utf8_lossy(start)),
        Some(_) => start.iter().map(|byte| format!("{byte:02x}")).collect::<String>() + more,
    }
}

#[cfg(test)]
mod tests;
