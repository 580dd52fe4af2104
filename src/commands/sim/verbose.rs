//! What one actor asked, was told and was shown in a run.

use std::collections::BTreeSet;

use jiff::Timestamp;

use crate::commands::Failure;
use crate::simulation::{Delivery, Entry, Event};

/// The names by which people call the parts of the control plane.
const SHORT: [(&str, &str); 3] =
    [("scheduler", "system:kube-scheduler"), ("controllers", "system:kube-controller-manager"), ("admin", "kubernetes-admin")];
const NODE: &str = "system:node:";

/// The lines of an actor: as whom it speaks to the API, in full or in short (`scheduler`, `controllers`, a node's name), with the containers
/// of a node and the panics on its path.
///
/// # Errors
/// There is no such actor; the error names those there are.
pub fn lines(entries: &[Entry], actor: &str) -> Result<Vec<String>, Failure> {
    let users: BTreeSet<&str> = entries.iter().filter_map(|entry| user(&entry.event)).collect();
    let long = SHORT.iter().find(|(short, _)| *short == actor).map_or(actor, |(_, long)| long);
    let node = format!("{NODE}{actor}");
    let Some(user) = users.iter().copied().find(|user| *user == long || *user == node) else {
        let all: Vec<&str> = users.into_iter().collect();
        return Err(format!("there is no actor {actor:?} in this run: there are {}", all.join(", ")).into());
    };
    let begun = entries.first().map_or(Timestamp::UNIX_EPOCH, |entry| entry.time);
    Ok(entries.iter().filter_map(|entry| line(entry, user, begun)).collect())
}

fn user(event: &Event) -> Option<&str> {
    match event {
        Event::Asked { request, .. } | Event::Answered { request, .. } | Event::Delivered { request, .. } => Some(&request.user),
        _ => None,
    }
}

fn line(entry: &Entry, user: &str, begun: Timestamp) -> Option<String> {
    let node = user.strip_prefix(NODE);
    let said = match &entry.event {
        Event::Asked { id, request } if *request.user == *user => {
            let words = request.to_string();
            format!("#{id:<7} asks     {}", words.strip_prefix(user).unwrap_or(&words).trim_start())
        }
        Event::Answered { id, request, outcome } if *request.user == *user => {
            format!("#{id:<7} is told  {outcome}  ({} {}/{})", request.verb, request.collection, request.path)
        }
        Event::Delivered { id, request, delivery } if *request.user == *user => match delivery {
            Delivery::Changed(..) => format!("#{id:<7} is shown {}: {delivery}", request.collection),
            _ => format!("#{id:<7} watch of {}: {delivery}", request.collection),
        },
        Event::Container { node: of, name, id, what, .. } if Some(&**of) == node => format!("         container {name} {what}  ({id})"),
        Event::Panicked { actor, message, .. } if node.is_some_and(|node| actor.starts_with(&format!("/node {node}/"))) => {
            format!("         {actor} panics: {message}")
        }
        Event::Process { what } => format!("         process {what}"),
        _ => return None,
    };
    let at = entry.time.duration_since(begun).as_secs_f64();
    Some(format!("{at:>10.3} s {said}"))
}
