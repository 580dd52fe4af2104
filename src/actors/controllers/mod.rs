//! The controllers: each a reconciler and its list of watched kinds, run by the same actor.

mod certificates;
mod cluster_roles;
mod controller;
mod declared;
mod definition_cleanup;
mod definitions;
mod endpoints;
mod eviction;
#[cfg(test)]
pub(crate) mod fixtures;
mod flow_schemas;
mod garbage;
mod namespace;
mod namespace_defaults;
mod nodes;
mod ownership;
pub mod pod;
mod pod_garbage;
mod queue;
mod quota;
mod replication;
mod start;
mod storage_protection;
#[cfg(test)]
mod tests;
mod token_secrets;
mod tools;
mod volumes;

pub use certificates::{Certificates, Certifying, Signer};
pub use cluster_roles::ClusterRoles;
pub use controller::{Controller, Outcome, Reconciler, Watch};
pub use definition_cleanup::DefinitionCleanup;
pub use definitions::Definitions;
pub use endpoints::{EndpointSlices, Endpoints, Mirroring};
pub use eviction::TaintEviction;
pub use flow_schemas::FlowSchemas;
pub use garbage::Garbage;
pub use namespace::Namespaces;
pub use namespace_defaults::NamespaceDefaults;
pub use nodes::{Grace, Nodes};
pub use pod_garbage::PodGarbage;
pub use quota::Quotas;
pub use replication::Replication;
pub use start::{Options, start};
pub use storage_protection::{ClaimProtection, VolumeProtection};
pub use token_secrets::TokenSecrets;
pub use tools::Tools;
pub use volumes::VolumeBinder;
