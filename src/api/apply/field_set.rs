//! A set of fields.

use std::collections::BTreeMap;
use std::fmt::Write;

use serde_json::{Map, Value};

use super::form::Form;

/// The member itself, among what is below it.
const SELF: &str = ".";

/// Paths to fields and items of lists, as `managedFields` writes them down (`FieldsV1`): `f:` and a field's name, `k:` and the keys of an
/// item, `v:` and an item that is its own key, `i:` and an index.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct FieldSet(BTreeMap<Box<str>, Node>);

#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Node {
    is_member: bool,
    below: FieldSet,
}

/// One step of a path.
#[derive(Clone, Debug)]
pub enum Step<'a> {
    Field(&'a str),
    /// An item, as it is written down.
    Item(Box<str>),
}

impl Step<'_> {
    fn text(&self) -> Box<str> {
        match self {
            Self::Field(name) => format!("f:{name}").into(),
            Self::Item(text) => text.clone(),
        }
    }
}

impl FieldSet {
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub fn insert(&mut self, path: &[Step<'_>]) {
        let Some((last, leading)) = path.split_last() else { return };
        let set = leading.iter().fold(self, |set, step| &mut set.0.entry(step.text()).or_default().below);
        set.0.entry(last.text()).or_default().is_member = true;
    }

    /// The set of these paths of fields: `metadata.name`.
    pub fn of_fields(paths: &[&str]) -> Self {
        let mut set = Self::default();
        for path in paths {
            set.insert(&path.split('.').map(Step::Field).collect::<Vec<_>>());
        }
        set
    }

    pub fn has(&self, step: &Step<'_>) -> bool {
        self.0.get(&step.text()).is_some_and(|node| node.is_member)
    }

    /// What is in the set below a step, if anything is.
    pub fn below(&self, step: &Step<'_>) -> Option<&Self> {
        self.0.get(&step.text()).map(|node| &node.below).filter(|below| !below.is_empty())
    }

    pub fn unite(&mut self, other: &Self) {
        for (step, theirs) in &other.0 {
            let ours = self.0.entry(step.clone()).or_default();
            ours.is_member |= theirs.is_member;
            ours.below.unite(&theirs.below);
        }
    }

    /// Takes out the members of another set. What is below them stays.
    pub fn subtract(&mut self, other: &Self) {
        self.0.retain(|step, ours| {
            if let Some(theirs) = other.0.get(step) {
                ours.is_member &= !theirs.is_member;
                ours.below.subtract(&theirs.below);
            }
            ours.is_member || !ours.below.is_empty()
        });
    }

    /// Takes out the members of another set and all that is below them.
    pub fn exclude(&mut self, other: &Self) {
        self.0.retain(|step, ours| match other.0.get(step) {
            Some(theirs) if theirs.is_member => false,
            Some(theirs) => {
                ours.below.exclude(&theirs.below);
                ours.is_member || !ours.below.is_empty()
            }
            None => true,
        });
    }

    #[must_use]
    pub fn intersection(&self, other: &Self) -> Self {
        let common = self.0.iter().filter_map(|(step, ours)| {
            let theirs = other.0.get(step)?;
            let node = Node { is_member: ours.is_member && theirs.is_member, below: ours.below.intersection(&theirs.below) };
            (node.is_member || !node.below.is_empty()).then(|| (step.clone(), node))
        });
        Self(common.collect())
    }

    #[must_use]
    pub fn difference(mut self, other: &Self) -> Self {
        self.subtract(other);
        self
    }

    #[must_use]
    pub fn union(mut self, other: &Self) -> Self {
        self.unite(other);
        self
    }

    /// Whether any member is among those that stand in a `fieldsV1`, which is not read for that.
    pub fn meets(&self, fields: &Value) -> bool {
        self.0.iter().any(|(step, ours)| {
            let Some(theirs) = fields.get(&**step) else { return false };
            let is_member = theirs.as_object().is_none_or(|below| below.is_empty() || below.contains_key(SELF));
            ours.is_member && is_member || ours.below.meets(theirs)
        })
    }

    /// Makes members of the fields of structs that lead to members: a set names the fields of a map, but of structs only the leaves.
    pub(super) fn complete(&mut self, form: Form<'_>) {
        for (step, node) in &mut self.0 {
            let (is_named, below) = form.step(step);
            node.is_member |= is_named && !node.below.is_empty();
            if let Some(form) = below {
                node.below.complete(form);
            }
        }
    }

    /// All members: first those of a level, then what is below its steps.
    pub fn paths(&self) -> Vec<String> {
        let mut found = Vec::new();
        self.collect("", &mut found);
        found
    }

    fn collect(&self, prefix: &str, found: &mut Vec<String>) {
        found.extend(self.0.iter().filter(|(_, node)| node.is_member).map(|(step, _)| format!("{prefix}{}", shown(step))));
        for (step, node) in &self.0 {
            node.below.collect(&format!("{prefix}{}", shown(step)), found);
        }
    }

    /// # Errors
    /// It is no `fieldsV1`.
    pub fn read(fields: &Value) -> Result<Self, String> {
        let fields = fields.as_object().ok_or("fields are not an object")?;
        let mut set = BTreeMap::new();
        for (step, below) in fields.iter().filter(|(step, _)| *step != SELF) {
            let is_member = below.as_object().is_some_and(|below| below.is_empty() || below.contains_key(SELF));
            set.insert(canonical(step)?, Node { is_member, below: Self::read(below)? });
        }
        Ok(Self(set))
    }

    pub fn write(&self) -> Value {
        let nodes = self.0.iter().map(|(step, node)| {
            let mut below = node.below.write();
            if node.is_member && !node.below.is_empty() {
                below[SELF] = Value::Object(Map::new());
            }
            (String::from(step.clone()), below)
        });
        Value::Object(nodes.collect())
    }
}

/// A step as it is written here, whoever wrote it.
fn canonical(step: &str) -> Result<Box<str>, String> {
    let unknown = || format!("{step:?} is no path element");
    let (kind, rest) = step.split_once(':').ok_or_else(unknown)?;
    match kind {
        "f" => Ok(step.into()),
        "i" => rest.parse::<i64>().map(|_| step.into()).map_err(|_| unknown()),
        "k" | "v" => serde_json::from_str::<Value>(rest).map(|value| format!("{kind}:{value}").into()).map_err(|_| unknown()),
        _ => Err(unknown()),
    }
}

/// A step as messages show it: `.name`, `[key="value"]`, `[="value"]`, `[3]`.
pub(super) fn shown(step: &str) -> String {
    let (kind, rest) = step.split_once(':').unwrap_or(("f", step));
    match kind {
        "f" => format!(".{rest}"),
        "k" => {
            let keys: Map<String, Value> = serde_json::from_str(rest).unwrap_or_default();
            let mut text = String::from("[");
            for (index, (key, value)) in keys.iter().enumerate() {
                let _ = write!(text, "{}{key}={value}", if index > 0 { "," } else { "" });
            }
            text + "]"
        }
        "v" => format!("[={rest}]"),
        _ => format!("[{rest}]"),
    }
}
