//! Service, Endpoints and EndpointSlice: how pods are reached.

use k8s_openapi::api::{core::v1, discovery};

use super::{Kind, Subresource, selectable};

pub fn service() -> Kind {
    Kind::new::<v1::Service>("services", &["svc"])
        .categories(&["all"])
        .collection("services/specs")
        .subresources(&[Subresource::Proxy, Subresource::Status])
        .selectable([selectable("spec.clusterIP", "/spec/clusterIP"), selectable("spec.type", "/spec/type")])
}

pub fn endpoints() -> Kind {
    Kind::new::<v1::Endpoints>("endpoints", &["ep"]).collection("services/endpoints")
}

pub fn endpoint_slice() -> Kind {
    Kind::new::<discovery::v1::EndpointSlice>("endpointslices", &[])
}
