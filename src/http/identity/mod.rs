//! Who the cluster is and who may speak for it: its certificate authority, its own certificate, the administrator's certificate and token,
//! and the key that signs service account tokens. All of it is made on the first start and kept in the data directory.

mod authority;
mod files;
mod kubeconfig;
mod signing;

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ring::rand::{SecureRandom, SystemRandom};

use crate::api::tokens::Tokens;
use crate::api::verbs::MASTERS;
pub use authority::{Authority, Certificate, Subject};
pub use kubeconfig::Kubeconfig;

/// The name of the administrator.
pub const ADMIN: &str = "kubernetes-admin";

/// Why there is no identity to serve with.
#[derive(Debug, thiserror::Error)]
pub enum IdentityError {
    #[error("{}: {source}", path.display())]
    File { path: PathBuf, source: std::io::Error },
    /// A file that this program wrote once is not what it was. Nothing is replaced: clients may still trust the rest.
    #[error("{}: {problem}; restore it, or remove {} to make a new identity (all clients need the new kubeconfig then)", path.display(), path.parent().unwrap_or(path).display())]
    Damaged { path: PathBuf, problem: String },
    #[error("cannot make a certificate: {0}")]
    Certificate(#[from] rcgen::Error),
}

/// The identity of one cluster.
pub struct Identity {
    pub authority: Arc<Authority>,
    pub server: Certificate,
    pub admin: Certificate,
    /// A bearer token that is the administrator's as well, for clients without certificates.
    pub admin_token: String,
    pub tokens: Arc<Tokens>,
}

impl Identity {
    /// Reads the identity in `directory`/pki, makes what is missing and renews what is near its end. `names` are host names and addresses
    /// that clients may use besides those that every cluster has.
    ///
    /// # Errors
    /// A file cannot be read or written, or is damaged.
    pub fn open(directory: &Path, names: &[String]) -> Result<Self, IdentityError> {
        let directory = directory.join("pki");
        files::create_directory(&directory)?;
        let authority = Authority::open(&directory)?;
        let server = authority.certificate(&directory, "server", &Subject::server(server_names(names)))?;
        let admin = authority.certificate(&directory, "admin", &Subject::client(ADMIN, MASTERS))?;
        let admin_token = files::read_or_create(&directory.join("admin.token"), || Ok(random_token()))?;
        let key_path = directory.join("service-accounts.key");
        let key = files::read_or_create(&key_path, || Ok(rcgen::KeyPair::generate()?.serialize_pem()))?;
        let damaged = |problem: String| IdentityError::Damaged { path: key_path.clone(), problem };
        let key = rcgen::KeyPair::from_pem(&key).map_err(|error| damaged(error.to_string()))?;
        let tokens = Arc::new(Tokens::from_pkcs8(key.serialized_der()).map_err(damaged)?);
        Ok(Self { authority: Arc::new(authority), server, admin, admin_token: admin_token.trim().to_owned(), tokens })
    }

    /// What the administrator's clients need to reach `server` (a URL).
    pub fn kubeconfig(&self, server: &str) -> Kubeconfig {
        Kubeconfig {
            server: server.to_owned(),
            authority: self.authority.pem().to_owned(),
            user: ADMIN.to_owned(),
            certificate: self.admin.certificate.clone(),
            key: self.admin.key.clone(),
        }
    }
}

/// The names by which every API server can be called, and those of this one.
fn server_names(more: &[String]) -> Vec<String> {
    let service = ["kubernetes", "kubernetes.default", "kubernetes.default.svc", "kubernetes.default.svc.cluster.local"];
    let mut names: Vec<String> = ["localhost"].into_iter().chain(service).map(str::to_owned).collect();
    names.extend([IpAddr::V4(Ipv4Addr::LOCALHOST), IpAddr::V6(Ipv6Addr::LOCALHOST)].map(|address| address.to_string()));
    names.extend(nix::unistd::gethostname().ok().and_then(|name| name.into_string().ok()));
    names.extend(more.iter().cloned());
    names.sort();
    names.dedup();
    names
}

fn random_token() -> String {
    let mut bytes = [0; 32];
    SystemRandom::new().fill(&mut bytes).expect("the system has chance");
    URL_SAFE_NO_PAD.encode(bytes)
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    fn mode(path: &Path) -> u32 {
        std::fs::metadata(path).unwrap().permissions().mode() & 0o777
    }

    #[test]
    fn an_identity_outlives_the_process() {
        let directory = tempfile::tempdir().unwrap();
        let first = Identity::open(directory.path(), &[]).unwrap();
        let second = Identity::open(directory.path(), &[]).unwrap();
        assert_eq!(first.server.certificate, second.server.certificate);
        assert_eq!(first.admin.key, second.admin.key);
        assert_eq!(first.admin_token, second.admin_token);
        assert_eq!(mode(&directory.path().join("pki/ca.key")), 0o600);
        assert_eq!(mode(&directory.path().join("pki")), 0o700);
    }

    #[test]
    fn a_new_name_renews_only_the_server_certificate() {
        let directory = tempfile::tempdir().unwrap();
        let first = Identity::open(directory.path(), &[]).unwrap();
        let second = Identity::open(directory.path(), &["10.96.0.1".to_owned()]).unwrap();
        assert_ne!(first.server.certificate, second.server.certificate);
        assert_eq!(first.admin.certificate, second.admin.certificate);
        assert_eq!(first.authority.pem(), second.authority.pem());
    }

    #[test]
    fn a_certificate_near_its_end_is_renewed() {
        let directory = tempfile::tempdir().unwrap();
        let first = Identity::open(directory.path(), &[]).unwrap();
        let in_ten_months = crate::runtime::clock::now() + jiff::SignedDuration::from_hours(300 * 24);
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build().unwrap();
        runtime.block_on(async {
            let _later = crate::runtime::clock::simulate(in_ten_months);
            let second = Identity::open(directory.path(), &[]).unwrap();
            assert_ne!(first.server.certificate, second.server.certificate);
            assert_ne!(first.admin.certificate, second.admin.certificate);
            assert_eq!(first.authority.pem(), second.authority.pem());
        });
    }

    #[test]
    fn a_damaged_file_is_named_and_left_alone() {
        let directory = tempfile::tempdir().unwrap();
        Identity::open(directory.path(), &[]).unwrap();
        let path = directory.path().join("pki/ca.key");
        std::fs::write(&path, "garbage").unwrap();
        let message = Identity::open(directory.path(), &[]).err().unwrap().to_string();
        assert!(message.starts_with(&path.display().to_string()), "{message}");
        assert_eq!(std::fs::read_to_string(&path).unwrap(), "garbage");
    }

    #[test]
    fn a_kubeconfig_is_its_owners_alone_also_where_one_existed() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("kubeconfig");
        std::fs::write(&path, "old").unwrap();
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o644)).unwrap();
        Identity::open(directory.path(), &[]).unwrap().kubeconfig("https://127.0.0.1:6443").write(&path).unwrap();
        assert_eq!(mode(&path), 0o600);
        assert!(std::fs::read_to_string(&path).unwrap().contains("certificate-authority-data"));
    }
}
