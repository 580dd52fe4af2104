//! The cells of jobs and of what makes jobs.

use jiff::Timestamp;
use serde_json::Value;

use super::workload::selector_at;
use super::{Fields, NONE, UNSET, human, joined, since};

pub fn status(job: &Value) -> Value {
    let holds = |kind: &&str| {
        job.list("/status/conditions").iter().any(|condition| condition.text("/type") == *kind && condition.text("/status") == "True")
    };
    if let Some(end) = ["Complete", "Failed"].iter().find(|kind| holds(kind)) {
        return (*end).into();
    }
    if job.is_set("/metadata/deletionTimestamp") {
        return "Terminating".into();
    }
    let word = ["Suspended", "FailureTarget", "SuccessCriteriaMet"].into_iter().find(holds);
    word.unwrap_or("Running").into()
}

pub fn completions(job: &Value) -> Value {
    let succeeded = job.integer("/status/succeeded");
    match (job.at("/spec/completions").and_then(Value::as_i64), job.integer("/spec/parallelism")) {
        (Some(wanted), _) => format!("{succeeded}/{wanted}"),
        (None, parallelism) if parallelism > 1 => format!("{succeeded}/1 of {parallelism}"),
        (None, _) => format!("{succeeded}/1"),
    }
    .into()
}

/// How long it took, or has taken so far.
pub fn duration(job: &Value) -> Value {
    let time = |pointer: &str| job.text(pointer).parse::<Timestamp>().ok();
    match (time("/status/startTime"), time("/status/completionTime")) {
        (None, _) => "".into(),
        (Some(_), None) => since(job.text("/status/startTime")).into(),
        (Some(start), Some(end)) => human(end.duration_since(start)).into(),
    }
}

pub fn time_zone(cron_job: &Value) -> Value {
    cron_job.at("/spec/timeZone").and_then(Value::as_str).unwrap_or(NONE).into()
}

pub fn suspend(cron_job: &Value) -> Value {
    match cron_job.at("/spec/suspend").and_then(Value::as_bool) {
        Some(true) => "True",
        Some(false) => "False",
        None => UNSET,
    }
    .into()
}

pub fn active(cron_job: &Value) -> Value {
    cron_job.list("/status/active").len().into()
}

pub fn last_schedule(cron_job: &Value) -> Value {
    if cron_job.is_set("/status/lastScheduleTime") { since(cron_job.text("/status/lastScheduleTime")).into() } else { NONE.into() }
}

pub fn containers(cron_job: &Value) -> Value {
    joined(cron_job.list("/spec/jobTemplate/spec/template/spec/containers"), "/name").into()
}

pub fn images(cron_job: &Value) -> Value {
    joined(cron_job.list("/spec/jobTemplate/spec/template/spec/containers"), "/image").into()
}

pub fn job_selector(cron_job: &Value) -> Value {
    selector_at(cron_job, "/spec/jobTemplate/spec/selector").into()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_job_shows_how_far_it_is() {
        let job = json!({
            "spec": {"completions": 3},
            "status": {"succeeded": 1, "startTime": "2020-01-01T00:00:00Z", "completionTime": "2020-01-01T00:02:05Z",
                "conditions": [{"type": "Suspended", "status": "False"}, {"type": "Complete", "status": "True"}]},
        });
        assert_eq!((status(&job), completions(&job), duration(&job)), ("Complete".into(), "1/3".into(), "2m5s".into()));
        let queue = json!({"metadata": {"deletionTimestamp": "2020-01-01T00:00:00Z"}, "spec": {"parallelism": 2}});
        assert_eq!((status(&queue), completions(&queue), duration(&queue)), ("Terminating".into(), "0/1 of 2".into(), "".into()));
        assert_eq!((status(&json!({})), completions(&json!({}))), ("Running".into(), "0/1".into()));
    }
}
