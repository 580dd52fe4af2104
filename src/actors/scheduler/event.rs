//! Changes of the cluster, as far as they may help a pod that waits.

use std::sync::Arc;

use super::node::NodeInfo;
use super::pod::PodInfo;
use crate::actors::informer::ObjectKey;

/// Something that happened.
pub enum ClusterEvent {
    /// A node is new, or not as it was.
    Node {
        before: Option<Arc<NodeInfo>>,
        after: Arc<NodeInfo>,
    },
    NodeGone,
    /// A pod has been bound to a node, or its labels have changed there.
    PodPlaced(Arc<PodInfo>),
    /// A pod has left its node.
    PodGone(Arc<PodInfo>),
    /// A claim is new, or not as it was.
    Claim(ObjectKey),
    /// A volume is new, or not as it was.
    Volume,
    /// A namespace's labels are not as they were.
    Namespace,
}
