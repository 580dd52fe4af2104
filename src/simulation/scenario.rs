//! A scenario: a cluster, what is done to it, and what must hold. It is written in YAML, and read with its every field checked.

use std::net::Ipv4Addr;

use rand::RngExt;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::cluster::Setup;
use super::deeds::{Deed, Load, Span, Step, can_draw, catalogue, draw, needs_planes};
use super::disk::Grain;
use super::export::Export;
use super::invariants::{Rule, RuleError};
use super::machines::Hardware;
use super::planes::PLANES_MAX;
use crate::api::quantity::Quantity;
use crate::api::yaml;
use crate::runtime::containers::simulated::Profile;
use crate::runtime::entropy::Entropy;
use crate::runtime::network::Cidr;

/// Chaos has a second control plane in one run of so many.
const SECOND_PLANE: u32 = 8;
/// One of so many seeds has a disk of blocks, if chance has its way: it is slower.
const BLOCKS: u32 = 8;

/// Up to so many nodes each has informers of its own.
const OWN_INFORMERS: usize = 20;

/// More nodes take more addresses of pods than there are.
const NODES_MAX: usize = 5000;
/// And so many pods of the load.
const PODS_MAX: u32 = 500_000;

/// A cluster, what is done to it, and what must hold.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Scenario {
    pub name: String,
    /// One line for people
    pub about: String,
    #[serde(default)]
    pub nodes: Nodes,
    /// How many control planes stand for election, of which one acts; one if not said, and with chaos now and then two
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub control_planes: Option<u32>,
    /// The disk under the store; if it is not said, blocks where the timeline has a power loss, and for one seed in eight of chaos
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub disk: Option<Grain>,
    /// How many pods the load has: replication controllers, each behind a service
    #[serde(default)]
    pub pods: u32,
    /// Objects that are applied with the load, in order
    #[serde(default)]
    pub manifests: Vec<Value>,
    /// What is done when, counted from when the load runs
    #[serde(default)]
    pub timeline: Vec<Step>,
    /// What chance does besides
    #[serde(default)]
    pub chaos: Option<Chaos>,
    /// For how long things are done at least, before the cluster has to come to rest; in a what-if also when pods are looked for, else at rest
    #[serde(default)]
    pub lasts: Span,
    /// How long the cluster may take to come to rest after the last fault
    #[serde(default = "patience")]
    pub converge: Span,
    /// Pods may be left pending: what is asked for may be more than there is
    #[serde(default)]
    pub may_pend: bool,
    /// Rules of its own
    #[serde(default)]
    pub invariants: Vec<Rule>,
}

/// The nodes of a scenario's cluster.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields, default)]
pub struct Nodes {
    pub count: u32,
    /// Failure domains, over which they are spread
    pub zones: u32,
    /// Of each
    pub cpus: u32,
    /// Of each, as a quantity
    pub memory: String,
}

/// Deeds that chance chooses from the run's seed.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Chaos {
    /// How long it goes on
    pub during: Span,
    /// How many deeds there are at most
    #[serde(default = "most")]
    pub most: u32,
    /// The deeds among which it chooses, by name; all if empty
    #[serde(default)]
    pub among: Vec<String>,
}

/// A node's silence is noticed within 40 s, its pods are evicted after five minutes, and a crash loop waits up to five.
fn patience() -> Span {
    Span::seconds(1200)
}

fn most() -> u32 {
    30
}

impl Default for Nodes {
    fn default() -> Self {
        Self { count: 5, zones: 3, cpus: 4, memory: "16Gi".to_owned() }
    }
}

/// Why a scenario cannot be run.
#[derive(Debug, thiserror::Error)]
pub enum ScenarioError {
    #[error("{0}")]
    Syntax(String),
    #[error("{0}")]
    Impossible(String),
    #[error(transparent)]
    Rule(#[from] RuleError),
}

/// A scenario with all that chance decided for a seed: what is run, replayed and made smaller.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Script {
    pub seed: u64,
    pub scenario: Scenario,
    /// The timeline and the deeds that chance chose, in order of time.
    pub steps: Vec<Step>,
    /// What another cluster had: it stands in the place of the scenario's nodes and load.
    #[serde(default, skip_serializing_if = "Export::is_empty")]
    pub export: Export,
}

impl Script {
    /// What goes on from another cluster's state, if there is one.
    pub fn from(mut self, export: Export) -> Self {
        if !export.is_empty() {
            self.scenario.pods = 0;
        }
        Self { export, ..self }
    }

    /// A machine for each node.
    pub fn machines(&self) -> Vec<Hardware> {
        if self.export.is_empty() { Hardware::alike(self.scenario.nodes.count, self.scenario.nodes.zones) } else { self.export.machines() }
    }

    /// How many control planes there are.
    fn planes(&self) -> u32 {
        self.scenario.control_planes.unwrap_or(1)
    }

    /// The cluster that it begins with.
    pub fn setup(&self) -> Setup {
        let (nodes, machines, base) = (&self.scenario.nodes, self.machines(), Setup::new(self.seed, 0));
        let memory = nodes.memory.parse::<Quantity>().map_or(16 << 30, |memory| memory.value().unsigned_abs());
        // Nodes elsewhere may have many more pods than is usual here.
        let wide = Cidr::new(Ipv4Addr::new(10, 0, 0, 0).into(), 8);
        Setup {
            containers: Profile { cpus: u64::from(nodes.cpus), memory_bytes: memory, ..Profile::default() },
            own_informers: machines.len() <= OWN_INFORMERS,
            disk: self.scenario.disk.unwrap_or_default(),
            epoch: self.export.at().unwrap_or(base.epoch),
            export: self.export.clone(),
            pod_range: wide.filter(|_| !self.export.is_empty()).unwrap_or(base.pod_range),
            machines,
            control_planes: self.planes(),
            load: Load::of(self.scenario.pods),
            ..base
        }
    }

    /// Whether it can happen.
    ///
    /// # Errors
    /// What cannot, and where it stands.
    pub fn check(&self) -> Result<(), ScenarioError> {
        self.scenario.check()?;
        let machines = self.machines();
        if machines.len() > NODES_MAX {
            return Err(ScenarioError::Impossible(format!("there are {} nodes, and at most {NODES_MAX} can be simulated", machines.len())));
        }
        for (number, step) in self.steps.iter().enumerate() {
            let nodes = machines.iter().map(|machine| (&*machine.name, &*machine.zone));
            let impossible = |why| ScenarioError::Impossible(format!("timeline[{number}]: {}: {why}", step.deed.name()));
            step.deed.is_possible_among(nodes).and_then(|()| step.deed.is_possible_with(self.planes())).map_err(impossible)?;
        }
        Ok(())
    }
}

impl Scenario {
    /// Reads a scenario from YAML (or JSON).
    ///
    /// # Errors
    /// It is no scenario, with line and column, or it cannot happen.
    pub fn read(text: &str) -> Result<Self, ScenarioError> {
        let scenario: Self = yaml::typed(text).map_err(|error| ScenarioError::Syntax(error.to_string()))?;
        scenario.check()?;
        Ok(scenario)
    }

    /// Whether it can happen.
    ///
    /// # Errors
    /// What cannot, and where it stands.
    pub fn check(&self) -> Result<(), ScenarioError> {
        let impossible = |what: String| Err(ScenarioError::Impossible(what));
        let is_plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
        if self.name.is_empty() || self.name.starts_with('.') || !self.name.chars().all(is_plain) {
            return impossible(format!("name is {:?}: it names files, so it has letters, digits, '-', '_' and '.' only", self.name));
        }
        if self.pods > PODS_MAX {
            return impossible(format!("pods is {}: at most {PODS_MAX} can be simulated", self.pods));
        }
        if self.nodes.cpus == 0 {
            return impossible("nodes.cpus is 0: it has to be at least 1".to_owned());
        }
        if self.nodes.count == 0 || self.nodes.count as usize > NODES_MAX {
            return impossible(format!("nodes.count is {}: it has to be between 1 and {NODES_MAX}", self.nodes.count));
        }
        if !(1..=PLANES_MAX).contains(&self.control_planes.unwrap_or(1)) {
            return impossible(format!("control-planes has to be between 1 and {PLANES_MAX}"));
        }
        match self.nodes.memory.parse::<Quantity>() {
            Ok(memory) if memory.value() > 0 => {}
            Ok(memory) => return impossible(format!("nodes.memory is {memory}: it has to be more than nothing")),
            Err(error) => return impossible(format!("nodes.memory: {error}")),
        }
        for name in self.chaos.iter().flat_map(|chaos| &chaos.among) {
            if !can_draw(name) {
                return impossible(format!("chaos.among: there is no deed {name:?} that chance can choose; `kabuki sim list` shows them"));
            }
        }
        for (number, step) in self.timeline.iter().enumerate() {
            step.deed.check().map_err(|why| ScenarioError::Impossible(format!("timeline[{number}]: {why}")))?;
        }
        self.invariants.iter().try_for_each(|rule| rule.compile().map(drop))?;
        Ok(())
    }

    /// The disk that the store has for a seed.
    fn grain(&self, seed: u64) -> Grain {
        let loses_power = self.timeline.iter().any(|step| matches!(step.deed, Deed::PowerLoss { .. }));
        let is_chosen = || Entropy::from_seed(seed).split("disk").rng().random_ratio(1, BLOCKS);
        let has_blocks = loses_power || self.chaos.is_some() && is_chosen();
        self.disk.unwrap_or(if has_blocks { Grain::Blocks } else { Grain::Batches })
    }

    /// What happens for a seed.
    pub fn script(mut self, seed: u64) -> Script {
        let grain = self.grain(seed);
        self.disk = Some(grain);
        let mut steps = self.timeline.clone();
        if let Some(chaos) = &self.chaos {
            let root = Entropy::from_seed(seed);
            let drawn = 1 + u32::from(root.split("control planes").rng().random_ratio(1, SECOND_PLANE));
            let planes = *self.control_planes.get_or_insert(drawn);
            // Where a loss of power loses nothing, it is a crash.
            let tells = |name: &str| (name != "power-loss" || grain == Grain::Blocks) && (planes > 1 || !needs_planes(name));
            let all = || catalogue().into_iter().map(|entry| entry.name).filter(|name| can_draw(name) && tells(name)).collect();
            let among = if chaos.among.is_empty() { all() } else { chaos.among.clone() };
            let mut chance = root.split("deeds");
            steps.extend(draw(&among, chaos.most, chaos.during.0, &mut chance));
        }
        steps.sort_by_key(|step| step.at);
        Script { seed, scenario: self, steps, export: Export::default() }
    }
}
