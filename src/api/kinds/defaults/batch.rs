//! What runs to its end.

use serde_json::Value;

use super::pod::template;
use super::{Complete, map_at};
use crate::api::kinds::fields::Fields;

/// A job's labels are those of its template where it has none.
pub fn job(job: &mut Value) {
    let labels = map_at(job, "/spec/template/metadata/labels");
    if let Some(labels) = labels
        && let Some(own) = job.always(&["metadata"]).and_then(|metadata| metadata.made("labels"))
        && own.is_empty()
    {
        *own = labels;
    }
    let Some(spec) = job.always(&["spec"]) else { return };
    if !spec.is_set("/parallelism") {
        spec.absent("completions", 1);
        spec.absent("parallelism", 1);
    }
    let per_index = spec.is_set("/backoffLimitPerIndex");
    spec.absent("backoffLimit", if per_index { i32::MAX } else { 6 });
    spec.absent("completionMode", "NonIndexed");
    spec.absent("suspend", false);
    spec.absent("manualSelector", false);
    let judges_failures = spec.is_set("/podFailurePolicy");
    spec.absent("podReplacementPolicy", if judges_failures { "Failed" } else { "TerminatingOrFailed" });
    job_template(spec);
}

pub fn cron_job(cron_job: &mut Value) {
    let Some(spec) = cron_job.always(&["spec"]) else { return };
    spec.empty("concurrencyPolicy", "Allow");
    spec.absent("suspend", false);
    spec.absent("successfulJobsHistoryLimit", 3);
    spec.absent("failedJobsHistoryLimit", 1);
    if let Some(spec) = spec.always(&["jobTemplate", "spec"]) {
        job_template(spec);
    }
}

/// What a job has in common with the template of one.
fn job_template(spec: &mut Value) {
    for rule in spec.each("/podFailurePolicy/rules") {
        rule.each("/onPodConditions").for_each(|pattern| pattern.empty("status", "True"));
    }
    template(spec);
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_job_runs_once_unless_it_says_otherwise() {
        for (given, completions, parallelism, backoff) in [
            (json!({}), json!(1), 1, 6),
            (json!({"completions": 3}), json!(3), 1, 6),
            (json!({"parallelism": 2, "backoffLimitPerIndex": 1}), Value::Null, 2, i32::MAX),
        ] {
            let mut object = json!({ "spec": given });
            job(&mut object);
            let spec = &object["spec"];
            assert_eq!((&spec["completions"], spec["parallelism"].as_i64()), (&completions, Some(parallelism)));
            assert_eq!(spec["backoffLimit"], backoff);
        }
    }

    #[test]
    fn a_job_is_labelled_as_its_template() {
        let mut object = json!({"metadata": {}, "spec": {"template": {"metadata": {"labels": {"a": "b"}}}}});
        job(&mut object);
        assert_eq!(object["metadata"]["labels"], json!({"a": "b"}));
    }
}
