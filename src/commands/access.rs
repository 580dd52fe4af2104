//! Which server a command speaks to, and which namespace it means.

use std::path::PathBuf;

use clap::Args;

use super::Failure;
use crate::api::remote::Remote;

/// How to reach the cluster.
#[derive(Args, Clone, Debug)]
pub struct Access {
    /// The kubeconfig to use [default: what `kabuki up` wrote, else ~/.kube/config]
    #[arg(long, env = "KUBECONFIG", global = true, hide_env_values = true)]
    kubeconfig: Option<PathBuf>,
    /// The namespace that is meant
    #[arg(short, long, global = true)]
    namespace: Option<String>,
}

impl Access {
    pub fn connect(&self) -> Result<Connection, Failure> {
        let candidates = match &self.kubeconfig {
            Some(file) => vec![file.clone()],
            None => [Some(default_data_directory().join("kubeconfig")), home().map(|home| home.join(".kube/config"))]
                .into_iter()
                .flatten()
                .collect(),
        };
        let Some(file) = candidates.iter().find(|file| file.exists()).or(self.kubeconfig.as_ref()) else {
            return Err("no kubeconfig was found: start a cluster with `kabuki up`, or name one with --kubeconfig".into());
        };
        let remote = Remote::from_kubeconfig(file)?;
        let namespace = self.namespace.clone().unwrap_or_else(|| remote.namespace().to_owned());
        Ok(Connection { remote, namespace })
    }
}

/// A server, and the namespace that is meant when an object names none.
#[derive(Clone)]
pub struct Connection {
    pub remote: Remote,
    pub namespace: String,
}

/// Where `kabuki up` keeps its state when it is not told: `/var/lib/kabuki` for root, else below the user's data home (XDG).
pub fn default_data_directory() -> PathBuf {
    if nix::unistd::geteuid().is_root() {
        return "/var/lib/kabuki".into();
    }
    let data_home = std::env::var_os("XDG_DATA_HOME").map(PathBuf::from).or_else(|| home().map(|home| home.join(".local/share")));
    data_home.unwrap_or_else(std::env::temp_dir).join("kabuki")
}

fn home() -> Option<PathBuf> {
    std::env::var_os("HOME").map(PathBuf::from)
}
