//! Certificate signing requests.

use std::collections::BTreeSet;

use k8s_openapi::ByteString;
use k8s_openapi::api::certificates::v1::{CertificateSigningRequest, CertificateSigningRequestCondition, CertificateSigningRequestStatus};
use serde_json::json;
use x509_parser::certification_request::X509CertificationRequest;
use x509_parser::pem::Pem;
use x509_parser::prelude::FromDer;

use super::difference::difference;
use super::format::{LABEL_LENGTH, SUBDOMAIN_LENGTH, dns_label, dns_subdomain};
use super::object_meta::{object_meta, object_meta_update};
use super::{ErrorList, NameForm, Path};

const USAGES: [&str; 23] = [
    "any",
    "cert sign",
    "client auth",
    "code signing",
    "content commitment",
    "crl sign",
    "data encipherment",
    "decipher only",
    "digital signature",
    "email protection",
    "encipher only",
    "ipsec end system",
    "ipsec tunnel",
    "ipsec user",
    "key agreement",
    "key encipherment",
    "microsoft sgc",
    "netscape sgc",
    "ocsp signing",
    "s/mime",
    "server auth",
    "signing",
    "timestamping",
];
/// Conditions that, once they hold, hold for good.
const VERDICTS: [&str; 3] = ["Approved", "Denied", "Failed"];
const LEGACY_SIGNER: &str = "kubernetes.io/legacy-unknown";
/// Seconds.
const SHORTEST_LIFE: i32 = 600;

/// What an update may set.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Settable {
    Nothing,
    Approval,
    Certificate,
}

pub fn signing_request(request: &CertificateSigningRequest) -> ErrorList {
    whole(request, None)
}

pub fn signing_request_update(new: &CertificateSigningRequest, old: &CertificateSigningRequest) -> ErrorList {
    change(new, old, Settable::Nothing)
}

pub fn signing_request_status_update(new: &CertificateSigningRequest, old: &CertificateSigningRequest) -> ErrorList {
    change(new, old, Settable::Certificate)
}

pub fn signing_request_approval(new: &CertificateSigningRequest, old: &CertificateSigningRequest) -> ErrorList {
    change(new, old, Settable::Approval)
}

fn whole(request: &CertificateSigningRequest, old: Option<&CertificateSigningRequest>) -> ErrorList {
    let mut errors = object_meta(&request.metadata, false, NameForm::Anything, &Path::new("metadata"));
    let (spec, path) = (&request.spec, Path::new("spec"));
    if let Err(why) = check_request(&spec.request.0) {
        errors.invalid(&path.child("request"), json!(spec.request), &why);
    }
    usages(spec.usages.as_deref().unwrap_or_default(), &path.child("usages"), &mut errors);
    if spec.signer_name == LEGACY_SIGNER {
        errors.invalid(&path.child("signerName"), &spec.signer_name, "the legacy signerName is not allowed via this API version");
    } else {
        signer(&spec.signer_name, &path.child("signerName"), &mut errors);
    }
    if let Some(seconds) = spec.expiration_seconds.filter(|seconds| *seconds < SHORTEST_LIFE) {
        errors.invalid(&path.child("expirationSeconds"), seconds, "may not specify a duration less than 600 seconds (10 minutes)");
    }
    let path = Path::new("status");
    conditions(of(request, ""), &path.child("conditions"), &mut errors);
    let certificate = certificate(request);
    if old.is_none_or(|old| self::certificate(old) != certificate)
        && let Some(why) = wrong_certificate(certificate)
    {
        errors.invalid(&path.child("certificate"), "<certificate data>", &why);
    }
    errors
}

/// That it can be read, and that who asks has the key.
fn check_request(pem: &[u8]) -> Result<(), String> {
    let block = Pem::iter_from_buffer(pem).next().and_then(Result::ok).filter(|block| block.label == "CERTIFICATE REQUEST");
    let block = block.ok_or("PEM block type must be CERTIFICATE REQUEST")?;
    let (rest, request) = X509CertificationRequest::from_der(&block.contents).map_err(|error| error.to_string())?;
    if !rest.is_empty() {
        return Err("asn1: syntax error: trailing data".to_owned());
    }
    request.verify_signature().map_err(|_| "x509: the request is not signed with its own key".to_owned())
}

fn usages(usages: &[String], path: &Path, errors: &mut ErrorList) {
    if usages.is_empty() {
        errors.required(path, "");
    }
    for (index, usage) in usages.iter().enumerate().filter(|(_, usage)| !USAGES.contains(&usage.as_str())) {
        errors.not_supported(&path.index(index), usage, &USAGES);
    }
    for (index, usage) in usages.iter().enumerate().filter(|(index, usage)| usages[..*index].contains(usage)) {
        errors.duplicate(&path.index(index), usage);
    }
}

/// The name of a signer: a path within a domain.
fn signer(name: &str, path: &Path, errors: &mut ErrorList) {
    if name.is_empty() {
        return errors.required(path, "");
    }
    let [domain, rest] = name.split('/').collect::<Vec<_>>()[..] else {
        return errors.invalid(path, name, "must be a fully qualified domain and path of the form 'example.com/signer-name'");
    };
    if domain.len() > SUBDOMAIN_LENGTH {
        errors.too_long(path, SUBDOMAIN_LENGTH);
    }
    first_wrong(domain, dns_label, path, errors);
    if !domain.contains('.') {
        errors.invalid(path, domain, "should be a domain with at least two segments separated by dots");
    }
    first_wrong(rest, dns_subdomain, path, errors);
    let longest = SUBDOMAIN_LENGTH + LABEL_LENGTH + 1;
    if rest.len() > longest {
        errors.too_long(path, longest);
    }
    if name.len() > SUBDOMAIN_LENGTH + longest + 1 {
        errors.too_long(path, SUBDOMAIN_LENGTH + longest + 1);
    }
}

/// What is wrong with the first ill-formed label.
fn first_wrong(text: &str, judge: fn(&str) -> Vec<String>, path: &Path, errors: &mut ErrorList) {
    let wrong = text.split('.').map(|label| (label, judge(label))).find(|(_, wrong)| !wrong.is_empty());
    for (label, why) in wrong.into_iter().flat_map(|(label, wrong)| wrong.into_iter().map(move |why| (label, why))) {
        errors.invalid(path, text, &format!("validating label \"{label}\": {why}"));
    }
}

/// The conditions of a type, or all.
fn of<'a>(request: &'a CertificateSigningRequest, kind: &str) -> Vec<&'a CertificateSigningRequestCondition> {
    let conditions = request.status.iter().flat_map(|status| status.conditions.iter().flatten());
    conditions.filter(|condition| kind.is_empty() || condition.type_ == kind).collect()
}

fn conditions(conditions: Vec<&CertificateSigningRequestCondition>, path: &Path, errors: &mut ErrorList) {
    let mut seen = BTreeSet::new();
    for (index, condition) in conditions.into_iter().enumerate() {
        let path = path.index(index);
        let kind = condition.type_.as_str();
        if kind.is_empty() {
            errors.required(&path.child("type"), "");
        }
        let allowed: &[&str] = if VERDICTS.contains(&kind) { &["True"] } else { &["False", "True", "Unknown"] };
        match condition.status.as_str() {
            "" => errors.required(&path.child("status"), ""),
            status if !allowed.contains(&status) => errors.not_supported(&path.child("status"), status, allowed),
            _ => {}
        }
        let opposite = match kind {
            "Approved" => "Denied",
            "Denied" => "Approved",
            _ => "",
        };
        if seen.contains(opposite) && !opposite.is_empty() {
            errors.invalid(&path.child("type"), kind, "Approved and Denied conditions are mutually exclusive");
        }
        if !seen.insert(kind) {
            errors.duplicate(&path.child("type"), kind);
        }
    }
}

fn certificate(request: &CertificateSigningRequest) -> &[u8] {
    request
        .status
        .as_ref()
        .and_then(|status: &CertificateSigningRequestStatus| status.certificate.as_ref())
        .map_or(&[], |bytes: &ByteString| &bytes.0)
}

/// Why these are not the certificates that a signer gives: nothing but blocks of certificates, at least one.
fn wrong_certificate(pem: &[u8]) -> Option<String> {
    if pem.is_empty() {
        return None;
    }
    let mut blocks = 0;
    for block in Pem::iter_from_buffer(pem).map_while(Result::ok) {
        if block.label != "CERTIFICATE" {
            return Some(format!("only CERTIFICATE PEM blocks are allowed, found \"{}\"", block.label));
        }
        blocks += 1;
        if let Err(error) = block.parse_x509() {
            return Some(error.to_string());
        }
    }
    (blocks == 0).then(|| "must contain at least one CERTIFICATE PEM block".to_owned())
}

fn change(new: &CertificateSigningRequest, old: &CertificateSigningRequest, settable: Settable) -> ErrorList {
    let mut errors = whole(new, Some(old));
    let path = Path::new("status");
    let at = path.child("conditions");
    for verdict in VERDICTS.iter().filter(|verdict| of(new, verdict).len() < of(old, verdict).len()) {
        errors.forbidden(&at, &format!("updates may not remove a condition of type \"{verdict}\""));
    }
    if settable != Settable::Approval {
        for verdict in &VERDICTS[..2] {
            let (after, before) = (of(new, verdict), of(old, verdict));
            if after.len() > before.len() {
                errors.forbidden(&at, &format!("updates may not add a condition of type \"{verdict}\""));
            } else if after.len() == before.len() && after != before {
                let why = format!("updates may not modify a condition of type \"{verdict}\"\n{}", difference(&before, &after));
                errors.forbidden(&at, &why);
            }
        }
    }
    if certificate(new) != certificate(old) {
        let at = path.child("certificate");
        if settable != Settable::Certificate {
            errors.forbidden(&at, "updates may not set certificate content");
        } else if !certificate(old).is_empty() {
            errors.forbidden(&at, "updates may not modify existing certificate content");
        }
    }
    errors.extend(object_meta_update(&new.metadata, &old.metadata, &Path::new("metadata")));
    errors
}
