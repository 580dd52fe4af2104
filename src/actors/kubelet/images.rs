//! Images: when they are pulled, and with whose credentials.

use std::collections::BTreeMap;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use k8s_openapi::api::core::v1::{Pod, Secret};
use serde::Deserialize;

use super::context::Context;
use super::lifecycle::Member;
use crate::actors::events::About;
use crate::runtime::clock;
use crate::runtime::containers::{Error, Image, RegistryAuth};

/// Why there is no image: the waiting reason and its message.
pub struct PullFailure {
    pub reason: &'static str,
    pub message: String,
}

fn policy<'a>(member: &'a Member<'_>) -> &'a str {
    member.spec.image_pull_policy.as_deref().unwrap_or("IfNotPresent")
}

/// Whether it does not matter what is present.
pub fn is_always_pulled(member: &Member<'_>) -> bool {
    policy(member) == "Always"
}

/// The image of a container, pulled if its policy says so; `known` is the one that is present, if it has been found already.
pub async fn ensure(context: &Context, pod: &Pod, member: &Member<'_>, known: Option<Image>, about: &About) -> Result<Image, PullFailure> {
    let reference = member.spec.image.as_deref().unwrap_or_default();
    if !is_always_pulled(member) {
        let found = match known {
            Some(image) => Ok(image),
            None => context.machine.runtime.image(reference).await,
        };
        match found {
            Ok(image) => {
                let message = format!("Container image {reference:?} already present on machine and can be accessed by the pod");
                context.events.normal(about.clone(), "Pulled", message);
                return Ok(image);
            }
            Err(Error::InvalidImageName(_)) => return Err(invalid_name(context, reference, about)),
            Err(_) if policy(member) == "Never" => {
                let message = format!("Container image {reference:?} is not present with pull policy of Never");
                context.events.warning(about.clone(), "ErrImageNeverPull", message.clone());
                return Err(PullFailure { reason: "ErrImageNeverPull", message });
            }
            Err(_) => {}
        }
    }
    pull(context, pod, reference, about).await
}

async fn pull(context: &Context, pod: &Pod, reference: &str, about: &About) -> Result<Image, PullFailure> {
    context.events.normal(about.clone(), "Pulling", format!("Pulling image {reference:?}"));
    let start = clock::instant();
    let mut keys = credentials(context, pod, reference).await.into_iter().map(Some).collect::<Vec<_>>();
    if keys.is_empty() {
        keys.push(None);
    }
    let mut last = Error::ImageNotFound(reference.to_owned());
    for key in keys {
        match context.machine.runtime.pull_image(reference, key.as_ref(), None).await {
            Ok(image) => {
                let took = start.elapsed().as_millis();
                let took = if took < 1000 { format!("{took}ms") } else { format!("{}.{:03}s", took / 1000, took % 1000) };
                let size = image.size_bytes;
                let message =
                    format!("Successfully pulled image {reference:?} in {took} ({took} including waiting). Image size: {size} bytes.");
                context.events.normal(about.clone(), "Pulled", message);
                return Ok(image);
            }
            Err(Error::InvalidImageName(_)) => return Err(invalid_name(context, reference, about)),
            Err(error) => last = error,
        }
    }
    let message = format!("Failed to pull image {reference:?}: {last}");
    context.events.warning(about.clone(), "Failed", message);
    context.events.warning(about.clone(), "Failed", "Error: ErrImagePull");
    Err(PullFailure { reason: "ErrImagePull", message: last.to_string() })
}

fn invalid_name(context: &Context, reference: &str, about: &About) -> PullFailure {
    let message =
        format!("Failed to apply default image tag {reference:?}: couldn't parse image name {reference:?}: invalid reference format");
    context.events.warning(about.clone(), "InspectFailed", message.clone());
    PullFailure { reason: "InvalidImageName", message }
}

/// What the pod's pull secrets have for the image's registry. A secret that is missing or malformed is as none.
async fn credentials(context: &Context, pod: &Pod, reference: &str) -> Vec<RegistryAuth> {
    let namespace = pod.metadata.namespace.as_deref().unwrap_or_default();
    let names = pod.spec.iter().flat_map(|spec| spec.image_pull_secrets.iter().flatten());
    let mut found = Vec::new();
    for name in names {
        match context.client.typed::<Secret>().get(namespace, &name.name).await {
            Ok(secret) => found.extend(keys(&secret, reference)),
            Err(error) => {
                let (pod, secret) = (pod.metadata.name.as_deref(), &name.name);
                tracing::warn!(namespace, pod, secret, %error, "an image pull secret cannot be read");
            }
        }
    }
    found
}

#[derive(Deserialize)]
struct DockerConfig {
    #[serde(default)]
    auths: BTreeMap<String, DockerAuth>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct DockerAuth {
    username: String,
    password: String,
    auth: String,
    identitytoken: String,
}

/// The credentials in a secret of type `kubernetes.io/dockerconfigjson` that fit an image.
fn keys(secret: &Secret, reference: &str) -> Vec<RegistryAuth> {
    let data = secret.data.as_ref().and_then(|data| data.get(".dockerconfigjson"));
    let Some(config) = data.and_then(|data| serde_json::from_slice::<DockerConfig>(&data.0).ok()) else { return Vec::new() };
    let repository = repository(reference);
    let mut fitting: Vec<_> = config.auths.into_iter().filter(|(server, _)| repository.starts_with(&registry_prefix(server))).collect();
    // The more specific ones first.
    fitting.sort_by_key(|(server, _)| std::cmp::Reverse(registry_prefix(server).len()));
    fitting.into_iter().map(|(server, auth)| auth.into_registry_auth(server)).collect()
}

impl DockerAuth {
    fn into_registry_auth(self, server: String) -> RegistryAuth {
        let decoded = STANDARD.decode(self.auth).ok().and_then(|bytes| String::from_utf8(bytes).ok()).unwrap_or_default();
        let (username, password) = match decoded.split_once(':') {
            Some((username, password)) if self.username.is_empty() => (username.to_owned(), password.to_owned()),
            _ => (self.username, self.password),
        };
        let identity_token = (!self.identitytoken.is_empty()).then_some(self.identitytoken);
        RegistryAuth { username, password, identity_token, server: Some(server) }
    }
}

/// A registry's key without scheme and version: `index.docker.io`, `ghcr.io/owner`.
fn registry_prefix(server: &str) -> String {
    let bare = server.trim_start_matches("https://").trim_start_matches("http://").trim_end_matches('/');
    let bare = bare.trim_end_matches("/v1").trim_end_matches("/v2");
    format!("{}/", if bare == "docker.io" { "index.docker.io" } else { bare })
}

/// Registry and path of an image, with the default registry written out, ending in a slash.
fn repository(reference: &str) -> String {
    let name = reference.split('@').next().unwrap_or_default();
    let (host, path) = match name.split_once('/') {
        Some((host, path)) if host.contains(['.', ':']) || host == "localhost" => (host, path),
        _ => ("index.docker.io", name),
    };
    let host = if host == "docker.io" { "index.docker.io" } else { host };
    format!("{host}/{}/", path.split(':').next().unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn secret(auths: serde_json::Value) -> Secret {
        let config = serde_json::to_vec(&json!({ "auths": auths })).unwrap();
        let data = [(".dockerconfigjson".to_owned(), k8s_openapi::ByteString(config))];
        Secret { data: Some(data.into()), ..Secret::default() }
    }

    #[test]
    fn credentials_fit_by_registry_and_path() {
        let secret = secret(json!({
            "https://index.docker.io/v1/": {"username": "hub", "password": "x"},
            "ghcr.io": {"auth": STANDARD.encode("robot:a:b")},
            "ghcr.io/team": {"username": "team", "password": "y"},
        }));
        let users = |image: &str| keys(&secret, image).into_iter().map(|key| key.username).collect::<Vec<_>>();
        assert_eq!(users("nginx"), ["hub"]);
        assert_eq!(users("library/nginx:1.27"), ["hub"]);
        assert_eq!(users("docker.io/me/app@sha256:00"), ["hub"]);
        assert_eq!(users("ghcr.io/other/app"), ["robot"]);
        assert_eq!(users("ghcr.io/team/app:1"), ["team", "robot"]);
        assert!(users("ghcr.io.example.com/team/app").is_empty());
        assert!(users("localhost:5000/app").is_empty());
        assert_eq!(keys(&secret, "ghcr.io/x")[0].password, "a:b");
    }
}
