//! Tokens of service accounts: JSON Web Tokens (RFC 7519), signed with ES256 by the cluster's own key.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ring::rand::SystemRandom;
use ring::signature::{ECDSA_P256_SHA256_FIXED, ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair, UnparsedPublicKey};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::json;
use sha2::{Digest, Sha256};

use crate::runtime::clock;

/// Who issues the tokens, and the audience of those that are for the API itself.
pub const ISSUER: &str = "https://kubernetes.default.svc";

/// Who issues those that are kept in secrets.
const SECRET_ISSUER: &str = "kubernetes/serviceaccount";

/// What a token says. Times are seconds since 1970.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Claims {
    pub aud: Vec<String>,
    pub exp: i64,
    pub iat: i64,
    pub iss: String,
    pub jti: String,
    #[serde(rename = "kubernetes.io")]
    pub kubernetes: Bound,
    pub nbf: i64,
    /// `system:serviceaccount:<namespace>:<name>`.
    pub sub: String,
}

/// What a token stands and falls with.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Bound {
    pub namespace: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub node: Option<Reference>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pod: Option<Reference>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub secret: Option<Reference>,
    pub serviceaccount: Reference,
}

/// What a token says that is kept in a secret: it has no end of its own, and counts as long as its secret has it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct SecretClaims {
    #[serde(rename = "kubernetes.io/serviceaccount/namespace")]
    pub namespace: String,
    #[serde(rename = "kubernetes.io/serviceaccount/secret.name")]
    pub secret: String,
    #[serde(rename = "kubernetes.io/serviceaccount/service-account.name")]
    pub account: String,
    #[serde(rename = "kubernetes.io/serviceaccount/service-account.uid")]
    pub account_uid: String,
}

/// The same with what every token has.
#[derive(Serialize, Deserialize)]
struct SecretToken {
    iss: String,
    sub: String,
    #[serde(flatten)]
    claims: SecretClaims,
}

/// An object by its name and uid.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reference {
    pub name: String,
    pub uid: String,
}

/// Issues and verifies tokens.
pub struct Tokens {
    key: EcdsaKeyPair,
    key_id: String,
    chance: SystemRandom,
}

impl Tokens {
    /// From a P-256 key in PKCS #8.
    ///
    /// # Errors
    /// The bytes are no such key.
    pub fn from_pkcs8(key: &[u8]) -> Result<Self, String> {
        let chance = SystemRandom::new();
        let key = EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, key, &chance).map_err(|error| error.to_string())?;
        let key_id = URL_SAFE_NO_PAD.encode(Sha256::digest(key.public_key()));
        Ok(Self { key, key_id, chance })
    }

    /// With a key that nobody else has; what it issues ends with the process.
    pub fn ephemeral() -> Self {
        let key = EcdsaKeyPair::generate_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, &SystemRandom::new()).expect("the system has chance");
        Self::from_pkcs8(key.as_ref()).expect("a key that was just made is one")
    }

    /// Signs the claims, with [`ISSUER`] as their issuer.
    pub fn issue(&self, claims: Claims) -> String {
        self.sign(&Claims { iss: ISSUER.into(), ..claims })
    }

    /// Signs a token that a secret is to keep.
    pub fn issue_for_secret(&self, claims: SecretClaims) -> String {
        let sub = format!("system:serviceaccount:{}:{}", claims.namespace, claims.account);
        self.sign(&SecretToken { iss: SECRET_ISSUER.into(), sub, claims })
    }

    fn sign(&self, claims: &impl Serialize) -> String {
        let header = json!({"alg": "ES256", "kid": self.key_id});
        let encode = |value: &[u8]| URL_SAFE_NO_PAD.encode(value);
        let claims = serde_json::to_vec(claims).expect("claims are plain text and numbers");
        let mut token = format!("{}.{}", encode(header.to_string().as_bytes()), encode(&claims));
        let signature = self.key.sign(&self.chance, token.as_bytes()).expect("the system has chance");
        token.push('.');
        token.push_str(&encode(signature.as_ref()));
        token
    }

    /// The claims of a token that this cluster has issued, if it is in force now. Whether its audience is the right one, and what it is
    /// bound to still there, is the caller's to say. `None` for what is no token of this cluster.
    ///
    /// # Errors
    /// It is one, and not in force now.
    pub fn verify(&self, token: &str) -> Result<Option<Claims>, String> {
        let Some(claims) = self.read::<Claims>(token).filter(|claims| claims.iss == ISSUER) else { return Ok(None) };
        match clock::now().as_second() {
            now if now >= claims.exp => Err("service account token has expired".to_owned()),
            now if now < claims.nbf => Err("service account token is not valid yet".to_owned()),
            _ => Ok(Some(claims)),
        }
    }

    /// The claims of a token that was issued for a secret. Whether the secret still has it is the caller's to say.
    pub fn verify_for_secret(&self, token: &str) -> Option<SecretClaims> {
        let token: SecretToken = self.read(token)?;
        (token.iss == SECRET_ISSUER).then_some(token.claims)
    }

    /// What a token of this cluster's key says.
    fn read<C: DeserializeOwned>(&self, token: &str) -> Option<C> {
        let (signed, signature) = token.rsplit_once('.')?;
        let (header, claims) = signed.split_once('.')?;
        let decode = |text: &str| URL_SAFE_NO_PAD.decode(text).ok();
        let header: serde_json::Value = serde_json::from_slice(&decode(header)?).ok()?;
        if header["alg"] != "ES256" {
            return None;
        }
        let public = UnparsedPublicKey::new(&ECDSA_P256_SHA256_FIXED, self.key.public_key().as_ref());
        public.verify(signed.as_bytes(), &decode(signature)?).ok()?;
        serde_json::from_slice(&decode(claims)?).ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn claims(valid_from: i64, valid_for: i64) -> Claims {
        let now = clock::now().as_second();
        let serviceaccount = Reference { name: "default".into(), uid: "u".into() };
        Claims {
            aud: vec![ISSUER.into()],
            exp: now + valid_from + valid_for,
            iat: now,
            nbf: now + valid_from,
            kubernetes: Bound { namespace: "n".into(), serviceaccount, ..Bound::default() },
            ..Claims::default()
        }
    }

    #[test]
    fn a_token_says_what_was_signed() {
        let tokens = Tokens::ephemeral();
        let read = tokens.verify(&tokens.issue(claims(0, 60))).unwrap().unwrap();
        assert_eq!(read.kubernetes.serviceaccount.uid, "u");
        assert_eq!(read.iss, ISSUER);
    }

    #[test]
    fn a_token_for_a_secret_is_no_other_token() {
        let tokens = Tokens::ephemeral();
        let claims = SecretClaims { namespace: "n".into(), secret: "s".into(), account: "a".into(), account_uid: "u".into() };
        let token = tokens.issue_for_secret(claims.clone());
        assert_eq!((tokens.verify_for_secret(&token), tokens.verify(&token)), (Some(claims), Ok(None)));
        assert_eq!(Tokens::ephemeral().verify_for_secret(&token), None);
        assert_eq!(tokens.verify_for_secret(&tokens.issue(self::claims(0, 60))), None);
    }

    #[test]
    fn a_token_is_void_before_its_time_and_after_it() {
        let tokens = Tokens::ephemeral();
        assert_eq!(tokens.verify(&tokens.issue(claims(-60, 60))).unwrap_err(), "service account token has expired");
        assert_eq!(tokens.verify(&tokens.issue(claims(30, 60))).unwrap_err(), "service account token is not valid yet");
    }

    #[test]
    fn a_token_of_another_key_or_with_other_claims_is_void() {
        let tokens = Tokens::ephemeral();
        let token = tokens.issue(claims(0, 60));
        assert_eq!(Tokens::ephemeral().verify(&token), Ok(None));
        let parts: Vec<&str> = token.split('.').collect();
        let other = tokens.issue(claims(0, 6000));
        let forged = format!("{}.{}.{}", parts[0], other.split('.').nth(1).unwrap(), parts[2]);
        assert_eq!(tokens.verify(&forged), Ok(None));
        let unsigned = format!("{}.{}.", URL_SAFE_NO_PAD.encode(r#"{"alg":"none"}"#), parts[1]);
        assert_eq!(tokens.verify(&unsigned), Ok(None));
    }
}
