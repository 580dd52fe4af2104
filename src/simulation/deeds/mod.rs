//! What is done to a cluster in a run: the doings of its users, and faults. Each is data, so that a run can be replayed and made smaller.

mod catalogue;
mod draw;
mod span;
mod strike;
mod users;
mod which;

pub use catalogue::{Entry as CatalogueEntry, catalogue};
pub(super) use draw::{can_draw, draw, needs_planes};
pub use span::Span;
pub(super) use strike::Undo;
pub use users::Load;
pub use which::Which;

use std::collections::BTreeSet;
use std::str::FromStr;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::network::Side;
use crate::api::yaml;

/// Something done at a time, counted from the moment at which the cluster has its load.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Step {
    pub at: Span,
    #[serde(rename = "do")]
    pub deed: Deed,
}

/// What can be done. Nodes and zones are named, or told by their number, from 0: one that is not there counts modulo how many there are, and
/// so does `pick`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", rename_all_fields = "kebab-case", deny_unknown_fields)]
pub enum Deed {
    /// A user creates or changes objects
    Apply { objects: Vec<Value> },
    /// A user deletes an object
    Delete {
        #[serde(default = "core")]
        api_version: String,
        kind: String,
        /// Empty for objects that have none
        #[serde(default)]
        namespace: String,
        name: String,
    },
    /// A user sets the replicas of a replication controller: of the load, by its number, or of another, by namespace/name
    Scale { pick: Which, replicas: u32 },
    /// A user deletes a pod
    DeletePod { pick: u32 },
    /// A user deletes a service of the load and creates it again
    RecreateService { pick: u32 },
    /// A user deletes a replication controller of the load, and creates it again once it is gone
    RecreateController {
        pick: u32,
        #[serde(default)]
        dependents: Dependents,
    },
    /// A user cordons a node and evicts its pods
    Drain { node: Which },
    /// A user lets pods be scheduled to a node again
    Uncordon { node: Which },
    /// Many pods at once
    Herd { pods: u32 },

    /// The whole process is killed, and started again after so long
    Crash { down: Span },
    /// The machine loses power: the process is killed, and of what no fsync had confirmed, some is lost and some is torn
    PowerLoss { down: Span },
    /// The process is killed just before or after a request of one of its actors has its effect
    CrashAtRequest {
        /// Of which user; any of the system's if empty
        #[serde(default)]
        user: String,
        /// Any that writes if empty
        #[serde(default)]
        verb: String,
        /// The collection in the store; any if empty
        #[serde(default)]
        collection: String,
        #[serde(default)]
        subresource: Option<String>,
        /// How many such requests come before it
        nth: u32,
        side: Side,
    },
    /// The process is killed just before or after a batch is durable
    CrashAtWrite { nth: u32, side: Side },
    /// An actor panics
    Panic { pick: u32 },
    /// All actors of a node are started again
    RestartNode { node: Which },
    /// An actor of the control plane sees nothing new for so long
    Stale {
        #[serde(rename = "for")]
        span: Span,
    },
    /// Requests take up to so long
    SlowApi {
        most: Span,
        #[serde(rename = "for")]
        span: Span,
    },
    /// Requests do not arrive
    LoseRequests {
        rate: f64,
        #[serde(rename = "for")]
        span: Span,
    },
    /// Requests have their effect, and the answer does not come back
    LoseAnswers {
        rate: f64,
        #[serde(rename = "for")]
        span: Span,
    },
    /// What changes something arrives twice, the second time at once or seconds later
    DuplicateRequests {
        rate: f64,
        #[serde(rename = "for")]
        span: Span,
    },
    /// Updates are told of conflicts that are none
    ConflictStorm {
        rate: f64,
        #[serde(rename = "for")]
        span: Span,
    },
    /// Watches end
    DropWatches {
        rate: f64,
        #[serde(rename = "for")]
        span: Span,
    },
    /// Watches end, and their place is lost (410)
    ForgetPlaces {
        rate: f64,
        #[serde(rename = "for")]
        span: Span,
    },
    /// The controllers are cut off from the API
    IsolateControllers {
        #[serde(rename = "for")]
        span: Span,
    },
    /// The scheduler is cut off from the API
    IsolateScheduler {
        #[serde(rename = "for")]
        span: Span,
    },
    /// A node is cut off from the API, and its containers run on
    SilenceNode {
        node: Which,
        #[serde(rename = "for")]
        span: Span,
    },
    /// What a node sends arrives, and nothing comes back to it
    DeafenNode {
        node: Which,
        #[serde(rename = "for")]
        span: Span,
    },
    /// A node is without power: it is cut off, and its containers end
    LoseNode {
        node: Which,
        #[serde(rename = "for")]
        span: Span,
    },
    /// All nodes of a zone are without power
    LoseZone {
        zone: Which,
        #[serde(rename = "for")]
        span: Span,
    },
    /// A node's machine goes down and comes up at once
    Reboot { node: Which },
    /// The container engine of a node does not answer
    EngineOutage {
        node: Which,
        #[serde(rename = "for")]
        span: Span,
    },
    /// No image can be pulled
    RegistryOutage {
        #[serde(rename = "for")]
        span: Span,
    },
    /// Some of a node's containers are killed
    KillContainers { node: Which, share: f64 },
    /// Some of a node's containers are killed for their memory
    OomKill { node: Which, share: f64 },
    /// Some of a node's containers run on and do nothing
    WedgeContainers { node: Which, share: f64 },
    /// The wall clock jumps
    ClockJump {
        /// Seconds; backwards if negative
        seconds: i64,
    },
    /// A node's wall clock differs from the others'
    SkewClock {
        node: Which,
        /// How far it is ahead; behind if negative
        seconds: i64,
        #[serde(rename = "for")]
        span: Span,
    },
    /// A control plane's requests for its lease do not get through, and its others do
    LoseLease {
        /// Counted from the one that leads
        pick: u32,
        #[serde(rename = "for")]
        span: Span,
    },
    /// What stands before the API answers a control plane's requests for its lease as if they were granted: another comes to lead beside it
    ForgeLease {
        /// Counted from the one that leads
        pick: u32,
        #[serde(rename = "for")]
        span: Span,
    },
    /// The disk takes up to so long for a batch
    SlowDisk {
        most: Span,
        #[serde(rename = "for")]
        span: Span,
    },
    /// The disk is full
    FullDisk {
        #[serde(rename = "for")]
        span: Span,
    },
    /// An fsync fails: nobody can tell whether its batch is durable
    FailFsync {},
}

/// What becomes of the pods of a replication controller that is deleted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Dependents {
    /// They go after it
    #[default]
    Background,
    /// They go before it
    Foreground,
    /// They stay
    Orphan,
}

fn core() -> String {
    "v1".to_owned()
}

impl FromStr for Deed {
    type Err = String;

    /// As it stands in a scenario: `lose-node: {node: 0, for: 10m}`.
    fn from_str(text: &str) -> Result<Self, String> {
        let deed: Self = yaml::typed(text).map_err(|error| format!("this is no deed: {error}"))?;
        deed.check().map(|()| deed)
    }
}

impl Deed {
    /// Its name, as it stands in a scenario.
    pub fn name(&self) -> String {
        let tagged = serde_json::to_value(self).unwrap_or_default();
        tagged.as_object().and_then(|fields| fields.keys().next().cloned()).unwrap_or_default()
    }

    /// How long it lasts; zero for what happens at once.
    pub fn span(&self) -> Span {
        match self {
            Self::Stale { span }
            | Self::SlowApi { span, .. }
            | Self::LoseRequests { span, .. }
            | Self::LoseAnswers { span, .. }
            | Self::DuplicateRequests { span, .. }
            | Self::ConflictStorm { span, .. }
            | Self::DropWatches { span, .. }
            | Self::ForgetPlaces { span, .. }
            | Self::IsolateControllers { span }
            | Self::IsolateScheduler { span }
            | Self::SilenceNode { span, .. }
            | Self::DeafenNode { span, .. }
            | Self::LoseNode { span, .. }
            | Self::LoseZone { span, .. }
            | Self::EngineOutage { span, .. }
            | Self::RegistryOutage { span }
            | Self::SkewClock { span, .. }
            | Self::LoseLease { span, .. }
            | Self::ForgeLease { span, .. }
            | Self::SlowDisk { span, .. }
            | Self::FullDisk { span } => *span,
            Self::Crash { down } | Self::PowerLoss { down } => *down,
            _ => Span::default(),
        }
    }

    /// The node or the zone that it is done to, and whether that is a zone.
    fn place(&self) -> Option<(&Which, bool)> {
        match self {
            Self::Drain { node }
            | Self::Uncordon { node }
            | Self::RestartNode { node }
            | Self::SilenceNode { node, .. }
            | Self::DeafenNode { node, .. }
            | Self::LoseNode { node, .. }
            | Self::Reboot { node }
            | Self::EngineOutage { node, .. }
            | Self::KillContainers { node, .. }
            | Self::OomKill { node, .. }
            | Self::WedgeContainers { node, .. }
            | Self::SkewClock { node, .. } => Some((node, false)),
            Self::LoseZone { zone, .. } => Some((zone, true)),
            _ => None,
        }
    }

    /// Whether the node or the zone that it names is there: `nodes` are their names with their zones.
    ///
    /// # Errors
    /// It is not; says which there are.
    pub(super) fn is_possible_among<'a>(&self, nodes: impl Iterator<Item = (&'a str, &'a str)>) -> Result<(), String> {
        let Some((Which::Name(name), is_zone)) = self.place() else { return Ok(()) };
        let all: BTreeSet<&str> = nodes.map(|(node, zone)| if is_zone { zone } else { node }).filter(|known| !known.is_empty()).collect();
        if all.contains(&**name) {
            return Ok(());
        }
        let what = if is_zone { "zone" } else { "node" };
        let some: Vec<&str> = all.iter().copied().take(10).collect();
        let more = if all.len() > some.len() { ", …" } else { "" };
        let known = if some.is_empty() { "there are none".to_owned() } else { format!("there are {}{more}", some.join(", ")) };
        Err(format!("there is no {what} {name:?}: {known}"))
    }

    /// Whether there are the control planes that it needs.
    ///
    /// # Errors
    /// There are not.
    pub(super) fn is_possible_with(&self, planes: u32) -> Result<(), String> {
        match self {
            Self::LoseLease { .. } | Self::ForgeLease { .. } if planes < 2 => Err("it needs control-planes: 2, or more".to_owned()),
            _ => Ok(()),
        }
    }

    /// Whether it can be done.
    ///
    /// # Errors
    /// What of it cannot.
    pub fn check(&self) -> Result<(), String> {
        let rate = match self {
            Self::LoseRequests { rate, .. }
            | Self::LoseAnswers { rate, .. }
            | Self::DuplicateRequests { rate, .. }
            | Self::ConflictStorm { rate, .. }
            | Self::DropWatches { rate, .. }
            | Self::ForgetPlaces { rate, .. } => Some(("rate", *rate)),
            Self::KillContainers { share, .. } | Self::OomKill { share, .. } | Self::WedgeContainers { share, .. } => {
                Some(("share", *share))
            }
            _ => None,
        };
        match rate {
            Some((name, value)) if !(0.0..=1.0).contains(&value) => {
                Err(format!("{}: {name} is {value}: it has to be between 0 and 1", self.name()))
            }
            _ => Ok(()),
        }
    }

    /// Done by a user, over the API.
    pub fn is_users(&self) -> bool {
        matches!(
            self,
            Self::Apply { .. }
                | Self::Delete { .. }
                | Self::Scale { .. }
                | Self::DeletePod { .. }
                | Self::RecreateService { .. }
                | Self::RecreateController { .. }
                | Self::Drain { .. }
                | Self::Uncordon { .. }
                | Self::Herd { .. }
        )
    }
}
