//! Prefers nodes that have the images already, the larger the better.

use crate::actors::scheduler::cluster::Cluster;
use crate::actors::scheduler::event::ClusterEvent;
use crate::actors::scheduler::framework::{MAX_SCORE, Plugin, Score};
use crate::actors::scheduler::node::NodeInfo;
use crate::actors::scheduler::pod::PodInfo;

const MEGABYTE: i64 = 1024 * 1024;
/// Less than this is no reason to prefer a node.
const LEAST: i64 = 23 * MEGABYTE;
/// For each container, more than this is no better.
const MOST: i64 = 1000 * MEGABYTE;

pub struct ImageLocality;

struct Present<'a> {
    /// Each image, and the share of nodes that have it: what everybody has attracts to nobody, what few have must not attract all.
    images: Vec<(&'a str, f64)>,
}

impl Plugin for ImageLocality {
    fn name(&self) -> &'static str {
        "ImageLocality"
    }

    fn score<'a>(&self, pod: &'a PodInfo, cluster: &'a Cluster, feasible: &[&NodeInfo]) -> Option<Box<dyn Score + 'a>> {
        let anywhere = |image: &&String| feasible.iter().any(|node| node.images.contains_key(image.as_str()));
        if !pod.images.iter().any(|image| anywhere(&image)) {
            return None;
        }
        let nodes = cluster.known().max(1) as f64;
        let share = |image: &str| cluster.nodes().filter(|node| node.images.contains_key(image)).count() as f64 / nodes;
        Some(Box::new(Present { images: pod.images.iter().map(|image| (image.as_str(), share(image))).collect() }))
    }

    fn is_helped_by(&self, _: &PodInfo, _: &ClusterEvent) -> bool {
        false
    }
}

impl Score for Present<'_> {
    fn score(&self, node: &NodeInfo) -> i64 {
        let sum: i64 = self.images.iter().map(|(image, share)| (node.images.get(*image).copied().unwrap_or(0) as f64 * share) as i64).sum();
        let most = MOST * self.images.len() as i64;
        MAX_SCORE * (sum.clamp(LEAST, most) - LEAST) / (most - LEAST)
    }
}
