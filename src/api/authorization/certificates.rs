//! CertificateApproval and CertificateSigning: who says yes to a signing request, or signs it, needs the right to that for its signer.

use serde_json::Value;

use super::{Authorizer, RequestInfo, Resource};
use crate::api::admission::{Operation, Request};
use crate::api::kinds::Subresource;
use crate::api::status::Status;

const GROUP: &str = "certificates.k8s.io";

/// # Errors
/// `Forbidden`.
pub fn judge_signer(authorizer: &Authorizer, request: &Request, new: &Value) -> Result<(), Status> {
    let (Some(subresource), Some(old)) = (request.subresource, request.old) else { return Ok(()) };
    if request.kind.group() != GROUP || request.operation != Operation::Update || request.user.is_system() {
        return Ok(());
    }
    let changes = |field: &str| new["status"][field] != old["status"][field];
    let verb = match subresource {
        Subresource::Approval => "approve",
        Subresource::Status if changes("certificate") || changes("conditions") => "sign",
        _ => return Ok(()),
    };
    let signer = old["spec"]["signerName"].as_str().unwrap_or_default();
    let domain = signer.split_once('/').map_or(signer, |(domain, _)| domain);
    let may = [signer.to_owned(), format!("{domain}/*")].into_iter().any(|name| {
        let [group, version, plural] = [GROUP, "*", "signers"].map(str::to_owned);
        authorizer.may(request.user, &RequestInfo::of(verb, Resource { group, version, plural, name, ..Resource::default() }))
    });
    if may {
        return Ok(());
    }
    let why = format!("user not permitted to {verb} requests with signerName {signer:?}");
    Err(Status::forbidden(request.kind.group(), request.kind.plural(), request.name, &why))
}
