//! How objects of one version become those of another.

use serde_json::Value;

use super::super::webhook::{self, Service};
use super::super::words::required_one_of;
use super::super::{ErrorList, Path};
use super::{items, set, text};
use crate::api::kinds::fields::Fields;

pub fn conversion(conversion: &Value, path: &Path, errors: &mut ErrorList) {
    let strategy = text(conversion, "strategy");
    required_one_of(Some(strategy), &["None", "Webhook"], &path.child("strategy"), errors);
    let webhook = set(conversion, "webhook");
    let client = webhook.and_then(|webhook| set(webhook, "clientConfig"));
    let versions: Vec<String> = webhook.map_or(&[][..], |webhook| items(webhook, "conversionReviewVersions")).iter().map(word).collect();
    let (at, at_versions) = (path.child("webhookClientConfig"), path.child("conversionReviewVersions"));
    if strategy != "Webhook" {
        if client.is_some() {
            errors.forbidden(&at, "should not be set when strategy is not set to Webhook");
        }
        if !versions.is_empty() {
            errors.forbidden(&at_versions, "should not be set when strategy is not set to Webhook");
        }
        return;
    }
    match client {
        None => errors.required(&at, "required when strategy is set to Webhook"),
        Some(client) => {
            let service = set(client, "service").map(|service| Service {
                namespace: text(service, "namespace"),
                name: text(service, "name"),
                path: service.get("path").and_then(Value::as_str),
                port: i32::try_from(service.integer("/port")).unwrap_or_default(),
            });
            webhook::client(client.get("url").and_then(Value::as_str), service, &at, errors);
        }
    }
    webhook::review_versions(&versions, "", true, &at_versions, errors);
}

fn word(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}
