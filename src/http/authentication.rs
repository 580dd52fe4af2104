//! Who asks: a client certificate, a service account's token or the administrator's, or nobody in particular.

use std::sync::Arc;

use actix_web::http::header::{AUTHORIZATION, HeaderMap};
use k8s_openapi::api::core::v1::{Secret, ServiceAccount};
use ring::digest::{SHA256, digest};
use rustls_pki_types::CertificateDer;
use x509_parser::prelude::{FromDer, X509Certificate};

use super::identity::{ADMIN, Identity};
use crate::api::authorization::{Quoted, UNAUTHENTICATED};
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
            Some(token) => self.by_token(token, &[ISSUER.to_owned()]).await.map(|(user, _)| user).map_err(|_| unauthorized()),
            None => Ok(anonymous()),
        }
    }

    /// The user that a token is for, and for which of the wanted audiences it is.
    ///
    /// # Errors
    /// It is none that counts; why, if it is a token of this cluster at all.
    pub async fn by_token(&self, token: &str, wanted: &[String]) -> Result<(User, Vec<String>), String> {
        // What names no audience is for the API.
        let for_api = || [ISSUER.to_owned()].into_iter().filter(|own| wanted.contains(own)).collect::<Vec<_>>();
        if digest(&SHA256, token.as_bytes()).as_ref() == self.admin_token.as_ref() && !for_api().is_empty() {
            return Ok((User::master(ADMIN), for_api()));
        }
        if let Some(claims) = self.tokens.verify_for_secret(token) {
            self.is_kept(&claims, token).await?;
            return match for_api() {
                none if none.is_empty() => Err(other_audience(&[ISSUER.to_owned()], wanted)),
                audiences => Ok((User::account(&claims.namespace, &claims.account, &claims.account_uid), audiences)),
            };
        }
        let Some(claims) = self.tokens.verify(token)? else { return Err(String::new()) };
        let audiences: Vec<String> = claims.aud.iter().filter(|own| wanted.contains(own)).cloned().collect();
        if audiences.is_empty() {
            return Err(other_audience(&claims.aud, wanted));
        }
        self.is_bound(&claims).await?;
        Ok((bound_account(&claims), audiences))
    }

    /// Whether a token's secret is still there with that very token in it, and its account too.
    async fn is_kept(&self, claims: &SecretClaims, token: &str) -> Result<(), String> {
        let SecretClaims { namespace, secret, account, account_uid } = claims;
        let account = Reference { name: account.clone(), uid: account_uid.clone() };
        let gone = || INVALIDATED.to_owned();
        let secret = self.client.get(Registry::built_in().of::<Secret>(), namespace, secret).await.map_err(|_| gone())?;
        let invalid = secret.labels().contains_key(INVALID_SINCE);
        let data = secret.parse::<Secret>().ok().and_then(|secret| secret.data).unwrap_or_default();
        if invalid || is_leaving(&secret) || data.get("token").is_none_or(|kept| kept.0 != token.as_bytes()) {
            return Err(gone());
        }
        self.is_account(namespace, &account).await
    }

    /// Whether all that a token stands and falls with is still there.
    async fn is_bound(&self, claims: &Claims) -> Result<(), String> {
        let bound = &claims.kubernetes;
        let (namespace, nowhere) = (bound.namespace.as_str(), "");
        self.is_account(namespace, &bound.serviceaccount).await?;
        let is_bound = self.is_there("pods", namespace, bound.pod.as_ref()).await
            && self.is_there("secrets", namespace, bound.secret.as_ref()).await
            && (bound.pod.is_some() || self.is_there("nodes", nowhere, bound.node.as_ref()).await);
        if is_bound { Ok(()) } else { Err(INVALIDATED.to_owned()) }
    }

    async fn is_account(&self, namespace: &str, reference: &Reference) -> Result<(), String> {
        let Reference { name, uid } = reference;
        let kind = Registry::built_in().of::<ServiceAccount>();
        let account = self.client.get(kind, namespace, name).await.map_err(|status| status.message)?;
        if is_leaving(&account) {
            return Err(format!("service account {namespace}/{name} has been deleted"));
        }
        if account.uid() != *uid {
            return Err(format!("service account UID ({}) does not match claim ({uid})", account.uid()));
        }
        Ok(())
    }

    async fn is_there(&self, plural: &str, namespace: &str, reference: Option<&Reference>) -> bool {
        let Some(reference) = reference else { return true };
        let Some(kind) = Registry::built_in().resource("", "v1", plural) else { return false };
        let Ok(object) = self.client.get(kind, namespace, &reference.name).await else { return false };
        object.uid() == reference.uid && !is_leaving(&object)
    }
}

/// What a token is told that outlived what it is bound to.
const INVALIDATED: &str = "service account token has been invalidated";

fn other_audience(own: &[String], wanted: &[String]) -> String {
    format!("token audiences {} is invalid for the target audiences {}", Quoted(own), Quoted(wanted))
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
        let name = certificate.subject().iter_common_name().next()?.as_str().ok().filter(|name| !name.is_empty())?.to_owned();
        let organizations = certificate.subject().iter_organization().filter_map(|organization| organization.as_str().ok());
        let groups = organizations.chain([AUTHENTICATED]).map(str::to_owned).collect();
        Some(Self(User { name, groups, ..User::default() }))
    }
}

fn anonymous() -> User {
    User { name: ANONYMOUS.into(), groups: vec![UNAUTHENTICATED.into()], ..User::default() }
}

fn bound_account(claims: &Claims) -> User {
    let bound = &claims.kubernetes;
    let mut user = User::account(&bound.namespace, &bound.serviceaccount.name, &bound.serviceaccount.uid);
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
