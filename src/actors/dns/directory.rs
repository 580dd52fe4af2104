//! What the informers show, as the zone asks for it.

use std::net::IpAddr;
use std::sync::Arc;

use k8s_openapi::api::core::v1::{Namespace, Service};
use k8s_openapi::api::discovery::v1::EndpointSlice;

use super::zone::Directory;
use crate::actors::informer::index::ADDRESS;
use crate::actors::informer::{InformerHandle, Informers, ObjectKey};
use crate::actors::proxy::{SERVICE_NAME, ServiceView, SliceView, service_of};

/// Reads the informers' views at each question: nothing is copied, nothing polled.
#[derive(Clone)]
pub struct Informed {
    namespaces: InformerHandle,
    services: InformerHandle,
    slices: InformerHandle,
}

impl Informed {
    pub fn new(informers: &Informers) -> Self {
        Self {
            namespaces: informers.typed::<Namespace>(),
            services: informers.typed::<Service>(),
            slices: informers.typed::<EndpointSlice>(),
        }
    }

    /// Resolves once everything is there to be named.
    pub async fn synced(&self) {
        self.namespaces.synced().await;
        self.services.synced().await;
        self.slices.synced().await;
    }
}

impl Directory for Informed {
    fn has_namespace(&self, name: &str) -> bool {
        self.namespaces.view().get(&ObjectKey::new("", name)).is_some()
    }

    fn service(&self, key: &ObjectKey) -> Option<Arc<ServiceView>> {
        self.services.view().get(key).map(|service| service.project())
    }

    fn slices(&self, service: &ObjectKey) -> Vec<Arc<SliceView>> {
        let view = self.slices.view();
        view.by_label(&service.namespace, SERVICE_NAME, &service.name).map(|slice| slice.project()).collect()
    }

    fn service_at(&self, address: IpAddr) -> Option<ObjectKey> {
        self.services.view().indexed(&ADDRESS, &address.to_string()).next().map(|service| ObjectKey::from(&**service))
    }

    fn endpoint_at(&self, address: IpAddr) -> Option<ObjectKey> {
        self.slices.view().indexed(&ADDRESS, &address.to_string()).find_map(|slice| service_of(slice))
    }
}
