//! Where an object of a custom resource says how many replicas it is to have, and has.

use serde_json::Value;

use crate::api::schema::go_type;
use crate::api::validation::{ErrorList, FieldErrorKind};

/// The paths of a definition's `scale`, as it says them (`.spec.replicas`) and in steps.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Scale {
    pub spec_replicas: Place,
    pub status_replicas: Place,
    pub selector: Option<Place>,
}

/// A place in an object. A number's place may be empty, which counts as 0.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    /// As the definition says it.
    pub text: String,
    steps: Vec<String>,
}

impl Place {
    fn new(text: &str) -> Self {
        let steps = text.split('.').filter(|step| !step.is_empty()).map(str::to_owned).collect();
        Self { text: text.to_owned(), steps }
    }

    pub fn find<'v>(&self, object: &'v Value) -> Option<&'v Value> {
        self.steps.iter().try_fold(object, |value, step| value.get(step)).filter(|value| !value.is_null())
    }

    /// Puts a value there, and what leads to it.
    pub fn put(&self, object: &mut Value, value: Value) {
        let Some((last, leading)) = self.steps.split_last() else { return };
        let holder = leading.iter().fold(object, |value, step| {
            if !value[step].is_object() {
                value[step] = Value::Object(serde_json::Map::new());
            }
            &mut value[step]
        });
        holder[last] = value;
    }
}

impl Scale {
    /// Of one version of a definition, if it has any.
    pub fn of(version: &Value) -> Option<Self> {
        let scale = version["subresources"].get("scale").filter(|scale| !scale.is_null())?;
        let place = |field: &str| scale[field].as_str().map(Place::new);
        Some(Self {
            spec_replicas: place("specReplicasPath")?,
            status_replicas: place("statusReplicasPath")?,
            selector: place("labelSelectorPath"),
        })
    }

    /// What is wrong with the numbers of an object.
    pub fn judge_spec(&self, object: &Value, errors: &mut ErrorList) {
        count(&self.spec_replicas, object, errors);
    }

    pub fn judge_status(&self, object: &Value, errors: &mut ErrorList) {
        count(&self.status_replicas, object, errors);
        let Some(selector) = &self.selector else { return };
        if let Some(found) = selector.find(object).filter(|found| !found.is_string()) {
            let why = format!("{} accessor error: {found} is of the type {}, expected string", selector.text, go_type(found));
            errors.push(FieldErrorKind::Invalid, selector.text.clone(), format!("Invalid value: \"\": {why}"));
        }
    }
}

fn count(place: &Place, object: &Value, errors: &mut ErrorList) {
    let Some(found) = place.find(object) else { return };
    let mut wrong = |value: i64, why: String| {
        errors.push(FieldErrorKind::Invalid, place.text.clone(), format!("Invalid value: {value}: {why}"));
    };
    match found.as_i64() {
        None => {
            let shown = found.as_str().map_or_else(|| found.to_string(), str::to_owned);
            wrong(0, format!("{} accessor error: {shown} is of the type {}, expected int64", place.text, go_type(found)));
        }
        Some(number) if number < 0 => wrong(number, "should be a non-negative integer".to_owned()),
        Some(number) if number > i64::from(i32::MAX) => {
            wrong(number, format!("should be less than or equal to {}", i32::MAX));
        }
        Some(_) => {}
    }
}
