use std::collections::BTreeMap;

use cel::{Context, Program, Value as CelValue};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{Broken, Invariant, Moment, Rest};
use crate::api::kinds::Registry;
use crate::runtime::store::Key;
use crate::simulation::journal::Event;
use crate::simulation::scene::View;

/// A rule of a scenario's own, in CEL: `object` is an object of the kind that it is on, `oldObject` the one before, or null.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Rule {
    pub name: String,
    /// The plural name of a kind: `pods`.
    pub on: String,
    /// True where all is well.
    pub rule: String,
    #[serde(default)]
    pub when: When,
}

/// When a rule is judged.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum When {
    /// At every write of such an object.
    #[default]
    Always,
    /// When the cluster has come to rest.
    AtRest,
}

/// Why a rule can not be judged.
#[derive(Debug, thiserror::Error)]
pub enum RuleError {
    #[error("invariant {name:?}: there is no kind {on:?}")]
    NoKind { name: String, on: String },
    #[error("invariant {name:?}: {error}")]
    Syntax { name: String, error: String },
}

/// A rule that compiles.
pub(in crate::simulation) struct Compiled {
    rule: Rule,
    collection: String,
    program: Program,
}

impl Rule {
    /// # Errors
    /// There is no such kind, or the rule is no CEL; the error names the rule and the place in it.
    pub(in crate::simulation) fn compile(&self) -> Result<Box<dyn Invariant>, RuleError> {
        let name = self.name.clone();
        let kind = Registry::built_in().all().find(|kind| kind.plural == self.on);
        let kind = kind.ok_or_else(|| RuleError::NoKind { name: name.clone(), on: self.on.clone() })?;
        let program = Program::compile(&self.rule).map_err(|error| RuleError::Syntax { name, error: error.to_string() })?;
        Ok(Box::new(Compiled { rule: self.clone(), collection: kind.collection.to_string(), program }))
    }
}

impl Invariant for Compiled {
    fn name(&self) -> &str {
        &self.rule.name
    }

    fn source(&self) -> &'static str {
        "the scenario"
    }

    fn see(&mut self, moment: &Moment<'_>) -> Result<(), Broken> {
        let Event::Commit { key, .. } = &moment.entry.event else { return Ok(()) };
        match (&moment.change.after, self.rule.when) {
            (Some(after), When::Always) if *key.collection == *self.collection => self.judge(key, after, moment.change.before.as_deref()),
            _ => Ok(()),
        }
    }

    fn rest(&mut self, rest: &Rest<'_>) -> Result<(), Broken> {
        match self.rule.when {
            When::Always => Ok(()),
            When::AtRest => rest.scene.of(&self.collection).try_for_each(|(key, view)| self.judge(key, view, None)),
        }
    }
}

impl Compiled {
    fn judge(&self, key: &Key, object: &View, old: Option<&View>) -> Result<(), Broken> {
        let json = |view: &View| serde_json::from_slice::<Value>(&view.json).unwrap_or_default();
        let mut context = Context::default();
        let variables = BTreeMap::from([("object", json(object)), ("oldObject", old.map_or(Value::Null, json))]);
        for (name, value) in variables {
            context.add_variable(name, value).map_err(|error| Broken::of(key, format!("{name} cannot be judged: {error}")))?;
        }
        match self.program.execute(&context) {
            Ok(CelValue::Bool(true)) => Ok(()),
            Ok(CelValue::Bool(false)) => Err(Broken::of(key, format!("`{}` is false of it", self.rule.rule))),
            Ok(other) => Err(Broken::of(key, format!("`{}` is {other:?}, and not true or false", self.rule.rule))),
            Err(error) => Err(Broken::of(key, format!("`{}` cannot be judged: {error}", self.rule.rule))),
        }
    }
}
