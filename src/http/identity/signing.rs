//! Signing what others ask for with the cluster's authority.

use std::time::Duration;

use rcgen::{CertificateSigningRequestParams, ExtendedKeyUsagePurpose, IsCa, KeyUsagePurpose, SerialNumber};
use ring::rand::{SecureRandom, SystemRandom};

use super::authority::{Authority, lifetime};
use crate::actors::controllers::Signer;

const USAGES: [(&str, KeyUsagePurpose); 10] = [
    ("signing", KeyUsagePurpose::DigitalSignature),
    ("digital signature", KeyUsagePurpose::DigitalSignature),
    ("content commitment", KeyUsagePurpose::ContentCommitment),
    ("key encipherment", KeyUsagePurpose::KeyEncipherment),
    ("data encipherment", KeyUsagePurpose::DataEncipherment),
    ("key agreement", KeyUsagePurpose::KeyAgreement),
    ("cert sign", KeyUsagePurpose::KeyCertSign),
    ("crl sign", KeyUsagePurpose::CrlSign),
    ("encipher only", KeyUsagePurpose::EncipherOnly),
    ("decipher only", KeyUsagePurpose::DecipherOnly),
];

const PURPOSES: [(&str, ExtendedKeyUsagePurpose); 7] = [
    ("any", ExtendedKeyUsagePurpose::Any),
    ("server auth", ExtendedKeyUsagePurpose::ServerAuth),
    ("client auth", ExtendedKeyUsagePurpose::ClientAuth),
    ("code signing", ExtendedKeyUsagePurpose::CodeSigning),
    ("email protection", ExtendedKeyUsagePurpose::EmailProtection),
    ("timestamping", ExtendedKeyUsagePurpose::TimeStamping),
    ("ocsp signing", ExtendedKeyUsagePurpose::OcspSigning),
];

impl Signer for Authority {
    /// Subject, names and key are the request's; what it may be used for is what was approved, and never to sign others.
    fn sign(&self, request: &[u8], usages: &[String], lasts: Duration) -> Result<String, String> {
        let request = std::str::from_utf8(request).map_err(|error| error.to_string())?;
        let mut request = CertificateSigningRequestParams::from_pem(request).map_err(|error| error.to_string())?;
        let params = &mut request.params;
        let is_asked = |name: &str| usages.iter().any(|usage| usage == name);
        params.key_usages.clear();
        for (_, usage) in USAGES.iter().filter(|(name, _)| is_asked(name)) {
            if !params.key_usages.contains(usage) {
                params.key_usages.push(*usage);
            }
        }
        params.extended_key_usages = PURPOSES.iter().filter(|(name, _)| is_asked(name)).map(|(_, purpose)| purpose.clone()).collect();
        params.is_ca = IsCa::ExplicitNoCa;
        params.use_authority_key_identifier_extension = true;
        let mut serial = [0; 16];
        SystemRandom::new().fill(&mut serial).expect("the system has chance");
        serial[0] &= 0x7f;
        params.serial_number = Some(SerialNumber::from_slice(&serial));
        lifetime(params, lasts);
        let certificate = request.signed_by(&self.issuer).map_err(|error| error.to_string())?;
        Ok(certificate.pem())
    }
}

#[cfg(test)]
mod tests {
    use rcgen::{BasicConstraints, CertificateParams, DnType, KeyPair};

    use super::*;
    use crate::http::authentication::PeerUser;
    use crate::http::identity::Identity;

    fn asked(params: CertificateParams) -> String {
        params.serialize_request(&KeyPair::generate().unwrap()).unwrap().pem().unwrap()
    }

    #[test]
    fn who_is_signed_is_known_by_that_name_and_signs_nobody() {
        let directory = tempfile::tempdir().unwrap();
        let authority = Identity::open(directory.path(), &[]).unwrap().authority;
        let mut params = CertificateParams::default();
        params.distinguished_name = rcgen::DistinguishedName::new();
        params.distinguished_name.push(DnType::OrganizationName, "team");
        params.distinguished_name.push(DnType::CommonName, "alice");
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let usages = ["client auth".to_owned(), "digital signature".to_owned()];
        let pem = authority.sign(asked(params).as_bytes(), &usages, Duration::from_secs(3600)).unwrap();
        let der = x509_parser::pem::Pem::iter_from_buffer(pem.as_bytes()).next().unwrap().unwrap().contents;
        let (_, certificate) = x509_parser::parse_x509_certificate(&der).unwrap();
        assert!(!certificate.is_ca());
        assert!(certificate.extended_key_usage().unwrap().unwrap().value.client_auth);
        assert_eq!(certificate.validity().not_after.timestamp() - crate::runtime::clock::now().as_second(), 3600);
        let der = rustls_pki_types::CertificateDer::from(der.clone());
        let user = PeerUser::from_certificate(&der).unwrap();
        assert_eq!(user.user().name, "alice");
        assert!(user.user().is_in("team"));
    }

    #[test]
    fn what_cannot_be_signed_is_refused() {
        let directory = tempfile::tempdir().unwrap();
        let authority = Identity::open(directory.path(), &[]).unwrap().authority;
        for request in [&b"garbage"[..], b"\xff", b"-----BEGIN CERTIFICATE REQUEST-----\neA==\n-----END CERTIFICATE REQUEST-----\n"] {
            assert!(authority.sign(request, &[], SHORT).is_err());
        }
    }

    const SHORT: Duration = Duration::from_secs(600);
}
