//! The application of a slice plan to the world, for both controllers that keep slices.

use std::collections::BTreeMap;

use k8s_openapi::api::discovery::v1::EndpointSlice;
use serde_json::{Value, json};

use super::slice_plan::{Common, SliceOp};
use crate::actors::controllers::ownership::controller_reference;
use crate::actors::informer::{InformerHandle, ObjectKey, View};
use crate::api::client::{ClientRef, DeleteOptions, WriteOptions};
use crate::api::kinds::{Kind, KindRef, Registry};
use crate::api::object::Object;
use crate::api::status::Status;
use crate::runtime::store::{Revision, Stored};

pub const SERVICE_NAME: &str = "kubernetes.io/service-name";
pub const MANAGED_BY: &str = "endpointslice.kubernetes.io/managed-by";

/// What every slice of one owner has, whatever its endpoints.
pub struct Frame<'a> {
    pub owner: &'a Object,
    pub owner_kind: &'a Kind,
    /// All of them, the reserved ones included.
    pub labels: BTreeMap<String, String>,
    pub annotations: BTreeMap<String, String>,
}

/// Writes slices.
#[derive(Clone)]
pub struct SliceWriter {
    pub client: ClientRef,
    pub slices: InformerHandle,
    kind: KindRef,
}

impl SliceWriter {
    pub fn new(client: ClientRef, slices: InformerHandle) -> Self {
        Self { client, slices, kind: Registry::built_in().of::<EndpointSlice>().clone() }
    }

    /// The slices of a service that this manager keeps, by name.
    pub fn existing(&self, service: &ObjectKey, manager: &str) -> Result<Vec<EndpointSlice>, Status> {
        let view: &View = &self.slices.view();
        let of_service = view.by_label(&service.namespace, SERVICE_NAME, &service.name);
        let managed = of_service.filter(|slice| slice.labels().get(MANAGED_BY).is_some_and(|by| by == manager));
        managed.map(|slice| slice.parse().map_err(Status::internal)).collect()
    }

    /// Does what was planned, and waits until the informer shows it.
    pub async fn apply(&self, service: &ObjectKey, frame: &Frame<'_>, ops: Vec<SliceOp>) -> Result<(), Status> {
        let mut newest = Revision(0);
        let mut result = Ok(());
        for op in ops {
            match self.write(&service.namespace, frame, op).await {
                Ok(written) => newest = newest.max(written),
                Err(error) if error.has_cause("NamespaceTerminating") => {}
                Err(error) => {
                    result = Err(error);
                    break;
                }
            }
        }
        self.slices.reached(newest).await;
        result
    }

    /// Deletes slices that nobody needs.
    pub async fn delete(&self, namespace: &str, slices: &[EndpointSlice]) -> Result<(), Status> {
        for slice in slices {
            let name = slice.metadata.name.as_deref().unwrap_or_default();
            self.remove(namespace, name).await?;
        }
        Ok(())
    }

    async fn write(&self, namespace: &str, frame: &Frame<'_>, op: SliceOp) -> Result<Revision, Status> {
        let options = WriteOptions::default();
        let written = match op {
            SliceOp::Create { common, endpoints } => {
                let metadata = json!({ "generateName": format!("{}-", frame.owner.name()) });
                let body = frame.body(metadata, &common, json!(endpoints));
                self.client.create(&self.kind, namespace, body, &options).await?
            }
            SliceOp::Update { name, common, endpoints } => {
                let Some(current) = self.slices.view().get(&ObjectKey::new(namespace, name.as_str())).map(|slice| slice.value()) else {
                    return Ok(Revision(0));
                };
                let body = frame.body(current["metadata"].clone(), &common, json!(endpoints));
                self.client.update(&self.kind, namespace, &name, "", body, &options).await?
            }
            SliceOp::Delete { name } => return self.remove(namespace, &name).await,
        };
        Ok(written.revision())
    }

    async fn remove(&self, namespace: &str, name: &str) -> Result<Revision, Status> {
        match self.client.delete(&self.kind, namespace, name, &DeleteOptions::default()).await {
            Ok(deleted) => Ok(deleted.revision()),
            Err(error) if error.is_not_found() => Ok(Revision(0)),
            Err(error) => Err(error),
        }
    }
}

impl Frame<'_> {
    /// A slice's labels are not what they should be. The annotations follow when something else changes.
    pub fn is_stale(&self, slice: &EndpointSlice) -> bool {
        slice.metadata.labels.as_ref() != Some(&self.labels)
    }

    fn body(&self, mut metadata: Value, common: &Common, endpoints: Value) -> Value {
        metadata["labels"] = json!(self.labels);
        if !self.annotations.is_empty() {
            metadata["annotations"] = json!(self.annotations);
        }
        metadata["ownerReferences"] = json!([controller_reference(self.owner_kind, self.owner)]);
        let filled = |list: Value| if list.as_array().is_some_and(Vec::is_empty) { Value::Null } else { list };
        json!({
            "apiVersion": "discovery.k8s.io/v1",
            "kind": "EndpointSlice",
            "metadata": metadata,
            "addressType": common.address_type,
            "endpoints": filled(endpoints),
            "ports": filled(json!(common.ports)),
        })
    }
}
