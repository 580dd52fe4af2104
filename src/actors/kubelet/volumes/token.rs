//! Service account tokens that are bound to their pod (KEP-1205).

use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp};
use k8s_openapi::api::core::v1::{Pod, ServiceAccount, ServiceAccountTokenProjection};
use serde_json::json;

use crate::actors::kubelet::context::Context;
use crate::api::client::WriteOptions;
use crate::api::kinds::Registry;
use crate::runtime::clock;

/// A token is replaced when it is older than this, however long it is good for.
const LONGEST: SignedDuration = SignedDuration::from_hours(24);

/// The tokens of one pod, by volume and source.
#[derive(Default)]
pub struct Tokens(BTreeMap<(String, usize), Token>);

struct Token {
    text: String,
    renew_at: Timestamp,
}

impl Tokens {
    /// A token that is good: the one from before, or a new one once four fifths of its time have passed.
    pub async fn get(
        &mut self,
        context: &Context,
        pod: &Pod,
        (volume, source): (&str, usize),
        wanted: &ServiceAccountTokenProjection,
    ) -> Result<String, String> {
        let key = (volume.to_owned(), source);
        if let Some(token) = self.0.get(&key).filter(|token| clock::now() < token.renew_at) {
            return Ok(token.text.clone());
        }
        let token = request(context, pod, wanted).await?;
        let text = token.text.clone();
        self.0.insert(key, token);
        Ok(text)
    }
}

async fn request(context: &Context, pod: &Pod, wanted: &ServiceAccountTokenProjection) -> Result<Token, String> {
    let spec = pod.spec.as_ref();
    let account = spec.and_then(|spec| spec.service_account_name.as_deref()).unwrap_or("default");
    let namespace = pod.metadata.namespace.as_deref().unwrap_or_default();
    let seconds = wanted.expiration_seconds.unwrap_or(3600);
    let audiences: Vec<&String> = wanted.audience.iter().filter(|audience| !audience.is_empty()).collect();
    let bound = json!({"kind": "Pod", "apiVersion": "v1", "name": pod.metadata.name, "uid": pod.metadata.uid});
    let body = json!({
        "apiVersion": "authentication.k8s.io/v1",
        "kind": "TokenRequest",
        "spec": {"audiences": audiences, "expirationSeconds": seconds, "boundObjectRef": bound},
    });
    let kind = Registry::built_in().of::<ServiceAccount>();
    let asked_at = clock::now();
    let answer = context.client.create_subresource(kind, namespace, account, "token", body, &WriteOptions::default()).await;
    let answer = answer.map_err(|error| format!("failed to fetch token: {error}"))?;
    let text = answer.pointer("/status/token").and_then(|token| token.as_str());
    let text = text.ok_or("failed to fetch token: the answer has none")?.to_owned();
    let renew_after = SignedDuration::from_secs(seconds * 4 / 5).min(LONGEST);
    Ok(Token { text, renew_at: asked_at + renew_after })
}
