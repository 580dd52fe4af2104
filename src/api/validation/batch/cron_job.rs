//! Cron jobs.

use jiff::tz;
use k8s_openapi::api::batch::v1::{CronJob, CronJobSpec, JobTemplateSpec};

use super::job::{job_spec, spec_warnings};
use super::schedule;
use crate::api::validation::numbers::not_negative;
use crate::api::validation::object_meta::{object_meta, object_meta_update};
use crate::api::validation::pod::name_warnings;
use crate::api::validation::words::required_one_of;
use crate::api::validation::{ErrorList, NameForm, Path};

/// Of a name, so that a job's is no longer than a label, with the time that is appended to it.
const NAME_LENGTH: usize = 52;
const ZONE_PART_LENGTH: usize = 14;

pub fn cron_job(cron_job: &CronJob) -> ErrorList {
    let mut errors = object_meta(&cron_job.metadata, true, NameForm::Subdomain, &Path::new("metadata"));
    spec(cron_job, None, &mut errors);
    let name = cron_job.metadata.name.as_deref().unwrap_or_default();
    if name.len() > NAME_LENGTH {
        errors.invalid(&Path::new("metadata").child("name"), name, &format!("must be no more than {NAME_LENGTH} characters"));
    }
    errors
}

pub fn cron_job_update(new: &CronJob, old: &CronJob) -> ErrorList {
    let mut errors = object_meta_update(&new.metadata, &old.metadata, &Path::new("metadata"));
    spec(new, old.spec.as_ref(), &mut errors);
    errors
}

/// Upstream judges nothing here.
pub fn cron_job_status_update(_new: &CronJob, _old: &CronJob) -> ErrorList {
    ErrorList::default()
}

fn spec(cron_job: &CronJob, old: Option<&CronJobSpec>, errors: &mut ErrorList) {
    let empty = CronJobSpec::default();
    let spec = cron_job.spec.as_ref().unwrap_or(&empty);
    let path = Path::new("spec");
    schedule(spec, old, &path.child("schedule"), errors);
    not_negative(spec.starting_deadline_seconds, &path.child("startingDeadlineSeconds"), errors);
    if old.is_none_or(|old| old.time_zone != spec.time_zone) {
        time_zone(spec.time_zone.as_deref(), &path.child("timeZone"), errors);
    }
    let policies = ["Allow", "Forbid", "Replace"];
    required_one_of(spec.concurrency_policy.as_deref(), &policies, &path.child("concurrencyPolicy"), errors);
    job_template(&spec.job_template, &path.child("jobTemplate"), errors);
    not_negative(spec.successful_jobs_history_limit, &path.child("successfulJobsHistoryLimit"), errors);
    not_negative(spec.failed_jobs_history_limit, &path.child("failedJobsHistoryLimit"), errors);
}

/// A zone within the schedule is only let be where it was before there was a field for it.
fn schedule(spec: &CronJobSpec, old: Option<&CronJobSpec>, path: &Path, errors: &mut ErrorList) {
    let schedule = spec.schedule.as_str();
    if schedule.is_empty() {
        return errors.required(path, "");
    }
    if let Err(why) = schedule::check(schedule) {
        errors.invalid(path, schedule, &why);
    }
    let had_zone = old.is_some_and(|old| old.schedule.contains("TZ"));
    match (schedule.contains("TZ"), had_zone, &spec.time_zone) {
        (true, true, Some(_)) => errors.invalid(path, schedule, "cannot use both timeZone field and TZ or CRON_TZ in schedule"),
        (true, false, _) => errors.invalid(path, schedule, "cannot use TZ or CRON_TZ in schedule, use timeZone field instead"),
        _ => {}
    }
}

fn time_zone(zone: Option<&str>, path: &Path, errors: &mut ErrorList) {
    let Some(zone) = zone else { return };
    if zone.is_empty() {
        return errors.invalid(path, zone, "timeZone must be nil or non-empty string");
    }
    let unknown = format!("unknown time zone {zone}");
    let is_part = |part: &str| {
        (1..=ZONE_PART_LENGTH).contains(&part.len())
            && part != "."
            && part != ".."
            && !part.starts_with('-')
            && part.bytes().all(|byte| byte.is_ascii_alphanumeric() || b".-_+".contains(&byte))
    };
    if !zone.split('/').all(is_part) {
        return errors.invalid(path, zone, &unknown);
    }
    if zone.eq_ignore_ascii_case("Local") {
        errors.invalid(path, zone, "timeZone must be an explicit time zone as defined in https://www.iana.org/time-zones");
    }
    if zone != "Local" && !is_known(zone) {
        errors.invalid(path, zone, &unknown);
    }
}

/// Names of zones are files upstream, so their case counts.
fn is_known(zone: &str) -> bool {
    zone == "UTC" || tz::db().get(zone).is_ok_and(|found| found.iana_name() == Some(zone))
}

fn job_template(template: &JobTemplateSpec, path: &Path, errors: &mut ErrorList) {
    let empty = Default::default();
    let spec = template.spec.as_ref().unwrap_or(&empty);
    let path = path.child("spec");
    job_spec(spec, &path, errors);
    if let Some(selector) = &spec.selector {
        errors.invalid(&path.child("selector"), selector, "`selector` will be auto-generated");
    }
    if spec.manual_selector == Some(true) {
        errors.not_supported(&path.child("manualSelector"), true, &["nil", "false"]);
    }
}

pub fn cron_job_warnings(new: &CronJob, old: Option<&CronJob>) -> Vec<String> {
    let mut found = if old.is_none() { name_warnings(new.metadata.name.as_deref()) } else { Vec::new() };
    let Some(spec) = &new.spec else { return found };
    if let Some(template) = &spec.job_template.spec
        && old.is_none_or(|old| old.metadata.generation != new.metadata.generation)
    {
        let path = Path::new("spec");
        found.extend(spec_warnings(template, &path.child("jobTemplate").child("spec")));
    }
    if old.is_some() && spec.schedule.contains("TZ") {
        // Upstream names the field so.
        found.push(
            "cannot use TZ or CRON_TZ in spec.spec.schedule, use timeZone instead, see \
             https://kubernetes.io/docs/concepts/workloads/controllers/cron-jobs/ for more details"
                .to_owned(),
        );
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_zone_is_one_of_iana() {
        let unknown = |zone: &str| vec![format!("Invalid value: {zone:?}: unknown time zone {zone}")];
        let judge = |zone: &str| {
            let mut errors = ErrorList::default();
            time_zone(Some(zone), &Path::new("timeZone"), &mut errors);
            errors.0.into_iter().map(|error| error.message).collect::<Vec<_>>()
        };
        for zone in ["UTC", "Etc/UTC", "Europe/Berlin", "America/Argentina/Buenos_Aires"] {
            assert_eq!(judge(zone), [""; 0], "{zone}");
        }
        for zone in ["Mars/Base", "europe/berlin", "../UTC", "Europe//Berlin", "-x", "Europe/Berlin "] {
            assert_eq!(judge(zone), unknown(zone), "{zone}");
        }
        assert_eq!((judge("Local").len(), judge("local").len(), judge("").len()), (1, 2, 1));
    }
}
