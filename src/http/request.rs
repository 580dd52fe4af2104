//! What a request asks for, as far as its method and address say (the API concepts' page, "Resource URIs").

use std::borrow::Cow;

use percent_encoding::percent_decode_str;

pub use crate::api::authorization::{RequestInfo, Resource};
use crate::api::status::Status;

impl RequestInfo {
    /// `path` is still percent-encoded; `query` decides whether a list is a watch.
    ///
    /// # Errors
    /// `BadRequest`: the path is no text.
    pub fn new(method: &str, path: &str, query: &Query) -> Result<Self, Status> {
        let path = decode(path)?;
        let (resource, watches_by_path) = resource(&path);
        let Some(mut resource) = resource else {
            return Ok(Self { verb: method.to_lowercase(), path, ..Self::default() });
        };
        let one = !resource.name.is_empty();
        let watches = watches_by_path || query.is_true("watch");
        let verb = match method {
            "POST" => "create",
            "PUT" => "update",
            "PATCH" => "patch",
            "DELETE" if one => "delete",
            "DELETE" => "deletecollection",
            "GET" | "HEAD" if watches && (!one || watches_by_path) => "watch",
            "GET" | "HEAD" if one => "get",
            "GET" | "HEAD" => "list",
            _ => "",
        };
        let selects = matches!(verb, "list" | "watch" | "deletecollection");
        let field_selector = if selects { query.text("fieldSelector") } else { "" };
        if let Some(name) = only_name(field_selector) {
            resource.name = name.to_owned();
        }
        Ok(Self { verb: verb.to_owned(), path, resource: Some(resource), field_selector: field_selector.to_owned() })
    }
}

fn decode(path: &str) -> Result<String, Status> {
    let bytes: Vec<u8> = percent_decode_str(path).collect();
    String::from_utf8(bytes).map_err(|error| {
        let wrong = error.as_bytes()[error.utf8_error().valid_up_to()..].first().copied().unwrap_or_default();
        let at = error.utf8_error().valid_up_to();
        Status::bad_request(format!("the path {path:?} is not UTF-8: %{wrong:02x} at byte {at} of what it stands for"))
    })
}

/// The name in a field selector that says nothing else: who may watch one object may do so this way.
fn only_name(selector: &str) -> Option<&str> {
    let name = selector.strip_prefix("metadata.name=")?;
    let name = name.strip_prefix('=').unwrap_or(name);
    (!name.is_empty() && !name.contains([',', '=', '!', '\\'])).then_some(name)
}

/// The resource of a path, and whether the path itself says to watch it (the old way).
fn resource(path: &str) -> (Option<Resource>, bool) {
    let mut parts = path.trim_matches('/').split('/');
    let group = match parts.next() {
        Some("api") => Some(""),
        Some("apis") => parts.next(),
        _ => None,
    };
    let (Some(group), Some(version)) = (group, parts.next()) else { return (None, false) };
    let mut parts: Vec<&str> = parts.collect();
    let watches = parts.first() == Some(&"watch");
    if watches {
        parts.remove(0);
    }
    if parts.is_empty() {
        return (None, false);
    }
    let mut resource = Resource { group: group.to_owned(), version: version.to_owned(), ..Resource::default() };
    if let ["namespaces", namespace, rest @ ..] = parts.as_slice() {
        resource.namespace = (*namespace).to_owned();
        if !rest.is_empty() && !matches!(rest, ["status" | "finalize"]) {
            parts.drain(..2);
        }
    }
    let mut parts = parts.into_iter().map(str::to_owned);
    resource.plural = parts.next().unwrap_or_default();
    resource.name = parts.next().unwrap_or_default();
    resource.subresource = parts.next().unwrap_or_default();
    resource.rest = parts.collect();
    (Some(resource), watches)
}

/// The parameters of a request, in order.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Query(Vec<(String, String)>);

impl Query {
    pub fn new(query: &str) -> Self {
        Self(form_urlencoded::parse(query.as_bytes()).map(|(key, value)| (owned(key), owned(value))).collect())
    }

    /// The first value of that name.
    pub fn get(&self, name: &str) -> Option<&str> {
        self.all(name).next()
    }

    /// The first value of that name, or nothing.
    pub fn text(&self, name: &str) -> &str {
        self.get(name).unwrap_or_default()
    }

    pub fn all(&self, name: &str) -> impl Iterator<Item = &str> {
        self.0.iter().filter(move |(key, _)| key == name).map(|(_, value)| value.as_str())
    }

    /// As upstream reads booleans: the name alone means true, `0` and `false` in any case mean false, all else true.
    pub fn is_true(&self, name: &str) -> bool {
        self.get(name).is_some_and(|value| value != "0" && !value.eq_ignore_ascii_case("false"))
    }
}

fn owned(text: Cow<'_, str>) -> String {
    text.into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn info(method: &str, url: &str) -> (String, Option<Resource>) {
        let (path, query) = url.split_once('?').unwrap_or((url, ""));
        let info = RequestInfo::new(method, path, &Query::new(query)).unwrap();
        (info.verb, info.resource)
    }

    fn named(group: &str, namespace: &str, plural: &str, name: &str, subresource: &str) -> Option<Resource> {
        let [group, namespace, plural, name, subresource] = [group, namespace, plural, name, subresource].map(str::to_owned);
        Some(Resource { group, version: "v1".into(), namespace, plural, name, subresource, rest: Vec::new() })
    }

    #[test]
    fn a_path_names_a_resource() {
        for (method, url, verb, resource) in [
            ("GET", "/api/v1/pods", "list", named("", "", "pods", "", "")),
            ("GET", "/api/v1/pods?watch=true", "watch", named("", "", "pods", "", "")),
            ("GET", "/api/v1/pods?watch=0", "list", named("", "", "pods", "", "")),
            ("GET", "/api/v1/watch/namespaces/n/pods/p", "watch", named("", "n", "pods", "p", "")),
            ("GET", "/api/v1/namespaces/n/pods/p?watch=1", "get", named("", "n", "pods", "p", "")),
            ("GET", "/api/v1/pods?watch&fieldSelector=metadata.name%3Dp", "watch", named("", "", "pods", "p", "")),
            ("GET", "/api/v1/namespaces", "list", named("", "", "namespaces", "", "")),
            ("GET", "/api/v1/namespaces/n", "get", named("", "n", "namespaces", "n", "")),
            ("PUT", "/api/v1/namespaces/n/finalize", "update", named("", "n", "namespaces", "n", "finalize")),
            ("DELETE", "/api/v1/namespaces/n/pods", "deletecollection", named("", "n", "pods", "", "")),
            ("DELETE", "/api/v1/namespaces/n/pods/p", "delete", named("", "n", "pods", "p", "")),
            ("POST", "/api/v1/namespaces/n/pods/p/exec", "create", named("", "n", "pods", "p", "exec")),
            ("PATCH", "/apis/apps/v1/namespaces/n/deployments/d", "patch", named("apps", "n", "deployments", "d", "")),
            ("GET", "/api/v1/namespaces/n/secrets/", "list", named("", "n", "secrets", "", "")),
        ] {
            assert_eq!(info(method, url), (verb.to_owned(), resource), "{method} {url}");
        }
    }

    #[test]
    fn other_paths_name_none() {
        for path in ["/", "/api", "/api/v1", "/apis/apps", "/apis/apps/v1", "/version", "/healthz/ping"] {
            assert_eq!(info("GET", path), ("get".to_owned(), None), "{path}");
        }
    }
}
