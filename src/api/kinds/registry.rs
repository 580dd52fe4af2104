//! All kinds that are served.

use std::sync::{Arc, LazyLock};

use k8s_openapi::Resource;

use super::{
    Kind, KindRef, admission_registration, apps, autoscaling, batch, certificate, cluster, config, csi, device, event, extension,
    flow_control, limits, networking, pod, policy, rbac, runtime_class, service, storage, storage_class,
};

/// The kinds by the names that requests and objects use.
#[derive(Default)]
pub struct Registry {
    /// In order of group, version and plural.
    resources: Vec<KindRef>,
    /// In order of group, version and kind.
    kinds: Vec<KindRef>,
}

/// Group, version, and plural or kind.
type Name<'a> = (&'a str, &'a str, &'a str);

fn by_plural(kind: &KindRef) -> Name<'_> {
    (kind.group(), kind.version(), kind.plural())
}

fn by_kind(kind: &KindRef) -> Name<'_> {
    (kind.group(), kind.version(), kind.kind())
}

static BUILT_IN: LazyLock<Registry> = LazyLock::new(|| {
    let mut registry = Registry::default();
    for kind in [
        apps::controller_revision(),
        apps::daemon_set(),
        apps::deployment(),
        apps::replica_set(),
        apps::stateful_set(),
        autoscaling::horizontal_pod_autoscaler(),
        autoscaling::horizontal_pod_autoscaler_v1(),
        batch::cron_job(),
        batch::job(),
        admission_registration::mutating_webhook_configuration(),
        admission_registration::validating_admission_policy(),
        admission_registration::validating_admission_policy_binding(),
        admission_registration::validating_webhook_configuration(),
        certificate::certificate_signing_request(),
        cluster::component_status(),
        cluster::lease(),
        cluster::namespace(),
        cluster::node(),
        cluster::priority_class(),
        config::config_map(),
        config::secret(),
        config::service_account(),
        csi::csi_driver(),
        csi::csi_node(),
        csi::csi_storage_capacity(),
        csi::volume_attachment(),
        device::device_class(),
        device::resource_claim(),
        device::resource_claim_template(),
        device::resource_slice(),
        event::core_event(),
        event::event(),
        extension::api_service(),
        extension::custom_resource_definition(),
        flow_control::flow_schema(),
        flow_control::priority_level_configuration(),
        limits::limit_range(),
        limits::resource_quota(),
        networking::ingress(),
        networking::ingress_class(),
        networking::ip_address(),
        networking::network_policy(),
        networking::service_cidr(),
        pod::pod(),
        pod::pod_template(),
        pod::replication_controller(),
        policy::pod_disruption_budget(),
        rbac::cluster_role(),
        rbac::cluster_role_binding(),
        rbac::role(),
        rbac::role_binding(),
        runtime_class::runtime_class(),
        service::endpoint_slice(),
        service::endpoints(),
        service::service(),
        storage::persistent_volume(),
        storage::persistent_volume_claim(),
        storage_class::storage_class(),
        storage_class::volume_attributes_class(),
    ] {
        registry.add(kind);
    }
    registry
});

impl Registry {
    pub fn built_in() -> &'static Registry {
        &BUILT_IN
    }

    pub fn add(&mut self, kind: Kind) {
        self.extend([Arc::new(kind)]);
    }

    fn extend(&mut self, kinds: impl IntoIterator<Item = KindRef>) {
        for kind in kinds {
            self.resources.push(kind.clone());
            self.kinds.push(kind);
        }
        self.resources.sort_by(|a, b| by_plural(a).cmp(&by_plural(b)));
        self.kinds.sort_by(|a, b| by_kind(a).cmp(&by_kind(b)));
    }

    /// These kinds and those that definitions declare, as far as no group's version is served without them.
    pub fn with<'k>(&self, declared: impl Iterator<Item = &'k KindRef>) -> Self {
        let is_own = |kind: &KindRef| {
            let is_same =
                |own: &KindRef| (own.group(), own.version()) == (kind.group(), kind.version()) || own.collection == kind.collection;
            self.resources.iter().any(is_same)
        };
        let mut all = Self { resources: self.resources.clone(), kinds: self.kinds.clone() };
        all.extend(declared.filter(|kind| !is_own(kind)).cloned());
        all
    }

    /// What a request's path names.
    pub fn resource(&self, group: &str, version: &str, plural: &str) -> Option<&KindRef> {
        let place = self.resources.binary_search_by(|kind| by_plural(kind).cmp(&(group, version, plural))).ok()?;
        Some(&self.resources[place])
    }

    /// What an object's `apiVersion` and `kind` name.
    pub fn kind(&self, api_version: &str, kind: &str) -> Option<&KindRef> {
        let (group, version) = api_version.split_once('/').unwrap_or(("", api_version));
        let place = self.kinds.binary_search_by(|known| by_kind(known).cmp(&(group, version, kind))).ok()?;
        Some(&self.kinds[place])
    }

    /// The declaration of a Rust type.
    ///
    /// # Panics
    /// The kind is not declared: an actor cannot speak of what the API does not serve.
    pub fn of<K: Resource>(&self) -> &KindRef {
        self.kind(K::API_VERSION, K::KIND).unwrap_or_else(|| panic!("{} {} is not declared", K::API_VERSION, K::KIND))
    }

    /// Every kind, in order of group, version and plural.
    pub fn all(&self) -> impl Iterator<Item = &KindRef> {
        self.resources.iter()
    }
}
