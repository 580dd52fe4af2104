//! The `scale` subresource: the wished number of an object's replicas, in a form that is the same for all kinds that have one.

use k8s_openapi::apimachinery::pkg::apis::meta::v1 as meta;
use serde::Deserialize;
use serde_json::{Value, json};

use super::update::{Manner, Reach, Tracking};
use super::{Api, Call, Target, tracking};
use crate::api::admission::extension::Part;
use crate::api::admission::{self, Request};
use crate::api::custom::Scale;
use crate::api::kinds::{Kind, Subresource};
use crate::api::object::Object;
use crate::api::selector::LabelSelector;
use crate::api::status::Status;
use crate::api::validation::{ErrorList, FieldErrorKind};
use crate::runtime::store::Stored;

impl Api {
    pub(super) async fn get_scale(&self, target: &Target) -> Result<Object, Status> {
        let object = self.get(&target.kind, &target.namespace, &target.name).await?;
        if let Some(scale) = declared(&target.kind)
            && scale.spec_replicas.find(&object.value()).is_none()
        {
            let why = format!("the spec replicas field {:?} does not exist", scale.spec_replicas.text);
            return Err(Status::internal(why));
        }
        scale(&target.kind, &object)
    }

    /// Sets the replicas to what `change` makes of the present scale.
    pub(super) async fn set_scale(
        &self,
        call: &Call,
        target: &Target,
        mut change: impl FnMut(&Object, &Value) -> Result<Value, Status>,
    ) -> Result<Object, Status> {
        let whole = Target { subresource: None, ..target.clone() };
        let manner = Manner { reach: Reach::Object, tracking: Tracking::Update(Subresource::Scale.name()), scales: true };
        let changed = self
            .modify(call, &whole, manner, |old, value| {
                let shown = scale(&target.kind, old)?;
                let wanted = change(&shown, &shown.value())?;
                let replicas = wanted["spec"]["replicas"].as_i64().unwrap_or(0);
                let mut object = value.clone();
                match declared(&target.kind) {
                    None => {
                        check(&target.name, replicas)?;
                        object["spec"]["replicas"] = replicas.into();
                    }
                    Some(declared) => declared.spec_replicas.put(&mut object, replicas.into()),
                }
                for field in ["resourceVersion", "uid"] {
                    if let Some(value) = wanted["metadata"].get(field) {
                        object["metadata"][field] = value.clone();
                    }
                }
                Ok(object)
            })
            .await?;
        scale(&target.kind, &changed)
    }
}

impl Api {
    /// Server-side apply: the number of replicas is the applying manager's, of the object and by this subresource.
    pub(super) async fn apply_scale(&self, call: &Call, target: &Target, applied: &Value) -> Result<Object, Status> {
        tracking::check_type(("autoscaling/v1", "Scale"), applied)?;
        let kind = &target.kind;
        let mut wanted = json!({"apiVersion": kind.api_version(), "kind": kind.kind(), "metadata": applied["metadata"]});
        if let Some(replicas) = applied["spec"].get("replicas") {
            match declared(kind) {
                None => {
                    check(&target.name, replicas.as_i64().unwrap_or(0))?;
                    wanted["spec"] = json!({ "replicas": replicas });
                }
                Some(declared) => declared.spec_replicas.put(&mut wanted, replicas.clone()),
            }
        }
        let whole = Target { subresource: None, ..target.clone() };
        scale(kind, &self.apply_to(call, &whole, Subresource::Scale.name(), &wanted).await?)
    }
}

impl Api {
    /// Validating admission of another number of replicas: what is built in looks at the whole, those who are declared at the scale.
    pub(super) async fn approve_scale(&self, call: &Call, request: &Request<'_>, new: &Value) -> Result<(), Status> {
        admission::judge(request, Some(new))?.into_iter().for_each(|warning| call.warn(warning));
        let shown = |whole: &Value| -> Result<Value, Status> {
            let object = Object::from_value(whole.clone()).map_err(Status::internal)?;
            Ok(scale(request.kind, &object)?.value())
        };
        let (old, new) = (request.old.map(shown).transpose()?, shown(new)?);
        let request = Request { old: old.as_ref(), ..*request };
        let sent = Subresource::Scale.body().map(|sent| (sent.group, sent.version, sent.kind));
        let part = Part { subresource: Subresource::Scale.name(), kind: sent };
        self.consult(call, &request, part, Some(&new)).await
    }
}

fn check(name: &str, replicas: i64) -> Result<(), Status> {
    if replicas >= 0 {
        return Ok(());
    }
    let mut errors = ErrorList::default();
    let message = format!("Invalid value: {replicas}: must be greater than or equal to 0");
    errors.push(FieldErrorKind::Invalid, "spec.replicas", message);
    Err(Status::invalid("autoscaling", "Scale", name, &errors))
}

/// Where a definition says that the numbers of replicas are.
fn declared(kind: &Kind) -> Option<&Scale> {
    kind.custom.as_ref().and_then(|custom| custom.scale.as_ref())
}

/// The replicas that an object is to have and has, and what selects them.
fn numbers(kind: &Kind, value: &Value) -> Result<(Option<i64>, i64, String), Status> {
    let Some(declared) = declared(kind) else {
        let status = value["status"]["replicas"].as_i64().unwrap_or(0);
        return Ok((value["spec"]["replicas"].as_i64(), status, selector(&value["spec"]["selector"])?));
    };
    let status = declared.status_replicas.find(value).and_then(Value::as_i64).unwrap_or(0);
    let selector = declared.selector.as_ref().and_then(|place| place.find(value)).and_then(Value::as_str);
    Ok((declared.spec_replicas.find(value).and_then(Value::as_i64), status, selector.unwrap_or_default().to_owned()))
}

/// An object's scale, as of the object's revision.
fn scale(kind: &Kind, object: &Object) -> Result<Object, Status> {
    let value = object.value();
    let (wanted, there, selector) = numbers(kind, &value)?;
    let meta = &value["metadata"];
    let mut metadata = json!({"name": meta["name"], "namespace": meta["namespace"], "uid": meta["uid"]});
    metadata["creationTimestamp"] = meta["creationTimestamp"].clone();
    let mut spec = json!({});
    if let Some(replicas) = wanted.filter(|replicas| *replicas != 0) {
        spec["replicas"] = replicas.into();
    }
    let mut status = json!({ "replicas": there });
    if !selector.is_empty() {
        status["selector"] = selector.into();
    }
    let scale = json!({"kind": "Scale", "apiVersion": "autoscaling/v1", "metadata": metadata, "spec": spec, "status": status});
    Ok(Object::from_value(scale).map_err(Status::internal)?.at(object.revision()))
}

/// A selector as text: a ReplicationController's is a map, that of later kinds a `LabelSelector`.
fn selector(selector: &Value) -> Result<String, Status> {
    if selector.get("matchLabels").is_some_and(Value::is_object) || selector.get("matchExpressions").is_some_and(Value::is_array) {
        let selector = meta::LabelSelector::deserialize(selector).map_err(Status::internal)?;
        return Ok(LabelSelector::from_spec(&selector)?.to_string());
    }
    let pairs = selector.as_object().into_iter().flatten().filter_map(|(key, value)| Some(format!("{key}={}", value.as_str()?)));
    Ok(pairs.collect::<Vec<_>>().join(","))
}
