//! What a signing request asks for: the subject and names that the certificate is to have.

use std::collections::BTreeSet;

use x509_parser::certification_request::X509CertificationRequest;
use x509_parser::extensions::{GeneralName, ParsedExtension};
use x509_parser::pem::Pem;
use x509_parser::prelude::FromDer;

const NODES: &str = "system:nodes";
const NODE: &str = "system:node:";

/// A request, read.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Wanted {
    pub common_name: String,
    pub organizations: Vec<String>,
    pub dns_names: usize,
    pub addresses: usize,
    pub emails: usize,
    pub uris: usize,
    pub usages: BTreeSet<String>,
}

impl Wanted {
    /// `None` if the request is none: it was judged when it was created.
    pub fn read(pem: &[u8], usages: &[String]) -> Option<Self> {
        let block = Pem::iter_from_buffer(pem).next()?.ok()?;
        let (_, request) = X509CertificationRequest::from_der(&block.contents).ok()?;
        let subject = &request.certification_request_info.subject;
        let text = |value: &x509_parser::x509::AttributeTypeAndValue| value.as_str().map(str::to_owned).ok();
        let mut wanted = Self {
            common_name: subject.iter_common_name().next().and_then(text).unwrap_or_default(),
            organizations: subject.iter_organization().filter_map(text).collect(),
            usages: usages.iter().cloned().collect(),
            ..Self::default()
        };
        for extension in request.requested_extensions().into_iter().flatten() {
            let ParsedExtension::SubjectAlternativeName(names) = extension else { continue };
            for name in &names.general_names {
                match name {
                    GeneralName::DNSName(_) => wanted.dns_names += 1,
                    GeneralName::IPAddress(_) => wanted.addresses += 1,
                    GeneralName::RFC822Name(_) => wanted.emails += 1,
                    GeneralName::URI(_) => wanted.uris += 1,
                    _ => {}
                }
            }
        }
        Some(wanted)
    }

    fn needs(&self, usages: &[&str]) -> bool {
        let with_rsa = || usages.iter().copied().chain(["key encipherment"]).collect::<BTreeSet<_>>();
        let own: BTreeSet<&str> = self.usages.iter().map(String::as_str).collect();
        own == usages.iter().copied().collect() || own == with_rsa()
    }

    /// What keeps it from being a kubelet's certificate towards the API, in upstream's words.
    pub fn kubelet_client_fault(&self) -> Option<String> {
        self.subject_fault()
            .or_else(|| (self.dns_names > 0).then_some("DNS subjectAltNames are not allowed"))
            .or_else(|| (self.emails > 0).then_some("Email subjectAltNames are not allowed"))
            .or_else(|| (self.addresses > 0).then_some("IP subjectAltNames are not allowed"))
            .or_else(|| (self.uris > 0).then_some("URI subjectAltNames are not allowed"))
            .map(str::to_owned)
            .or_else(|| self.usages_fault(&["client auth", "digital signature"]))
    }

    /// What keeps it from being the certificate that a kubelet serves with.
    pub fn kubelet_serving_fault(&self) -> Option<String> {
        self.subject_fault()
            .or_else(|| (self.dns_names + self.addresses == 0).then_some("DNS or IP subjectAltName is required"))
            .or_else(|| (self.emails > 0).then_some("Email subjectAltNames are not allowed"))
            .or_else(|| (self.uris > 0).then_some("URI subjectAltNames are not allowed"))
            .map(str::to_owned)
            .or_else(|| self.usages_fault(&["digital signature", "server auth"]))
    }

    /// What keeps it from being a client's certificate.
    pub fn client_fault(&self) -> Option<String> {
        let allowed = ["digital signature", "key encipherment", "client auth"];
        let fits = self.usages.contains("client auth") && self.usages.iter().all(|usage| allowed.contains(&usage.as_str()));
        (!fits).then(|| format!("invalid usages for client certificate: [{}]", self.listed()))
    }

    fn subject_fault(&self) -> Option<&'static str> {
        if self.organizations != [NODES] {
            return Some("subject organization is not system:nodes");
        }
        (!self.common_name.starts_with(NODE)).then_some("subject common name does not begin with system:node: ")
    }

    fn usages_fault(&self, needed: &[&str]) -> Option<String> {
        (!self.needs(needed)).then(|| format!("usages did not match [{}]", needed.join(" ")))
    }

    fn listed(&self) -> String {
        self.usages.iter().map(String::as_str).collect::<Vec<_>>().join(" ")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kubelet(name: &str, usages: &[&str]) -> Wanted {
        let usages = usages.iter().map(|usage| (*usage).to_owned()).collect();
        Wanted { common_name: name.into(), organizations: vec![NODES.into()], usages, ..Wanted::default() }
    }

    #[test]
    fn a_kubelets_certificates_are_of_its_node_and_for_one_purpose() {
        let client = ["client auth", "digital signature"];
        assert_eq!(kubelet("system:node:a", &client).kubelet_client_fault(), None);
        assert_eq!(kubelet("system:node:a", &["client auth", "digital signature", "key encipherment"]).kubelet_client_fault(), None);
        for (wanted, fault) in [
            (kubelet("a", &client), "subject common name does not begin with system:node: "),
            (Wanted { organizations: Vec::new(), ..kubelet("system:node:a", &client) }, "subject organization is not system:nodes"),
            (Wanted { dns_names: 1, ..kubelet("system:node:a", &client) }, "DNS subjectAltNames are not allowed"),
            (kubelet("system:node:a", &["client auth"]), "usages did not match [client auth digital signature]"),
        ] {
            assert_eq!(wanted.kubelet_client_fault().as_deref(), Some(fault));
        }
        let server = kubelet("system:node:a", &["digital signature", "server auth"]);
        assert_eq!(server.kubelet_serving_fault().as_deref(), Some("DNS or IP subjectAltName is required"));
        assert_eq!(Wanted { addresses: 1, ..server }.kubelet_serving_fault(), None);
    }

    #[test]
    fn a_client_certificate_is_for_clients() {
        assert_eq!(kubelet("x", &["client auth"]).client_fault(), None);
        assert!(kubelet("x", &["client auth", "server auth"]).client_fault().is_some());
        assert!(kubelet("x", &["digital signature"]).client_fault().is_some());
    }

    #[test]
    fn what_is_no_request_is_none() {
        assert_eq!(Wanted::read(b"garbage", &[]), None);
        assert_eq!(Wanted::read(b"-----BEGIN CERTIFICATE REQUEST-----\neA==\n-----END CERTIFICATE REQUEST-----\n", &[]), None);
    }
}
