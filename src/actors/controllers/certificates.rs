//! Signing requests (the page "Certificates and Certificate Signing Requests"): a kubelet's for itself is approved if it may ask for that,
//! and what was approved is signed with the cluster's authority.

mod request;

use std::sync::Arc;
use std::time::Duration;

use k8s_openapi::api::certificates::v1::{CertificateSigningRequest, CertificateSigningRequestSpec};
use serde_json::{Value, json};

use self::request::Wanted;
use super::{Outcome, Reconciler, Tools, Watch};
use crate::actors::informer::{InformerHandle, ObjectKey};
use crate::api::authorization::{Authorizer, RequestInfo, Resource};
use crate::api::client::{ClientRef, WriteOptions};
use crate::api::kinds::{KindRef, Registry};
use crate::api::schema::written;
use crate::api::status::Status;
use crate::api::verbs::User;
use crate::runtime::clock;
use crate::runtime::store::Stored;

const CLIENT: &str = "kubernetes.io/kube-apiserver-client";
const KUBELET_CLIENT: &str = "kubernetes.io/kube-apiserver-client-kubelet";
const KUBELET_SERVING: &str = "kubernetes.io/kubelet-serving";
const LEGACY: &str = "kubernetes.io/legacy-unknown";

/// How long a certificate counts that does not say, and no longer.
const LIFETIME: Duration = Duration::from_secs(365 * 24 * 3600);
/// No certificate counts for less.
const SHORTEST: Duration = Duration::from_secs(600);

/// Signs with the cluster's authority.
pub trait Signer: Send + Sync + 'static {
    /// A certificate, PEM, of what a request (PEM) asks for.
    ///
    /// # Errors
    /// It asks for what cannot be signed.
    fn sign(&self, request: &[u8], usages: &[String], lifetime: Duration) -> Result<String, String>;
}

/// What it takes to answer signing requests.
#[derive(Clone)]
pub struct Certifying {
    pub authorizer: Authorizer,
    pub signer: Arc<dyn Signer>,
}

/// Reconciles one signing request at a time.
pub struct Certificates {
    client: ClientRef,
    requests: InformerHandle,
    kind: KindRef,
    by: Certifying,
}

impl Certificates {
    pub fn new(tools: &Tools, by: Certifying) -> Self {
        let kind = Registry::built_in().of::<CertificateSigningRequest>().clone();
        Self { client: tools.client.clone(), requests: tools.informers.typed::<CertificateSigningRequest>(), kind, by }
    }
}

impl Reconciler for Certificates {
    type Key = ObjectKey;
    const NAME: &'static str = "certificates";

    fn watches(&self) -> Vec<Watch<Self>> {
        vec![Watch::new(&self.requests, |_, delta| vec![delta.key.clone()])]
    }

    async fn reconcile(&self, key: &ObjectKey) -> Result<Outcome, Status> {
        let view = self.requests.view();
        let Some(object) = view.get(key) else { return Ok(Outcome::Done) };
        let Ok(request) = object.parse::<CertificateSigningRequest>() else { return Ok(Outcome::Done) };
        let Some((subresource, status)) = self.answer(&request, object.value()["status"].clone()) else { return Ok(Outcome::Done) };
        let mut body = object.value();
        body["status"] = status;
        match self.client.update(&self.kind, "", &key.name, subresource, body, &WriteOptions::default()).await {
            Ok(written) => self.requests.reached(written.revision()).await,
            Err(error) if error.is_not_found() => {}
            Err(error) => return Err(error),
        }
        Ok(Outcome::Done)
    }
}

impl Certificates {
    /// What is to be said of a request now, if anything: by which subresource, and the status.
    fn answer(&self, request: &CertificateSigningRequest, mut status: Value) -> Option<(&'static str, Value)> {
        let spec = &request.spec;
        let has = |kind: &str| status["conditions"].as_array().into_iter().flatten().any(|known| known["type"] == kind);
        if has("Denied") || has("Failed") || !status["certificate"].is_null() {
            return None;
        }
        let usages = spec.usages.as_deref().unwrap_or_default();
        let wanted = Wanted::read(&spec.request.0, usages)?;
        if !has("Approved") {
            let message = self.approves(spec, &wanted)?;
            say(&mut status, "Approved", "AutoApproved", message);
            return Some(("approval", status));
        }
        let signed = match fault(&spec.signer_name, &wanted)? {
            Some(fault) => Err(fault),
            None => self.by.signer.sign(&spec.request.0, usages, lifetime(spec.expiration_seconds)),
        };
        match signed {
            Ok(certificate) => {
                use base64::Engine;
                status["certificate"] = base64::prelude::BASE64_STANDARD.encode(certificate).into();
            }
            Err(fault) => say(&mut status, "Failed", "SignerValidationFailure", &fault),
        }
        Some(("status", status))
    }

    /// Why a request of a kubelet for itself is approved, if it is.
    fn approves(&self, spec: &CertificateSigningRequestSpec, wanted: &Wanted) -> Option<&'static str> {
        if spec.signer_name != KUBELET_CLIENT || wanted.kubelet_client_fault().is_some() {
            return None;
        }
        let user = User {
            name: spec.username.clone().unwrap_or_default(),
            uid: spec.uid.clone().unwrap_or_default(),
            groups: spec.groups.clone().unwrap_or_default(),
            extra: spec.extra.clone().unwrap_or_default(),
        };
        let own = (user.name == wanted.common_name)
            .then_some(("selfnodeclient", "Auto approving self kubelet client certificate after SubjectAccessReview."));
        let any = ("nodeclient", "Auto approving kubelet client certificate after SubjectAccessReview.");
        own.into_iter().chain([any]).find_map(|(subresource, message)| {
            let [group, version, plural, subresource] =
                ["certificates.k8s.io", "*", "certificatesigningrequests", subresource].map(str::to_owned);
            let resource = Resource { group, version, plural, subresource, ..Resource::default() };
            self.by.authorizer.may(&user, &RequestInfo::of("create", resource)).then_some(message)
        })
    }
}

/// What keeps a signer of the cluster's from signing; `None` for who is no signer of the cluster's, or will not look at it.
fn fault(signer: &str, wanted: &Wanted) -> Option<Option<String>> {
    match signer {
        CLIENT => Some(wanted.client_fault()),
        KUBELET_CLIENT => Some(wanted.kubelet_client_fault()),
        KUBELET_SERVING => Some(wanted.kubelet_serving_fault()),
        LEGACY => Some(None),
        _ => None,
    }
}

fn lifetime(seconds: Option<i32>) -> Duration {
    let asked = seconds.and_then(|seconds| u64::try_from(seconds).ok()).map(Duration::from_secs);
    asked.unwrap_or(LIFETIME).clamp(SHORTEST, LIFETIME)
}

fn say(status: &mut Value, kind: &str, reason: &str, message: &str) {
    let now = written(clock::now());
    let condition = json!({
        "type": kind, "status": "True", "reason": reason, "message": message, "lastUpdateTime": now, "lastTransitionTime": now,
    });
    match status["conditions"].as_array_mut() {
        Some(conditions) => conditions.push(condition),
        None => status["conditions"] = json!([condition]),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_certificate_lasts_as_long_as_is_asked_for_within_bounds() {
        for (asked, seconds) in
            [(None, 31_536_000), (Some(86_400), 86_400), (Some(1), 600), (Some(i32::MAX), 31_536_000), (Some(-5), 31_536_000)]
        {
            assert_eq!(lifetime(asked), Duration::from_secs(seconds), "{asked:?}");
        }
    }

    #[test]
    fn others_signers_are_left_to_others() {
        assert!(fault("example.com/s", &Wanted::default()).is_none());
        assert!(fault(KUBELET_SERVING, &Wanted::default()).unwrap().is_some());
    }
}
