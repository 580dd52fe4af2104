//! The `token` subresource of service accounts (`TokenRequest`, KEP-1205).

use jiff::SignedDuration;
use serde_json::Value;

use super::{Api, Call, Target, not_found, tracking};
use crate::api::admission::{self, Operation, Request};
use crate::api::kinds::{Registry, Subresource};
use crate::api::object::Object;
use crate::api::schema::{self, written};
use crate::api::status::Status;
use crate::api::tokens::{Bound, Claims, ISSUER, Reference};
use crate::api::validation::{ErrorList, FieldErrorKind};
use crate::runtime::clock;
use crate::runtime::store::Snapshot;

const DEFAULT_SECONDS: i64 = 3600;
const LEAST_SECONDS: i64 = 600;
const MOST_SECONDS: i64 = 1 << 32;

impl Api {
    /// Issues a token of the account that the target names.
    ///
    /// # Errors
    /// `NotFound`: the account, or what the token is to be bound to; `Invalid`: a time that is too short or too long.
    pub(super) async fn request_token(&self, call: &Call, target: &Target, mut request: Value) -> Result<Value, Status> {
        let Some(tokens) = &self.0.settings.tokens else { return Err(Status::method_not_allowed()) };
        let snapshot = self.fresh().await?;
        let account = snapshot.get(&target.key()).ok_or_else(|| not_found(&target.kind, &target.name))?;
        self.admit_token(call, target, &snapshot, &request)?;
        let seconds = seconds(&request["spec"]["expirationSeconds"])?;
        let bound = self.bound(account, &request["spec"]["boundObjectRef"]).await?;
        let audiences: Vec<String> =
            request["spec"]["audiences"].as_array().into_iter().flatten().filter_map(Value::as_str).map(str::to_owned).collect();
        let audiences = if audiences.is_empty() { vec![ISSUER.to_owned()] } else { audiences };
        let (now, expiry) = (clock::now(), clock::now() + SignedDuration::from_secs(seconds));
        request["metadata"] = serde_json::json!({
            "name": target.name, "namespace": target.namespace, "uid": account.uid(), "creationTimestamp": written(now),
        });
        request["spec"]["expirationSeconds"] = seconds.into();
        let managed = tracking::track_order(call, target.body(), Subresource::Token, &request);
        request["metadata"]
            .as_object_mut()
            .expect("the metadata were just made")
            .extend(managed.map(|managed| ("managedFields".to_owned(), managed)));
        request["spec"]["audiences"] = audiences.clone().into();
        request["status"] = serde_json::json!({"expirationTimestamp": written(expiry), "token": ""});
        if !call.options.dry_run {
            let claims = Claims {
                aud: audiences,
                exp: expiry.as_second(),
                iat: now.as_second(),
                nbf: now.as_second(),
                iss: ISSUER.to_owned(),
                jti: self.uid(),
                kubernetes: bound,
                sub: format!("system:serviceaccount:{}:{}", target.namespace, target.name),
            };
            request["status"]["token"] = tokens.issue(claims).into();
        }
        schema::finish(target.body().schema, &mut request);
        Ok(request)
    }

    fn admit_token(&self, call: &Call, target: &Target, snapshot: &Snapshot<Object>, token: &Value) -> Result<(), Status> {
        let suffix = || self.suffix();
        let request = Request::of(Operation::Create, target, &call.user, snapshot, &suffix);
        admission::restrict_node(&request, Some(token))
    }

    /// What the token stands and falls with: the account, and a pod, secret or node if one is named.
    async fn bound(&self, account: &Object, to: &Value) -> Result<Bound, Status> {
        let reference = |object: &Object| Reference { name: object.name().to_owned(), uid: object.uid().to_owned() };
        let mut bound = Bound { namespace: account.namespace().to_owned(), serviceaccount: reference(account), ..Bound::default() };
        if to.is_null() {
            return Ok(bound);
        }
        let (kind, version) = (to["kind"].as_str().unwrap_or_default(), to["apiVersion"].as_str().unwrap_or("v1"));
        let kind_ref = match (version, kind) {
            ("v1", "Pod" | "Secret" | "Node") => Registry::built_in().kind(version, kind),
            _ => None,
        };
        let Some(kind_ref) = kind_ref else {
            return Err(Status::bad_request(format!("cannot bind token to object of type /{version}, Kind={kind}")));
        };
        let namespace = if kind_ref.is_namespaced() { account.namespace() } else { "" };
        let object = self.get(kind_ref, namespace, to["name"].as_str().unwrap_or_default()).await?;
        if let Some(uid) = to["uid"].as_str().filter(|uid| !uid.is_empty() && *uid != object.uid()) {
            let why = format!(
                "the UID in the bound object reference ({uid}) does not match the UID in record. The object might have been deleted and then recreated"
            );
            return Err(Status::conflict("", kind_ref.plural(), object.name(), &why));
        }
        let slot = match kind {
            "Pod" => &mut bound.pod,
            "Secret" => &mut bound.secret,
            _ => &mut bound.node,
        };
        *slot = Some(reference(&object));
        if kind == "Pod" {
            if object.value()["spec"]["serviceAccountName"].as_str() != Some(account.name()) {
                let name = account.name();
                let why = format!("cannot bind token for serviceaccount \"{name}\" to pod running with different serviceaccount name.");
                return Err(Status::bad_request(why));
            }
            let node = object.value()["spec"]["nodeName"].as_str().filter(|name| !name.is_empty()).map(str::to_owned);
            if let Some(node) = node {
                let uid = self.get(Registry::built_in().of::<k8s_openapi::api::core::v1::Node>(), "", &node).await;
                bound.node = Some(Reference { name: node, uid: uid.map(|node| node.uid().to_owned()).unwrap_or_default() });
            }
        }
        Ok(bound)
    }
}

fn seconds(asked: &Value) -> Result<i64, Status> {
    let seconds = asked.as_i64().unwrap_or(DEFAULT_SECONDS);
    let why = match seconds {
        ..LEAST_SECONDS => "may not specify a duration less than 10 minutes",
        _ if seconds > MOST_SECONDS => "may not specify a duration larger than 2^32 seconds",
        _ => return Ok(seconds),
    };
    let mut errors = ErrorList::default();
    errors.push(FieldErrorKind::Invalid, "spec.expirationSeconds", format!("Invalid value: {seconds}: {why}"));
    let mut status = Status::invalid("authentication.k8s.io", "TokenRequest", "", &errors);
    status.details.get_or_insert_default().name.clear();
    Err(status)
}
