//! The cluster's certificate authority and the certificates that it signs.

use std::path::{Path, PathBuf};
use std::time::Duration;

use rcgen::{BasicConstraints, CertificateParams, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair, KeyUsagePurpose};
use rustls_pki_types::CertificateDer;
use rustls_pki_types::pem::PemObject;
use x509_parser::prelude::{FromDer, GeneralName, X509Certificate};

use super::{IdentityError, files};
use crate::runtime::clock;

const DAY: Duration = Duration::from_secs(24 * 60 * 60);
const AUTHORITY_LIFETIME: Duration = DAY.saturating_mul(3650);
const LIFETIME: Duration = DAY.saturating_mul(365);
/// What must be left of a certificate's life at start: else it is renewed.
const MARGIN: Duration = DAY.saturating_mul(90);
/// How far the clocks of clients may be behind.
const SKEW: Duration = Duration::from_secs(5 * 60);

/// What a certificate says of its holder.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Subject {
    /// The user.
    pub common_name: String,
    /// The user's group.
    pub organization: Option<String>,
    /// Host names and addresses of a server; empty for a client.
    pub names: Vec<String>,
}

impl Subject {
    /// A user in a group.
    pub fn client(name: &str, group: &str) -> Self {
        Self { common_name: name.into(), organization: Some(group.into()), names: Vec::new() }
    }

    /// The API server under all its names.
    pub fn server(names: Vec<String>) -> Self {
        Self { common_name: "kube-apiserver".into(), organization: None, names }
    }
}

/// A certificate and its key, as PEM.
#[derive(Clone)]
pub struct Certificate {
    pub certificate: String,
    pub key: String,
}

/// The authority: what it has signed, the cluster trusts.
pub struct Authority {
    pem: String,
    pub(super) issuer: Issuer<'static, KeyPair>,
}

impl Authority {
    /// Reads or makes `ca.crt` and `ca.key`. A certificate near its end is renewed with the same key, so that what it has signed stays good.
    pub(super) fn open(directory: &Path) -> Result<Self, IdentityError> {
        let (certificate_path, key_path) = (directory.join("ca.crt"), directory.join("ca.key"));
        let key = read_or_create_key(&key_path)?;
        let pem = match files::read(&certificate_path)? {
            Some(pem) if lasts(&pem, &certificate_path)? => pem,
            _ => {
                let pem = authority_params().self_signed(&key)?.pem();
                files::write(&certificate_path, &pem)?;
                pem
            }
        };
        let issuer = Issuer::from_ca_cert_pem(&pem, key).map_err(|error| damaged(&certificate_path, &error))?;
        Ok(Self { pem, issuer })
    }

    /// The authority's own certificate.
    pub fn pem(&self) -> &str {
        &self.pem
    }

    /// Signs a new key for a subject.
    ///
    /// # Errors
    /// A name is none that a certificate can hold.
    pub fn issue(&self, subject: &Subject) -> Result<Certificate, IdentityError> {
        let key = KeyPair::generate()?;
        let certificate = params(subject)?.signed_by(&key, &self.issuer)?;
        Ok(Certificate { certificate: certificate.pem(), key: key.serialize_pem() })
    }

    /// Reads `<name>.crt` and `<name>.key`; makes them anew if they are missing, near their end, of another authority or for other names.
    pub(super) fn certificate(&self, directory: &Path, name: &str, subject: &Subject) -> Result<Certificate, IdentityError> {
        let (certificate_path, key_path) = (directory.join(format!("{name}.crt")), directory.join(format!("{name}.key")));
        if let (Some(certificate), Some(key)) = (files::read(&certificate_path)?, files::read(&key_path)?)
            && self.stands_for(&certificate, &certificate_path, subject)?
            && KeyPair::from_pem(&key).map_err(|error| damaged(&key_path, &error))?.public_key_raw()
                == public_key(&certificate, &certificate_path)?
        {
            return Ok(Certificate { certificate, key });
        }
        let issued = self.issue(subject)?;
        files::write(&key_path, &issued.key)?;
        files::write(&certificate_path, &issued.certificate)?;
        Ok(issued)
    }

    fn stands_for(&self, pem: &str, path: &Path, subject: &Subject) -> Result<bool, IdentityError> {
        let own = der(&self.pem, path)?;
        let (certificate, own) = (der(pem, path)?, parse(&own, path)?);
        let certificate = parse(&certificate, path)?;
        let mut named: Vec<String> = Vec::new();
        if let Ok(Some(alternatives)) = certificate.subject_alternative_name() {
            named.extend(alternatives.value.general_names.iter().filter_map(name_text));
        }
        let mut wanted = subject.names.clone();
        named.sort();
        wanted.sort();
        Ok(lasts(pem, path)? && named == wanted && certificate.verify_signature(Some(own.public_key())).is_ok())
    }
}

fn authority_params() -> CertificateParams {
    let mut params = CertificateParams::default();
    params.distinguished_name = rcgen::DistinguishedName::new();
    params.distinguished_name.push(DnType::CommonName, "kubernetes");
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    params.key_usages = vec![KeyUsagePurpose::DigitalSignature, KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    lifetime(&mut params, AUTHORITY_LIFETIME);
    params
}

fn params(subject: &Subject) -> Result<CertificateParams, IdentityError> {
    let mut params = CertificateParams::new(subject.names.clone())?;
    params.distinguished_name = rcgen::DistinguishedName::new();
    if let Some(organization) = &subject.organization {
        params.distinguished_name.push(DnType::OrganizationName, organization);
    }
    params.distinguished_name.push(DnType::CommonName, &subject.common_name);
    params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
    params.extended_key_usages =
        vec![if subject.names.is_empty() { ExtendedKeyUsagePurpose::ClientAuth } else { ExtendedKeyUsagePurpose::ServerAuth }];
    params.use_authority_key_identifier_extension = true;
    lifetime(&mut params, LIFETIME);
    Ok(params)
}

/// How long a certificate counts from now on.
pub(super) fn lifetime(params: &mut CertificateParams, lifetime: Duration) {
    let since_epoch = Duration::from_secs(clock::now().as_second().unsigned_abs());
    let now = rcgen::date_time_ymd(1970, 1, 1) + since_epoch;
    (params.not_before, params.not_after) = (now - SKEW, now + lifetime);
}

fn read_or_create_key(path: &Path) -> Result<KeyPair, IdentityError> {
    let pem = files::read_or_create(path, || Ok(KeyPair::generate()?.serialize_pem()))?;
    KeyPair::from_pem(&pem).map_err(|error| damaged(path, &error))
}

/// Whether enough of a certificate's life is left.
fn lasts(pem: &str, path: &Path) -> Result<bool, IdentityError> {
    let der = der(pem, path)?;
    let end = parse(&der, path)?.validity().not_after.timestamp();
    Ok(end - clock::now().as_second() > MARGIN.as_secs().cast_signed())
}

fn public_key(pem: &str, path: &Path) -> Result<Vec<u8>, IdentityError> {
    let der = der(pem, path)?;
    Ok(parse(&der, path)?.public_key().subject_public_key.data.to_vec())
}

fn der(pem: &str, path: &Path) -> Result<CertificateDer<'static>, IdentityError> {
    CertificateDer::from_pem_slice(pem.as_bytes()).map_err(|error| damaged(path, &error))
}

fn parse<'a>(der: &'a CertificateDer<'_>, path: &Path) -> Result<X509Certificate<'a>, IdentityError> {
    X509Certificate::from_der(der).map(|(_, certificate)| certificate).map_err(|error| damaged(path, &error))
}

fn damaged(path: &Path, problem: &dyn std::fmt::Display) -> IdentityError {
    IdentityError::Damaged { path: PathBuf::from(path), problem: problem.to_string() }
}

fn name_text(name: &GeneralName<'_>) -> Option<String> {
    match name {
        GeneralName::DNSName(name) => Some((*name).to_owned()),
        GeneralName::IPAddress(bytes) => match *bytes {
            [a, b, c, d] => Some(std::net::Ipv4Addr::new(*a, *b, *c, *d).to_string()),
            bytes => <[u8; 16]>::try_from(bytes).ok().map(|bytes| std::net::Ipv6Addr::from(bytes).to_string()),
        },
        _ => None,
    }
}
