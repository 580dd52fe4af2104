//! Making room for a pod by ending less important ones.

use std::borrow::Cow;
use std::cmp::Reverse;
use std::sync::Arc;

use jiff::Timestamp;

use super::cluster::Cluster;
use super::framework::{Diagnosis, Filters, Plugin, Refusal, fits, histogram};
use super::node::NodeInfo;
use super::pod::PodInfo;

/// Nodes on which preemption is tried out before the best is chosen, at least (upstream's `minCandidateNodesAbsolute`).
const CANDIDATES: usize = 100;

/// A node, and the pods that must go for another to fit.
#[derive(Debug)]
pub struct Candidate {
    pub node: Arc<str>,
    pub victims: Vec<Arc<PodInfo>>,
}

/// Finds the pods whose end does the least harm.
///
/// # Errors
/// It would not help, or is not allowed: the text for the pod's condition.
pub fn preempt(plugins: &[Box<dyn Plugin>], pod: &PodInfo, cluster: &Cluster, diagnosis: &Diagnosis) -> Result<Candidate, String> {
    if diagnosis.nodes == 0 {
        return Err(String::new());
    }
    if diagnosis.everywhere.is_some() {
        return Err("not found".into());
    }
    let prefix = "no new claims to deallocate, preemption:";
    if let Some(obstacle) = ineligible(pod, cluster) {
        return Err(format!("{prefix} {obstacle}"));
    }
    let mut reasons: Vec<Cow<'static, str>> = Vec::new();
    let mut candidates = Vec::new();
    for (name, (_, refusal)) in &diagnosis.refusals {
        if !refusal.resolvable {
            reasons.push("Preemption is not helpful for scheduling".into());
            continue;
        }
        if candidates.len() >= CANDIDATES.max(diagnosis.nodes / 10) {
            break;
        }
        let Some(node) = cluster.node(name) else { continue };
        match victims(plugins, pod, cluster, node) {
            Ok(victims) => candidates.push(Candidate { node: name.clone(), victims }),
            Err(refusal) => reasons.extend(refusal.reasons),
        }
    }
    candidates.into_iter().min_by_key(harm).ok_or_else(|| {
        let reasons = histogram(reasons.iter().map(|reason| &**reason));
        format!("{prefix} 0/{} nodes are available: {reasons}.", diagnosis.nodes)
    })
}

fn ineligible(pod: &PodInfo, cluster: &Cluster) -> Option<&'static str> {
    if !pod.preempts {
        return Some("not eligible due to preemptionPolicy=Never.");
    }
    let nominated = pod.nominated.as_ref().and_then(|node| cluster.node(node))?;
    let waiting = nominated.pods.values().any(|other| other.terminating && other.priority < pod.priority);
    waiting.then_some("not eligible due to a terminating pod on the nominated node.")
}

/// The least important pods of a node that must go. Without all of them the pod would fit; the most important that can stay do.
fn victims(plugins: &[Box<dyn Plugin>], pod: &PodInfo, cluster: &Cluster, node: &NodeInfo) -> Result<Vec<Arc<PodInfo>>, Refusal> {
    let mut lesser: Vec<Arc<PodInfo>> = node.pods.values().filter(|other| other.priority < pod.priority).cloned().collect();
    if lesser.is_empty() {
        return Err(Refusal::resolvable("No preemption victims found for incoming pod"));
    }
    lesser.sort_by_key(|other| (Reverse(other.priority), other.started.unwrap_or(Timestamp::MAX)));
    let mut trial = cluster.clone();
    for other in &lesser {
        trial.remove_pod(&other.key);
    }
    check(plugins, pod, &trial, &node.name)?;
    let mut victims = Vec::new();
    for other in lesser {
        trial.put_pod(other.clone(), &node.name);
        if check(plugins, pod, &trial, &node.name).is_err() {
            trial.remove_pod(&other.key);
            victims.push(other);
        }
    }
    Ok(victims)
}

fn check(plugins: &[Box<dyn Plugin>], pod: &PodInfo, cluster: &Cluster, node: &str) -> Result<(), Refusal> {
    let filters = Filters::new(plugins, pod, cluster).map_err(|(_, refusal)| refusal)?;
    let node = cluster.node(node).expect("a node stays when its pods go");
    // The room that another has been promised by ending the same pods is not this one's.
    fits(plugins, &filters, pod, cluster, node).map_err(|(_, refusal)| refusal)
}

/// Smaller is better: the most important victim, then the sum of all, then how many, then how long the most important has run.
fn harm(candidate: &Candidate) -> (i32, i64, usize, Reverse<Timestamp>) {
    let top = candidate.victims.iter().map(|victim| victim.priority).max().unwrap_or(i32::MIN);
    let sum = candidate.victims.iter().map(|victim| i64::from(victim.priority) + i64::from(i32::MAX) + 1).sum();
    let earliest = candidate.victims.iter().filter(|victim| victim.priority == top).filter_map(|victim| victim.started).min();
    (top, sum, candidate.victims.len(), Reverse(earliest.unwrap_or(Timestamp::MAX)))
}
