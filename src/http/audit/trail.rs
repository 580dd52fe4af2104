//! What is said of one request.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use actix_web::body::{BodySize, BoxBody, MessageBody};
use actix_web::error::PayloadError;
use actix_web::http::header::{CONTENT_ENCODING, CONTENT_TYPE, HeaderName, HeaderValue, USER_AGENT};
use actix_web::{FromRequest, HttpRequest, HttpResponse, dev, web};
use bytes::Bytes;
use futures::{StreamExt, stream};
use jiff::Timestamp;
use serde_json::{Value, json};

use super::policy::{Level, Stage, Verdict};
use super::{Audit, object_reference, request_uri};
use crate::api::status::Status;
use crate::api::verbs::User;
use crate::api::yaml;
use crate::http::request::RequestInfo;
use crate::http::{body, protobuf};
use crate::runtime::clock;
use crate::runtime::entropy::Entropy;

/// In which a client may name its request, and the answer says the name.
const AUDIT_ID: HeaderName = HeaderName::from_static("audit-id");
/// Longer names of a client's are not taken.
const ID_MAX: usize = 64;

/// A request on its way.
pub struct Trail {
    id: String,
    request: HttpRequest,
    received: Timestamp,
    entry: Option<Entry>,
}

/// What is known of a request that is audited.
#[derive(Clone)]
struct Entry {
    audit: Arc<Audit>,
    verdict: Verdict,
    event: Value,
    /// The answer goes on for as long as both sides like.
    lasts: bool,
}

impl Trail {
    pub fn new(request: &HttpRequest, entropy: &mut Entropy) -> Self {
        let named = header(request, AUDIT_ID);
        let is_name = !named.is_empty() && named.len() <= ID_MAX && named.chars().all(|letter| letter.is_ascii_graphic());
        Self {
            id: if is_name { named.to_owned() } else { entropy.uuid().to_string() },
            request: request.clone(),
            received: clock::now(),
            entry: None,
        }
    }

    /// From now on it is known what is asked for and by whom, if by anybody who is known. The policy decides what is said of it.
    pub fn begin(&mut self, audit: &Option<Arc<Audit>>, user: Option<&User>, info: &RequestInfo) {
        let Some(audit) = audit else { return };
        let verdict = audit.policy.judge(user, info);
        if verdict.level == Level::None {
            return;
        }
        let mut event = json!({
            "kind": "Event",
            "apiVersion": "audit.k8s.io/v1",
            "level": format!("{:?}", verdict.level),
            "auditID": self.id,
            "requestURI": request_uri(self.request.path(), self.request.query_string()),
            "verb": info.verb,
            "user": user.map(User::info).unwrap_or_else(|| json!({})),
            "userAgent": header(&self.request, USER_AGENT),
            "requestReceivedTimestamp": microseconds(self.received),
        });
        if let Some(address) = self.request.peer_addr() {
            event["sourceIPs"] = json!([address.ip()]);
        }
        if let Some(reference) = object_reference(info) {
            event["objectRef"] = reference;
        }
        let entry = Entry { audit: audit.clone(), verdict, event, lasts: lasts(info) };
        entry.write(Stage::RequestReceived);
        self.entry = Some(entry);
    }

    /// For whom the request acts, other than who sent it.
    pub fn acts_as(&mut self, user: &User) {
        if let Some(entry) = &mut self.entry {
            entry.event["impersonatedUser"] = user.info();
        }
    }

    /// Whether it was allowed, and why not.
    pub fn decided<T>(&mut self, decision: &Result<T, String>) {
        if let Some(entry) = &mut self.entry {
            let (word, reason) = decision.as_ref().map_or_else(|reason| ("forbid", reason.as_str()), |_| ("allow", ""));
            entry.event["annotations"] = json!({"authorization.k8s.io/decision": word, "authorization.k8s.io/reason": reason});
        }
    }

    /// Takes down the body of the request, where the policy asks for it.
    ///
    /// # Errors
    /// As [`body::read`].
    pub async fn body(&mut self, payload: web::Payload) -> Result<web::Payload, Status> {
        let Some(entry) = self.entry.as_mut().filter(|entry| entry.verdict.level >= Level::Request && !entry.lasts) else {
            return Ok(payload);
        };
        let bytes = body::read(self.request.headers(), payload).await?;
        entry.say("requestObject", value(body::media_type(self.request.headers()), &bytes));
        let again = stream::iter([Ok::<_, PayloadError>(bytes)]).boxed_local();
        let mut payload = dev::Payload::Stream { payload: again };
        web::Payload::from_request(&self.request, &mut payload).await.map_err(Status::internal)
    }

    /// Ends it with the answer, which gets the request's id.
    pub fn close(self, mut response: HttpResponse, panicked: bool) -> HttpResponse {
        if let Ok(id) = HeaderValue::from_str(&self.id) {
            response.headers_mut().insert(AUDIT_ID, id);
        }
        let Some(mut entry) = self.entry else { return response };
        let code = response.status().as_u16();
        entry.event["responseStatus"] = json!({"metadata": {}, "code": code});
        if panicked {
            entry.write(Stage::Panic);
            return response;
        }
        if entry.lasts && response.status().is_success() {
            entry.write(Stage::ResponseStarted);
            return response.map_body(|_, body| BoxBody::new(Lasting { body, entry }));
        }
        let is_plain = !response.headers().contains_key(CONTENT_ENCODING);
        let media = response.headers().get(CONTENT_TYPE).and_then(|kind| kind.to_str().ok()).unwrap_or_default().to_owned();
        response.map_body(|head, body| {
            let wants_body = entry.verdict.level >= Level::RequestResponse || head.status.as_u16() >= 400;
            match body.try_into_bytes() {
                Ok(bytes) => {
                    if wants_body && is_plain {
                        entry.answered(value(&media, &bytes));
                    }
                    entry.write(Stage::ResponseComplete);
                    BoxBody::new(bytes)
                }
                Err(body) => BoxBody::new(Lasting { body, entry }),
            }
        })
    }
}

fn header(request: &HttpRequest, name: HeaderName) -> &str {
    request.headers().get(name).and_then(|value| value.to_str().ok()).unwrap_or_default()
}

/// Whether a request is answered for as long as both sides like.
fn lasts(info: &RequestInfo) -> bool {
    let of = |resource: &crate::http::request::Resource| {
        matches!(resource.subresource.as_str(), "exec" | "attach" | "portforward" | "proxy" | "log")
    };
    info.verb == "watch" || info.resource.as_ref().is_some_and(of)
}

/// A body as a value; `null` for what is none.
fn value(media_type: &str, bytes: &Bytes) -> Value {
    match media_type {
        protobuf::CONTENT_TYPE => protobuf::decode(bytes).ok().flatten().unwrap_or_default(),
        "application/yaml" | "application/apply-patch+yaml" => {
            std::str::from_utf8(bytes).ok().and_then(|text| yaml::document(text).ok()).unwrap_or_default()
        }
        _ => serde_json::from_slice(bytes).unwrap_or_default(),
    }
}

fn microseconds(time: Timestamp) -> String {
    format!("{time:.6}")
}

impl Entry {
    fn say(&mut self, field: &str, mut value: Value) {
        if value.is_null() {
            return;
        }
        if self.verdict.omit_managed_fields {
            let items = value.get_mut("items").and_then(Value::as_array_mut).map(std::mem::take);
            let mut items = items.unwrap_or_default();
            items.iter_mut().chain([&mut value]).for_each(forget_managed_fields);
            if !items.is_empty() {
                value["items"] = items.into();
            }
        }
        self.event[field] = value;
    }

    /// Takes down what was answered: a failure says why, anything else is the object.
    fn answered(&mut self, mut answer: Value) {
        if answer["kind"] == "Status" && answer["apiVersion"] == "v1" {
            if let Some(status) = answer.as_object_mut() {
                status.remove("kind");
                status.remove("apiVersion");
            }
            if !answer["code"].is_number() {
                answer["code"] = self.event["responseStatus"]["code"].take();
            }
            self.event["responseStatus"] = answer;
        } else if self.verdict.level >= Level::RequestResponse {
            self.say("responseObject", answer);
        }
    }

    fn write(&self, stage: Stage) {
        if self.verdict.omit_stages.contains(&stage) {
            return;
        }
        let mut event = self.event.clone();
        event["stage"] = stage.name().into();
        event["stageTimestamp"] = microseconds(clock::now()).into();
        self.audit.log.write(event.to_string().into_bytes());
    }
}

fn forget_managed_fields(object: &mut Value) {
    if let Some(metadata) = object.get_mut("metadata").and_then(Value::as_object_mut) {
        metadata.remove("managedFields");
    }
}

/// The body of an answer that goes on; the request is complete when it ends.
struct Lasting {
    body: BoxBody,
    entry: Entry,
}

impl MessageBody for Lasting {
    type Error = Box<dyn std::error::Error>;

    fn size(&self) -> BodySize {
        self.body.size()
    }

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Result<Bytes, Self::Error>>> {
        Pin::new(&mut self.body).poll_next(context)
    }
}

impl Drop for Lasting {
    fn drop(&mut self) {
        self.entry.write(Stage::ResponseComplete);
    }
}
