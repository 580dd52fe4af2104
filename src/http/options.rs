//! A request's parameters, read as strictly as upstream reads them.

use std::time::Duration;

use super::request::Query;
use crate::api::client::{DeleteOptions, FieldValidation, ListOptions, Propagation, WriteOptions};
use crate::api::status::Status;
use crate::api::validation::{ErrorList, FieldErrorKind};

/// The longest name of a field manager, in bytes.
const MANAGER_LENGTH: usize = 128;

/// Which list or watch is asked for.
pub fn list(query: &Query) -> Result<ListOptions, Status> {
    Ok(ListOptions {
        label_selector: query.text("labelSelector").to_owned(),
        field_selector: query.text("fieldSelector").to_owned(),
        limit: number(query, "limit")?.map_or(0, |limit| u64::try_from(limit).unwrap_or(0)),
        continue_token: query.text("continue").to_owned(),
        resource_version: query.text("resourceVersion").to_owned(),
        resource_version_match: query.text("resourceVersionMatch").to_owned(),
        timeout_seconds: number(query, "timeoutSeconds")?.and_then(|seconds| u64::try_from(seconds).ok()).filter(|seconds| *seconds > 0),
        allow_watch_bookmarks: query.is_true("allowWatchBookmarks"),
        send_initial_events: query.get("sendInitialEvents").map(|_| query.is_true("sendInitialEvents")),
    })
}

/// How a write is to be done. `kind` is the name of its options upstream; `user_agent` names the field manager if the query does not.
pub fn write(query: &Query, kind: &str, user_agent: &str) -> Result<WriteOptions, Status> {
    let mut errors = ErrorList::default();
    let dry_run = dry_run(query.all("dryRun").collect(), &mut errors);
    let manager = query.text("fieldManager");
    if manager.len() > MANAGER_LENGTH {
        errors.push(FieldErrorKind::TooLong, "fieldManager", format!("Too long: may not be more than {MANAGER_LENGTH} bytes"));
    }
    let field_validation = field_validation(query.text("fieldValidation"), &mut errors);
    if !errors.is_empty() {
        return Err(Status::invalid_options(kind, &errors));
    }
    let field_manager = if manager.is_empty() { manager_of(user_agent) } else { manager.to_owned() };
    Ok(WriteOptions { dry_run, field_manager, field_validation, force: query.is_true("force") })
}

/// How a patch is to be done.
pub fn patch(query: &Query, is_apply: bool, user_agent: &str) -> Result<WriteOptions, Status> {
    let options = write(query, "PatchOptions", user_agent)?;
    let mut errors = ErrorList::default();
    if is_apply && query.text("fieldManager").is_empty() {
        errors.push(FieldErrorKind::Required, "fieldManager", "Required value: is required for apply patch");
    }
    if !is_apply && query.get("force").is_some() {
        errors.push(FieldErrorKind::Forbidden, "force", "Forbidden: may not be specified for non-apply patch");
    }
    if errors.is_empty() { Ok(options) } else { Err(Status::invalid_options("PatchOptions", &errors)) }
}

/// How a deletion is to be done, where the body does not say.
pub fn delete(query: &Query) -> Result<DeleteOptions, Status> {
    let mut errors = ErrorList::default();
    let options = DeleteOptions {
        dry_run: dry_run(query.all("dryRun").collect(), &mut errors),
        grace_period_seconds: number(query, "gracePeriodSeconds")?,
        propagation: query.get("propagationPolicy").filter(|policy| !policy.is_empty()).map(Propagation::parse).transpose()?,
        orphan_dependents: query.get("orphanDependents").map(|_| query.is_true("orphanDependents")),
        uid: None,
        resource_version: None,
    };
    if errors.is_empty() { Ok(options) } else { Err(Status::invalid_options("DeleteOptions", &errors)) }
}

/// The one value of `dryRun` is `All`.
pub fn dry_run(values: Vec<&str>, errors: &mut ErrorList) -> bool {
    if values.iter().any(|value| *value != "All") {
        let all = serde_json::to_string(&values).expect("texts are JSON");
        errors.push(FieldErrorKind::NotSupported, "dryRun", format!("Unsupported value: {all}: supported values: \"All\""));
    }
    !values.is_empty()
}

fn field_validation(value: &str, errors: &mut ErrorList) -> FieldValidation {
    match value {
        "Ignore" => FieldValidation::Ignore,
        "" | "Warn" => FieldValidation::Warn,
        "Strict" => FieldValidation::Strict,
        _ => {
            let message = format!("Unsupported value: {value:?}: supported values: \"\", \"Ignore\", \"Strict\", \"Warn\"");
            errors.push(FieldErrorKind::NotSupported, "fieldValidation", message);
            FieldValidation::Warn
        }
    }
}

/// A program's name is the part of its user agent before the version.
fn manager_of(user_agent: &str) -> String {
    let name = user_agent.split('/').next().unwrap_or_default();
    let end = (0..=name.len().min(MANAGER_LENGTH)).rev().find(|end| name.is_char_boundary(*end)).unwrap_or(0);
    name[..end].to_owned()
}

/// A whole number, as Go reads one.
///
/// # Errors
/// Go's words for what is none.
pub fn number(query: &Query, name: &str) -> Result<Option<i64>, Status> {
    let Some(text) = query.get(name).filter(|text| !text.is_empty()) else { return Ok(None) };
    let digits = text.strip_prefix(['-', '+']).unwrap_or(text);
    let plain = !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit());
    match text.parse() {
        Ok(number) if plain => Ok(Some(number)),
        _ => {
            let why = if plain { "value out of range" } else { "invalid syntax" };
            Err(Status::bad_request(format!("strconv.ParseInt: parsing {text:?}: {why}")))
        }
    }
}

/// The `timeout` parameter: how long the client is ready to wait for the answer.
pub fn timeout(query: &Query) -> Result<Option<Duration>, Status> {
    let Some(text) = query.get("timeout").filter(|text| !text.is_empty()) else { return Ok(None) };
    match duration(text) {
        Some(duration) => Ok(Some(duration).filter(|duration| !duration.is_zero())),
        None => {
            let message = format!("invalid timeout specified in the request URL - time: invalid duration {text:?}");
            Err(Status::bad_request(message))
        }
    }
}

/// A duration as Go writes it: `1m30s`, `1.5h`, `200ms`.
fn duration(text: &str) -> Option<Duration> {
    let mut rest = text.strip_prefix('+').unwrap_or(text);
    let mut total = Duration::ZERO;
    if rest == "0" {
        return Some(total);
    }
    while !rest.is_empty() {
        let end = rest.find(|letter: char| !letter.is_ascii_digit() && letter != '.')?;
        let number: f64 = rest[..end].parse().ok()?;
        rest = &rest[end..];
        let unit = &rest[..rest.find(|letter: char| letter.is_ascii_digit() || letter == '.').unwrap_or(rest.len())];
        rest = &rest[unit.len()..];
        let seconds = match unit {
            "ns" => 1e-9,
            "us" | "µs" | "μs" => 1e-6,
            "ms" => 1e-3,
            "s" => 1.0,
            "m" => 60.0,
            "h" => 3600.0,
            _ => return None,
        };
        total = total.checked_add(Duration::try_from_secs_f64(number * seconds).ok()?)?;
    }
    (!text.is_empty()).then_some(total)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_are_read_as_go_writes_them() {
        for (text, expected) in [
            ("30s", Some(30_000)),
            ("1m30s", Some(90_000)),
            ("1.5h", Some(5_400_000)),
            ("200ms", Some(200)),
            ("0", Some(0)),
            ("soon", None),
            ("5", None),
            ("-1s", None),
        ] {
            assert_eq!(duration(text).map(|duration| duration.as_millis()), expected, "{text}");
        }
    }

    #[test]
    fn what_is_no_number_is_refused_in_gos_words() {
        let error = |query| list(&Query::new(query)).unwrap_err().message;
        assert_eq!(error("limit=ten"), "strconv.ParseInt: parsing \"ten\": invalid syntax");
        assert_eq!(error("limit=99999999999999999999"), "strconv.ParseInt: parsing \"99999999999999999999\": value out of range");
    }

    #[test]
    fn every_wrong_option_is_named() {
        let status = write(&Query::new("dryRun=Some&fieldValidation=Maybe"), "CreateOptions", "kubectl/v1.35").unwrap_err();
        assert_eq!(
            status.message,
            "CreateOptions.meta.k8s.io \"\" is invalid: [dryRun: Unsupported value: [\"Some\"]: supported values: \"All\", fieldValidation: Unsupported value: \"Maybe\": supported values: \"\", \"Ignore\", \"Strict\", \"Warn\"]"
        );
    }

    #[test]
    fn the_manager_is_the_programs_name_unless_the_query_says_otherwise() {
        let manager = |query, agent| write(&Query::new(query), "CreateOptions", agent).unwrap().field_manager;
        assert_eq!(manager("", "kubectl/v1.35 (linux/amd64)"), "kubectl");
        assert_eq!(manager("fieldManager=me", "kubectl/v1.35"), "me");
    }
}
