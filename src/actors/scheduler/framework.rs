//! What a plugin can say, and the decision that all of them make together.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::sync::Arc;

use rand::RngExt;

use super::cluster::Cluster;
use super::event::ClusterEvent;
use super::node::NodeInfo;
use super::pod::PodInfo;
use super::tally::Question;
use crate::runtime::entropy::Entropy;

/// The best score that a plugin can give a node.
pub const MAX_SCORE: i64 = 100;

/// Why a plugin refuses a node (or all of them).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// As upstream words them: people search for these.
    pub reasons: Vec<Cow<'static, str>>,
    /// Whether other pods leaving could change it.
    pub resolvable: bool,
}

impl Refusal {
    pub fn resolvable(reason: impl Into<Cow<'static, str>>) -> Self {
        Self { reasons: vec![reason.into()], resolvable: true }
    }

    pub fn unresolvable(reason: impl Into<Cow<'static, str>>) -> Self {
        Self { reasons: vec![reason.into()], resolvable: false }
    }
}

/// One rule of scheduling, with Kubernetes' name and weight. What it computes once for a pod it keeps in what it returns.
pub trait Plugin: Send + Sync {
    fn name(&self) -> &'static str;

    /// How much its scores count.
    fn weight(&self) -> i64 {
        1
    }

    /// What it has to know of other pods to judge nodes for this one. The answers are kept for the next like it.
    fn questions(&self, _pod: &PodInfo, _cluster: &Cluster) -> Vec<Question> {
        Vec::new()
    }

    /// How it judges nodes for this pod; `None` if it has nothing to say of it.
    ///
    /// # Errors
    /// No node can take the pod, whichever it is.
    fn filter<'a>(&self, _pod: &'a PodInfo, _cluster: &'a Cluster) -> Result<Option<Box<dyn Filter + 'a>>, Refusal> {
        Ok(None)
    }

    /// How it ranks the nodes that are left; `None` if all are the same to it.
    fn score<'a>(&self, _pod: &'a PodInfo, _cluster: &'a Cluster, _feasible: &[&NodeInfo]) -> Option<Box<dyn Score + 'a>> {
        None
    }

    /// Whether a change may let in a pod that this plugin refused. Saying yes too often costs time, too seldom leaves pods waiting.
    fn is_helped_by(&self, pod: &PodInfo, event: &ClusterEvent) -> bool;
}

/// Judges nodes for one pod.
pub trait Filter {
    fn check(&self, node: &NodeInfo) -> Result<(), Refusal>;
}

/// Ranks nodes for one pod.
pub trait Score {
    fn score(&self, node: &NodeInfo) -> i64;

    /// Brings all scores into 0 to [`MAX_SCORE`].
    fn normalize(&self, _scores: &mut [i64]) {}
}

/// Scales scores so that the largest is [`MAX_SCORE`]; `reverse` makes the smallest the best.
pub fn scale(scores: &mut [i64], reverse: bool) {
    let max = scores.iter().copied().max().unwrap_or(0);
    for score in scores {
        let scaled = if max == 0 { 0 } else { *score * MAX_SCORE / max };
        *score = if reverse { MAX_SCORE - scaled } else { scaled };
    }
}

/// Why a pod was not placed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Diagnosis {
    /// How many nodes there were.
    pub nodes: usize,
    /// What kept the pod from every node at once, and the plugin that said so.
    pub everywhere: Option<(&'static str, Refusal)>,
    /// For each node, the plugin that refused it, and why.
    pub refusals: BTreeMap<Arc<str>, (&'static str, Refusal)>,
    /// What became of preemption.
    pub preemption: String,
}

impl Diagnosis {
    /// The plugins that refused.
    pub fn plugins(&self) -> impl Iterator<Item = &'static str> {
        self.everywhere.iter().map(|(plugin, _)| *plugin).chain(self.refusals.values().map(|(plugin, _)| *plugin))
    }

    /// The one line that the pod's condition and event carry.
    pub fn message(&self) -> String {
        if self.nodes == 0 {
            return "no nodes available to schedule pods".into();
        }
        let reasons = match &self.everywhere {
            Some((_, refusal)) => refusal.reasons.join(", "),
            None => histogram(self.refusals.values().flat_map(|(_, refusal)| refusal.reasons.iter().map(|reason| &**reason))),
        };
        let preemption = if self.preemption.is_empty() { String::new() } else { format!(" {}", self.preemption) };
        format!("0/{} nodes are available: {reasons}.{preemption}", self.nodes)
    }
}

/// `2 Insufficient cpu, 1 Too many pods`, sorted as text.
pub fn histogram<'a>(reasons: impl Iterator<Item = &'a str>) -> String {
    let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
    reasons.for_each(|reason| *counts.entry(reason).or_default() += 1);
    let mut parts: Vec<String> = counts.into_iter().map(|(reason, count)| format!("{count} {reason}")).collect();
    parts.sort();
    parts.join(", ")
}

/// The filters that have something to say of a pod.
pub struct Filters<'a>(Vec<(&'static str, Box<dyn Filter + 'a>)>);

impl<'a> Filters<'a> {
    pub fn new(plugins: &[Box<dyn Plugin>], pod: &'a PodInfo, cluster: &'a Cluster) -> Result<Self, (&'static str, Refusal)> {
        let mut filters = Vec::new();
        for plugin in plugins {
            match plugin.filter(pod, cluster) {
                Ok(Some(filter)) => filters.push((plugin.name(), filter)),
                Ok(None) => {}
                Err(refusal) => return Err((plugin.name(), refusal)),
            }
        }
        Ok(Self(filters))
    }

    /// The first plugin that refuses the node.
    pub fn check(&self, node: &NodeInfo) -> Result<(), (&'static str, Refusal)> {
        self.0.iter().try_for_each(|(name, filter)| filter.check(node).map_err(|refusal| (*name, refusal)))
    }
}

/// Whether the pod fits on the node as things are, and also once those are there that room is kept for.
pub fn fits(
    plugins: &[Box<dyn Plugin>],
    filters: &Filters<'_>,
    pod: &PodInfo,
    cluster: &Cluster,
    node: &NodeInfo,
) -> Result<(), (&'static str, Refusal)> {
    if let Some(fuller) = cluster.with_nominated(&node.name, pod) {
        let node = fuller.node(&node.name).expect("a node stays when pods are added to it");
        Filters::new(plugins, pod, &fuller)?.check(node)?;
    }
    filters.check(node)
}

/// Where the search for nodes begins and how it breaks ties: what one decision hands to the next.
pub struct Search {
    pub start: usize,
    pub entropy: Entropy,
}

/// The nodes to find before scoring begins: all of up to 100, then a share that shrinks from half to a twentieth as clusters grow
/// (`percentageOfNodesToScore`).
fn enough(nodes: usize) -> usize {
    if nodes < 100 {
        return nodes;
    }
    let percent = 50_usize.saturating_sub(nodes / 125).max(5);
    (nodes * percent / 100).max(100)
}

/// Chooses a node for a pod.
///
/// # Errors
/// No node can take it; the diagnosis says why not, for each.
pub fn schedule(
    plugins: &[Box<dyn Plugin>],
    pod: &PodInfo,
    cluster: &mut Cluster,
    search: &mut Search,
) -> Result<Arc<str>, Box<Diagnosis>> {
    for plugin in plugins {
        plugin.questions(pod, cluster).into_iter().for_each(|question| cluster.keep(question));
    }
    decide(plugins, pod, cluster, search)
}

fn decide(plugins: &[Box<dyn Plugin>], pod: &PodInfo, cluster: &Cluster, search: &mut Search) -> Result<Arc<str>, Box<Diagnosis>> {
    let column = cluster.column();
    let known = cluster.known();
    let mut diagnosis = Diagnosis { nodes: known, ..Diagnosis::default() };
    let filters = match Filters::new(plugins, pod, cluster) {
        Ok(filters) => filters,
        Err(everywhere) => {
            diagnosis.everywhere = Some(everywhere);
            return Err(Box::new(diagnosis));
        }
    };
    let wanted = enough(known);
    // Nobody reads them once a node has been found.
    let mut refusals = Vec::new();
    let mut feasible: Vec<&NodeInfo> = Vec::with_capacity(wanted.min(known));
    let mut looked = 0;
    let (before, after) = column.split_at(search.start.min(column.len()));
    for node in after.iter().chain(before) {
        if feasible.len() >= wanted {
            break;
        }
        looked += 1;
        if !node.known {
            continue;
        }
        match fits(plugins, &filters, pod, cluster, node) {
            Ok(()) => feasible.push(node),
            Err(refusal) if feasible.is_empty() => refusals.push((node, refusal)),
            Err(_) => {}
        }
    }
    search.start = if column.is_empty() { 0 } else { (search.start + looked) % column.len() };
    match feasible.as_slice() {
        [] => {
            diagnosis.refusals = refusals.into_iter().map(|(node, refusal)| (node.name.clone(), refusal)).collect();
            Err(Box::new(diagnosis))
        }
        [only] => Ok(only.name.clone()),
        several => Ok(best(plugins, pod, cluster, several, &mut search.entropy).name.clone()),
    }
}

/// The node with the highest sum of weighted scores; among equals, any.
fn best<'a>(plugins: &[Box<dyn Plugin>], pod: &PodInfo, cluster: &Cluster, nodes: &[&'a NodeInfo], entropy: &mut Entropy) -> &'a NodeInfo {
    let mut totals = vec![0; nodes.len()];
    let mut scores = Vec::with_capacity(nodes.len());
    for plugin in plugins {
        let Some(scorer) = plugin.score(pod, cluster, nodes) else { continue };
        scores.clear();
        scores.extend(nodes.iter().map(|node| scorer.score(node)));
        scorer.normalize(&mut scores);
        let weight = plugin.weight();
        totals.iter_mut().zip(&scores).for_each(|(total, score)| *total += weight * score);
    }
    let top = totals.iter().copied().max().unwrap_or(0);
    let equals = totals.iter().filter(|total| **total == top).count();
    let chosen = if equals == 1 { 0 } else { entropy.rng().random_range(0..equals) };
    let mut tops = nodes.iter().zip(&totals).filter(|(_, total)| **total == top).map(|(node, _)| *node);
    tops.nth(chosen).expect("one of those that have the highest score")
}
