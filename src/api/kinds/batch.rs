//! Job and CronJob: what runs to its end.

use k8s_openapi::api::batch::v1;

use super::cells::job as cells;
use super::{Judges, Kind, Selectable, Subresource, Traits, age, column, computed, defaults, name, selectable, strategy};
use crate::api::validation::batch as judge;

pub fn job() -> Kind {
    use super::cells::pod::{template_containers, template_images};
    Kind::new::<v1::Job>("jobs", &[])
        .categories(&["all"])
        .subresources(&[Subresource::Status])
        .selectable([Selectable { absent: "0", ..selectable("status.successful", "/status/succeeded") }])
        .traits(Traits {
            generation: true,
            orphans_dependents: true,
            warns_of_orphans: true,
            status_depends_on: Some(&[
                "/spec/backoffLimitPerIndex",
                "/spec/completionMode",
                "/spec/completions",
                "/spec/parallelism",
                "/spec/successPolicy",
                "/spec/suspend",
            ]),
            ..Traits::default()
        })
        .columns([
            name(),
            computed("Status", cells::status),
            computed("Completions", cells::completions),
            computed("Duration", cells::duration),
            age(),
            computed("Containers", template_containers).wide(),
            computed("Images", template_images).wide(),
            computed("Selector", super::cells::workload::selector).wide(),
        ])
        .defaults(defaults::job)
        .prepare(strategy::job, strategy::job_update)
        .judges(
            Judges::new(judge::job, judge::job_update)
                .subresource(Subresource::Status, judge::job_status_update)
                .warnings(judge::job_warnings),
        )
}

pub fn cron_job() -> Kind {
    Kind::new::<v1::CronJob>("cronjobs", &["cj"])
        .categories(&["all"])
        .subresources(&[Subresource::Status])
        .traits(Traits { generation: true, status_depends_on: Some(&[]), ..Traits::default() })
        .columns([
            name(),
            column("Schedule", "/spec/schedule"),
            computed("Timezone", cells::time_zone),
            computed("Suspend", cells::suspend).of("boolean"),
            computed("Active", cells::active).of("integer"),
            computed("Last Schedule", cells::last_schedule),
            age(),
            computed("Containers", cells::containers).wide(),
            computed("Images", cells::images).wide(),
            computed("Selector", cells::job_selector).wide(),
        ])
        .defaults(defaults::cron_job)
        .judges(
            Judges::new(judge::cron_job, judge::cron_job_update)
                .subresource(Subresource::Status, judge::cron_job_status_update)
                .warnings(judge::cron_job_warnings),
        )
}
