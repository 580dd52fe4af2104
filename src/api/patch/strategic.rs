//! Strategic merge patch: a merge patch that knows which lists are maps in disguise, with its directives `$patch`, `$retainKeys`,
//! `$setElementOrder/…` and `$deleteFromPrimitiveList/…`.

use serde_json::{Map, Value};

use super::order::{arrange, identity, position};
use crate::api::schema::{Facts, Field, Shape, go_type};
use crate::api::status::{Reason, Status};

const PATCH: &str = "$patch";
const RETAIN_KEYS: &str = "$retainKeys";
const ORDER_PREFIX: &str = "$setElementOrder";
const DELETE_PREFIX: &str = "$deleteFromPrimitiveList";

type Object = Map<String, Value>;

/// Why a patch cannot be applied.
#[derive(Debug, thiserror::Error)]
enum Fault {
    #[error("invalid patch format of retainKeys")]
    RetainKeys,
    #[error("invalid patch format of setElementOrder list")]
    ElementOrder,
    #[error("invalid patch format of primitive list")]
    PrimitiveList,
    #[error("lists of lists are not supported")]
    ListOfLists,
    #[error("{0}")]
    Other(String),
}

impl From<Fault> for Status {
    fn from(fault: Fault) -> Self {
        let message = fault.to_string();
        match fault {
            Fault::RetainKeys | Fault::ElementOrder | Fault::PrimitiveList => Status::bad_request(message),
            Fault::ListOfLists => Status::new(422, Reason::Invalid, message),
            Fault::Other(_) => Status::new(500, Reason::Unknown, message),
        }
    }
}

impl Fault {
    fn no_merge_key(item: &Value, key: &str) -> Self {
        Self::Other(format!("map: {} does not contain declared merge key: {key}", printed(item)))
    }

    fn unknown_directive(directive: &Value, item: &Value) -> Self {
        Self::Other(format!("unknown patch type: {} in map: {}", printed(directive), printed(item)))
    }

    fn wrong_type(expected: &str, found: &Value) -> Self {
        let found = match found {
            Value::Null => "%!s(<nil>)",
            other => go_type(other),
        };
        Self::Other(format!("expected a {expected}, but received a {found}"))
    }
}

/// What the facts say of the place where two values meet.
#[derive(Clone, Copy)]
struct Place {
    shape: Option<&'static Shape>,
    field: Option<&'static Field>,
}

impl Place {
    /// The place of a field, or of an entry of a map, below this one.
    fn below(self, name: &str) -> Self {
        match self.shape {
            Some(shape @ Shape::Struct(_)) => {
                let field = Facts::get().of(shape).and_then(|known| known.field(name));
                Self { shape: field.map(|field| &field.shape), field }
            }
            Some(Shape::Map(item)) => Self { shape: Some(item), field: None },
            _ => Self { shape: None, field: None },
        }
    }

    /// The place of a list's items.
    fn item(self) -> Self {
        let Some(Shape::List(item)) = self.shape else { return Self { shape: None, field: None } };
        Self { shape: Some(item), field: None }
    }

    fn merge_key(self) -> Option<&'static str> {
        self.field.and_then(|field| field.merge_key)
    }
}

/// Merges a patch into an object of a type of the facts.
pub(super) fn apply(schema: &str, object: &mut Value, patch: &Value) -> Result<(), Status> {
    let place = Place { shape: Facts::get().shape_of(schema), field: None };
    if let (Value::Object(fields), Value::Object(patch)) = (&mut *object, patch) {
        let merged = merge_map(std::mem::take(fields), patch.clone(), place)?;
        *object = Value::Object(merged);
    }
    Ok(())
}

fn merge_map(mut object: Object, mut patch: Object, place: Place) -> Result<Object, Fault> {
    match patch.remove(PATCH) {
        None => {}
        Some(Value::String(directive)) if directive == "replace" => return Ok(patch),
        Some(Value::String(directive)) if directive == "delete" => return Ok(Object::new()),
        Some(other) => {
            patch.insert(PATCH.into(), other.clone());
            return Err(Fault::unknown_directive(&other, &Value::Object(patch)));
        }
    }
    retain_keys(&mut object, &mut patch)?;
    merge_ordered_lists(&mut object, &mut patch, place)?;
    for (name, mut value) in patch {
        let deletes = name.starts_with(DELETE_PREFIX);
        let name = if deletes { list_of(&name, DELETE_PREFIX).ok_or(Fault::PrimitiveList)?.to_owned() } else { name };
        if value.is_null() {
            object.remove(&name);
            continue;
        }
        let Some(current) = object.get_mut(&name) else {
            if !deletes {
                take_new(&mut object, name, value);
            }
            continue;
        };
        let below = place.below(&name);
        match (current, &mut value) {
            (Value::Array(items), Value::Array(unwanted)) if deletes => items.retain(|item| !unwanted.contains(item)),
            _ if deletes => {}
            (Value::Object(current), Value::Object(patch)) if !below.field.is_some_and(|field| field.replaces) => {
                *current = merge_map(std::mem::take(current), std::mem::take(patch), below)?;
            }
            (Value::Array(current), Value::Array(patch)) if below.field.is_some_and(|field| field.merges) => {
                *current = merge_list(std::mem::take(current), std::mem::take(patch), below)?;
            }
            (Value::Object(_), Value::Object(_)) | (Value::Array(_), Value::Array(_)) => {
                object.insert(name, value);
            }
            _ => take_new(&mut object, name, value),
        }
    }
    Ok(object)
}

/// The list that a directive `$prefix/list` is about.
fn list_of<'a>(directive: &'a str, prefix: &str) -> Option<&'a str> {
    directive.strip_prefix(prefix)?.strip_prefix('/')
}

/// Takes a value of the patch where the object has none that it could be merged with.
fn take_new(object: &mut Object, name: String, mut value: Value) {
    discard_nulls(&mut value);
    match without_directives(value) {
        Some(value) => object.insert(name, value),
        None => object.remove(&name),
    };
}

/// `$retainKeys`: the object keeps only these, and the patch may set no others.
fn retain_keys(object: &mut Object, patch: &mut Object) -> Result<(), Fault> {
    let Some(kept) = patch.remove(RETAIN_KEYS) else { return Ok(()) };
    let Value::Array(kept) = kept else { return Err(Fault::RetainKeys) };
    let is_kept = |name: &str| kept.iter().any(|kept| kept == name);
    let is_checked = |name: &str| !name.starts_with(DELETE_PREFIX) && !name.starts_with(ORDER_PREFIX);
    if patch.iter().any(|(name, value)| !value.is_null() && is_checked(name) && !is_kept(name)) {
        return Err(Fault::RetainKeys);
    }
    object.retain(|name, _| is_kept(name));
    Ok(())
}

/// `$setElementOrder/…`: merges those lists, with the order that the patch wants for them.
fn merge_ordered_lists(object: &mut Object, patch: &mut Object, place: Place) -> Result<(), Fault> {
    let directives: Vec<String> = patch.keys().filter(|name| name.starts_with(ORDER_PREFIX)).cloned().collect();
    for directive in directives {
        let name = list_of(&directive, ORDER_PREFIX).ok_or(Fault::ElementOrder)?;
        let below = place.below(name);
        let wanted = list(patch.remove(&directive))?.unwrap_or_default();
        let changes = list(patch.remove(name))?;
        let live = match object.get(name) {
            Some(Value::Array(items)) => Some(items.clone()),
            Some(other) => return Err(Fault::wrong_type("[]interface {}", other)),
            None => None,
        };
        check_order(changes.as_deref().unwrap_or_default(), &wanted, below.merge_key())?;
        let merged = match (live.clone(), changes) {
            (None, None) => continue,
            (Some(live), None) => live,
            (None, Some(changes)) => changes.into_iter().filter_map(without_directives).collect(),
            (Some(live), Some(changes)) if below.field.is_some_and(|field| field.merges) => merge_list(live, changes, below)?,
            (Some(_), Some(changes)) => changes,
        };
        if let Some(key) = below.merge_key() {
            check_keys(merged.iter().chain(&wanted), key)?;
        }
        object.insert(name.to_owned(), Value::Array(arrange(merged, &wanted, &live.unwrap_or_default(), below.merge_key())));
    }
    Ok(())
}

fn list(value: Option<Value>) -> Result<Option<Vec<Value>>, Fault> {
    match value {
        None => Ok(None),
        Some(Value::Array(items)) => Ok(Some(items)),
        Some(other) => Err(Fault::wrong_type("[]interface {}", &other)),
    }
}

/// What a patch changes in a list, must come in the order that it wants for the list.
fn check_order(changes: &[Value], wanted: &[Value], merge_key: Option<&str>) -> Result<(), Fault> {
    if changes.is_empty() || wanted.is_empty() {
        return Ok(());
    }
    let mut wanted_items = wanted.iter();
    for change in changes.iter().filter(|change| change.get(PATCH).is_none()) {
        let key = merge_key.unwrap_or_default();
        let change_identity = identity(change, merge_key).ok_or_else(|| Fault::no_merge_key(change, key))?;
        if !wanted_items.any(|item| identity(item, merge_key) == Some(change_identity)) {
            let (changes, wanted) = (printed(&Value::from(changes.to_vec())), printed(&Value::from(wanted.to_vec())));
            return Err(Fault::Other(format!("The order in patch list:\n{changes}\n doesn't match $setElementOrder list:\n{wanted}\n")));
        }
    }
    Ok(())
}

fn check_keys<'a>(items: impl Iterator<Item = &'a Value>, key: &str) -> Result<(), Fault> {
    for item in items {
        if !item.is_object() {
            return Err(Fault::wrong_type("map[string]interface {}", item));
        }
        item.get(key).ok_or_else(|| Fault::no_merge_key(item, key))?;
    }
    Ok(())
}

fn merge_list(live: Vec<Value>, patch: Vec<Value>, place: Place) -> Result<Vec<Value>, Fault> {
    let mut all = live.iter().chain(&patch);
    let Some(first) = all.next() else { return Ok(live) };
    if first.is_array() {
        return Err(Fault::ListOfLists);
    }
    if all.any(|item| std::mem::discriminant(item) != std::mem::discriminant(first)) {
        let (live, patch) = (printed(&Value::from(live.clone())), printed(&Value::from(patch.clone())));
        return Err(Fault::Other(format!("list element types are not identical: [{live} {patch}]")));
    }
    if !first.is_object() {
        let mut merged: Vec<Value> = Vec::with_capacity(live.len() + patch.len());
        for item in live.iter().chain(&patch) {
            if !merged.contains(item) {
                merged.push(item.clone());
            }
        }
        return Ok(arrange(merged, &patch, &live, None));
    }
    let Some(key) = place.merge_key() else {
        let name = place.field.map_or("", |field| field.name);
        return Err(Fault::Other(format!("cannot merge lists without merge key for {name}")));
    };
    merge_items(live, patch, key, place.item())
}

/// Merges lists whose items a key tells apart.
fn merge_items(live: Vec<Value>, patch: Vec<Value>, key: &str, place: Place) -> Result<Vec<Value>, Fault> {
    let (directives, changes): (Vec<Value>, Vec<Value>) = patch.into_iter().partition(|item| item.get(PATCH).is_some());
    let mut merged = live;
    let mut replaces = false;
    for item in &directives {
        match item[PATCH].as_str() {
            Some("delete") => {
                let unwanted = item.get(key).ok_or_else(|| Fault::no_merge_key(item, key))?;
                merged.retain(|item| item.get(key) != Some(unwanted));
            }
            Some("replace") => replaces = true,
            Some("merge") => return Err(Fault::Other("merging lists cannot yet be specified in the patch".into())),
            _ => return Err(Fault::unknown_directive(&item[PATCH], item)),
        }
    }
    if replaces {
        return Ok(changes);
    }
    let live = merged.clone();
    for change in &changes {
        change.get(key).ok_or_else(|| Fault::no_merge_key(change, key))?;
        match position(&merged, change, Some(key)) {
            Some(index) => {
                if let (Value::Object(current), Value::Object(change)) = (&mut merged[index], change) {
                    *current = merge_map(std::mem::take(current), change.clone(), place)?;
                }
            }
            None => merged.push(change.clone()),
        }
    }
    check_keys(merged.iter(), key)?;
    Ok(arrange(merged, &changes, &live, Some(key)))
}

/// A new value, as it would be had its directives been applied to nothing; `None` if it is one itself.
fn without_directives(value: Value) -> Option<Value> {
    match value {
        Value::Object(fields) if fields.contains_key(PATCH) => None,
        Value::Object(fields) => {
            Some(fields.into_iter().filter_map(|(name, value)| Some((name, without_directives(value)?))).collect::<Object>().into())
        }
        Value::Array(items) => Some(items.into_iter().filter_map(without_directives).collect()),
        scalar => Some(scalar),
    }
}

fn discard_nulls(value: &mut Value) {
    match value {
        Value::Object(fields) => {
            fields.retain(|_, value| !value.is_null());
            fields.values_mut().for_each(discard_nulls);
        }
        Value::Array(items) => items.iter_mut().for_each(discard_nulls),
        _ => {}
    }
}

/// As Go prints maps, lists and scalars.
pub(super) fn printed(value: &Value) -> String {
    match value {
        Value::Null => "<nil>".into(),
        Value::String(text) => text.clone(),
        Value::Array(items) => format!("[{}]", items.iter().map(printed).collect::<Vec<_>>().join(" ")),
        Value::Object(fields) => {
            let fields: Vec<String> = fields.iter().map(|(name, value)| format!("{name}:{}", printed(value))).collect();
            format!("map[{}]", fields.join(" "))
        }
        scalar => scalar.to_string(),
    }
}
