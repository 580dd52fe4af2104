//! Webhooks and policies.

use serde_json::{Map, Value};

use super::Complete;

pub fn mutating_webhook_configuration(configuration: &mut Value) {
    for webhook in configuration.each("/webhooks") {
        self::webhook(webhook);
        webhook.absent("reinvocationPolicy", "Never");
    }
}

pub fn validating_webhook_configuration(configuration: &mut Value) {
    configuration.each("/webhooks").for_each(webhook);
}

fn webhook(webhook: &mut Value) {
    webhook.absent("failurePolicy", "Fail");
    webhook.absent("timeoutSeconds", 10);
    selection(webhook);
    if let Some(service) = webhook.part("/clientConfig/service") {
        service.absent("port", 443);
    }
    webhook.each("/rules").for_each(|rule| rule.absent("scope", "*"));
}

/// Which objects a webhook or a policy is asked about.
fn selection(part: &mut Value) {
    part.absent("matchPolicy", "Equivalent");
    part.absent("namespaceSelector", Map::new());
    part.absent("objectSelector", Map::new());
    for rules in ["/resourceRules", "/excludeResourceRules"] {
        part.each(rules).for_each(|rule| rule.absent("scope", "*"));
    }
}

pub fn validating_admission_policy(policy: &mut Value) {
    if let Some(spec) = policy.always(&["spec"]) {
        spec.absent("failurePolicy", "Fail");
        spec.part("/matchConstraints").into_iter().for_each(selection);
    }
}

pub fn validating_admission_policy_binding(binding: &mut Value) {
    binding.part("/spec/matchResources").into_iter().for_each(selection);
}
