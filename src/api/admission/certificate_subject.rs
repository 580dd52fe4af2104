//! CertificateSubjectRestriction: nobody becomes a master by a client certificate of the cluster's.

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use serde_json::Value;
use x509_parser::certification_request::X509CertificationRequest;
use x509_parser::pem::Pem;
use x509_parser::prelude::FromDer;

use super::Request;
use crate::api::status::Status;
use crate::api::verbs::MASTERS;

const SIGNER: &str = "kubernetes.io/kube-apiserver-client";

pub(super) fn judge(request: &Request, signing: Option<&Value>) -> Result<(), Status> {
    let Some(signing) = signing.filter(|_| request.creates("certificatesigningrequests")) else { return Ok(()) };
    let asks = signing["spec"]["request"].as_str().is_some_and(asks_for_masters);
    if signing["spec"]["signerName"] != SIGNER || !asks {
        return Ok(());
    }
    Err(request.forbidden(&format!("use of {SIGNER} signer with {MASTERS} group is not allowed")))
}

/// Whether the subject of a request, which has been judged, is in the group of masters.
fn asks_for_masters(request: &str) -> bool {
    let Ok(pem) = BASE64_STANDARD.decode(request) else { return false };
    let Some(block) = Pem::iter_from_buffer(&pem).next().and_then(Result::ok) else { return false };
    let Ok((_, request)) = X509CertificationRequest::from_der(&block.contents) else { return false };
    let groups = request.certification_request_info.subject.iter_organization();
    groups.filter_map(|group| group.as_str().ok()).any(|group| group == MASTERS)
}
