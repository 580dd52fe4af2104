//! Makes a failing script smaller, as long as it fails in the same way.

use super::deeds::Step;
use super::rehearsal::{Watching, rehearse};
use super::scenario::{ScenarioError, Script};
use super::watchdog::Violation;

/// The smallest script found that breaks the same invariant, with how it breaks it: fewer deeds by delta debugging (Zeller and Hildebrandt,
/// "Simplifying and Isolating Failure-Inducing Input"), then fewer pods and nodes. `None` if the script breaks nothing.
///
/// `tried` is told of each attempt: how many deeds it had, and whether it still failed.
///
/// # Errors
/// The scenario cannot be run.
pub fn shrink(script: &Script, tried: &mut dyn FnMut(usize, bool)) -> Result<Option<(Script, Violation, String)>, ScenarioError> {
    let (outcome, _) = rehearse(script, &Watching::default())?;
    let Some(violation) = outcome.violation else { return Ok(None) };
    let mut best = (script.clone(), violation, outcome.digest);
    let mut attempt = |candidate: Script, best: &mut (Script, Violation, String)| -> Result<bool, ScenarioError> {
        let (outcome, _) = rehearse(&candidate, &Watching::default())?;
        let fails = outcome.violation.filter(|violation| violation.invariant == best.1.invariant);
        tried(candidate.steps.len(), fails.is_some());
        let Some(violation) = fails else { return Ok(false) };
        *best = (candidate, violation, outcome.digest);
        Ok(true)
    };
    // Nothing that comes after the violation can have caused it.
    let mut parts = 2;
    while best.0.steps.len() > 1 {
        let steps = best.0.steps.clone();
        let size = steps.len().div_ceil(parts);
        let mut shrunk = false;
        for start in (0..steps.len()).step_by(size) {
            let rest: Vec<Step> =
                steps.iter().enumerate().filter(|(at, _)| *at < start || *at >= start + size).map(|(_, step)| step.clone()).collect();
            if attempt(Script { steps: rest, ..best.0.clone() }, &mut best)? {
                shrunk = true;
                break;
            }
        }
        parts = match shrunk {
            true => (parts - 1).max(2),
            false if size == 1 => break,
            false => (parts * 2).min(steps.len()),
        };
    }
    if best.0.steps.len() == 1 {
        attempt(Script { steps: Vec::new(), ..best.0.clone() }, &mut best)?;
    }
    while best.0.scenario.pods > 1 {
        let mut smaller = best.0.clone();
        smaller.scenario.pods /= 2;
        if !attempt(smaller, &mut best)? {
            break;
        }
    }
    // The nodes of another cluster are what they are.
    while best.0.scenario.nodes.count > 1 && best.0.export.is_empty() {
        let mut smaller = best.0.clone();
        smaller.scenario.nodes.count /= 2;
        if !attempt(smaller, &mut best)? {
            break;
        }
    }
    Ok(Some(best))
}
