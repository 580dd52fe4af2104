//! What webhooks are asked, and what they may answer (`AdmissionReview`, `k8s.io/apiserver/pkg/admission/plugin/webhook/request`).

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use serde_json::{Value, json};

use super::super::attributes::{Attributes, converted};
use crate::api::kinds::Kind;
use crate::api::status::{Details, Reason, Status};

/// How many warnings one webhook may give, and how long all may be.
const MOST_WARNINGS: usize = 64;
const WARNINGS_LENGTH: usize = 4096;

pub struct Review<'a> {
    pub version: &'a str,
    pub uid: &'a str,
}

/// Why an answer is none.
pub enum Nonsense {
    Unreadable(String),
    Wrong(String),
}

#[derive(Debug, Default)]
pub struct Verdict {
    allowed: bool,
    result: Value,
    pub patch: Option<Value>,
    pub warnings: Vec<String>,
}

impl Review<'_> {
    fn api_version(&self) -> String {
        format!("admission.k8s.io/{}", self.version)
    }

    pub fn write(&self, write: &Attributes, object: Option<&Value>, kind: &Kind) -> Bytes {
        let shown = |value: Option<&Value>| match value {
            None => Value::Null,
            Some(value) if write.part.kind.is_some() => value.clone(),
            Some(value) => converted(value, write.kind, kind),
        };
        let mut request = write.request(kind);
        request["uid"] = self.uid.into();
        request["object"] = shown(object);
        request["oldObject"] = shown(write.old);
        json!({"kind": "AdmissionReview", "apiVersion": self.api_version(), "request": request}).to_string().into()
    }

    /// Makes sense of an answer.
    pub fn read(&self, body: &[u8], may_patch: bool) -> Result<Verdict, Nonsense> {
        let review: Value = serde_json::from_slice(body)
            .map_err(|error| Nonsense::Unreadable(format!("couldn't get version/kind; json parse error: {error}")))?;
        let wrong = |why: String| Err(Nonsense::Wrong(why));
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        let (version, kind) = (text(&review["apiVersion"]), text(&review["kind"]));
        let typed = |version: &str, kind: &str| {
            let version = if version.contains('/') { version.to_owned() } else { format!("/{version}") };
            format!("{version}, Kind={kind}")
        };
        let response = &review["response"];
        // The older version did not ask for what the newer one does.
        let is_strict = self.version == "v1";
        if is_strict && (version != self.api_version() || kind != "AdmissionReview") {
            let (wanted, found) = (typed(&self.api_version(), "AdmissionReview"), typed(&version, &kind));
            return wrong(format!("expected webhook response of {wanted}, got {found}"));
        }
        if !response.is_object() {
            return wrong("webhook response was absent".to_owned());
        }
        if is_strict && response["uid"] != self.uid {
            return wrong(format!("expected response.uid={:?}, got {:?}", self.uid, text(&response["uid"])));
        }
        let (patch, patch_type) = (text(&response["patch"]), text(&response["patchType"]));
        if is_strict && !may_patch && !patch.is_empty() {
            return wrong("response.patch must be empty for validating webhooks".to_owned());
        }
        if is_strict && !may_patch && !patch_type.is_empty() {
            return wrong("response.patchType must be empty for validating webhooks".to_owned());
        }
        if is_strict && !patch.is_empty() && patch_type.is_empty() {
            return wrong("webhook returned response.patch but not response.patchType".to_owned());
        }
        if is_strict && patch.is_empty() && !patch_type.is_empty() {
            return wrong("webhook returned response.patchType but not response.patch".to_owned());
        }
        if !patch_type.is_empty() && patch_type != "JSONPatch" {
            return wrong(format!("invalid value of response.patchType {patch_type:?}"));
        }
        let patch = match patch.as_str() {
            "" => None,
            _ if !may_patch => None,
            encoded => match STANDARD.decode(encoded).ok().and_then(|bytes| serde_json::from_slice(&bytes).ok()) {
                Some(patch) => Some(patch),
                None => return wrong("response.patch is no JSON patch in base64".to_owned()),
            },
        };
        Ok(Verdict {
            allowed: response["allowed"] == true,
            result: response["status"].clone(),
            patch,
            warnings: warnings(&response["warnings"]),
        })
    }
}

/// What is to be passed on: as much of it as fits, and nothing that would break a header.
fn warnings(said: &Value) -> Vec<String> {
    let (mut warnings, mut left) = (Vec::new(), WARNINGS_LENGTH);
    for warning in said.as_array().into_iter().flatten().filter_map(Value::as_str).take(MOST_WARNINGS) {
        let plain: String = warning.chars().filter(|one| !one.is_control()).take(left).collect();
        left -= plain.chars().count();
        if !plain.is_empty() {
            warnings.push(plain);
        }
    }
    warnings
}

impl Verdict {
    /// # Errors
    /// It is not allowed (`ToStatusErr`).
    pub fn settled(self, webhook: &str) -> Result<Self, Status> {
        if self.allowed {
            return Ok(self);
        }
        let denied = format!("admission webhook \"{webhook}\" denied the request");
        let text = |field: &str| self.result[field].as_str().unwrap_or_default();
        let message = match (text("message"), text("reason")) {
            ("", "") => format!("{denied} without explanation"),
            ("", reason) => format!("{denied}: {reason}"),
            (message, _) => format!("{denied}: {message}"),
        };
        let code = self.result["code"].as_u64().and_then(|code| u16::try_from(code).ok()).filter(|code| (400..600).contains(code));
        let reason = serde_json::from_value::<Reason>(self.result["reason"].clone()).unwrap_or(Reason::Unknown);
        let mut status = Status::new(code.unwrap_or(400), reason, message);
        status.details = serde_json::from_value::<Details>(self.result["details"].clone()).ok().map(Box::new);
        Err(status)
    }
}
