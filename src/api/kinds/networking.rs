//! Ingress, IngressClass, NetworkPolicy, IPAddress and ServiceCIDR: how traffic comes in, what may pass, and which addresses there are.

use k8s_openapi::api::networking::v1;

use super::cells::networking as cells;
use super::{Judges, Kind, Subresource, Traits, age, column, computed, defaults, name};
use crate::api::validation::{ingress as ingresses, ingress_class as classes, ip_address as addresses, network_policy as policies};

pub fn ingress() -> Kind {
    Kind::new::<v1::Ingress>("ingresses", &["ing"])
        .collection("ingress")
        .subresources(&[Subresource::Status])
        .traits(Traits { generation: true, status_depends_on: Some(&[]), ..Traits::default() })
        .columns([
            name(),
            computed("Class", cells::ingress_class),
            computed("Hosts", cells::ingress_hosts),
            computed("Address", cells::ingress_address),
            computed("Ports", cells::ingress_ports),
            age(),
        ])
        .judges(
            Judges::new(ingresses::ingress, ingresses::ingress_update)
                .subresource(Subresource::Status, ingresses::ingress_status_update)
                .warnings(ingresses::ingress_warnings),
        )
}

pub fn ingress_class() -> Kind {
    Kind::new::<v1::IngressClass>("ingressclasses", &[])
        .cluster_scoped()
        .traits(Traits { generation: true, ..Traits::default() })
        .columns([name(), column("Controller", "/spec/controller"), computed("Parameters", cells::class_parameters), age()])
        .defaults(defaults::ingress_class)
        .judges(Judges::new(classes::ingress_class, classes::ingress_class_update))
}

pub fn network_policy() -> Kind {
    Kind::new::<v1::NetworkPolicy>("networkpolicies", &["netpol"])
        .traits(Traits { generation: true, ..Traits::default() })
        .columns([name(), computed("Pod-Selector", cells::policy_selector), age()])
        .defaults(defaults::network_policy)
        .judges(Judges::new(policies::network_policy, policies::network_policy_update).warnings(policies::network_policy_warnings))
}

pub fn ip_address() -> Kind {
    Kind::new::<v1::IPAddress>("ipaddresses", &["ip"])
        .cluster_scoped()
        // Upstream's rows have an age, too, but its table no column for it.
        .columns([name(), computed("ParentRef", cells::address_parent), age().undeclared()])
        .judges(Judges::new(addresses::ip_address, addresses::ip_address_update))
}

pub fn service_cidr() -> Kind {
    Kind::new::<v1::ServiceCIDR>("servicecidrs", &[])
        .cluster_scoped()
        .subresources(&[Subresource::Status])
        .traits(Traits { status_depends_on: Some(&[]), ..Traits::default() })
        .columns([name(), computed("CIDRs", cells::service_ranges), age()])
        .judges(
            Judges::new(addresses::service_cidr, addresses::service_cidr_update)
                .subresource(Subresource::Status, addresses::service_cidr_status_update),
        )
}
