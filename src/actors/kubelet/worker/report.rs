//! What a worker tells the API of its pod.

use k8s_openapi::api::core::v1::{ContainerStatus, Pod, PodStatus};
use serde_json::Value;

use super::{Turn, Work};
use crate::actors::kubelet::lifecycle::{Member, Outcome, World, members};
use crate::api::client::{DeleteOptions, WriteOptions};
use crate::api::kinds::Registry;
use crate::api::object::Object;
use crate::api::status::Status;
use crate::runtime::containers::SandboxState;
use crate::runtime::store::{Revision, Stored};

impl Work {
    /// Writes the status that was made from this version of the pod, if it says anything new. If the pod has changed meanwhile the
    /// status is not written: it is made anew from the newer version.
    pub(super) async fn report(&self, object: &Object, status: &PodStatus) -> Result<(), String> {
        let is_known = |told: &(Revision, PodStatus)| told.0 == object.revision() && told.1 == *status;
        if self.memory.borrow().told.as_ref().is_some_and(is_known) {
            return Ok(());
        }
        // The rest is not the kubelet's to say.
        let mut value = object.parts(&["/status"]);
        let new = serde_json::to_value(status).map_err(|error| error.to_string())?;
        if same(&value["status"], &new) {
            self.memory.borrow_mut().told = Some((object.revision(), status.clone()));
            return Ok(());
        }
        value["status"] = new;
        let kind = Registry::built_in().of::<Pod>();
        let written = self.context.client.update(kind, object.namespace(), object.name(), "status", value, &WriteOptions::default()).await;
        match written {
            Ok(written) => {
                self.memory.borrow_mut().told = Some((written.revision(), status.clone()));
                self.desk.note(written);
                Ok(())
            }
            Err(error) if error.is_not_found() => {
                self.desk.set_gone();
                Ok(())
            }
            Err(error) if error.is_conflict() => self.read_anew(object).await.map_err(|error| error.message),
            Err(error) => Err(error.message),
        }
    }

    /// Says of each container that begins to wait for its restart why it waits.
    pub(super) fn tell_back_offs(&self, object: &Object, pod: &Pod, status: &PodStatus) {
        let before = pod.status.as_ref().map(waiting_after_crashes).unwrap_or_default();
        let members = members(pod);
        for name in waiting_after_crashes(status).into_iter().filter(|name| !before.contains(name)) {
            let about =
                self.about(object).field(members.iter().find(|member| member.name() == name).map(Member::field_path).unwrap_or_default());
            let of = format!("{}_{}({})", object.name(), object.namespace(), object.uid());
            self.context.events.warning(about, "BackOff", format!("Back-off restarting failed container {name} in pod {of}"));
        }
    }

    /// Another write came first: looks at what it made of the pod.
    async fn read_anew(&self, object: &Object) -> Result<(), Status> {
        let kind = Registry::built_in().of::<Pod>();
        match self.context.client.get(kind, object.namespace(), object.name()).await {
            Ok(newer) if newer.uid() == self.desk.uid() => self.desk.put(newer),
            Ok(_) => self.desk.set_gone(),
            Err(error) if error.is_not_found() => self.desk.set_gone(),
            Err(error) => return Err(error),
        }
        Ok(())
    }

    /// Says how the pod ended, removes what is left of it, and lets the API forget it.
    pub(super) async fn finish(&self, object: &Object, gone: bool, world: &World, outcome: &Outcome) -> Result<Turn, String> {
        if !gone {
            self.report(object, &outcome.status).await?;
        }
        for sandbox in &world.sandboxes {
            debug_assert!(sandbox.state == SandboxState::NotReady, "a pod that has ended has no living sandbox");
            self.context.machine.runtime.remove_sandbox(&sandbox.id).await.map_err(|error| error.to_string())?;
        }
        self.context.machine.files.remove(self.desk.uid()).await.map_err(|error| error.to_string())?;
        if !gone {
            self.let_go(object).await?;
        }
        Ok(Turn::Finished)
    }

    /// Lets the API forget the pod.
    pub(super) async fn let_go(&self, object: &Object) -> Result<(), String> {
        let options = DeleteOptions { grace_period_seconds: Some(0), uid: Some(self.desk.uid().to_owned()), ..DeleteOptions::default() };
        let kind = Registry::built_in().of::<Pod>();
        match self.context.client.delete(kind, object.namespace(), object.name(), &options).await {
            // It may be gone already, or another pod has its name.
            Err(error) if !error.is_not_found() && !error.is_conflict() => Err(error.message),
            _ => Ok(()),
        }
    }
}

fn waiting_after_crashes(status: &PodStatus) -> Vec<&str> {
    let lists = [&status.init_container_statuses, &status.container_statuses];
    let waits = |status: &&ContainerStatus| {
        let waiting = status.state.as_ref().and_then(|state| state.waiting.as_ref());
        waiting.and_then(|waiting| waiting.reason.as_deref()) == Some("CrashLoopBackOff")
    };
    lists.into_iter().flatten().flatten().filter(waits).map(|status| status.name.as_str()).collect()
}

/// Whether two statuses say the same.
fn same(old: &Value, new: &Value) -> bool {
    match (old, new) {
        (Value::Object(old), Value::Object(new)) => {
            let fields = |a: &serde_json::Map<String, Value>, b: &serde_json::Map<String, Value>| {
                a.iter().all(|(name, value)| same(value, b.get(name).unwrap_or(&Value::Null)))
            };
            fields(old, new) && fields(new, old)
        }
        (Value::Array(old), Value::Array(new)) => old.len() == new.len() && old.iter().zip(new).all(|(old, new)| same(old, new)),
        (Value::Null, Value::Null) => true,
        (old, new) => old == new,
    }
}
