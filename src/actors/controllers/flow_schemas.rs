//! Whether the priority level that a flow schema names is there (upstream: the controller of its API server's fairness, KEP-1040).

use jiff::Timestamp;
use k8s_openapi::api::flowcontrol::v1::{FlowSchema, PriorityLevelConfiguration};
use serde_json::{Value, json};

use super::{Outcome, Reconciler, Tools, Watch};
use crate::actors::informer::{InformerHandle, ObjectKey};
use crate::api::client::{ClientRef, WriteOptions};
use crate::api::kinds::{KindRef, Registry};
use crate::api::schema::written;
use crate::api::status::Status;
use crate::runtime::clock;
use crate::runtime::store::Stored;

/// Reconciles one flow schema at a time.
pub struct FlowSchemas {
    client: ClientRef,
    schemas: InformerHandle,
    levels: InformerHandle,
    kind: KindRef,
}

impl FlowSchemas {
    pub fn new(tools: &Tools) -> Self {
        Self {
            client: tools.client.clone(),
            schemas: tools.informers.typed::<FlowSchema>(),
            levels: tools.informers.typed::<PriorityLevelConfiguration>(),
            kind: Registry::built_in().of::<FlowSchema>().clone(),
        }
    }

    fn all(&self) -> Vec<ObjectKey> {
        self.schemas.view().iter().map(|schema| ObjectKey::from(&**schema)).collect()
    }
}

impl Reconciler for FlowSchemas {
    type Key = ObjectKey;
    const NAME: &'static str = "flow schemas";

    fn watches(&self) -> Vec<Watch<Self>> {
        // A level comes or goes for all of its schemas; how it is changed is nothing to them.
        let levels = Watch::new(&self.levels, |it: &Self, delta| match (&delta.old, &delta.new) {
            (Some(_), Some(_)) => Vec::new(),
            _ => it.all(),
        });
        vec![Watch::new(&self.schemas, |_, delta| vec![delta.key.clone()]), levels]
    }

    async fn reconcile(&self, key: &ObjectKey) -> Result<Outcome, Status> {
        let view = self.schemas.view();
        let Some(schema) = view.get(key) else { return Ok(Outcome::Done) };
        let mut body = schema.value();
        let level = body["spec"]["priorityLevelConfiguration"]["name"].as_str().unwrap_or_default().to_owned();
        let is_there = self.levels.view().get(&ObjectKey::new("", level.as_str())).is_some();
        if !tell(&mut body, &level, is_there, clock::now()) {
            return Ok(Outcome::Done);
        }
        match self.client.update(&self.kind, "", &key.name, "status", body, &WriteOptions::default()).await {
            Ok(written) => self.schemas.reached(written.revision()).await,
            Err(error) if error.is_not_found() => {}
            Err(error) => return Err(error),
        }
        Ok(Outcome::Done)
    }
}

/// Sets the condition that says whether the level is missing; whether that changed anything.
fn tell(schema: &mut Value, level: &str, is_there: bool, now: Timestamp) -> bool {
    let (status, reason, exists) = if is_there { ("False", "Found", "it exists") } else { ("True", "NotFound", "there is no such object") };
    let message = format!("This FlowSchema references the PriorityLevelConfiguration object named {level:?} and {exists}");
    let mut conditions = schema["status"]["conditions"].as_array().cloned().unwrap_or_default();
    let old = conditions.iter_mut().find(|condition| condition["type"] == "Dangling");
    if old.as_ref().is_some_and(|old| old["status"] == status && old["message"] == *message) {
        return false;
    }
    let new = json!({"type": "Dangling", "status": status, "reason": reason, "message": message, "lastTransitionTime": written(now)});
    match old {
        Some(old) => *old = new,
        None => conditions.push(new),
    }
    schema["status"]["conditions"] = conditions.into();
    true
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::actors::controllers::fixtures::noon;

    #[test]
    fn a_schema_says_once_whether_its_level_is_there() {
        let mut schema = json!({"status": {}});
        assert!(tell(&mut schema, "gone", false, noon()) && !tell(&mut schema, "gone", false, noon()));
        assert_eq!(schema["status"]["conditions"][0]["status"], "True");
        assert!(tell(&mut schema, "gone", true, noon()));
        let condition = &schema["status"]["conditions"][0];
        let message = "This FlowSchema references the PriorityLevelConfiguration object named \"gone\" and it exists";
        assert_eq!((&condition["status"], &condition["message"]), (&json!("False"), &json!(message)));
    }
}
