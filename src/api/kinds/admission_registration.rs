//! The webhooks and policies that are asked about writes.

use k8s_openapi::api::admissionregistration::v1;

use super::cells::admission_registration as cells;
use super::{Column, Judges, Kind, Subresource, Traits, age, column, computed, defaults, name, strategy};
use crate::api::validation::{admission_policy as policies, webhook_configuration as judge};

/// Of all kinds that extend the API.
pub(super) const CATEGORIES: [&str; 1] = ["api-extensions"];

fn writes() -> Traits {
    Traits { generation: true, conditional_update: true, ..Traits::default() }
}

fn webhook_columns() -> [Column; 3] {
    [name(), computed("Webhooks", cells::webhooks).of("integer"), age()]
}

pub fn mutating_webhook_configuration() -> Kind {
    Kind::new::<v1::MutatingWebhookConfiguration>("mutatingwebhookconfigurations", &[])
        .cluster_scoped()
        .categories(&CATEGORIES)
        .traits(writes())
        .columns(webhook_columns())
        .defaults(defaults::mutating_webhook_configuration)
        .judges(Judges::new(judge::webhooks, judge::webhooks_update))
}

pub fn validating_webhook_configuration() -> Kind {
    Kind::new::<v1::ValidatingWebhookConfiguration>("validatingwebhookconfigurations", &[])
        .cluster_scoped()
        .categories(&CATEGORIES)
        .traits(writes())
        .columns(webhook_columns())
        .defaults(defaults::validating_webhook_configuration)
        .judges(Judges::new(judge::webhooks, judge::webhooks_update))
}

pub fn validating_admission_policy() -> Kind {
    Kind::new::<v1::ValidatingAdmissionPolicy>("validatingadmissionpolicies", &[])
        .cluster_scoped()
        .categories(&CATEGORIES)
        .subresources(&[Subresource::Status])
        .traits(Traits { status_depends_on: Some(&[]), ..writes() })
        .columns([name(), computed("Validations", cells::validations).of("integer"), computed("ParamKind", cells::parameter_kind), age()])
        .defaults(defaults::validating_admission_policy)
        .prepare(|_| {}, strategy::status_alone)
        .judges(Judges::new(policies::policy, policies::policy_update).subresource(Subresource::Status, policies::policy_status_update))
}

pub fn validating_admission_policy_binding() -> Kind {
    Kind::new::<v1::ValidatingAdmissionPolicyBinding>("validatingadmissionpolicybindings", &[])
        .cluster_scoped()
        .categories(&CATEGORIES)
        .traits(writes())
        .columns([name(), column("PolicyName", "/spec/policyName"), computed("ParamRef", cells::parameters), age()])
        .defaults(defaults::validating_admission_policy_binding)
        .judges(Judges::new(policies::binding, policies::binding_update))
}
