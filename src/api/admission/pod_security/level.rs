//! What a namespace's labels ask for.

use std::collections::BTreeMap;
use std::fmt;

use super::pod::{Pod, Violation};
use crate::api::validation::{ErrorList, Path};

const PREFIX: &str = "pod-security.kubernetes.io/";

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Level {
    Privileged,
    Baseline,
    Restricted,
}

/// A level as of a version of Kubernetes; the newest if none is named.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Standard {
    pub level: Level,
    /// The minor version.
    pub version: Option<u32>,
}

/// A rule, the minor version from which it holds, and the one from which the restricted level has a stricter one in its stead.
pub struct Check {
    pub since: u32,
    pub overridden: Option<u32>,
    pub find: fn(&Pod, &Standard) -> Option<Violation>,
}

pub const fn check(since: u32, find: fn(&Pod, &Standard) -> Option<Violation>) -> Check {
    Check { since, overridden: None, find }
}

impl Standard {
    const PRIVILEGED: Self = Self { level: Level::Privileged, version: None };

    pub fn is_privileged(&self) -> bool {
        self.level == Level::Privileged
    }

    /// It is of that minor version or newer.
    pub fn is_since(&self, minor: u32) -> bool {
        self.version.is_none_or(|version| version >= minor)
    }

    pub fn has(&self, check: &Check) -> bool {
        let is_overridden = self.level == Level::Restricted && check.overridden.is_some_and(|minor| self.is_since(minor));
        self.is_since(check.since) && !is_overridden
    }
}

impl fmt::Display for Standard {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let level = match self.level {
            Level::Privileged => "privileged",
            Level::Baseline => "baseline",
            Level::Restricted => "restricted",
        };
        match self.version {
            None => write!(f, "{level}:latest"),
            Some(minor) => write!(f, "{level}:v1.{minor}"),
        }
    }
}

/// What is enforced, and what is warned of. There is no audit log, so what would only be written there is not looked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Policy {
    pub enforce: Standard,
    pub warn: Standard,
}

impl Policy {
    /// What labels ask for, and what is wrong with them. What is enforced is the strictest where a label says nothing that is known;
    /// whoever asks for a level without asking for warnings is warned of the same (`PolicyToEvaluate`).
    pub fn of(labels: &BTreeMap<String, String>) -> (Self, ErrorList) {
        let mut errors = ErrorList::default();
        let mut mode = |mode: &str, otherwise: Level| {
            let mut standard = Standard::PRIVILEGED;
            let key = format!("{PREFIX}{mode}");
            if let Some(text) = labels.get(&key) {
                standard.level = level(text).unwrap_or_else(|| {
                    errors.invalid(
                        &Path::new("metadata.labels").key(&key),
                        text.as_str(),
                        "must be one of privileged, baseline, restricted",
                    );
                    otherwise
                });
            }
            let key = format!("{PREFIX}{mode}-version");
            if let Some(text) = labels.get(&key) {
                standard.version = version(text).unwrap_or_else(|| {
                    errors.invalid(&Path::new("metadata.labels").key(&key), text.as_str(), "must be \"latest\" or \"v1.x\"");
                    None
                });
            }
            (standard, labels.contains_key(&format!("{PREFIX}{mode}")))
        };
        let (enforce, _) = mode("enforce", Level::Restricted);
        mode("audit", Level::Restricted);
        let (mut warn, is_said) = mode("warn", Level::Privileged);
        if !is_said {
            // Who enforces nothing that warns besides is warned of what is enforced, in things that make pods.
            warn = Standard { level: enforce.level, version: warn.version.or(enforce.version) };
        }
        (Self { enforce, warn }, errors)
    }
}

fn level(text: &str) -> Option<Level> {
    match text {
        "privileged" => Some(Level::Privileged),
        "baseline" => Some(Level::Baseline),
        "restricted" => Some(Level::Restricted),
        _ => None,
    }
}

/// `latest` or `v1.24`.
fn version(text: &str) -> Option<Option<u32>> {
    if text == "latest" {
        return Some(None);
    }
    let minor = text.strip_prefix("v1.")?;
    let is_plain = !minor.is_empty() && minor.bytes().all(|byte| byte.is_ascii_digit()) && (minor == "0" || !minor.starts_with('0'));
    is_plain.then(|| minor.parse().ok()).flatten().map(Some)
}
