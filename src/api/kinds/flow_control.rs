//! FlowSchema and PriorityLevelConfiguration: whose requests wait when there are too many (KEP-1040).

use k8s_openapi::api::flowcontrol::v1;

use super::cells::flow_control as cells;
use super::{Judges, Kind, Subresource, Traits, age, column, computed, defaults, name, strategy};
use crate::api::validation::flow_control as judge;

pub fn flow_schema() -> Kind {
    Kind::new::<v1::FlowSchema>("flowschemas", &[])
        .cluster_scoped()
        .subresources(&[Subresource::Status])
        .traits(Traits { generation: true, status_depends_on: Some(&[]), ..Traits::default() })
        .columns([
            name(),
            column("PriorityLevel", "/spec/priorityLevelConfiguration/name"),
            column("MatchingPrecedence", "/spec/matchingPrecedence"),
            computed("DistinguisherMethod", cells::distinguisher),
            age(),
            computed("MissingPL", cells::missing_level),
        ])
        .defaults(defaults::flow_schema)
        .prepare(|_| {}, strategy::status_alone)
        .judges(
            Judges::new(judge::flow_schema, judge::flow_schema_update).subresource(Subresource::Status, judge::flow_schema_status_update),
        )
}

pub fn priority_level_configuration() -> Kind {
    Kind::new::<v1::PriorityLevelConfiguration>("prioritylevelconfigurations", &[])
        .cluster_scoped()
        .subresources(&[Subresource::Status])
        .traits(Traits { generation: true, status_depends_on: Some(&[]), ..Traits::default() })
        .columns([
            name(),
            column("Type", "/spec/type"),
            computed("NominalConcurrencyShares", cells::shares),
            computed("Queues", cells::queues),
            computed("HandSize", cells::hand_size),
            computed("QueueLengthLimit", cells::queue_length),
            age(),
        ])
        .defaults(defaults::priority_level_configuration)
        .prepare(|_| {}, strategy::status_alone)
        .judges(
            Judges::new(judge::priority_level, judge::priority_level_update)
                .subresource(Subresource::Status, judge::priority_level_status_update),
        )
}
