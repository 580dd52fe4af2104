//! Priority levels.

use k8s_openapi::api::flowcontrol::v1::{
    ExemptPriorityLevelConfiguration, LimitResponse, LimitedPriorityLevelConfiguration, PriorityLevelConfiguration,
    PriorityLevelConfigurationSpec, QueuingConfiguration,
};
use serde_json::json;

use super::super::object_meta::object_meta;
use super::super::{ErrorList, NameForm, Path, internal};
use crate::api::flow_control;

const MOST_QUEUES: i32 = 10_000_000;
/// Of the hash that deals requests to queues.
const HASH_BITS: u32 = 60;
const EXEMPT: &str = "exempt";

pub fn priority_level(level: &PriorityLevelConfiguration) -> ErrorList {
    let mut errors = object_meta(&level.metadata, false, NameForm::Subdomain, &Path::new("metadata"));
    let empty = PriorityLevelConfigurationSpec::default();
    let (name, spec) = (level.metadata.name.as_deref().unwrap_or_default(), level.spec.as_ref().unwrap_or(&empty));
    let path = Path::new("spec");
    fixed(name, spec, &path, &mut errors);
    level_spec(name, spec, &path, &mut errors);
    errors.extend(status(level));
    errors
}

pub fn priority_level_update(new: &PriorityLevelConfiguration, _old: &PriorityLevelConfiguration) -> ErrorList {
    priority_level(new)
}

pub fn priority_level_status_update(new: &PriorityLevelConfiguration, _old: &PriorityLevelConfiguration) -> ErrorList {
    status(new)
}

fn status(level: &PriorityLevelConfiguration) -> ErrorList {
    let conditions = level.status.iter().flat_map(|status| status.conditions.iter().flatten());
    super::conditions(conditions.map(|condition| condition.type_.as_deref()))
}

/// A level that every server needs is as it is; only how much of it others may borrow is the administrator's.
fn fixed(name: &str, spec: &PriorityLevelConfigurationSpec, path: &Path, errors: &mut ErrorList) {
    let Some(fixed) = flow_control::mandatory_level(name) else { return };
    let (mut new, mut fixed) = (json!(spec), fixed["spec"].clone());
    let mut except = "";
    if name == EXEMPT {
        except = " except the 'spec.exempt' field";
        for spec in [&mut new, &mut fixed] {
            spec.as_object_mut().map(|spec| spec.remove(EXEMPT));
        }
    }
    if new != fixed {
        errors.invalid(path, internal(spec), &format!("spec of '{name}'{except} must equal the fixed value"));
    }
}

fn level_spec(name: &str, spec: &PriorityLevelConfigurationSpec, path: &Path, errors: &mut ErrorList) {
    if (name == EXEMPT) != (spec.type_ == "Exempt") {
        errors.invalid(&path.child("type"), &spec.type_, "must be 'Exempt' if and only if `name` is 'exempt'");
    }
    match spec.type_.as_str() {
        "Exempt" => {
            if spec.limited.is_some() {
                errors.forbidden(&path.child("limited"), "must be nil if the type is not Limited");
            }
            if let Some(level) = &spec.exempt {
                exempt(level, &path.child("exempt"), errors);
            }
        }
        "Limited" => {
            if spec.exempt.is_some() {
                errors.forbidden(&path.child("exempt"), "must be nil if the type is Limited");
            }
            match &spec.limited {
                None => errors.required(&path.child("limited"), "must not be empty when type is Limited"),
                Some(level) => limited(level, &path.child("limited"), errors),
            }
        }
        other => errors.not_supported(&path.child("type"), other, &["Exempt", "Limited"]),
    }
}

fn exempt(level: &ExemptPriorityLevelConfiguration, path: &Path, errors: &mut ErrorList) {
    shares(level.nominal_concurrency_shares, &path.child("nominalConcurrencyShares"), errors);
    percent(level.lendable_percent, &path.child("lendablePercent"), errors);
}

fn limited(level: &LimitedPriorityLevelConfiguration, path: &Path, errors: &mut ErrorList) {
    shares(level.nominal_concurrency_shares, &path.child("nominalConcurrencyShares"), errors);
    response(level.limit_response.as_ref(), &path.child("limitResponse"), errors);
    percent(level.lendable_percent, &path.child("lendablePercent"), errors);
    if let Some(percent) = level.borrowing_limit_percent.filter(|percent| *percent < 0) {
        errors.invalid(&path.child("borrowingLimitPercent"), percent, "if specified, must be a non-negative integer");
    }
}

fn shares(shares: Option<i32>, path: &Path, errors: &mut ErrorList) {
    if let Some(shares) = shares.filter(|shares| *shares < 0) {
        errors.invalid(path, shares, "must be a non-negative integer");
    }
}

fn percent(percent: Option<i32>, path: &Path, errors: &mut ErrorList) {
    if let Some(percent) = percent.filter(|percent| !(0..=100).contains(percent)) {
        errors.invalid(path, percent, "must be between 0 and 100, inclusive");
    }
}

fn response(response: Option<&LimitResponse>, path: &Path, errors: &mut ErrorList) {
    let at = path.child("queuing");
    let queues = response.and_then(|response| response.queuing.as_ref());
    match response.map_or("", |response| response.type_.as_str()) {
        "Reject" => {
            if queues.is_some() {
                errors.forbidden(&at, "must be nil if limited.limitResponse.type is not Limited");
            }
        }
        "Queue" => match queues {
            None => errors.required(&at, "must not be empty if limited.limitResponse.type is Limited"),
            Some(queues) => queuing(queues, &at, errors),
        },
        other => errors.not_supported(&path.child("type"), other, &["Queue", "Reject"]),
    }
}

fn queuing(queuing: &QueuingConfiguration, path: &Path, errors: &mut ErrorList) {
    let (length, queues) = (queuing.queue_length_limit.unwrap_or_default(), queuing.queues.unwrap_or_default());
    let hand = queuing.hand_size.unwrap_or_default();
    if length <= 0 {
        errors.invalid(&path.child("queueLengthLimit"), length, "must be positive");
    }
    if queues <= 0 {
        errors.invalid(&path.child("queues"), queues, "must be positive");
    } else if queues > MOST_QUEUES {
        errors.invalid(&path.child("queues"), queues, &format!("must not be greater than {MOST_QUEUES}"));
    }
    let path = path.child("handSize");
    if hand <= 0 {
        errors.invalid(&path, hand, "must be positive");
    } else if hand > queues {
        errors.invalid(&path, hand, &format!("should not be greater than queues ({queues})"));
    } else if entropy_bits(queues, hand) > HASH_BITS {
        let why = format!("required entropy bits of deckSize {queues} and handSize {hand} should not be greater than {HASH_BITS}");
        errors.invalid(&path, hand, &why);
    }
}

/// How much chance it takes to deal a hand from a deck.
fn entropy_bits(deck: i32, hand: i32) -> u32 {
    (f64::from(deck).log2() * f64::from(hand)).ceil() as u32
}
