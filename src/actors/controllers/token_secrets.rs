//! Secrets of type `kubernetes.io/service-account-token` (Kubernetes' page on managing service accounts): each gets a token of the account that
//! its annotation names, which counts until the secret is gone. It goes with its account.

use std::sync::Arc;

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use k8s_openapi::api::core::v1::{Secret, ServiceAccount};
use serde::Deserialize;
use serde_json::{Value, json};

use super::{Outcome, Reconciler, Tools, Watch};
use crate::actors::informer::{Delta, InformerHandle, ObjectKey};
use crate::api::client::{ClientRef, DeleteOptions, WriteOptions};
use crate::api::kinds::{KindRef, Registry};
use crate::api::object::Object;
use crate::api::status::Status;
use crate::api::tokens::{SecretClaims, Tokens};

const TYPE: &str = "kubernetes.io/service-account-token";
const ACCOUNT: &str = "kubernetes.io/service-account.name";
const ACCOUNT_UID: &str = "kubernetes.io/service-account.uid";

/// Reconciles one secret at a time.
pub struct TokenSecrets {
    client: ClientRef,
    secrets: InformerHandle,
    accounts: InformerHandle,
    secret_kind: KindRef,
    account_kind: KindRef,
    /// PEM.
    root_ca: Arc<str>,
    tokens: Option<Arc<Tokens>>,
}

impl TokenSecrets {
    pub fn new(tools: &Tools, root_ca: Arc<str>, tokens: Option<Arc<Tokens>>) -> Self {
        let registry = Registry::built_in();
        Self {
            client: tools.client.clone(),
            secrets: tools.informers.typed::<Secret>(),
            accounts: tools.informers.typed::<ServiceAccount>(),
            secret_kind: registry.of::<Secret>().clone(),
            account_kind: registry.of::<ServiceAccount>().clone(),
            root_ca,
            tokens,
        }
    }

    /// The account that a secret is for. Whether there is none is asked of the API itself: the informer may not have it yet.
    async fn account(&self, secret: &Object) -> Result<Option<Object>, Status> {
        let Some(name) = account_of(secret) else { return Ok(None) };
        let view = self.accounts.view();
        if let Some(account) = view.get(&ObjectKey::new(secret.namespace(), name)).filter(|account| is_for(secret, account)) {
            return Ok(Some((**account).clone()));
        }
        match self.client.get(&self.account_kind, secret.namespace(), name).await {
            Ok(account) => Ok(Some(account).filter(|account| is_for(secret, account))),
            Err(error) if error.is_not_found() => Ok(None),
            Err(error) => Err(error),
        }
    }

    async fn remove(&self, secret: &Object) -> Result<(), Status> {
        let options = DeleteOptions { uid: Some(secret.uid().to_owned()), ..DeleteOptions::default() };
        settled(self.client.delete(&self.secret_kind, secret.namespace(), secret.name(), &options).await)
    }

    async fn fill(&self, secret: &Object, account: &Object) -> Result<(), Status> {
        let Some(tokens) = &self.tokens else { return Ok(()) };
        let token = || {
            tokens.issue_for_secret(SecretClaims {
                namespace: secret.namespace().to_owned(),
                secret: secret.name().to_owned(),
                account: account.name().to_owned(),
                account_uid: account.uid().to_owned(),
            })
        };
        let Some(body) = filled(secret, account, &self.root_ca, token) else { return Ok(()) };
        settled(self.client.update(&self.secret_kind, secret.namespace(), secret.name(), "", body, &WriteOptions::default()).await)
    }
}

/// An object that is gone needs nothing any more, and one that has changed wakes its key again.
fn settled(result: Result<Object, Status>) -> Result<(), Status> {
    match result {
        Err(error) if !error.is_not_found() && !error.is_conflict() => Err(error),
        _ => Ok(()),
    }
}

fn is_token_secret(secret: &Object) -> bool {
    #[derive(Default, Deserialize)]
    #[serde(default)]
    struct Typed {
        r#type: String,
    }
    secret.parse::<Typed>().unwrap_or_default().r#type == TYPE
}

fn account_of(secret: &Object) -> Option<&str> {
    secret.meta().annotations.get(ACCOUNT).map(String::as_str)
}

/// A secret that names no uid is for whichever account has the name.
fn is_for(secret: &Object, account: &Object) -> bool {
    secret.meta().annotations.get(ACCOUNT_UID).is_none_or(|uid| uid.is_empty() || uid == account.uid())
}

/// The secret with what it lacks; `None` if it lacks nothing, or may not change. A token that it has is its own affair.
fn filled(secret: &Object, account: &Object, root_ca: &str, token: impl FnOnce() -> String) -> Option<Value> {
    let mut body = secret.value();
    let encoded = |text: &str| Value::from(BASE64_STANDARD.encode(text));
    let is_empty = |key: &str| body["data"][key].as_str().is_none_or(str::is_empty);
    let mut missing = Vec::new();
    let authority = encoded(root_ca);
    if !root_ca.is_empty() && body["data"]["ca.crt"] != authority {
        missing.push(("ca.crt", authority));
    }
    if is_empty("namespace") {
        missing.push(("namespace", encoded(secret.namespace())));
    }
    if is_empty("token") {
        missing.push(("token", encoded(&token())));
    }
    if missing.is_empty() || body["immutable"] == true {
        return None;
    }
    missing.into_iter().for_each(|(key, value)| body["data"][key] = value);
    body["metadata"]["annotations"][ACCOUNT_UID] = json!(account.uid());
    Some(body)
}

impl Reconciler for TokenSecrets {
    type Key = ObjectKey;
    const NAME: &'static str = "token secrets";

    fn watches(&self) -> Vec<Watch<Self>> {
        let secrets = Watch::new(&self.secrets, |_, delta| match &delta.new {
            Some(secret) if is_token_secret(secret) => vec![delta.key.clone()],
            _ => Vec::new(),
        });
        vec![secrets, Watch::new(&self.accounts, Self::secrets_of)]
    }

    async fn reconcile(&self, key: &ObjectKey) -> Result<Outcome, Status> {
        let view = self.secrets.view();
        let Some(secret) = view.get(key).filter(|secret| is_token_secret(secret)) else { return Ok(Outcome::Done) };
        match self.account(secret).await? {
            Some(account) => self.fill(secret, &account).await?,
            None => self.remove(secret).await?,
        }
        Ok(Outcome::Done)
    }
}

impl TokenSecrets {
    /// Those that a change of an account concerns.
    fn secrets_of(&self, delta: &Delta) -> Vec<ObjectKey> {
        let view = self.secrets.view();
        let of_account = |secret: &&Object| account_of(secret) == Some(&delta.key.name) && is_token_secret(secret);
        view.namespace(&delta.key.namespace).map(|entry| &**entry).filter(of_account).map(ObjectKey::from).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::actors::controllers::fixtures::{World, now, world};
    use crate::actors::controllers::{Options, start};

    fn secret(data: Value) -> Object {
        let metadata = json!({ "name": "t", "namespace": "n", "annotations": { ACCOUNT: "a" } });
        Object::from_value(json!({ "apiVersion": "v1", "kind": "Secret", "metadata": metadata, "type": TYPE, "data": data })).unwrap()
    }

    #[test]
    fn a_secret_gets_what_it_lacks() {
        let metadata = json!({ "name": "a", "namespace": "n", "uid": "u" });
        let account = Object::from_value(json!({ "apiVersion": "v1", "kind": "ServiceAccount", "metadata": metadata })).unwrap();
        let encoded = |text: &str| BASE64_STANDARD.encode(text);
        let complete = json!({ "ca.crt": encoded("PEM"), "namespace": encoded("n"), "token": encoded("new") });
        let own = json!({ "ca.crt": encoded("PEM"), "namespace": encoded("n"), "token": encoded("own"), "more": "" });
        let table = [
            (Value::Null, Some(complete.clone())),
            (json!({ "ca.crt": encoded("old"), "namespace": encoded("n"), "token": encoded("own"), "more": "" }), Some(own.clone())),
            (own, None),
            (complete, None),
        ];
        for (data, expected) in table {
            let body = filled(&secret(data.clone()), &account, "PEM", || "new".to_owned());
            assert_eq!(body.as_ref().map(|body| body["data"].clone()), expected, "{data}");
            assert!(body.is_none_or(|body| body["metadata"]["annotations"][ACCOUNT_UID] == "u"));
        }
    }

    fn with_tokens<F: Future<Output = ()>>(story: impl FnOnce(World, Arc<Tokens>) -> F) {
        world(|world| {
            let tokens = Arc::new(Tokens::ephemeral());
            let options = Options { tokens: Some(tokens.clone()), ..Options::new("PEM") };
            start(&world.supervisor, &world.tools, &world.entropy, &options);
            story(world, tokens)
        });
    }

    async fn ask(world: &World, name: &str, account: &str) {
        let metadata = json!({ "name": name, "annotations": { ACCOUNT: account } });
        world.create("secrets", "default", json!({ "metadata": metadata, "type": TYPE })).await;
    }

    #[test]
    fn a_token_names_its_account_and_secret_and_goes_with_the_account() {
        with_tokens(|world, tokens| async move {
            ask(&world, "t", "default").await;
            ask(&world, "orphan", "none").await;
            let secret = world.get("secrets", "default", "t").await.unwrap();
            let account = world.get("serviceaccounts", "default", "default").await.unwrap();
            let uid = &account["metadata"]["uid"];
            assert_eq!(&secret["metadata"]["annotations"][ACCOUNT_UID], uid);
            let token = BASE64_STANDARD.decode(secret["data"]["token"].as_str().unwrap()).unwrap();
            let claims = tokens.verify_for_secret(std::str::from_utf8(&token).unwrap()).unwrap();
            assert_eq!((claims.secret.as_str(), claims.account_uid.as_str()), ("t", uid.as_str().unwrap()));
            assert!(world.get("secrets", "default", "orphan").await.unwrap_err().is_not_found());
            // Another account of the same name comes at once.
            world.delete("serviceaccounts", "default", "default", now()).await;
            assert!(world.get("secrets", "default", "t").await.unwrap_err().is_not_found());
            assert_ne!(&world.get("serviceaccounts", "default", "default").await.unwrap()["metadata"]["uid"], uid);
        });
    }
}
