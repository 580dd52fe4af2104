//! The whole cast over simulated time, nodes and faults.
