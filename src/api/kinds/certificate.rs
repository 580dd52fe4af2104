//! CertificateSigningRequest: how one asks for a certificate.

use k8s_openapi::api::certificates::v1;

use super::cells::certificate as cells;
use super::{Judges, Kind, Subresource, Traits, age, column, computed, name, selectable, strategy};
use crate::api::validation::certificate as judge;

pub fn certificate_signing_request() -> Kind {
    Kind::new::<v1::CertificateSigningRequest>("certificatesigningrequests", &["csr"])
        .cluster_scoped()
        .subresources(&[Subresource::Approval, Subresource::Status])
        .selectable([selectable("spec.signerName", "/spec/signerName")])
        .traits(Traits { says_who_asked: true, constant: true, ..Traits::default() })
        .columns([
            name(),
            age(),
            computed("SignerName", cells::signer),
            column("Requestor", "/spec/username"),
            computed("RequestedDuration", cells::duration),
            computed("Condition", cells::condition),
        ])
        .prepare(|_| {}, strategy::certificate_signing_request_update)
        .judges(
            Judges::new(judge::signing_request, judge::signing_request_update)
                .subresource(Subresource::Status, judge::signing_request_status_update)
                .subresource(Subresource::Approval, judge::signing_request_approval),
        )
}
