//! The kubelet: what makes a node of a machine. It watches the pods that are bound to its node and makes the container runtime run them.

pub mod lifecycle;
