//! How server-side apply sees a type: as something that is owned as a whole, or as a list or an object whose parts have owners of their own
//! (<https://kubernetes.io/docs/reference/using-api/server-side-apply/#merge-strategy>).

use serde_json::{Map, Value};

use super::field_set::Step;
use crate::api::custom::{Structural, Types, Values};
use crate::api::schema::{Facts, Field, ListType, Shape, Type, TypeRef};

/// The type of every object's metadata.
const METADATA: &str = "apis.meta.v1.ObjectMeta";

/// A type at its place.
#[derive(Clone, Copy)]
pub enum Form<'f> {
    Known {
        facts: &'f Facts,
        shape: &'f Shape,
        /// That it stands in, if it is not an item.
        field: Option<&'f Field>,
    },
    /// What a definition declares. A whole object says its kind and has metadata.
    Declared { schema: &'f Structural, is_object: bool },
    /// What nothing is declared of: objects have parts, all else is a whole.
    Deduced,
}

/// What parts there are.
pub enum Parts<'f> {
    /// Owned as a whole.
    Leaf,
    List(Items<'f>),
    Struct(Fields<'f>),
    Map(Form<'f>),
}

/// What a value must be, whether or not it has parts.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Expected {
    Anything,
    List,
    Object,
    Text,
    Flag,
    Number,
    Scalar,
}

/// The items of a list that are told apart.
#[derive(Clone, Copy)]
pub struct Items<'f> {
    pub form: Form<'f>,
    keys: Keys<'f>,
}

/// By what items are told apart: these fields, or, if there are none, all that they are.
#[derive(Clone, Copy)]
enum Keys<'f> {
    Known(&'f [&'static str]),
    Declared(&'f [Box<str>]),
}

#[derive(Clone, Copy)]
pub enum Fields<'f> {
    Known { facts: &'f Facts, known: &'f Type },
    Declared { schema: &'f Structural, is_object: bool },
}

fn known<'f>(facts: &'f Facts, shape: &'f Shape, field: Option<&'f Field>) -> Form<'f> {
    Form::Known { facts, shape, field }
}

fn declared(schema: &Structural) -> Form<'_> {
    Form::Declared { schema, is_object: schema.is_embedded }
}

impl<'f> Form<'f> {
    /// Of a type such as `core.v1.Pod`; of one that is not known, a leaf.
    pub fn of(schema: TypeRef<'f>) -> Form<'f> {
        match schema {
            TypeRef::Known(name) => {
                let facts = Facts::get();
                known(facts, facts.shape_of(name).unwrap_or(&Shape::Raw), None)
            }
            TypeRef::Custom(instances) => Form::Declared { schema: instances.schema(), is_object: true },
        }
    }

    pub fn parts(self, of: Option<&Value>) -> Parts<'f> {
        let (facts, shape, field) = match self {
            Self::Known { facts, shape, field } => (facts, shape, field),
            Self::Declared { schema, is_object } => return declared_parts(schema, is_object, of),
            Self::Deduced if of.is_some_and(Value::is_object) => return Parts::Map(Self::Deduced),
            Self::Deduced => return Parts::Leaf,
        };
        let is_whole = field.is_some_and(|field| field.is_atomic_map);
        match shape {
            Shape::List(item) => {
                let form = known(facts, item, None);
                match field.and_then(|field| Some((field, field.list_type?))) {
                    Some((field, ListType::Map)) => Parts::List(Items { form, keys: Keys::Known(&field.list_map_keys) }),
                    Some((_, ListType::Set)) => Parts::List(Items { form, keys: Keys::Known(&[]) }),
                    Some((_, ListType::Atomic)) | None => Parts::Leaf,
                }
            }
            Shape::Map(item) if !is_whole => Parts::Map(known(facts, item, None)),
            _ => match facts.of(shape) {
                Some(known) if !is_whole && !known.is_atomic => Parts::Struct(Fields::Known { facts, known }),
                _ => Parts::Leaf,
            },
        }
    }

    /// Where a step, as it is written down, leads, and whether it names a field of a struct.
    pub(super) fn step(self, step: &str) -> (bool, Option<Self>) {
        // A path that leads on leads through an object.
        let object = Value::Object(Map::new());
        match (self.parts(Some(&object)), step.strip_prefix("f:")) {
            (Parts::Struct(fields), Some(name)) => (fields.declares(name), fields.form(name)),
            (Parts::Map(form), Some(_)) => (false, Some(form)),
            (Parts::List(items), None) => (false, Some(items.form)),
            _ => (false, None),
        }
    }

    pub(super) fn expected(self) -> Expected {
        match self {
            Self::Known { shape, .. } => match shape {
                Shape::Raw => Expected::Anything,
                Shape::List(_) => Expected::List,
                Shape::Map(_) | Shape::Struct(_) => Expected::Object,
                Shape::Text | Shape::Bytes | Shape::Time | Shape::MicroTime => Expected::Text,
                Shape::Flag => Expected::Flag,
                Shape::Int32 | Shape::Int64 | Shape::Double => Expected::Number,
                Shape::Quantity { .. } | Shape::IntOrString => Expected::Scalar,
            },
            Self::Declared { schema, .. } => match schema.types {
                Types::Any => Expected::Anything,
                Types::Array => Expected::List,
                Types::Object => Expected::Object,
                Types::String => Expected::Text,
                Types::Boolean => Expected::Flag,
                Types::Integer | Types::Number => Expected::Number,
                Types::IntOrString => Expected::Scalar,
            },
            Self::Deduced => Expected::Anything,
        }
    }

    /// The fields of what must be an object, even if it is owned as a whole.
    pub(super) fn known(self) -> Option<Fields<'f>> {
        match self {
            Self::Known { facts, shape, .. } => facts.of(shape).map(|known| Fields::Known { facts, known }),
            Self::Declared { schema, is_object } => Some(Fields::Declared { schema, is_object }),
            Self::Deduced => None,
        }
    }

    /// What the items of a list, or the values of a map, are like, even if it is owned as a whole.
    pub(super) fn item(self) -> Option<Self> {
        match self {
            Self::Known { facts, shape: Shape::List(item) | Shape::Map(item), .. } => Some(known(facts, item, None)),
            Self::Declared { schema, .. } => schema.items.as_deref().map(declared),
            Self::Known { .. } | Self::Deduced => None,
        }
    }
}

fn declared_parts<'f>(schema: &'f Structural, is_object: bool, of: Option<&Value>) -> Parts<'f> {
    match (schema.types, &schema.items) {
        (Types::Array, Some(items)) => {
            let form = declared(items);
            match schema.list_type {
                ListType::Map => Parts::List(Items { form, keys: Keys::Declared(&schema.list_map_keys) }),
                ListType::Set => Parts::List(Items { form, keys: Keys::Declared(&[]) }),
                ListType::Atomic => Parts::Leaf,
            }
        }
        (Types::Object, _) if schema.is_atomic_map => Parts::Leaf,
        (Types::Object, _) => match &schema.values {
            Values::Of(values) if schema.properties.is_empty() && !is_object => Parts::Map(declared(values)),
            _ => Parts::Struct(Fields::Declared { schema, is_object }),
        },
        (Types::Any, _) => Form::Deduced.parts(of),
        _ => Parts::Leaf,
    }
}

impl<'f> Fields<'f> {
    pub fn form(self, name: &str) -> Option<Form<'f>> {
        match self {
            Self::Known { facts, known } => {
                let field = known.field(name)?;
                Some(self::known(facts, &field.shape, Some(field)))
            }
            Self::Declared { schema, is_object } => match name {
                "metadata" if is_object => Some(Form::of(TypeRef::Known(METADATA))),
                "apiVersion" | "kind" if is_object => Some(known(Facts::get(), &Shape::Text, None)),
                _ => match schema.field(name) {
                    Some(field) => Some(declared(field)),
                    None if schema.preserves || matches!(schema.values, Values::Any) => Some(Form::Deduced),
                    None => None,
                },
            },
        }
    }

    /// Whether a field is one of the type's own.
    pub fn declares(self, name: &str) -> bool {
        match self {
            Self::Known { known, .. } => known.field(name).is_some(),
            Self::Declared { schema, is_object } => {
                schema.properties.contains_key(name) || is_object && matches!(name, "metadata" | "apiVersion" | "kind")
            }
        }
    }

    fn default(self, name: &str) -> Option<&'f Value> {
        match self {
            Self::Known { known, .. } => known.field(name)?.default.as_ref(),
            Self::Declared { schema, .. } => schema.properties.get(name)?.default.as_ref(),
        }
    }
}

impl<'f> Keys<'f> {
    fn names(self) -> impl Iterator<Item = &'f str> {
        let (known, declared) = match self {
            Self::Known(keys) => (keys, &[][..]),
            Self::Declared(keys) => (&[][..], keys),
        };
        known.iter().copied().chain(declared.iter().map(|key| &**key))
    }
}

impl Items<'_> {
    /// What tells an item from others.
    ///
    /// # Errors
    /// It has no keys.
    pub fn key(self, item: &Value) -> Result<Step<'static>, String> {
        if self.keys.names().next().is_none() {
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
        let default = |key: &str| self.form.known().and_then(|known| known.default(key)).cloned();
        let value = |key: &str| Some((key.to_owned(), fields.get(key).cloned().or_else(|| default(key))?));
        let keys: Map<String, Value> = self.keys.names().filter_map(value).collect();
        if keys.is_empty() {
            let names: Vec<String> = self.keys.names().map(|key| format!("{key:?}")).collect();
            let names = names.join(" ");
            return Err(format!(
                "associative list with keys has an element that omits all key fields [{names}] (and doesn't have default values for any key fields)"
            ));
        }
        Ok(Step::Item(format!("k:{}", Value::Object(keys)).into()))
    }
}
