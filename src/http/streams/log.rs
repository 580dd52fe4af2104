//! A container's log, as plain text.

use std::io;

use actix_web::HttpResponse;
use actix_web::http::header::CONTENT_TYPE;
use bytes::{Bytes, BytesMut};
use futures::{Stream, StreamExt, future, stream};
use jiff::{SignedDuration, Timestamp};
use k8s_openapi::api::core::v1::Pod;

use super::node;
use crate::api::status::Status;
use crate::api::streams::{self, LogOptions, PodTarget};
use crate::api::validation::{ErrorList, FieldErrorKind};
use crate::http::front::Exchange;
use crate::http::options::number;
use crate::http::request::Query;
use crate::runtime::clock;

pub async fn answer(exchange: &Exchange, pod: &Pod, target: PodTarget) -> Result<HttpResponse, Status> {
    let options = options(&exchange.query, &target.name)?;
    let container = streams::container(pod, exchange.query.text("container"))?;
    let mut response = HttpResponse::Ok();
    response.insert_header((CONTENT_TYPE, "text/plain"));
    if pod.spec.as_ref().is_none_or(|spec| spec.node_name.as_deref().unwrap_or_default().is_empty()) {
        // Nothing has run yet, so nothing has been printed.
        return Ok(response.finish());
    }
    if let Some(reason) = waits_for_its_start(pod, &container) {
        return Err(Status::bad_request(format!("container {container:?} in pod {:?} is waiting to start: {reason}", target.name)));
    }
    let lines = node(exchange, pod)?.logs(&target, &container, &options).await?;
    let shutdown = exchange.front.shutdown.clone();
    Ok(response.streaming(chunks(lines).take_until(async move { shutdown.begun().await })))
}

/// Why a container has never run, if its status says so.
fn waits_for_its_start<'a>(pod: &'a Pod, container: &str) -> Option<&'a str> {
    let status = pod.status.as_ref()?;
    let lists = [&status.init_container_statuses, &status.container_statuses, &status.ephemeral_container_statuses];
    let status = lists.into_iter().flatten().flatten().find(|status| status.name == container)?;
    let waiting = status.state.as_ref()?.waiting.as_ref().filter(|_| status.container_id.is_none())?;
    match waiting.reason.as_deref()? {
        "ErrImagePull" | "ImagePullBackOff" => Some("trying and failing to pull image"),
        reason => Some(reason),
    }
}

/// At most so many lines travel together.
const TOGETHER: usize = 256;

/// The lines that are there travel together, and none is waited for: a chunk for each would cost more than all that is in it.
fn chunks(lines: impl Stream<Item = io::Result<Bytes>>) -> impl Stream<Item = io::Result<Bytes>> {
    let joined = lines.ready_chunks(TOGETHER).flat_map(|lines| {
        let (mut chunk, mut failure) = (BytesMut::new(), None);
        for line in lines {
            match line {
                Ok(line) => chunk.extend_from_slice(&line),
                Err(error) => {
                    failure = Some(error);
                    break;
                }
            }
        }
        stream::iter([Ok(chunk.freeze())].into_iter().chain(failure.map(Err)))
    });
    // An empty chunk would end the answer.
    joined.filter(|chunk| future::ready(!chunk.as_ref().is_ok_and(Bytes::is_empty)))
}

/// `v1.PodLogOptions`.
fn options(query: &Query, pod: &str) -> Result<LogOptions, Status> {
    let mut errors = ErrorList::default();
    let mut at_least = |field: &str, least: i64, rule: &str| -> Result<Option<u64>, Status> {
        let Some(value) = number(query, field)? else { return Ok(None) };
        if value < least {
            errors.push(FieldErrorKind::Invalid, field, format!("Invalid value: {value}: must be greater than {rule}"));
        }
        Ok(u64::try_from(value).ok())
    };
    let tail_lines = at_least("tailLines", 0, "or equal to 0")?;
    let limit_bytes = at_least("limitBytes", 1, "0")?;
    let since_seconds = at_least("sinceSeconds", 1, "0")?;
    let since_time = query.get("sinceTime").filter(|time| !time.is_empty()).map(time).transpose()?;
    if since_seconds.is_some() && since_time.is_some() {
        errors.push(FieldErrorKind::Forbidden, "", "Forbidden: at most one of `sinceTime` or `sinceSeconds` may be specified");
    }
    if !errors.is_empty() {
        return Err(Status::invalid("", "PodLogOptions", pod, &errors));
    }
    let since = since_seconds.map(|seconds| clock::now() - SignedDuration::from_secs(seconds.cast_signed()));
    Ok(LogOptions {
        follow: query.is_true("follow"),
        previous: query.is_true("previous"),
        since: since.or(since_time),
        timestamps: query.is_true("timestamps"),
        tail_lines,
        limit_bytes,
    })
}

fn time(text: &str) -> Result<Timestamp, Status> {
    text.parse().map_err(|_| Status::bad_request(format!("parsing time {text:?}: it is not in the form of RFC 3339")))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn every_wrong_option_of_a_log_is_named() {
        let status = options(&Query::new("tailLines=-1&limitBytes=0"), "p").unwrap_err();
        assert_eq!(
            status.message,
            "PodLogOptions \"p\" is invalid: [tailLines: Invalid value: -1: must be greater than or equal to 0, limitBytes: Invalid value: 0: must be greater than 0]"
        );
    }

    #[tokio::test]
    async fn lines_that_are_there_travel_together_and_an_error_comes_after_them() {
        let lines = ["a\n", "", "b\n"].map(|line| Ok(Bytes::from(line)));
        let failing = stream::iter(lines).chain(stream::iter([Err(io::Error::other("gone"))])).chain(stream::pending());
        let got: Vec<Option<Bytes>> = chunks(failing).map(Result::ok).take(2).collect().await;
        assert_eq!(got, [Some(Bytes::from("a\nb\n")), None]);
    }

    #[test]
    fn a_container_that_never_ran_says_what_it_waits_for() {
        let pod = |reason: &str, id: Option<&str>| -> Pod {
            let status = json!({"name": "c", "containerID": id, "image": "", "imageID": "", "ready": false, "restartCount": 0,
                "state": {"waiting": {"reason": reason}}});
            serde_json::from_value(json!({"metadata": {}, "status": {"containerStatuses": [status]}})).unwrap()
        };
        assert_eq!(waits_for_its_start(&pod("CreateContainerError", None), "c"), Some("CreateContainerError"));
        assert_eq!(waits_for_its_start(&pod("ImagePullBackOff", None), "c"), Some("trying and failing to pull image"));
        assert_eq!(waits_for_its_start(&pod("CrashLoopBackOff", Some("docker://1")), "c"), None);
        assert_eq!(waits_for_its_start(&pod("ContainerCreating", None), "other"), None);
    }

    #[test]
    fn seconds_count_back_from_now() {
        let since = options(&Query::new("sinceSeconds=60"), "p").unwrap().since.unwrap();
        assert!((clock::now() - since).get_seconds() >= 60);
    }
}
