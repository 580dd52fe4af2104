//! `kabuki up`: a whole cluster in this process.

mod audit;
mod nodes;
mod process;
mod progress;
mod recording;
mod services;
pub(super) mod signals;

use std::net::SocketAddr;
use std::path::PathBuf;

use clap::{Args, ValueEnum};
use nix::sys::resource::{Resource, getrlimit, setrlimit};

use super::Failure;
use super::access::default_data_directory;
use crate::runtime::network::Cidr;
use audit::Audit;
use process::Process;
use recording::Recording;
use signals::Asked;

/// The fewest addresses that services can do with: the API has the first, the name server the tenth.
const SERVICE_ADDRESSES: u128 = 16;

/// A cluster in one process, until Ctrl-C
#[derive(Args, Clone, Debug)]
pub struct Up {
    /// Manifests to apply once the cluster is ready: files or folders
    manifests: Vec<PathBuf>,
    /// Where the cluster keeps its state [default: /var/lib/kabuki for root, else below the user's data home]
    #[arg(long)]
    data_dir: Option<PathBuf>,
    /// The address the API listens on
    #[arg(long, default_value = "127.0.0.1:6443")]
    listen: SocketAddr,
    /// What runs the containers
    #[arg(long, value_enum, default_value = "auto")]
    runtime: Runtime,
    /// How many nodes there are; more than one only with the simulated runtime
    #[arg(long)]
    nodes: Option<u32>,
    /// Where the cluster's objects are kept
    #[arg(long, value_enum, default_value = "embedded")]
    store: StoreKind,
    /// The addresses of services
    #[arg(long, default_value = "10.96.0.0/16")]
    service_cidr: Cidr,
    /// The addresses of pods
    #[arg(long, default_value = "10.244.0.0/16")]
    pod_cidr: Cidr,
    #[command(flatten)]
    audit: Audit,
    #[command(flatten)]
    recording: Recording,
}

/// What runs the containers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Runtime {
    /// Docker if it answers, else simulated
    Auto,
    Docker,
    Simulated,
}

/// Where objects are kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum StoreKind {
    /// In the data directory
    Embedded,
    /// In memory: gone with the process
    Memory,
}

impl Up {
    pub fn run(self) -> Result<(), Failure> {
        self.check()?;
        allow_many_descriptors();
        actix_rt::System::new().block_on(async move {
            let directory = self.data_directory();
            // From the first moment, so that nobody who asks is left with half a cluster.
            let mut asked = Asked::to_stop()?;
            let process = Process::start(&self, &directory).await?;
            progress::introduce(&process);
            tokio::select! {
                biased;
                () = asked.heard() => {
                    process.stop().await;
                    return Ok(());
                }
                applied = progress::apply(&process, &self.manifests) => {
                    // What was asked for is not there: say so now, and keep the cluster for whoever looks into it.
                    if let Err(failure) = applied {
                        eprintln!("error: {failure}");
                    }
                }
            }
            process.run_until(asked).await
        })
    }

    fn data_directory(&self) -> PathBuf {
        self.data_dir.clone().unwrap_or_else(default_data_directory)
    }

    /// What cannot work is refused before anything is touched.
    fn check(&self) -> Result<(), Failure> {
        if self.service_cidr.overlaps(&self.pod_cidr) {
            return Err(
                format!("--service-cidr {} and --pod-cidr {} overlap: choose ranges apart", self.service_cidr, self.pod_cidr).into()
            );
        }
        if !self.service_cidr.address().is_ipv4() {
            return Err(format!("--service-cidr {}: services have IPv4 addresses here", self.service_cidr).into());
        }
        if self.service_cidr.size() < SERVICE_ADDRESSES {
            let range = self.service_cidr;
            return Err(format!("--service-cidr {range} is too small: it needs at least {SERVICE_ADDRESSES} addresses, a /28").into());
        }
        let directory = self.data_directory();
        if directory.exists() && !directory.is_dir() {
            return Err(format!("--data-dir {}: this is a file, and the cluster's state needs a directory", directory.display()).into());
        }
        if self.runtime == Runtime::Docker && self.nodes.is_some_and(|nodes| nodes > 1) {
            return Err("--nodes: with --runtime docker there is one node, this machine; for more, use --runtime simulated".into());
        }
        if let Some(missing) = self.manifests.iter().find(|path| !path.exists() && path.as_os_str() != "-") {
            return Err(format!("{}: there is no such file or folder", missing.display()).into());
        }
        Ok(())
    }
}

/// Every connection, watch and service port is a descriptor: as many as the system allows.
fn allow_many_descriptors() {
    let raised = getrlimit(Resource::RLIMIT_NOFILE).and_then(|(_, most)| setrlimit(Resource::RLIMIT_NOFILE, most, most));
    if let Err(error) = raised {
        tracing::warn!(%error, "the limit of open files stays as it is");
    }
}
