//! A volume that is put together from several sources.

use std::collections::BTreeSet;

use k8s_openapi::api::core::v1::{KeyToPath, ProjectedVolumeSource, ServiceAccountTokenProjection, VolumeProjection};

use super::volume::{downward_file, key_to_path};
use crate::api::validation::numbers::file_mode;
use crate::api::validation::words::required;
use crate::api::validation::{ErrorList, Path, file_path};

const CONFLICT: &str = "conflicting duplicate paths";
const TOKEN_SECONDS: std::ops::RangeInclusive<i64> = 600..=1 << 32;

pub fn projected(volume: &ProjectedVolumeSource, path: &Path, errors: &mut ErrorList) {
    file_mode(volume.default_mode, &path.child("defaultMode"), errors);
    let mut taken = BTreeSet::new();
    for (index, source) in volume.sources.iter().flatten().enumerate() {
        one_source(source, &mut taken, path, &path.child("sources").index(index), errors);
    }
}

/// Two sources must not write one file: `volume` is where that is reported.
fn one_source<'a>(source: &'a VolumeProjection, taken: &mut BTreeSet<&'a str>, volume: &Path, path: &Path, errors: &mut ErrorList) {
    let mut seen = false;
    let mut is_first = |name: &str, errors: &mut ErrorList| {
        if seen {
            errors.forbidden(&path.child(name), "may not specify more than 1 volume type per source");
        }
        !std::mem::replace(&mut seen, true)
    };
    if let Some(secret) = &source.secret
        && is_first("secret", errors)
    {
        files(&secret.name, secret.items.as_deref().unwrap_or_default(), taken, volume, &path.child("secret"), errors);
    }
    if let Some(map) = &source.config_map
        && is_first("configMap", errors)
    {
        files(&map.name, map.items.as_deref().unwrap_or_default(), taken, volume, &path.child("configMap"), errors);
    }
    if let Some(downward) = &source.downward_api
        && is_first("downwardAPI", errors)
    {
        for file in downward.items.iter().flatten() {
            downward_file(file, &path.child("downwardAPI"), errors);
            if !file.path.is_empty() && !taken.insert(&file.path) {
                errors.invalid(volume, &file.path, CONFLICT);
            }
        }
    }
    if let Some(account) = &source.service_account_token
        && is_first("serviceAccountToken", errors)
    {
        token(account, &path.child("serviceAccountToken"), errors);
        if !account.path.is_empty() && !taken.insert(&account.path) {
            errors.invalid(volume, &account.path, CONFLICT);
        }
    }
    if let Some(bundle) = &source.cluster_trust_bundle
        && is_first("clusterTrustBundle", errors)
    {
        required(&bundle.path, &path.child("clusterTrustBundle").child("path"), errors);
    }
}

fn files<'a>(name: &str, items: &'a [KeyToPath], taken: &mut BTreeSet<&'a str>, volume: &Path, path: &Path, errors: &mut ErrorList) {
    required(name, &path.child("name"), errors);
    for (index, item) in items.iter().enumerate() {
        key_to_path(item, &path.child("items").index(index), errors);
        if !item.path.is_empty() && !taken.insert(&item.path) {
            errors.invalid(volume, name, CONFLICT);
        }
    }
}

fn token(token: &ServiceAccountTokenProjection, path: &Path, errors: &mut ErrorList) {
    let seconds = token.expiration_seconds.unwrap_or(*TOKEN_SECONDS.start());
    if seconds < *TOKEN_SECONDS.start() {
        errors.invalid(&path.child("expirationSeconds"), seconds, "may not specify a duration less than 10 minutes");
    } else if seconds > *TOKEN_SECONDS.end() {
        errors.invalid(&path.child("expirationSeconds"), seconds, "may not specify a duration larger than 2^32 seconds");
    }
    if token.path.is_empty() {
        errors.required(&path.child("path"), "");
    } else {
        file_path::not_reserved(&token.path, &path.child("path"), errors);
    }
}
