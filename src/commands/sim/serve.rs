//! `kabuki sim serve`: a simulated cluster with a real API, for tests of what is written in any language.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use clap::Args;
use tokio::sync::oneshot;

use super::scenarios;
use super::source::Source;
use crate::commands::Failure;
use crate::commands::up::signals::Asked;
use crate::http::identity::Identity;
use crate::http::server;
use crate::runtime::entropy::Entropy;
use crate::runtime::supervision::{Strategy, Supervisor};
use crate::simulation;
use crate::simulation::{Scenario, Script};

#[derive(Args, Debug)]
pub struct Serve {
    /// What all chance comes from
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Instead of the scenario's; 5 without one
    #[arg(long)]
    nodes: Option<u32>,
    /// One that ships, or a file: its nodes, load and objects are there from the start, and its timeline is played
    #[arg(long)]
    scenario: Option<String>,
    /// The address the API listens on
    #[arg(long, default_value = "127.0.0.1:0")]
    listen: SocketAddr,
    /// Where the kubeconfig is written [default: in a directory of its own, which goes with the process]
    #[arg(long)]
    kubeconfig: Option<PathBuf>,
    #[command(flatten)]
    source: Source,
}

/// A directory that goes with its owner.
struct Scratch(PathBuf);

impl Scratch {
    fn new() -> Self {
        Self(std::env::temp_dir().join(format!("kabuki-sim-{}", Entropy::from_system().suffix(8))))
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        // What cannot be removed is in the system's hands.
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

impl Serve {
    /// Until Ctrl-C.
    ///
    /// # Errors
    /// The scenario cannot be run, or the address cannot be listened on.
    pub fn run(self) -> Result<(), Failure> {
        let script = self.script()?;
        let scratch = Scratch::new();
        let listener = server::listen(self.listen)?;
        let address = listener.local_addr()?;
        let identity = Arc::new(Identity::open(&scratch.0, &[address.ip().to_string()])?);
        let kubeconfig = self.kubeconfig.clone().unwrap_or_else(|| scratch.0.join("kubeconfig"));
        identity.kubeconfig(&format!("https://{address}")).write(&kubeconfig)?;
        actix_rt::System::new().block_on(async move {
            let mut asked = Asked::to_stop()?;
            let (end, ended) = oneshot::channel();
            let world = simulation::serve(script.clone(), identity.clone(), ended);
            let door = world.await.map_err(|_| "the world could not be founded")??;
            let root = Supervisor::root(Strategy::OneForOne);
            server::serve_by(&root.supervisor("http", Strategy::OneForOne), listener, &identity, door)?;
            introduce(&script, &kubeconfig);
            asked.heard().await;
            // First what listens, so that nobody is answered by half a world.
            root.stop().await;
            drop(end);
            Ok(())
        })
    }

    fn script(&self) -> Result<Script, Failure> {
        let mut scenario = match &self.scenario {
            Some(place) => scenarios::find(place)?,
            None => Scenario::read("{name: world, about: Nothing but nodes}")?,
        };
        scenario.nodes.count = self.nodes.unwrap_or(scenario.nodes.count);
        let script = scenario.script(self.seed).from(self.source.export()?);
        script.check()?;
        Ok(script)
    }
}

fn introduce(script: &Script, kubeconfig: &Path) {
    say!("{} nodes from seed {}; the clock stands until it is told to move:", script.machines().len(), script.seed);
    say!("  kubectl create --raw '/debug/sim/advance?by=30s' -f /dev/null");
    say!("  kubectl create --raw /debug/sim/inject -f deed.yaml        # as in a scenario: {{lose-node: {{node: 0, for: 10m}}}}");
    say!("export KUBECONFIG={}", kubeconfig.display());
}
