//! Configurations of admission webhooks.

use k8s_openapi::api::admissionregistration::v1::{
    MatchCondition, MutatingWebhook, MutatingWebhookConfiguration, RuleWithOperations, ValidatingWebhook, ValidatingWebhookConfiguration,
    WebhookClientConfig,
};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{LabelSelector, ObjectMeta};

use super::admission_policy::request_names;
use super::admission_rule::{FAILURE_POLICIES, MATCH_POLICIES, match_conditions, rule};
use super::format::dns_subdomain;
use super::label_selector::label_selector;
use super::object_meta::object_meta;
use super::webhook::{self, Service};
use super::words::one_of;
use super::{ErrorList, NameForm, Path};

const NO_SIDE_EFFECTS: [&str; 2] = ["None", "NoneOnDryRun"];
const SIDE_EFFECTS: [&str; 4] = ["None", "NoneOnDryRun", "Some", "Unknown"];

/// What both sorts of webhooks say.
struct Webhook<'a> {
    name: &'a str,
    rules: &'a [RuleWithOperations],
    failure_policy: Option<&'a str>,
    match_policy: Option<&'a str>,
    side_effects: &'a str,
    timeout_seconds: Option<i32>,
    selectors: [(&'static str, Option<&'a LabelSelector>); 2],
    /// Of webhooks that change objects.
    reinvocation_policy: Option<&'a str>,
    client: &'a WebhookClientConfig,
    conditions: &'a [MatchCondition],
    review_versions: &'a [String],
}

/// What an update keeps to, because the old configuration did.
struct Strictness {
    conditions: bool,
    side_effects: bool,
    versions: bool,
    names: bool,
}

impl Strictness {
    const FULL: Self = Self { conditions: true, side_effects: true, versions: true, names: true };

    /// What the old webhooks got wrong, the new ones may.
    fn of_update(new: &[Webhook], old: &[Webhook]) -> Self {
        let same_conditions = new.len() == old.len() && new.iter().zip(old).all(|(new, old)| new.conditions == old.conditions);
        Self {
            conditions: !same_conditions,
            side_effects: old.iter().all(|hook| NO_SIDE_EFFECTS.contains(&hook.side_effects)),
            versions: old.iter().all(|hook| webhook::has_known_version(hook.review_versions)),
            names: !(0..old.len()).any(|index| old[..index].iter().any(|other| other.name == old[index].name)),
        }
    }
}

pub fn mutating(configuration: &MutatingWebhookConfiguration) -> ErrorList {
    judge(&configuration.metadata, &of_mutating(configuration), &Strictness::FULL)
}

pub fn mutating_update(new: &MutatingWebhookConfiguration, old: &MutatingWebhookConfiguration) -> ErrorList {
    let hooks = of_mutating(new);
    judge(&new.metadata, &hooks, &Strictness::of_update(&hooks, &of_mutating(old)))
}

pub fn validating(configuration: &ValidatingWebhookConfiguration) -> ErrorList {
    judge(&configuration.metadata, &of_validating(configuration), &Strictness::FULL)
}

pub fn validating_update(new: &ValidatingWebhookConfiguration, old: &ValidatingWebhookConfiguration) -> ErrorList {
    let hooks = of_validating(new);
    judge(&new.metadata, &hooks, &Strictness::of_update(&hooks, &of_validating(old)))
}

fn of_mutating(configuration: &MutatingWebhookConfiguration) -> Vec<Webhook<'_>> {
    configuration.webhooks.iter().flatten().map(of_mutating_one).collect()
}

fn of_mutating_one(hook: &MutatingWebhook) -> Webhook<'_> {
    Webhook {
        name: hook.name.as_str(),
        rules: hook.rules.as_deref().unwrap_or_default(),
        failure_policy: hook.failure_policy.as_deref(),
        match_policy: hook.match_policy.as_deref(),
        side_effects: hook.side_effects.as_str(),
        timeout_seconds: hook.timeout_seconds,
        selectors: [("namespaceSelector", hook.namespace_selector.as_ref()), ("objectSelector", hook.object_selector.as_ref())],
        reinvocation_policy: hook.reinvocation_policy.as_deref(),
        client: &hook.client_config,
        conditions: hook.match_conditions.as_deref().unwrap_or_default(),
        review_versions: &hook.admission_review_versions,
    }
}

fn of_validating(configuration: &ValidatingWebhookConfiguration) -> Vec<Webhook<'_>> {
    configuration.webhooks.iter().flatten().map(of_validating_one).collect()
}

fn of_validating_one(hook: &ValidatingWebhook) -> Webhook<'_> {
    Webhook {
        name: hook.name.as_str(),
        rules: hook.rules.as_deref().unwrap_or_default(),
        failure_policy: hook.failure_policy.as_deref(),
        match_policy: hook.match_policy.as_deref(),
        side_effects: hook.side_effects.as_str(),
        timeout_seconds: hook.timeout_seconds,
        selectors: [("namespaceSelector", hook.namespace_selector.as_ref()), ("objectSelector", hook.object_selector.as_ref())],
        reinvocation_policy: None,
        client: &hook.client_config,
        conditions: hook.match_conditions.as_deref().unwrap_or_default(),
        review_versions: &hook.admission_review_versions,
    }
}

fn judge(metadata: &ObjectMeta, hooks: &[Webhook], strictness: &Strictness) -> ErrorList {
    let mut errors = object_meta(metadata, false, NameForm::Subdomain, &Path::new("metadata"));
    let path = Path::new("webhooks");
    for (index, hook) in hooks.iter().enumerate() {
        let at = path.index(index);
        one(hook, strictness, &at, &mut errors);
        let missing = "must specify one of v1, v1beta1";
        let versions = at.child("admissionReviewVersions");
        webhook::review_versions(hook.review_versions, missing, strictness.versions, &versions, &mut errors);
        if strictness.names && !hook.name.is_empty() && hooks[..index].iter().any(|other| other.name == hook.name) {
            errors.duplicate(&at.child("name"), hook.name);
        }
    }
    errors
}

fn one(hook: &Webhook, strictness: &Strictness, path: &Path, errors: &mut ErrorList) {
    qualified(hook.name, &path.child("name"), errors);
    let at = path.child("rules");
    for (index, one) in hook.rules.iter().enumerate() {
        rule(one, &at.index(index), errors);
    }
    one_of(hook.failure_policy, &FAILURE_POLICIES, &path.child("failurePolicy"), errors);
    one_of(hook.match_policy, &MATCH_POLICIES, &path.child("matchPolicy"), errors);
    let allowed: &[&str] = if strictness.side_effects { &NO_SIDE_EFFECTS } else { &SIDE_EFFECTS };
    match hook.side_effects {
        "" => errors.required(&path.child("sideEffects"), &format!("must specify one of {}", allowed.join(", "))),
        effects => one_of(Some(effects), allowed, &path.child("sideEffects"), errors),
    }
    if let Some(seconds) = hook.timeout_seconds.filter(|seconds| !(1..=30).contains(seconds)) {
        errors.invalid(&path.child("timeoutSeconds"), seconds, "the timeout value must be between 1 and 30 seconds");
    }
    for (field, selector) in hook.selectors {
        label_selector(selector, &path.child(field), errors);
    }
    one_of(hook.reinvocation_policy, &["IfNeeded", "Never"], &path.child("reinvocationPolicy"), errors);
    let service = hook.client.service.as_ref().map(|service| Service {
        namespace: &service.namespace,
        name: &service.name,
        path: service.path.as_deref(),
        port: service.port.unwrap_or_default(),
    });
    webhook::client(hook.client.url.as_deref(), service, &path.child("clientConfig"), errors);
    if strictness.conditions {
        match_conditions(hook.conditions, &request_names(), &path.child("matchConditions"), errors);
    }
}

/// A name with a domain of its own (`IsFullyQualifiedName`).
fn qualified(name: &str, path: &Path, errors: &mut ErrorList) {
    let wrong = dns_subdomain(name);
    if name.is_empty() {
        errors.required(path, "");
    } else if !wrong.is_empty() {
        errors.invalid(path, name, &wrong.join(","));
    } else if name.split('.').count() < 3 {
        errors.invalid(path, name, "should be a domain with at least three segments separated by dots");
    }
}
