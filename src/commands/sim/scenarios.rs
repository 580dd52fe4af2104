//! The scenarios that ship, by name.

use std::path::Path;

use crate::commands::Failure;
use crate::simulation::Scenario;

macro_rules! shipped {
    ($($name:literal),* $(,)?) => { [$(($name, include_str!(concat!("../../../examples/scenarios/", $name, ".yaml")))),*] };
}

pub const SHIPPED: [(&str, &str); 17] = shipped![
    "chaos",
    "coverage",
    "node-loss",
    "zone-loss",
    "rolling-scale",
    "api-restart-storm",
    "etcd-slow",
    "partition",
    "thundering-herd",
    "preemption-cascade",
    "full-disk",
    "power-loss",
    "clock-skew",
    "leader-flap",
    "two-leaders",
    "what-if",
    "what-if-drain",
];

/// A scenario that ships, or one in a file.
///
/// # Errors
/// There is none of that name, or it cannot happen; the error names the file, the line and the column.
pub fn find(place: &str) -> Result<Scenario, Failure> {
    if let Some((_, text)) = SHIPPED.iter().find(|(name, _)| *name == place) {
        return Ok(Scenario::read(text)?);
    }
    if !Path::new(place).exists() {
        return Err(format!("{place}: there is no such scenario and no such file; `kabuki sim list` shows what ships").into());
    }
    let text = std::fs::read_to_string(place).map_err(|error| format!("{place}: {error}"))?;
    Scenario::read(&text).map_err(|error| format!("{place}: {error}").into())
}
