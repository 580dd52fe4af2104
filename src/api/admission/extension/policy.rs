//! ValidatingAdmissionPolicy: rules in CEL, bound to what they are about (KEP-3488).

use k8s_openapi::api::admissionregistration::v1::{ParamKind, ParamRef, ValidatingAdmissionPolicy, ValidatingAdmissionPolicyBinding};
use serde_json::{Value, json};

use super::Asking;
use super::attributes::{Attributes, converted};
use super::catalog::{BINDINGS, POLICIES};
use super::matching::Criteria;
use crate::api::authorization::Authorizer;
use crate::api::expression::authority::Question;
use crate::api::expression::{Bindings, Budget, Environment, Fault, Program, Val};
use crate::api::kinds::Kind;
use crate::api::object::Object;
use crate::api::selector::LabelSelector;
use crate::api::status::{Reason, Status};
use crate::runtime::store::{Key, Snapshot};

/// What an expression can name; its values are given in this order.
const ROOTS: [&str; 6] = ["object", "oldObject", "request", "params", "namespaceObject", "authorizer"];
/// How long the text of a message expression may be.
const MESSAGE_LENGTH: usize = 5 * 1024;

type Compiled = Result<Program, String>;

/// All policies with what binds them, in order of name.
pub struct Policies(Vec<Policy>);

struct Policy {
    name: String,
    criteria: Criteria,
    parameters: Option<ParamKind>,
    /// What cannot be evaluated lets pass.
    ignores_failures: bool,
    conditions: Vec<Compiled>,
    variables: Vec<Compiled>,
    validations: Vec<Validation>,
    bindings: Vec<Binding>,
}

struct Validation {
    rule: Compiled,
    text: String,
    message: String,
    telling: Option<Compiled>,
    reason: Option<String>,
}

struct Binding {
    name: String,
    /// `None` for all that the policy is about.
    criteria: Option<Criteria>,
    parameters: Option<ParamRef>,
    denies: bool,
    warns: bool,
}

/// A rule that does not hold.
struct Finding {
    message: String,
    reason: Option<String>,
}

impl Finding {
    fn error(message: String) -> Self {
        Self { message, reason: None }
    }
}

impl Policies {
    pub fn compile(snapshot: &Snapshot<Object>) -> Self {
        let parsed = snapshot.range(BINDINGS, "", None).filter_map(|(_, object)| object.parse().ok());
        let bindings: Vec<ValidatingAdmissionPolicyBinding> = parsed.collect();
        let policies = snapshot.range(POLICIES, "", None).filter_map(|(_, object)| object.parse::<ValidatingAdmissionPolicy>().ok());
        Self(policies.filter_map(|policy| Policy::compile(&policy, &bindings)).collect())
    }

    /// Judges a write; gives warnings.
    ///
    /// # Errors
    /// The first denial.
    pub fn judge(&self, write: &Attributes, object: Option<&Value>, authorizer: &Authorizer) -> Result<Vec<String>, Status> {
        let mut warnings = Vec::new();
        for policy in &self.0 {
            let Some(kind) = policy.criteria.matches(write, object) else { continue };
            for binding in &policy.bindings {
                let is_meant = binding.criteria.as_ref().is_none_or(|criteria| criteria.matches(write, object).is_some());
                if !is_meant {
                    continue;
                }
                for finding in policy.evaluate(binding, write, object, kind, authorizer) {
                    let (policy, binding_name) = (&policy.name, &binding.name);
                    if binding.denies {
                        let place = format!("ValidatingAdmissionPolicy '{policy}' with binding '{binding_name}'");
                        return Err(denied(write, &format!("{place} denied request: {}", finding.message), finding.reason.as_deref()));
                    }
                    if binding.warns {
                        let message = finding.message;
                        warnings.push(format!(
                            "Validation failed for ValidatingAdmissionPolicy '{policy}' with binding '{binding_name}': {message}"
                        ));
                    }
                }
            }
        }
        Ok(warnings)
    }
}

fn denied(write: &Attributes, message: &str, reason: Option<&str>) -> Status {
    let mut status = Status::forbidden(write.kind.group(), write.kind.plural(), write.name, message).because("", "", message);
    (status.code, status.reason) = match reason {
        Some("Forbidden") => (403, Reason::Forbidden),
        Some("Unauthorized") => (401, Reason::Unauthorized),
        Some("RequestEntityTooLarge") => (413, Reason::RequestEntityTooLarge),
        _ => (422, Reason::Invalid),
    };
    status
}

impl Policy {
    fn compile(policy: &ValidatingAdmissionPolicy, bindings: &[ValidatingAdmissionPolicyBinding]) -> Option<Self> {
        let name = policy.metadata.name.clone()?;
        let spec = policy.spec.as_ref()?;
        let bindings: Vec<Binding> = bindings.iter().filter_map(|binding| Binding::of(binding, &name)).collect();
        if bindings.is_empty() {
            return None;
        }
        let mut environment = Environment::new(&ROOTS);
        let conditions = spec.match_conditions.iter().flatten().map(|condition| environment.compile(&condition.expression)).collect();
        let mut variables = Vec::new();
        for variable in spec.variables.iter().flatten() {
            variables.push(environment.compile(&variable.expression));
            environment.declare(&variable.name);
        }
        let validations = spec.validations.iter().flatten().map(|validation| Validation {
            rule: environment.compile(&validation.expression),
            text: validation.expression.trim().to_owned(),
            message: validation.message.as_deref().unwrap_or_default().trim().to_owned(),
            telling: validation.message_expression.as_ref().map(|telling| environment.compile(telling)),
            reason: validation.reason.clone(),
        });
        Some(Self {
            criteria: Criteria::of_policy(spec.match_constraints.as_ref()?),
            parameters: spec.param_kind.clone(),
            ignores_failures: spec.failure_policy.as_deref() == Some("Ignore"),
            conditions,
            validations: validations.collect(),
            variables,
            bindings,
            name,
        })
    }

    /// What a write does not keep to.
    fn evaluate(
        &self,
        binding: &Binding,
        write: &Attributes,
        object: Option<&Value>,
        kind: &Kind,
        authorizer: &Authorizer,
    ) -> Vec<Finding> {
        let null = Value::Null;
        let shown =
            |value: Option<&Value>| value.filter(|_| !std::ptr::eq(kind, write.kind)).map(|value| converted(value, write.kind, kind));
        let (new, old) = (shown(object), shown(write.old));
        let request = write.request(kind);
        let namespace = write.find_namespace().map_or(Value::Null, namespace_object);
        let parameters = match self.parameters(binding, write) {
            Ok(parameters) => parameters,
            Err(_) if self.ignores_failures => return Vec::new(),
            Err(why) => return vec![Finding::error(format!("failed to configure binding: {why}"))],
        };
        let asking = Asking { user: write.user, authorizer };
        let mut findings = Vec::new();
        for parameter in &parameters {
            let roots = vec![
                Val::of(new.as_ref().or(object).unwrap_or(&null)),
                Val::of(old.as_ref().or(write.old).unwrap_or(&null)),
                Val::of(&request),
                Val::of(parameter),
                Val::of(&namespace),
                Val::Question(std::sync::Arc::new(Question::new(&asking))),
            ];
            findings.extend(self.run(&Bindings::new(roots).with_variables(&self.variables)));
        }
        findings
    }

    fn run<'a>(&'a self, bindings: &Bindings<'a>) -> Vec<Finding> {
        let mut budget = Budget::default();
        match meets(&self.conditions, bindings, &mut budget) {
            Ok(true) => {}
            Ok(false) => return Vec::new(),
            Err(_) if self.ignores_failures => return Vec::new(),
            Err(why) => return vec![Finding::error(why)],
        }
        let mut findings = Vec::new();
        for validation in &self.validations {
            match validation.holds(bindings, &mut budget) {
                Ok(true) => {}
                Ok(false) => findings.push(Finding { message: validation.tell(bindings, &mut budget), reason: validation.reason.clone() }),
                Err(Fault::OutOfBudget) if self.ignores_failures => return Vec::new(),
                Err(fault @ Fault::OutOfBudget) => return vec![Finding::error(fault.to_string())],
                Err(_) if self.ignores_failures => {}
                Err(fault) => findings.push(Finding::error(fault.to_string())),
            }
        }
        findings
    }

    /// What `params` stands for, one after the other.
    fn parameters(&self, binding: &Binding, write: &Attributes) -> Result<Vec<Value>, String> {
        let Some(kind) = &self.parameters else { return Ok(vec![Value::Null]) };
        let (version, name) = (kind.api_version.as_deref().unwrap_or_default(), kind.kind.as_deref().unwrap_or_default());
        let kind = write.registry.kind(version, name).ok_or_else(|| {
            let version = if version.contains('/') { version.to_owned() } else { format!("/{version}") };
            format!("failed to find resource referenced by paramKind: '{version}, Kind={name}'")
        })?;
        let Some(reference) = &binding.parameters else { return Ok(vec![Value::Null]) };
        let namespace = match (kind.is_namespaced(), reference.namespace.as_deref()) {
            (false, Some(named)) if !named.is_empty() => {
                return Err("paramRef.namespace must not be provided for a cluster-scoped `paramKind`".to_owned());
            }
            (false, _) => "",
            (true, Some(named)) if !named.is_empty() => named,
            (true, _) if write.namespace.is_empty() => {
                return Err("cannot use namespaced paramRef in policy binding that matches cluster-scoped resources".to_owned());
            }
            (true, _) => write.namespace,
        };
        let found = find_parameters(kind, namespace, reference, write.snapshot);
        match (found.is_empty(), reference.parameter_not_found_action.as_deref()) {
            (false, _) => Ok(found),
            (true, Some("Allow")) => Ok(Vec::new()),
            (true, _) => Err("no params found for policy binding with `Deny` parameterNotFoundAction".to_owned()),
        }
    }
}

fn find_parameters(kind: &Kind, namespace: &str, reference: &ParamRef, snapshot: &Snapshot<Object>) -> Vec<Value> {
    let prefix = if namespace.is_empty() { String::new() } else { format!("{namespace}/") };
    let value = |object: &Object| {
        let mut value = object.value();
        if let Some(view) = &kind.view {
            (view.from_stored)(&mut value);
        }
        value
    };
    match (reference.name.as_deref().unwrap_or_default(), &reference.selector) {
        ("", Some(selector)) => {
            let Ok(selector) = LabelSelector::from_spec(selector) else { return Vec::new() };
            let objects = snapshot.range(&kind.collection, &prefix, None).map(|(_, object)| object);
            objects.filter(|object| selector.matches(object.labels())).map(value).collect()
        }
        (name, _) => {
            let key = Key::new(kind.collection.clone(), format!("{prefix}{name}"));
            snapshot.get(&key).map(value).into_iter().collect()
        }
    }
}

/// The namespace as expressions see it: what it is called, and what it says of itself.
fn namespace_object(namespace: &Object) -> Value {
    let value = namespace.value();
    let mut metadata = value["metadata"].clone();
    for field in ["managedFields", "ownerReferences", "selfLink"] {
        metadata.as_object_mut().map(|metadata| metadata.remove(field));
    }
    json!({"metadata": metadata, "spec": value["spec"], "status": value["status"]})
}

/// Whether all conditions hold; one that does not makes up for one that fails.
pub(super) fn meets<'a>(conditions: &'a [Compiled], bindings: &Bindings<'a>, budget: &mut Budget) -> Result<bool, String> {
    let mut errors: Vec<String> = Vec::new();
    for condition in conditions {
        match truth(condition, bindings, budget) {
            Ok(true) => {}
            Ok(false) => return Ok(false),
            Err(fault) => errors.push(fault.to_string()),
        }
    }
    match &errors[..] {
        [] => Ok(true),
        [only] => Err(only.clone()),
        several => Err(format!("[{}]", several.join(", "))),
    }
}

/// The truth of an expression; an error names the expression.
fn truth<'a>(program: &'a Compiled, bindings: &Bindings<'a>, budget: &mut Budget) -> Result<bool, Fault> {
    let program = program.as_ref().map_err(|why| Fault::Other(format!("compilation error: {why}")))?;
    match program.run(bindings, budget) {
        Ok(value) => Ok(value == Val::Bool(true)),
        Err(Fault::OutOfBudget) => Err(Fault::OutOfBudget),
        Err(fault) => Err(Fault::Other(format!("expression '{}' resulted in error: {fault}", program.text()))),
    }
}

impl Validation {
    fn holds<'a>(&'a self, bindings: &Bindings<'a>, budget: &mut Budget) -> Result<bool, Fault> {
        truth(&self.rule, bindings, budget)
    }

    /// What is said where the rule does not hold: what its expression makes, else its text, else the rule.
    fn tell<'a>(&'a self, bindings: &Bindings<'a>, budget: &mut Budget) -> String {
        let made = self.telling.as_ref().and_then(|telling| telling.as_ref().ok()?.run(bindings, budget).ok());
        let told = made.as_ref().and_then(Val::as_str).map(str::trim);
        match told {
            Some(told) if !told.is_empty() && told.len() <= MESSAGE_LENGTH && !told.contains('\n') => told.to_owned(),
            _ if !self.message.is_empty() => self.message.clone(),
            _ => format!("failed expression: {}", self.text),
        }
    }
}

impl Binding {
    fn of(binding: &ValidatingAdmissionPolicyBinding, policy: &str) -> Option<Self> {
        let spec = binding.spec.as_ref().filter(|spec| spec.policy_name.as_deref() == Some(policy))?;
        let has = |action: &str| spec.validation_actions.iter().flatten().any(|one| one == action);
        Some(Self {
            name: binding.metadata.name.clone()?,
            criteria: spec.match_resources.as_ref().map(Criteria::of_binding),
            parameters: spec.param_ref.clone(),
            denies: has("Deny"),
            warns: has("Warn"),
        })
    }
}
