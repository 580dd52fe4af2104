//! The types of the API and their fields.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use serde::Deserialize;
use serde_json::Value;

use super::places::Places;

/// All types that are known.
#[derive(Debug)]
pub struct Facts {
    /// In order of their names.
    types: Vec<Type>,
    /// `Shape::Struct` of each, so that a type can be read like a field of it.
    shapes: Vec<Shape>,
}

/// One type of the API.
#[derive(Debug)]
pub struct Type {
    /// `core.v1.Pod`
    pub name: &'static str,
    /// Group, version and kind, where objects of it stand on their own.
    pub kinds: Vec<[&'static str; 3]>,
    pub required: Vec<&'static str>,
    /// Server-side apply owns it as a whole.
    pub is_atomic: bool,
    /// In order of their names.
    pub fields: Vec<Field>,
    places: Places,
}

/// One field of a type.
#[derive(Debug)]
pub struct Field {
    pub name: &'static str,
    pub shape: Shape,
    /// The Go type, where it is not what the shape says.
    pub go: Option<&'static str>,
    pub presence: Presence,
    pub default: Option<Value>,
    pub list_type: Option<ListType>,
    /// What tells the items of a `ListType::Map` apart.
    pub list_map_keys: Vec<&'static str>,
    pub is_atomic_map: bool,
    /// Strategic merge patch: the items are merged.
    pub merges: bool,
    /// Strategic merge patch: only the keys that a patch lists are kept.
    pub retains_keys: bool,
    /// Strategic merge patch: a map is replaced as a whole.
    pub replaces: bool,
    /// Strategic merge patch: what tells items of a list apart.
    pub merge_key: Option<&'static str>,
    /// The values of an enumeration.
    pub values: Vec<&'static str>,
}

/// What stands in a field.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Shape {
    Text,
    Flag,
    Int32,
    Int64,
    Double,
    /// Base64 of bytes.
    Bytes,
    Quantity {
        /// A resource list keeps nothing finer.
        to_milli: bool,
    },
    Time,
    MicroTime,
    IntOrString,
    /// Any JSON.
    Raw,
    List(Box<Shape>),
    Map(Box<Shape>),
    /// The place of a type among all.
    Struct(usize),
}

/// Whether Go writes a field that is empty.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Presence {
    /// No.
    #[default]
    Optional,
    /// Yes: as `{}`, `""`, `0`, `false` or `null`.
    Always,
    /// A pointer: what was given stays, also a zero.
    Pointer,
    /// A pointer that is written as `null` where nothing was given.
    PointerNull,
}

/// How server-side apply merges a list.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ListType {
    #[default]
    Atomic,
    Set,
    Map,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct RawType {
    #[serde(default, borrow)]
    kinds: Vec<[&'static str; 3]>,
    #[serde(default, borrow)]
    required: Vec<&'static str>,
    #[serde(default)]
    map_type: Option<&'static str>,
    /// Set for types that are no structs.
    #[serde(default)]
    is: Option<&'static str>,
    #[serde(default, borrow)]
    fields: BTreeMap<&'static str, RawField>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct RawField {
    #[serde(rename = "type")]
    shape: &'static str,
    #[serde(default)]
    go: Option<&'static str>,
    #[serde(default)]
    presence: Presence,
    #[serde(default)]
    default: Option<Value>,
    #[serde(default)]
    list_type: Option<ListType>,
    #[serde(default)]
    list_map_keys: Vec<&'static str>,
    #[serde(default)]
    map_type: Option<&'static str>,
    #[serde(default)]
    patch_strategy: &'static str,
    #[serde(default)]
    patch_merge_key: Option<&'static str>,
    #[serde(default, rename = "enum")]
    values: Vec<&'static str>,
}

static FACTS: LazyLock<Facts> = LazyLock::new(|| {
    let raw = serde_json::from_str(include_str!("facts.json")).expect("the facts are well formed");
    Facts::new(raw)
});

impl Facts {
    /// Read once, when first asked for.
    pub fn get() -> &'static Self {
        &FACTS
    }

    /// The type of a name such as `core.v1.Pod`.
    pub fn named(&self, name: &str) -> Option<&Type> {
        self.of(self.shape_of(name)?)
    }

    /// The type of a kind such as `v1`, `Pod`, whether or not it is served.
    pub fn kind(&self, api_version: &str, kind: &str) -> Option<&Type> {
        let (group, version) = api_version.split_once('/').unwrap_or(("", api_version));
        self.types.iter().find(|known| known.kinds.contains(&[group, version, kind]))
    }

    /// The shape of a type of a name.
    pub fn shape_of(&self, name: &str) -> Option<&Shape> {
        self.types.binary_search_by(|known| known.name.cmp(name)).ok().map(|index| &self.shapes[index])
    }

    /// The type that a shape refers to, if it is a struct.
    pub fn of(&self, shape: &Shape) -> Option<&Type> {
        match shape {
            Shape::Struct(index) => Some(&self.types[*index]),
            _ => None,
        }
    }

    /// All types, in order of their names.
    pub fn types(&self) -> &[Type] {
        &self.types
    }

    fn new(raw: BTreeMap<&'static str, RawType>) -> Self {
        let names: Vec<(&str, bool)> = raw.iter().map(|(name, known)| (*name, known.is.is_none())).collect();
        let types = raw
            .into_iter()
            .map(|(name, known)| Type {
                name,
                kinds: known.kinds,
                required: known.required,
                is_atomic: known.map_type == Some("atomic"),
                places: Places::of(known.fields.keys().copied()),
                fields: known.fields.into_iter().map(|(name, field)| Field::new(name, field, &names)).collect(),
            })
            .collect();
        let shapes = (0..names.len()).map(Shape::Struct).collect();
        Self { types, shapes }
    }
}

impl Type {
    pub fn field(&self, name: &str) -> Option<&Field> {
        self.position(name).map(|index| &self.fields[index])
    }

    /// The place of a field among all.
    pub fn position(&self, name: &str) -> Option<usize> {
        self.places.candidates(name).find(|place| self.fields[*place].name == name)
    }

    /// `Pod`
    pub fn short_name(&self) -> &'static str {
        self.name.rsplit('.').next().unwrap_or(self.name)
    }
}

impl Field {
    fn new(name: &'static str, raw: RawField, types: &[(&str, bool)]) -> Self {
        let strategies = || raw.patch_strategy.split(',');
        Self {
            name,
            shape: Shape::new(raw.shape, raw.go == Some("v1.ResourceList"), types),
            go: raw.go,
            presence: raw.presence,
            default: raw.default,
            list_type: raw.list_type,
            list_map_keys: raw.list_map_keys,
            is_atomic_map: raw.map_type == Some("atomic"),
            merges: strategies().any(|strategy| strategy == "merge"),
            retains_keys: strategies().any(|strategy| strategy == "retainKeys"),
            replaces: strategies().any(|strategy| strategy == "replace"),
            merge_key: raw.patch_merge_key,
            values: raw.values,
        }
    }
}

impl Shape {
    /// `types` are the names of all types, in order, and whether each is a struct.
    fn new(text: &str, to_milli: bool, types: &[(&str, bool)]) -> Self {
        if let Some(item) = text.strip_prefix("[]") {
            return Self::List(Box::new(Self::new(item, to_milli, types)));
        }
        if let Some(item) = text.strip_prefix("map[string]") {
            return Self::Map(Box::new(Self::new(item, to_milli, types)));
        }
        match text {
            "string" => Self::Text,
            "string:byte" => Self::Bytes,
            "boolean" => Self::Flag,
            "integer:int32" => Self::Int32,
            "integer:int64" => Self::Int64,
            "number:double" => Self::Double,
            "api.resource.Quantity" => Self::Quantity { to_milli },
            "apis.meta.v1.Time" => Self::Time,
            "apis.meta.v1.MicroTime" => Self::MicroTime,
            "util.intstr.IntOrString" => Self::IntOrString,
            name => match types.binary_search_by(|(known, _)| known.cmp(&name)) {
                Ok(index) if types[index].1 => Self::Struct(index),
                _ => Self::Raw,
            },
        }
    }

    /// What Go holds where nothing was given, in a list or a map.
    pub fn zero(&self) -> Value {
        match self {
            Self::Text | Self::Bytes => "".into(),
            Self::Flag => false.into(),
            Self::Int32 | Self::Int64 | Self::Double | Self::IntOrString => 0.into(),
            Self::Quantity { .. } => "0".into(),
            Self::Struct(_) => Value::Object(serde_json::Map::new()),
            Self::Time | Self::MicroTime | Self::Raw | Self::List(_) | Self::Map(_) => Value::Null,
        }
    }

    /// Whether a value is Go's zero of this shape, which `omitempty` leaves out (and of a struct that would be written empty).
    pub(super) fn is_zero(&self, value: &Value) -> bool {
        match value {
            Value::Null => true,
            _ if *self == Self::Raw => false,
            Value::Array(items) => items.is_empty(),
            Value::Object(fields) => fields.is_empty(),
            Value::Number(number) => number.as_f64() == Some(0.0),
            scalar => *scalar == self.zero(),
        }
    }

    /// What reflection calls the Go type.
    pub(super) fn go_kind(&self) -> &'static str {
        match self {
            Self::Text => "string",
            Self::Flag => "bool",
            Self::Int32 => "int32",
            Self::Int64 => "int64",
            Self::Double => "float64",
            Self::Bytes | Self::List(_) => "slice",
            Self::Map(_) => "map",
            _ => "struct",
        }
    }

    /// The Go type, as its errors print it.
    pub(super) fn go(&self, facts: &Facts) -> String {
        match self {
            Self::Text => "string".into(),
            Self::Flag => "bool".into(),
            Self::Int32 => "int32".into(),
            Self::Int64 => "int64".into(),
            Self::Double => "float64".into(),
            Self::Bytes => "[]uint8".into(),
            Self::Quantity { .. } => "resource.Quantity".into(),
            Self::Time => "v1.Time".into(),
            Self::MicroTime => "v1.MicroTime".into(),
            Self::IntOrString => "intstr.IntOrString".into(),
            Self::Raw => "runtime.RawExtension".into(),
            Self::List(item) => format!("[]{}", item.go(facts)),
            Self::Map(item) => format!("map[string]{}", item.go(facts)),
            Self::Struct(index) => {
                let name = facts.types[*index].name;
                name.rmatch_indices('.').nth(1).map_or(name, |(at, _)| &name[at + 1..]).into()
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_type_is_known_by_its_name_and_fields() {
        let facts = Facts::get();
        let pod_spec = facts.named("core.v1.PodSpec").unwrap();
        let containers = pod_spec.field("containers").unwrap();
        assert_eq!((containers.merges, containers.merge_key, containers.list_type), (true, Some("name"), Some(ListType::Map)));
        let Shape::List(item) = &containers.shape else { panic!("a list") };
        assert_eq!(facts.of(item).unwrap().name, "core.v1.Container");
        assert_eq!(item.go(facts), "v1.Container");
        assert!(facts.named("core.v1.Nonsense").is_none() && pod_spec.field("nonsense").is_none());
    }

    #[test]
    fn what_is_no_struct_and_has_no_shape_of_its_own_is_raw() {
        let raws: Vec<&str> = Facts::get()
            .types()
            .iter()
            .flat_map(|known| &known.fields)
            .filter(|field| field.shape == Shape::Raw)
            .map(|field| field.name)
            .collect();
        assert!(raws.contains(&"fieldsV1") && !raws.contains(&"spec"), "{raws:?}");
    }
}
