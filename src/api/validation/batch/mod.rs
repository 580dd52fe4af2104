//! What runs to its end: Job and CronJob.

mod cron_job;
mod indexes;
mod job;
mod job_status;
mod policies;
mod schedule;

pub use cron_job::{cron_job, cron_job_status_update, cron_job_update, cron_job_warnings};
pub use job::{job, job_update, job_warnings};
pub use job_status::job_status_update;

/// The labels of a job's pods, and the names that they had before the project put its own before them.
pub const CONTROLLER_UID: &str = "batch.kubernetes.io/controller-uid";
pub const JOB_NAME: &str = "batch.kubernetes.io/job-name";
pub const LEGACY_CONTROLLER_UID: &str = "controller-uid";
pub const LEGACY_JOB_NAME: &str = "job-name";

const INDEXED: &str = "Indexed";
