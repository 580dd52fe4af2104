//! What a job's controller, be it Kubernetes' or another, reports of it (KEP-4368: judged the more strictly as anybody may manage a job).

use k8s_openapi::api::batch::v1::{Job, JobSpec, JobStatus};
use serde_json::json;

use super::indexes::{Indexes, overlap};
use super::job::is_indexed;
use super::policies::invalid_as_a_whole;
use crate::api::validation::numbers::not_negative;
use crate::api::validation::object_meta::object_meta_update;
use crate::api::validation::pod::struct_of;
use crate::api::validation::{ErrorList, IMMUTABLE, Path};

/// A job before or after the change.
struct Seen<'a> {
    spec: &'a JobSpec,
    status: &'a JobStatus,
}

impl Seen<'_> {
    fn is(&self, condition: &str) -> bool {
        self.status.conditions.iter().flatten().any(|one| one.type_ == condition && one.status == "True")
    }

    fn is_finished(&self) -> bool {
        self.is("Complete") || self.is("Failed")
    }

    fn completed_indexes(&self) -> &str {
        self.status.completed_indexes.as_deref().unwrap_or_default()
    }
}

pub fn job_status_update(new: &Job, old: &Job) -> ErrorList {
    let mut errors = object_meta_update(&new.metadata, &old.metadata, &Path::new("metadata"));
    let (no_spec, no_status) = (JobSpec::default(), JobStatus::default());
    let seen = |job: &'_ Job| (job.spec.clone(), job.status.clone());
    let ((spec, status), (old_spec, old_status)) = (seen(new), seen(old));
    let new = Seen { spec: spec.as_ref().unwrap_or(&no_spec), status: status.as_ref().unwrap_or(&no_status) };
    let old = Seen { spec: old_spec.as_ref().unwrap_or(&no_spec), status: old_status.as_ref().unwrap_or(&no_status) };
    let path = Path::new("status");
    counts(new.status, &path, &mut errors);
    ends(&new, &old, &path, &mut errors);
    finished(&new, &old, &path, &mut errors);
    indexes(&new, &old, &path, &mut errors);
    met_criteria(&new, &path, &mut errors);
    changes(&new, &old, &path, &mut errors);
    errors
}

fn counts(status: &JobStatus, path: &Path, errors: &mut ErrorList) {
    for (field, count) in [
        ("active", status.active),
        ("succeeded", status.succeeded),
        ("failed", status.failed),
        ("ready", status.ready),
        ("terminating", status.terminating),
    ] {
        not_negative(count, &path.child(field), errors);
    }
    let Some(pods) = &status.uncounted_terminated_pods else { return };
    let at = path.child("uncountedTerminatedPods");
    let mut seen: Vec<&str> = Vec::new();
    for (field, uids) in [("succeeded", &pods.succeeded), ("failed", &pods.failed)] {
        let at = at.child(field);
        for (index, uid) in uids.iter().flatten().enumerate() {
            if uid.is_empty() {
                errors.invalid(&at.index(index), uid, "must not be empty");
            } else if seen.contains(&uid.as_str()) {
                errors.duplicate(&at.index(index), uid);
            } else {
                seen.push(uid);
            }
        }
    }
}

/// How a job may end, and when. Only what changes is judged.
fn ends(new: &Seen, old: &Seen, path: &Path, errors: &mut ErrorList) {
    let (conditions, completion) = (path.child("conditions"), path.child("completionTime"));
    let changed = |condition: &str| new.is(condition) != old.is(condition);
    let (complete, failed) = (new.is("Complete"), new.is("Failed"));
    if (changed("Complete") || changed("Failed")) && complete && failed {
        invalid_as_a_whole(&conditions, "cannot set Complete=True and Failed=true conditions", errors);
    }
    if (changed("Complete") || changed("FailureTarget")) && complete && new.is("FailureTarget") {
        invalid_as_a_whole(&conditions, "cannot set Complete=True and FailureTarget=true conditions", errors);
    }
    let (start, end) = (&new.status.start_time, &new.status.completion_time);
    let end_changed = *end != old.status.completion_time;
    if changed("Complete") || end_changed {
        if end.is_some() && !complete {
            errors.invalid(&completion, json!(end), "cannot set completionTime when there is no Complete=True condition");
        }
        if end.is_none() && complete {
            errors.required(&completion, "completionTime is required for Complete jobs");
        }
    }
    if let (Some(start), Some(end)) = (start, end)
        && (end_changed || new.status.start_time != old.status.start_time)
        && end.0 < start.0
    {
        errors.invalid(&completion, json!(end), "must be equal to or after `startTime`");
    }
    let indexes_changed = new.status.failed_indexes != old.status.failed_indexes;
    if (changed("Failed") || indexes_changed) && failed && !new.is("FailureTarget") {
        invalid_as_a_whole(&conditions, "cannot set Failed=True condition without the FailureTarget=true condition", errors);
    }
    if (changed("Complete") || changed("SuccessCriteriaMet")) && complete && !new.is("SuccessCriteriaMet") {
        invalid_as_a_whole(&conditions, "cannot set Complete=True condition without the SuccessCriteriaMet=true condition", errors);
    }
}

/// What a job that has ended has no more.
fn finished(new: &Seen, old: &Seen, path: &Path, errors: &mut ErrorList) {
    if !new.is_finished() {
        return;
    }
    let (status, before) = (new.status, old.status);
    let just_now = !old.is_finished();
    let active = status.active.unwrap_or_default();
    if (just_now || active != before.active.unwrap_or_default()) && active > 0 {
        errors.invalid(&path.child("active"), active, "active>0 is invalid for finished job");
    }
    let never_begins = new.spec.suspend == Some(true) && new.spec.completions == Some(0);
    if (just_now || status.start_time != before.start_time) && status.start_time.is_none() && !never_begins {
        errors.required(&path.child("startTime"), "startTime is required for finished job");
    }
    if (just_now || status.uncounted_terminated_pods != before.uncounted_terminated_pods)
        && let Some(pods) = &status.uncounted_terminated_pods
        && pods.failed.iter().flatten().count() + pods.succeeded.iter().flatten().count() > 0
    {
        errors.invalid(&path.child("uncountedTerminatedPods"), struct_of(pods), "must be empty for finished job");
    }
}

fn indexes(new: &Seen, old: &Seen, path: &Path, errors: &mut ErrorList) {
    let (completed, failed) = (new.completed_indexes(), new.status.failed_indexes.as_deref());
    let completed_changed = completed != old.completed_indexes();
    let failed_changed = failed != old.status.failed_indexes.as_deref();
    let (at_completed, at_failed) = (path.child("completedIndexes"), path.child("failedIndexes"));
    let per_index = new.spec.backoff_limit_per_index.is_some();
    if let Some(completions) = new.spec.completions {
        if let Err(why) = Indexes::parse(completed, completions)
            && completed_changed
        {
            errors.invalid(&at_completed, completed, &format!("error parsing completedIndexes: {why}"));
        }
        if let Some(failed) = failed.filter(|_| failed_changed && per_index)
            && let Err(why) = Indexes::parse(failed, completions)
        {
            errors.invalid(&at_failed, failed, &format!("error parsing failedIndexes: {why}"));
        }
    }
    if completed_changed && !completed.is_empty() && !is_indexed(new.spec) {
        errors.invalid(&at_completed, completed, "cannot set non-empty completedIndexes when non-indexed completion mode");
    }
    if let Some(failed) = failed.filter(|_| failed_changed && !per_index) {
        errors.invalid(&at_failed, failed, "cannot set non-null failedIndexes when backoffLimitPerIndex is null");
    }
    if let (Some(completions), Some(failed)) = (new.spec.completions, failed)
        && (completed_changed || failed_changed)
        && let Some(index) = overlap(completed, failed, completions)
    {
        errors.invalid(&at_failed, failed, &format!("failedIndexes and completedIndexes overlap at index: {index}"));
    }
    // Which of the pods are ready, and which are ending, is told of those that are there.
    let (active, ready) = (new.status.active.unwrap_or_default(), new.status.ready);
    let terminating = new.status.terminating.filter(|count| *count > 0 && new.is_finished());
    if let Some(count) = terminating.filter(|_| !old.is_finished() || new.status.terminating != old.status.terminating) {
        errors.invalid(&path.child("terminating"), count, "terminating>0 is invalid for finished job");
    }
    let changed = active != old.status.active.unwrap_or_default() || ready != old.status.ready;
    if let Some(ready) = ready.filter(|ready| changed && *ready > active) {
        errors.invalid(&path.child("ready"), ready, "cannot set more ready pods than active");
    }
}

fn met_criteria(new: &Seen, path: &Path, errors: &mut ErrorList) {
    let at = path.child("conditions");
    let met = new.is("SuccessCriteriaMet");
    if met && new.is("Failed") {
        invalid_as_a_whole(&at, "cannot set SuccessCriteriaMet=True and Failed=true conditions", errors);
    }
    if met && new.is("FailureTarget") {
        invalid_as_a_whole(&at, "cannot set SuccessCriteriaMet=True and FailureTarget=true conditions", errors);
    }
    if new.spec.success_policy.is_some() && !met && new.is("Complete") {
        let why = "cannot set Complete=True for Job with SuccessPolicy unless SuccessCriteriaMet=True";
        invalid_as_a_whole(&at, why, errors);
    }
}

/// What has happened stays.
fn changes(new: &Seen, old: &Seen, path: &Path, errors: &mut ErrorList) {
    let at = path.child("conditions");
    for condition in ["Failed", "Complete", "FailureTarget"] {
        if old.is(condition) && !new.is(condition) {
            invalid_as_a_whole(&at, &format!("cannot disable the terminal {condition}=True condition"), errors);
        }
    }
    let (status, before) = (new.status, old.status);
    // A job that is made smaller has fewer pods that can have succeeded.
    let may_shrink = is_indexed(new.spec) && new.spec.completions == new.spec.parallelism;
    let (failed, succeeded) = ((status.failed, before.failed), (status.succeeded, before.succeeded));
    for (field, (count, was), fixed) in [("failed", failed, true), ("succeeded", succeeded, !may_shrink)] {
        if fixed && count.unwrap_or_default() < was.unwrap_or_default() {
            errors.invalid(&path.child(field), count.unwrap_or_default(), &format!("cannot decrease the {field} counter"));
        }
    }
    let (end, ended) = (&status.completion_time, &before.completion_time);
    if end.is_some() && ended.is_some() && end != ended {
        errors.invalid(&path.child("completionTime"), json!(end), IMMUTABLE);
    }
    let resumes = old.is("Suspended") && status.conditions.iter().flatten().any(|one| one.type_ == "Suspended" && one.status == "False");
    if before.start_time.is_some() && status.start_time != before.start_time && new.spec.suspend != Some(true) && !resumes {
        errors.required(&path.child("startTime"), "startTime cannot be removed for unsuspended job");
    }
    if old.is("SuccessCriteriaMet") && !new.is("SuccessCriteriaMet") {
        invalid_as_a_whole(&at, "cannot disable the SuccessCriteriaMet=True condition", errors);
    }
    if old.is("Complete") && !old.is("SuccessCriteriaMet") && new.is("SuccessCriteriaMet") {
        invalid_as_a_whole(&at, "cannot set SuccessCriteriaMet=True for Job already has Complete=true conditions", errors);
    }
}
