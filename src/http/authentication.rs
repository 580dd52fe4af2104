//! Who asks: a client certificate, a service account's token or the administrator's, or nobody in particular.

use std::sync::Arc;

use actix_web::http::header::{AUTHORIZATION, HeaderMap};
use k8s_openapi::api::core::v1::Secret;
use ring::digest::{SHA256, digest};
use rustls_pki_types::CertificateDer;
use x509_parser::prelude::{FromDer, X509Certificate};

use super::authorization::UNAUTHENTICATED;
use super::identity::{ADMIN, Identity};
use crate::api::client::ClientRef;
use crate::api::kinds::Registry;
use crate::api::object::Object;
use crate::api::status::{Reason, Status};
use crate::api::tokens::{Claims, ISSUER, Reference, SecretClaims, Tokens};
use crate::api::verbs::{AUTHENTICATED, User};
use crate::runtime::clock;

/// Who has not shown who they are.
pub(super) const ANONYMOUS: &str = "system:anonymous";

/// How long after its deletion was asked for a pod's token still counts (KEP-1205: its grace period may be used to say goodbye).
const GOODBYE_SECONDS: i64 = 60;

/// The label of a secret whose token was put out of force (KEP-2799).
const INVALID_SINCE: &str = "kubernetes.io/legacy-token-invalid-since";

/// Finds out who asks.
pub struct Authenticator {
    client: ClientRef,
    tokens: Arc<Tokens>,
    /// Its hash, so that a comparison takes the same time whatever is sent.
    admin_token: ring::digest::Digest,
}

impl Authenticator {
    pub fn new(identity: &Identity, client: ClientRef) -> Self {
        Self { client, tokens: identity.tokens.clone(), admin_token: digest(&SHA256, identity.admin_token.as_bytes()) }
    }

    /// The user of a request. A certificate goes first (it has been verified in the handshake), then a bearer token; other schemes count as
    /// no credentials.
    ///
    /// # Errors
    /// Credentials were given, and are not good.
    pub async fn authenticate(&self, certificate: Option<&PeerUser>, headers: &HeaderMap) -> Result<User, Status> {
        if let Some(PeerUser(user)) = certificate {
            return Ok(user.clone());
        }
        match bearer(headers) {
            Some(token) => self.by_token(token).await.ok_or_else(unauthorized),
            None => Ok(anonymous()),
        }
    }

    async fn by_token(&self, token: &str) -> Option<User> {
        if digest(&SHA256, token.as_bytes()).as_ref() == self.admin_token.as_ref() {
            return Some(User::master(ADMIN));
        }
        if let Some(claims) = self.tokens.verify_for_secret(token) {
            return self.is_kept(&claims, token).await.then(|| account(&claims.namespace, &claims.account, &claims.account_uid));
        }
        let claims = self.tokens.verify(token)?;
        if !claims.aud.iter().any(|audience| audience == ISSUER) {
            return None;
        }
        self.is_bound(&claims).await.then(|| bound_account(&claims))
    }

    /// Whether a token's secret is still there with that very token in it, and its account too.
    async fn is_kept(&self, claims: &SecretClaims, token: &str) -> bool {
        let SecretClaims { namespace, secret, account, account_uid } = claims;
        let account = Reference { name: account.clone(), uid: account_uid.clone() };
        let Ok(secret) = self.client.get(Registry::built_in().of::<Secret>(), namespace, secret).await else { return false };
        let invalid = secret.labels().contains_key(INVALID_SINCE);
        let data = secret.parse::<Secret>().ok().and_then(|secret| secret.data).unwrap_or_default();
        let is_its_token = data.get("token").is_some_and(|kept| kept.0 == token.as_bytes());
        !invalid && !is_leaving(&secret) && is_its_token && self.is_there("serviceaccounts", namespace, Some(&account)).await
    }

    /// Whether all that a token stands and falls with is still there.
    async fn is_bound(&self, claims: &Claims) -> bool {
        let bound = &claims.kubernetes;
        let (namespace, nowhere) = (bound.namespace.as_str(), "");
        self.is_there("serviceaccounts", namespace, Some(&bound.serviceaccount)).await
            && self.is_there("pods", namespace, bound.pod.as_ref()).await
            && self.is_there("secrets", namespace, bound.secret.as_ref()).await
            && (bound.pod.is_some() || self.is_there("nodes", nowhere, bound.node.as_ref()).await)
    }

    async fn is_there(&self, plural: &str, namespace: &str, reference: Option<&Reference>) -> bool {
        let Some(reference) = reference else { return true };
        let Some(kind) = Registry::built_in().resource("", "v1", plural) else { return false };
        let Ok(object) = self.client.get(kind, namespace, &reference.name).await else { return false };
        object.uid() == reference.uid && !is_leaving(&object)
    }
}

fn is_leaving(object: &Object) -> bool {
    object.meta().deletion_timestamp.is_some_and(|at| clock::now().as_second() - at.as_second() > GOODBYE_SECONDS)
}

/// The user of a connection whose client showed a certificate of the cluster's authority.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PeerUser(User);

impl PeerUser {
    pub(super) fn user(&self) -> &User {
        &self.0
    }

    /// The common name is the user, the organizations are the groups. None for a certificate without a name.
    pub fn from_certificate(certificate: &CertificateDer<'_>) -> Option<Self> {
        let (_, certificate) = X509Certificate::from_der(certificate).ok()?;
        let name = certificate.subject().iter_common_name().next()?.as_str().ok()?.to_owned();
        let organizations = certificate.subject().iter_organization().filter_map(|organization| organization.as_str().ok());
        let groups = organizations.chain([AUTHENTICATED]).map(str::to_owned).collect();
        Some(Self(User { name, groups, ..User::default() }))
    }
}

fn anonymous() -> User {
    User { name: ANONYMOUS.into(), groups: vec![UNAUTHENTICATED.into()], ..User::default() }
}

/// The groups that every service account of a namespace is in.
pub(super) fn account_groups(namespace: &str) -> [String; 2] {
    ["system:serviceaccounts".into(), format!("system:serviceaccounts:{namespace}")]
}

fn account(namespace: &str, name: &str, uid: &str) -> User {
    let [all, own] = account_groups(namespace);
    let groups = vec![all, own, AUTHENTICATED.into()];
    User { name: format!("system:serviceaccount:{namespace}:{name}"), uid: uid.to_owned(), groups, ..User::default() }
}

fn bound_account(claims: &Claims) -> User {
    let bound = &claims.kubernetes;
    let mut user = account(&bound.namespace, &bound.serviceaccount.name, &bound.serviceaccount.uid);
    let mut extra = |key: &str, value: &str| {
        user.extra.insert(format!("authentication.kubernetes.io/{key}"), vec![value.to_owned()]);
    };
    if !claims.jti.is_empty() {
        extra("credential-id", &format!("JTI={}", claims.jti));
    }
    for (what, reference) in [("pod", &bound.pod), ("node", &bound.node)] {
        if let Some(Reference { name, uid }) = reference {
            extra(&format!("{what}-name"), name);
            extra(&format!("{what}-uid"), uid);
        }
    }
    user
}

/// The token of a header `Authorization: Bearer …`.
fn bearer(headers: &HeaderMap) -> Option<&str> {
    let (scheme, token) = headers.get(AUTHORIZATION)?.to_str().ok()?.trim().split_once(' ')?;
    let token = token.trim_start();
    (scheme.eq_ignore_ascii_case("bearer") && !token.is_empty()).then_some(token)
}

fn unauthorized() -> Status {
    Status::new(401, Reason::Unauthorized, "Unauthorized")
}
