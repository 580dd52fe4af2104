//! PodDisruptionBudget: how many pods may be gone at once.

use k8s_openapi::api::policy::v1;

use super::cells::workload as cells;
use super::{Judges, Kind, Subresource, Traits, age, column, computed, name};
use crate::api::validation::disruption_budget as judge;

pub fn pod_disruption_budget() -> Kind {
    Kind::new::<v1::PodDisruptionBudget>("poddisruptionbudgets", &["pdb"])
        .subresources(&[Subresource::Status])
        .traits(Traits { generation: true, conditional_update: true, status_depends_on: Some(&[]), ..Traits::default() })
        .columns([
            name(),
            computed("Min Available", cells::min_available),
            computed("Max Unavailable", cells::max_unavailable),
            column("Allowed Disruptions", "/status/disruptionsAllowed").of("integer"),
            age(),
        ])
        .judges(
            Judges::new(judge::disruption_budget, judge::disruption_budget_update)
                .subresource(Subresource::Status, judge::disruption_budget_status_update),
        )
}
