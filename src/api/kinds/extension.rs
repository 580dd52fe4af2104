//! APIService and CustomResourceDefinition: what the API is extended by.

use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition;
use k8s_openapi::kube_aggregator::pkg::apis::apiregistration::v1::APIService;

use super::admission_registration::CATEGORIES;
use super::cells::extension as cells;
use super::{Judges, Kind, Subresource, Traits, age, computed, defaults, name, strategy};
use crate::api::validation::{api_service as services, custom_resource_definition as definitions};

pub fn api_service() -> Kind {
    Kind::new::<APIService>("apiservices", &[])
        .cluster_scoped()
        .categories(&CATEGORIES)
        .collection("apiregistration.k8s.io/apiservices")
        .subresources(&[Subresource::Status])
        .traits(Traits { conditional_update: true, status_depends_on: Some(&[]), ..Traits::default() })
        .columns([name(), computed("Service", cells::service), computed("Available", cells::available), age()])
        .defaults(defaults::api_service)
        .prepare(|_| {}, strategy::status_alone)
        .judges(
            Judges::new(services::api_service, services::api_service_update)
                .subresource(Subresource::Status, services::api_service_status_update),
        )
}

/// Judged as JSON: its schemas nest without end.
pub fn custom_resource_definition() -> Kind {
    Kind::new::<CustomResourceDefinition>("customresourcedefinitions", &["crd", "crds"])
        .cluster_scoped()
        .categories(&CATEGORIES)
        .collection("apiextensions.k8s.io/customresourcedefinitions")
        .subresources(&[Subresource::Status])
        .traits(Traits { generation: true, conditional_update: true, status_depends_on: Some(&[]), ..Traits::default() })
        .defaults(defaults::custom_resource_definition)
        .prepare(strategy::custom_resource_definition, strategy::custom_resource_definition_update)
        .prepare_delete(strategy::custom_resource_definition_delete)
        .judges(
            Judges::new(definitions::definition, definitions::definition_update)
                .subresource(Subresource::Status, definitions::definition_status_update)
                .warnings(definitions::warnings),
        )
}
