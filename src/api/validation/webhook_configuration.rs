//! Configurations of admission webhooks.

use k8s_openapi::api::admissionregistration::v1::{MatchCondition, RuleWithOperations, WebhookClientConfig};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{LabelSelector, ObjectMeta};
use serde::Deserialize;

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

/// A configuration of either sort of webhooks.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct Configuration {
    metadata: ObjectMeta,
    webhooks: Vec<Webhook>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Webhook {
    name: String,
    rules: Vec<RuleWithOperations>,
    failure_policy: Option<String>,
    match_policy: Option<String>,
    side_effects: String,
    timeout_seconds: Option<i32>,
    namespace_selector: Option<LabelSelector>,
    object_selector: Option<LabelSelector>,
    /// Of webhooks that change objects.
    reinvocation_policy: Option<String>,
    client_config: WebhookClientConfig,
    match_conditions: Vec<MatchCondition>,
    admission_review_versions: Vec<String>,
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
        let same_conditions = new.len() == old.len() && new.iter().zip(old).all(|(new, old)| new.match_conditions == old.match_conditions);
        Self {
            conditions: !same_conditions,
            side_effects: old.iter().all(|hook| NO_SIDE_EFFECTS.contains(&hook.side_effects.as_str())),
            versions: old.iter().all(|hook| webhook::has_known_version(&hook.admission_review_versions)),
            names: !(0..old.len()).any(|index| old[..index].iter().any(|other| other.name == old[index].name)),
        }
    }
}

pub fn webhooks(configuration: &Configuration) -> ErrorList {
    judge(configuration, &Strictness::FULL)
}

pub fn webhooks_update(new: &Configuration, old: &Configuration) -> ErrorList {
    judge(new, &Strictness::of_update(&new.webhooks, &old.webhooks))
}

fn judge(Configuration { metadata, webhooks: hooks }: &Configuration, strictness: &Strictness) -> ErrorList {
    let mut errors = object_meta(metadata, false, NameForm::Subdomain, &Path::new("metadata"));
    let path = Path::new("webhooks");
    for (index, hook) in hooks.iter().enumerate() {
        let at = path.index(index);
        one(hook, strictness, &at, &mut errors);
        let missing = "must specify one of v1, v1beta1";
        let versions = at.child("admissionReviewVersions");
        webhook::review_versions(&hook.admission_review_versions, missing, strictness.versions, &versions, &mut errors);
        if strictness.names && !hook.name.is_empty() && hooks[..index].iter().any(|other| other.name == hook.name) {
            errors.duplicate(&at.child("name"), &hook.name);
        }
    }
    errors
}

fn one(hook: &Webhook, strictness: &Strictness, path: &Path, errors: &mut ErrorList) {
    qualified(&hook.name, &path.child("name"), errors);
    let at = path.child("rules");
    for (index, one) in hook.rules.iter().enumerate() {
        rule(one, &at.index(index), errors);
    }
    one_of(hook.failure_policy.as_deref(), &FAILURE_POLICIES, &path.child("failurePolicy"), errors);
    one_of(hook.match_policy.as_deref(), &MATCH_POLICIES, &path.child("matchPolicy"), errors);
    let allowed: &[&str] = if strictness.side_effects { &NO_SIDE_EFFECTS } else { &SIDE_EFFECTS };
    match hook.side_effects.as_str() {
        "" => errors.required(&path.child("sideEffects"), &format!("must specify one of {}", allowed.join(", "))),
        effects => one_of(Some(effects), allowed, &path.child("sideEffects"), errors),
    }
    if let Some(seconds) = hook.timeout_seconds.filter(|seconds| !(1..=30).contains(seconds)) {
        errors.invalid(&path.child("timeoutSeconds"), seconds, "the timeout value must be between 1 and 30 seconds");
    }
    label_selector(hook.namespace_selector.as_ref(), &path.child("namespaceSelector"), errors);
    label_selector(hook.object_selector.as_ref(), &path.child("objectSelector"), errors);
    one_of(hook.reinvocation_policy.as_deref(), &["IfNeeded", "Never"], &path.child("reinvocationPolicy"), errors);
    let service = hook.client_config.service.as_ref().map(|service| Service {
        namespace: &service.namespace,
        name: &service.name,
        path: service.path.as_deref(),
        port: service.port.unwrap_or_default(),
    });
    webhook::client(hook.client_config.url.as_deref(), service, &path.child("clientConfig"), errors);
    if strictness.conditions {
        match_conditions(&hook.match_conditions, &request_names(), &path.child("matchConditions"), errors);
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
