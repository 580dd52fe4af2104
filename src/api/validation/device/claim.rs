//! What a claim asks for.

use std::collections::BTreeMap;

use k8s_openapi::api::resource::v1::{DeviceClaim, DeviceConstraint, DeviceRequest, DeviceSelector};
use serde_json::Value;

use super::super::format::{dns_label, dns_subdomain};
use super::super::words::required;
use super::super::{ErrorList, Path};
use super::{LIST_SIZE, configuration, each, name, selector, unique};

/// Of alternatives of one request.
const ALTERNATIVES: usize = 8;
const UNKNOWN_REQUEST: &str = "must be the name of a request in the claim or the name of a request and a subrequest separated by '/'";

/// The names of a claim's requests, each with those of its alternatives.
pub struct Requests<'a>(BTreeMap<&'a str, Vec<&'a str>>);

impl<'a> Requests<'a> {
    pub fn of(claim: Option<&'a DeviceClaim>) -> Self {
        let requests = claim.iter().flat_map(|claim| claim.requests.iter().flatten());
        let alternatives = |request: &'a DeviceRequest| request.first_available.iter().flatten().map(|one| one.name.as_str()).collect();
        Self(requests.map(|request| (request.name.as_str(), alternatives(request))).collect())
    }

    /// `request` or `request/alternative`.
    pub fn judge(&self, reference: &str, path: &Path, errors: &mut ErrorList) {
        let segments: Vec<&str> = reference.split('/').collect();
        let is_known = match segments[..] {
            [request] => self.0.contains_key(request),
            [request, alternative] => self.0.get(request).is_some_and(|known| known.contains(&alternative)),
            _ => return errors.invalid(path, reference, UNKNOWN_REQUEST),
        };
        for segment in segments {
            errors.invalid_each(path, segment, dns_label(segment));
        }
        if !is_known {
            errors.invalid(path, reference, UNKNOWN_REQUEST);
        }
    }

    pub fn judge_each(&self, references: Option<&Vec<String>>, path: &Path, errors: &mut ErrorList) {
        let references = references.map(Vec::as_slice).unwrap_or_default();
        each(references, LIST_SIZE, path, errors, |reference, path, errors| self.judge(reference, path, errors));
        unique(references.iter().map(String::as_str), LIST_SIZE, path, errors);
    }
}

/// All of it. What is `is_stored` was judged when it came.
pub fn devices(claim: Option<&DeviceClaim>, is_stored: bool, path: &Path, errors: &mut ErrorList) {
    let names = Requests::of(claim);
    let Some(claim) = claim else { return };
    let requests = claim.requests.as_deref().unwrap_or_default();
    let at = path.child("requests");
    each(requests, LIST_SIZE, &at, errors, |one, path, errors| request(one, is_stored, path, errors));
    unique(requests.iter().map(|request| request.name.as_str()), LIST_SIZE, &at, errors);
    let constraints = claim.constraints.as_deref().unwrap_or_default();
    each(constraints, LIST_SIZE, &path.child("constraints"), errors, |one, path, errors| constraint(one, &names, path, errors));
    each(claim.config.as_deref().unwrap_or_default(), LIST_SIZE, &path.child("config"), errors, |one, path, errors| {
        names.judge_each(one.requests.as_ref(), &path.child("requests"), errors);
        configuration::opaque(one.opaque.as_ref(), is_stored, path, errors);
    });
}

fn request(request: &DeviceRequest, is_stored: bool, path: &Path, errors: &mut ErrorList) {
    errors.invalid_each(&path.child("name"), &request.name, dns_label(&request.name));
    let alternatives = request.first_available.as_deref().unwrap_or_default();
    match (&request.exactly, alternatives) {
        (None, []) => errors.required(path, "exactly one of `exactly` or `firstAvailable` is required"),
        (Some(_), [_, ..]) => {
            errors.invalid(path, Value::Null, "exactly one of `exactly` or `firstAvailable` is required, but multiple fields are set");
        }
        (Some(one), []) => {
            let selectors = one.selectors.as_deref().unwrap_or_default();
            let asked = Asked { class: &one.device_class_name, selectors, mode: one.allocation_mode.as_deref(), count: one.count };
            asked.judge(is_stored, &path.child("exactly"), errors);
        }
        (None, alternatives) => {
            let path = path.child("firstAvailable");
            each(alternatives, ALTERNATIVES, &path, errors, |one, path, errors| {
                errors.invalid_each(&path.child("name"), &one.name, dns_label(&one.name));
                let selectors = one.selectors.as_deref().unwrap_or_default();
                let asked = Asked { class: &one.device_class_name, selectors, mode: one.allocation_mode.as_deref(), count: one.count };
                asked.judge(is_stored, path, errors);
            });
            unique(alternatives.iter().map(|one| one.name.as_str()), ALTERNATIVES, &path, errors);
        }
    }
}

/// What requests and their alternatives have in common.
struct Asked<'a> {
    class: &'a str,
    selectors: &'a [DeviceSelector],
    mode: Option<&'a str>,
    count: Option<i64>,
}

impl Asked<'_> {
    fn judge(&self, is_stored: bool, path: &Path, errors: &mut ErrorList) {
        let at = path.child("deviceClassName");
        required(self.class, &at, errors);
        if !self.class.is_empty() {
            errors.invalid_each(&at, self.class, dns_subdomain(self.class));
        }
        selector::selectors(self.selectors, is_stored, &path.child("selectors"), errors);
        let (at, count) = (path.child("count"), self.count.unwrap_or_default());
        match self.mode.unwrap_or_default() {
            "All" if count != 0 => errors.invalid(&at, count, "must not be specified when allocationMode is 'All'"),
            "ExactCount" if count <= 0 => errors.invalid(&at, count, "must be greater than zero"),
            "All" | "ExactCount" => {}
            other => errors.not_supported(&path.child("allocationMode"), other, &["All", "ExactCount"]),
        }
    }
}

fn constraint(constraint: &DeviceConstraint, names: &Requests, path: &Path, errors: &mut ErrorList) {
    names.judge_each(constraint.requests.as_ref(), &path.child("requests"), errors);
    let path = path.child("matchAttribute");
    match constraint.match_attribute.as_deref() {
        Some(attribute) => name::fully_qualified(attribute, &path, errors),
        None => errors.required(&path, ""),
    }
}
