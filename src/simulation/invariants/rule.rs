use std::collections::BTreeMap;

use cel::common::ast::{EntryExpr, Expr};
use cel::{Context, IdedExpr, Program, Value as CelValue};
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
    #[error("invariant {name:?}: there is no {unknown:?} here: a rule knows {OBJECT:?} and {OLD:?}")]
    Unknown { name: String, unknown: String },
}

/// What a rule can speak of.
const OBJECT: &str = "object";
const OLD: &str = "oldObject";
/// CEL's names of types are values, too.
const TYPES: [&str; 11] = ["bool", "bytes", "double", "duration", "int", "list", "map", "null_type", "string", "timestamp", "uint"];

/// A rule that compiles.
pub(in crate::simulation) struct Compiled {
    rule: Rule,
    collection: String,
    program: Program,
}

impl Rule {
    /// # Errors
    /// There is no such kind, the rule is no CEL, or it speaks of what is not there; the error names the rule and the place in it.
    pub(in crate::simulation) fn compile(&self) -> Result<Box<dyn Invariant>, RuleError> {
        let name = self.name.clone();
        let kind = Registry::built_in().all().find(|kind| kind.plural() == self.on);
        let kind = kind.ok_or_else(|| RuleError::NoKind { name: name.clone(), on: self.on.clone() })?;
        let program = Program::compile(&self.rule).map_err(|error| RuleError::Syntax { name: name.clone(), error: error.to_string() })?;
        if let Some(unknown) = unknown(program.expression(), &[OBJECT, OLD]) {
            return Err(RuleError::Unknown { name, unknown: unknown.to_owned() });
        }
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
        let variables = BTreeMap::from([(OBJECT, json(object)), (OLD, old.map_or(Value::Null, json))]);
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

/// The first variable of an expression that is not `known`.
fn unknown<'a>(expression: &'a IdedExpr, known: &[&'a str]) -> Option<&'a str> {
    let among = |expressions: &[&'a IdedExpr]| expressions.iter().find_map(|expression| unknown(expression, known));
    let entry = |entry: &'a EntryExpr| match entry {
        EntryExpr::StructField(field) => unknown(&field.value, known),
        EntryExpr::MapEntry(entry) => among(&[&entry.key, &entry.value]),
    };
    match &expression.expr {
        Expr::Ident(name) => (!known.contains(&&**name) && !TYPES.contains(&&**name)).then_some(name),
        Expr::Call(call) => call.target.iter().map(|target| &**target).chain(&call.args).find_map(|part| unknown(part, known)),
        Expr::List(list) => list.elements.iter().find_map(|element| unknown(element, known)),
        Expr::Map(map) => map.entries.iter().find_map(|field| entry(&field.expr)),
        Expr::Struct(fields) => fields.entries.iter().find_map(|field| entry(&field.expr)),
        Expr::Select(select) => unknown(&select.operand, known),
        Expr::Comprehension(all) => {
            let own = [Some(&all.iter_var), all.iter_var2.as_ref(), Some(&all.accu_var)];
            let inner: Vec<&str> = known.iter().copied().chain(own.into_iter().flatten().map(String::as_str)).collect();
            among(&[&all.iter_range, &all.accu_init])
                .or_else(|| [&all.loop_cond, &all.loop_step, &all.result].into_iter().find_map(|part| unknown(part, &inner)))
        }
        Expr::Literal(_) | Expr::Unspecified => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rule_speaks_of_its_object_and_of_what_it_names_itself() {
        let rule = |text: &str| Rule { name: "mine".to_owned(), on: "pods".to_owned(), rule: text.to_owned(), when: When::Always };
        let good = [
            "object.metadata.name != ''",
            "object.spec.containers.all(c, c.image != '' && c.name != object.metadata.name)",
            "oldObject == null || [oldObject.a, 1].exists(x, x == 1)",
            "object.spec.containers.map(c, c.name).size() > 0",
            "{'a': object}.a == object",
            "type(object.metadata.generation) == int",
        ];
        for text in good {
            assert!(rule(text).compile().is_ok(), "{text}");
        }
        let bad = [
            ("pod.metadata.name != ''", "pod"),
            ("object.spec.containers.all(c, d.image != '')", "d"),
            ("object.spec.containers.all(c, true) && c.name == ''", "c"),
            ("{'a': objekt}.a == [oldobject]", "objekt"),
        ];
        for (text, name) in bad {
            let error = rule(text).compile().err().map(|error| error.to_string()).unwrap_or_default();
            assert!(error.contains(&format!("there is no {name:?} here")), "{text}: {error}");
        }
        assert!(rule("object.").compile().is_err());
    }
}
