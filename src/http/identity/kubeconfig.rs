//! The file by which kubectl and client libraries find the cluster.

use std::path::Path;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use super::{IdentityError, files};

/// A cluster and one user of it.
pub struct Kubeconfig {
    /// A URL.
    pub server: String,
    /// PEM, as all below.
    pub authority: String,
    pub user: String,
    pub certificate: String,
    pub key: String,
}

impl Kubeconfig {
    /// Replaces the file in one step; it holds a private key, so only its owner may read it.
    ///
    /// # Errors
    /// The file cannot be written.
    pub fn write(&self, path: &Path) -> Result<(), IdentityError> {
        if let Some(directory) = path.parent() {
            files::create_directory(directory)?;
        }
        let json = serde_json::to_string_pretty(&self.to_value()).expect("a kubeconfig is plain text");
        files::write(path, &(json + "\n"))
    }

    /// As JSON, which is YAML too.
    fn to_value(&self) -> Value {
        let encode = |pem: &str| STANDARD.encode(pem);
        json!({
            "apiVersion": "v1",
            "kind": "Config",
            "clusters": [{"name": "kabuki", "cluster": {"server": self.server, "certificate-authority-data": encode(&self.authority)}}],
            "users": [{"name": self.user, "user": {
                "client-certificate-data": encode(&self.certificate),
                "client-key-data": encode(&self.key),
            }}],
            "contexts": [{"name": "kabuki", "context": {"cluster": "kabuki", "user": self.user}}],
            "current-context": "kabuki",
        })
    }
}
