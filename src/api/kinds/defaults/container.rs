//! One container.

use serde_json::Value;

use super::{Complete, fill, map_at};
use crate::api::kinds::fields::Fields;

pub fn container(container: &mut Value) {
    let policy = pull_policy(container.text("/image"));
    container.empty("imagePullPolicy", policy);
    container.empty("terminationMessagePath", "/dev/termination-log");
    container.empty("terminationMessagePolicy", "File");
    container.each("/ports").for_each(|port| port.empty("protocol", "TCP"));
    for variable in container.each("/env") {
        if let Some(field) = variable.part("/valueFrom/fieldRef") {
            field.empty("apiVersion", "v1");
        }
        if let Some(file) = variable.part("/valueFrom/fileKeyRef") {
            file.absent("optional", false);
        }
    }
    for probe in ["/livenessProbe", "/readinessProbe", "/startupProbe"] {
        container.part(probe).into_iter().for_each(self::probe);
    }
    for handler in ["/lifecycle/postStart", "/lifecycle/preStop"] {
        container.part(handler).into_iter().for_each(http_get);
    }
}

/// What is limited and not requested is requested up to the limit.
pub fn container_requests(container: &mut Value) {
    if let Some(limits) = map_at(container, "/resources/limits")
        && let Some(requests) = container.part("/resources").and_then(|resources| resources.made("requests"))
    {
        fill(requests, &limits);
    }
}

fn probe(probe: &mut Value) {
    probe.empty("timeoutSeconds", 1);
    probe.empty("periodSeconds", 10);
    probe.empty("successThreshold", 1);
    probe.empty("failureThreshold", 3);
    http_get(probe);
    if let Some(grpc) = probe.part("/grpc") {
        grpc.absent("service", "");
    }
}

fn http_get(handler: &mut Value) {
    if let Some(get) = handler.part("/httpGet") {
        get.empty("path", "/");
        get.empty("scheme", "HTTP");
    }
}

/// An image that may change under its name is pulled each time: `latest`, or what names neither tag nor digest.
pub fn pull_policy(image: &str) -> &'static str {
    if tag(image) == Some("latest") { "Always" } else { "IfNotPresent" }
}

/// The tag of a well-formed image name; `latest` if it has neither tag nor digest.
fn tag(image: &str) -> Option<&str> {
    let path = image.rsplit_once('/').map_or(image, |(_, path)| path);
    let is_name = |name: &str| {
        !name.is_empty()
            && name.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || b"._-".contains(&byte))
            && name.starts_with(|first: char| first.is_ascii_alphanumeric())
    };
    if path.contains('@') {
        return None;
    }
    match path.split_once(':') {
        Some((name, tag)) => is_name(name).then_some(tag),
        None => is_name(path).then_some("latest"),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn the_pull_policy_follows_the_tag() {
        for (image, policy) in [
            ("i", "Always"),
            ("i:latest", "Always"),
            ("registry.example:5000/i", "Always"),
            ("registry.example:5000/i:1", "IfNotPresent"),
            ("i@sha256:0123", "IfNotPresent"),
            ("", "IfNotPresent"),
        ] {
            assert_eq!(pull_policy(image), policy, "{image}");
        }
    }

    #[test]
    fn limits_become_requests_where_nothing_is_requested() {
        let mut object = json!({"resources": {"limits": {"cpu": "1", "memory": "1Gi"}, "requests": {"cpu": "100m"}}});
        container_requests(&mut object);
        assert_eq!(object["resources"]["requests"], json!({"cpu": "100m", "memory": "1Gi"}));
    }
}
