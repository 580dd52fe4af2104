//! How server-side apply sees a type: as something that is owned as a whole, or as a list or an object whose parts have owners of their own
//! (<https://kubernetes.io/docs/reference/using-api/server-side-apply/#merge-strategy>).

use serde_json::{Map, Value};

use super::field_set::Step;
use crate::api::schema::{Facts, Field, ListType, Shape, Type};

/// A type at its place.
#[derive(Clone, Copy)]
pub struct Form<'f> {
    facts: &'f Facts,
    shape: &'f Shape,
    /// That it stands in, if it is not an item.
    field: Option<&'f Field>,
}

/// What parts there are.
pub enum Parts<'f> {
    /// Owned as a whole.
    Leaf,
    List(Items<'f>),
    Struct(Fields<'f>),
    Map(Form<'f>),
}

/// The items of a list that are told apart.
#[derive(Clone, Copy)]
pub struct Items<'f> {
    pub form: Form<'f>,
    /// By these keys; by themselves if there are none.
    keys: &'f [&'static str],
}

#[derive(Clone, Copy)]
pub struct Fields<'f> {
    facts: &'f Facts,
    known: &'f Type,
}

impl<'f> Form<'f> {
    /// Of a type such as `core.v1.Pod`; of one that is not known, a leaf.
    pub fn of(schema: &str) -> Form<'static> {
        let facts = Facts::get();
        Form { facts, shape: facts.shape_of(schema).unwrap_or(&Shape::Raw), field: None }
    }

    pub fn parts(self) -> Parts<'f> {
        let Self { facts, shape, field } = self;
        let is_whole = field.is_some_and(|field| field.is_atomic_map);
        match shape {
            Shape::List(item) => {
                let form = Self { facts, shape: item, field: None };
                match field.and_then(|field| Some((field, field.list_type?))) {
                    Some((field, ListType::Map)) => Parts::List(Items { form, keys: &field.list_map_keys }),
                    Some((_, ListType::Set)) => Parts::List(Items { form, keys: &[] }),
                    Some((_, ListType::Atomic)) | None => Parts::Leaf,
                }
            }
            Shape::Map(item) if !is_whole => Parts::Map(Self { facts, shape: item, field: None }),
            _ => match facts.of(shape) {
                Some(known) if !is_whole && !known.is_atomic => Parts::Struct(Fields { facts, known }),
                _ => Parts::Leaf,
            },
        }
    }

    /// Where a step, as it is written down, leads, and whether it names a field of a struct.
    pub(super) fn step(self, step: &str) -> (bool, Option<Self>) {
        match (self.parts(), step.strip_prefix("f:")) {
            (Parts::Struct(fields), Some(name)) => {
                let form = fields.form(name);
                (form.is_some(), form)
            }
            (Parts::Map(form), Some(_)) => (false, Some(form)),
            (Parts::List(items), None) => (false, Some(items.form)),
            _ => (false, None),
        }
    }

    pub(super) fn shape(self) -> &'f Shape {
        self.shape
    }

    /// Whether a value of it is an object, even if it is owned as a whole.
    pub(super) fn known(self) -> Option<Fields<'f>> {
        self.facts.of(self.shape).map(|known| Fields { facts: self.facts, known })
    }

    /// What the items of a list, or the values of a map, are like, even if it is owned as a whole.
    pub(super) fn item(self) -> Option<Self> {
        match self.shape {
            Shape::List(item) | Shape::Map(item) => Some(Self { facts: self.facts, shape: item, field: None }),
            _ => None,
        }
    }
}

impl<'f> Fields<'f> {
    pub fn form(self, name: &str) -> Option<Form<'f>> {
        let field = self.known.field(name)?;
        Some(Form { facts: self.facts, shape: &field.shape, field: Some(field) })
    }
}

impl Items<'_> {
    /// What tells an item from others.
    ///
    /// # Errors
    /// It has no keys.
    pub fn key(self, item: &Value) -> Result<Step<'static>, String> {
        if self.keys.is_empty() {
            return match item {
                Value::Object(_) => Err("associative list without keys has an element that's a map type".into()),
                Value::Array(_) => Err("not supported: associative list with lists as elements".into()),
                Value::Null => Err("associative list without keys has an element that's an explicit null".into()),
                scalar => Ok(Step::Item(format!("v:{scalar}").into())),
            };
        }
        let fields = match item {
            Value::Object(fields) => fields,
            Value::Null => return Err("associative list with keys may not have a null element".into()),
            _ => return Err("associative list with keys may not have non-map elements".into()),
        };
        let default = |key: &str| self.form.known().and_then(|known| known.known.field(key)?.default.clone());
        let value = |key: &'static str| Some((key.to_owned(), fields.get(key).cloned().or_else(|| default(key))?));
        let keys: Map<String, Value> = self.keys.iter().filter_map(|key| value(key)).collect();
        if keys.is_empty() {
            let names: Vec<String> = self.keys.iter().map(|key| format!("{key:?}")).collect();
            let names = names.join(" ");
            return Err(format!(
                "associative list with keys has an element that omits all key fields [{names}] (and doesn't have default values for any key fields)"
            ));
        }
        Ok(Step::Item(format!("k:{}", Value::Object(keys)).into()))
    }
}
