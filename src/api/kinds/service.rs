//! Service, Endpoints and EndpointSlice: how pods are reached.

use k8s_openapi::api::{core::v1, discovery};

use super::cells::service as cells;
use super::strategy;
use super::{Judges, Kind, Subresource, Traits, age, column, computed, defaults, name, selectable, service_type};
use crate::api::validation::{endpoints as ends, service as judge};

pub fn service() -> Kind {
    Kind::new::<v1::Service>("services", &["svc"])
        .categories(&["all"])
        .collection("services/specs")
        .subresources(&[Subresource::Proxy, Subresource::Status])
        .selectable([selectable("spec.clusterIP", "/spec/clusterIP"), selectable("spec.type", "/spec/type")])
        .traits(Traits { create_on_update: true, answers_deleted: true, addresses: true, ..Traits::default() })
        .columns([
            name(),
            column("Type", "/spec/type"),
            computed("Cluster-IP", cells::cluster_ip),
            computed("External-IP", cells::external_ip),
            computed("Port(s)", cells::ports),
            age(),
            computed("Selector", cells::selector).wide(),
        ])
        .defaults(defaults::service)
        .prepare(service_type::create, service_type::update)
        .judges(
            Judges::new(judge::service, judge::service_update)
                .subresource(Subresource::Status, judge::service_status_update)
                .warnings(judge::service_warnings),
        )
}

pub fn endpoints() -> Kind {
    Kind::new::<v1::Endpoints>("endpoints", &["ep"])
        .collection("services/endpoints")
        .traits(Traits { create_on_update: true, ..Traits::default() })
        .columns([name(), computed("Endpoints", cells::endpoints), age()])
        .defaults(defaults::endpoints)
        .judges(Judges::new(ends::endpoints, ends::endpoints_update))
        .deprecated("v1 Endpoints is deprecated in v1.33+; use discovery.k8s.io/v1 EndpointSlice")
}

pub fn endpoint_slice() -> Kind {
    Kind::new::<discovery::v1::EndpointSlice>("endpointslices", &[])
        .traits(Traits { generation: true, ..Traits::default() })
        .columns([
            name(),
            column("AddressType", "/addressType"),
            computed("Ports", cells::slice_ports),
            computed("Endpoints", cells::slice_endpoints),
            age(),
        ])
        .defaults(defaults::endpoint_slice)
        .prepare(|_| {}, strategy::endpoint_slice_update)
        .judges(Judges::new(ends::endpoint_slice, ends::endpoint_slice_update).warnings(ends::endpoint_slice_warnings))
}
