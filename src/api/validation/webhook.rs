//! Where a webhook is (`k8s.io/apiserver/pkg/util/webhook`).

use super::format::{dns_1035_label, dns_subdomain, port_number};
use super::{ErrorList, Path};
use serde_json::json;

const FORM: &str = "; desired format: https://host[/path]";
/// The versions of what webhooks are sent, which the server knows.
const REVIEW_VERSIONS: [&str; 2] = ["v1", "v1beta1"];

/// The service behind which a webhook is.
pub struct Service<'a> {
    pub namespace: &'a str,
    pub name: &'a str,
    pub path: Option<&'a str>,
    pub port: i32,
}

/// Either a URL or a service.
pub fn client(url: Option<&str>, service: Option<Service>, path: &Path, errors: &mut ErrorList) {
    match (url, service) {
        (Some(url), None) => self::url(url, &path.child("url"), errors),
        (None, Some(behind)) => self::service(&behind, &path.child("service"), errors),
        _ => errors.required(path, "exactly one of url or service is required"),
    }
}

fn url(text: &str, path: &Path, errors: &mut ErrorList) {
    let (text, fragment) = text.split_once('#').unwrap_or((text, ""));
    let (text, query) = text.split_once('?').unwrap_or((text, ""));
    let (scheme, rest) = match text.split_once(':') {
        Some(("", _)) => {
            let why = format!("url must be a valid URL: parse {text:?}: missing protocol scheme{FORM}");
            return errors.required(path, &why);
        }
        Some((scheme, rest)) if !scheme.contains('/') => (scheme, rest),
        _ => ("", text),
    };
    let authority = rest.strip_prefix("//").map_or("", |rest| rest.split('/').next().unwrap_or_default());
    let (user, host) = authority.rsplit_once('@').map_or((None, authority), |(user, host)| (Some(user), host));
    if scheme != "https" {
        errors.invalid(path, scheme, &format!("'https' is the only allowed URL scheme{FORM}"));
    }
    if host.is_empty() {
        errors.invalid(path, host, &format!("host must be provided{FORM}"));
    }
    if let Some(user) = user {
        errors.invalid(path, user, "user information is not permitted in the URL");
    }
    if !fragment.is_empty() {
        errors.invalid(path, fragment, "fragments are not permitted in the URL");
    }
    if !query.is_empty() {
        errors.invalid(path, query, "query parameters are not permitted in the URL");
    }
}

/// Upstream calls this with name and namespace the wrong way round, so each is missed where the other is missing.
fn service(service: &Service, path: &Path, errors: &mut ErrorList) {
    if service.namespace.is_empty() {
        errors.required(&path.child("name"), "service name is required");
    }
    if service.name.is_empty() {
        errors.required(&path.child("namespace"), "service namespace is required");
    }
    if let Some(why) = port_number(service.port) {
        errors.invalid(&path.child("port"), service.port, &format!("port is not valid: {why}"));
    }
    service_path(service.path.unwrap_or_default(), &path.child("path"), errors);
}

fn service_path(text: &str, path: &Path, errors: &mut ErrorList) {
    match text {
        "" | "/" => return,
        "//" => return errors.invalid(path, text, "segment[0] may not be empty"),
        _ if !text.starts_with('/') => errors.invalid(path, text, "must start with a '/'"),
        _ => {}
    }
    let mut characters = text.chars();
    characters.next();
    let rest = characters.as_str();
    for (index, step) in rest.strip_suffix('/').unwrap_or(rest).split('/').enumerate() {
        if step.is_empty() {
            errors.invalid(path, text, &format!("segment[{index}] may not be empty"));
        } else {
            errors.invalid_each(path, text, dns_subdomain(step).into_iter().map(|why| format!("segment[{index}]: {why}")));
        }
    }
}

/// The versions of reviews that a webhook takes. `missing` is what is said where there are none; `must_be_known` asks for one that is known.
pub fn review_versions(versions: &[String], missing: &str, must_be_known: bool, path: &Path, errors: &mut ErrorList) {
    if versions.is_empty() {
        return errors.required(path, missing);
    }
    for (index, version) in versions.iter().enumerate() {
        let at = path.index(index);
        if versions[..index].contains(version) {
            errors.invalid(&at, version, "duplicate version");
        } else {
            errors.invalid_each(&at, version, dns_1035_label(version));
        }
    }
    if must_be_known && !versions.iter().any(|version| REVIEW_VERSIONS.contains(&version.as_str())) {
        errors.invalid(path, json!(versions), &format!("must include at least one of {}", REVIEW_VERSIONS.join(", ")));
    }
}

/// Whether some version of reviews is known, where there are any.
pub fn has_known_version(versions: &[String]) -> bool {
    versions.is_empty() || versions.iter().any(|version| REVIEW_VERSIONS.contains(&version.as_str()))
}
