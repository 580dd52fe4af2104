//! What every namespace has: the service account `default`, and the certificate of the cluster's authority.

use std::sync::Arc;

use k8s_openapi::api::core::v1::{ConfigMap, Namespace, ServiceAccount};
use serde_json::{Value, json};

use super::{Outcome, Reconciler, Tools, Watch};
use crate::actors::informer::{Delta, InformerHandle, ObjectKey};
use crate::api::client::{ClientRef, WriteOptions};
use crate::api::kinds::{KindRef, Registry};
use crate::api::status::Status;
use crate::runtime::store::Stored;

const ACCOUNT: &str = "default";
const ROOT_CA: &str = "kube-root-ca.crt";
const DESCRIPTION: &str = "Contains a CA bundle that can be used to verify the kube-apiserver when using internal endpoints such as the \
    internal service IP or kubernetes.default.svc. No other usage is guaranteed across distributions of Kubernetes clusters.";

/// Reconciles one namespace at a time.
pub struct NamespaceDefaults {
    client: ClientRef,
    namespaces: InformerHandle,
    accounts: InformerHandle,
    maps: InformerHandle,
    account_kind: KindRef,
    map_kind: KindRef,
    /// PEM.
    root_ca: Arc<str>,
}

impl NamespaceDefaults {
    pub fn new(tools: &Tools, root_ca: Arc<str>) -> Self {
        let registry = Registry::built_in();
        Self {
            client: tools.client.clone(),
            namespaces: tools.informers.typed::<Namespace>(),
            accounts: tools.informers.typed::<ServiceAccount>(),
            maps: tools.informers.typed::<ConfigMap>(),
            account_kind: registry.of::<ServiceAccount>().clone(),
            map_kind: registry.of::<ConfigMap>().clone(),
            root_ca,
        }
    }

    async fn ensure_account(&self, namespace: &str) -> Result<(), Status> {
        let key = ObjectKey::new(namespace, ACCOUNT);
        if self.accounts.view().get(&key).is_some() {
            return Ok(());
        }
        self.create(&self.account_kind, &self.accounts, namespace, json!({ "metadata": { "name": ACCOUNT } })).await
    }

    async fn ensure_root_ca(&self, namespace: &str) -> Result<(), Status> {
        let data = json!({ "ca.crt": &*self.root_ca });
        let view = self.maps.view();
        let Some(map) = view.get(&ObjectKey::new(namespace, ROOT_CA)) else {
            let metadata = json!({ "name": ROOT_CA, "annotations": { "kubernetes.io/description": DESCRIPTION } });
            return self.create(&self.map_kind, &self.maps, namespace, json!({ "metadata": metadata, "data": data })).await;
        };
        let mut body = map.value();
        if body["data"] == data {
            return Ok(());
        }
        body["data"] = data;
        let written = self.client.update(&self.map_kind, namespace, ROOT_CA, "", body, &WriteOptions::default()).await?;
        self.maps.reached(written.revision()).await;
        Ok(())
    }

    async fn create(&self, kind: &KindRef, informer: &InformerHandle, namespace: &str, mut body: Value) -> Result<(), Status> {
        body["apiVersion"] = kind.api_version().into();
        body["kind"] = kind.kind().into();
        match self.client.create(kind, namespace, body, &WriteOptions::default()).await {
            Ok(created) => informer.reached(created.revision()).await,
            Err(error) if error.is_already_exists() || error.is_not_found() || error.has_cause("NamespaceTerminating") => {}
            Err(error) => return Err(error),
        }
        Ok(())
    }
}

impl Reconciler for NamespaceDefaults {
    type Key = ObjectKey;
    const NAME: &'static str = "namespace defaults";

    fn watches(&self) -> Vec<Watch<Self>> {
        vec![
            Watch::new(&self.namespaces, |_, delta| vec![delta.key.clone()]),
            Watch::new(&self.accounts, |_, delta| namespace_of(delta, ACCOUNT)),
            Watch::new(&self.maps, |_, delta| namespace_of(delta, ROOT_CA)),
        ]
    }

    async fn reconcile(&self, key: &ObjectKey) -> Result<Outcome, Status> {
        let view = self.namespaces.view();
        let Some(namespace) = view.get(key) else { return Ok(Outcome::Done) };
        if namespace.meta().deletion_timestamp.is_none() {
            self.ensure_account(&key.name).await?;
            self.ensure_root_ca(&key.name).await?;
        }
        Ok(Outcome::Done)
    }
}

/// The namespace of a change, if it is one of the object of that name.
fn namespace_of(delta: &Delta, name: &str) -> Vec<ObjectKey> {
    if &*delta.key.name == name { vec![ObjectKey::new("", delta.key.namespace.clone())] } else { Vec::new() }
}
