//! A pod as the standards look at it.

use serde_json::Value;

/// What is wrong, in a word, and where.
#[derive(Clone, Debug)]
pub struct Violation {
    pub reason: String,
    pub detail: String,
}

pub fn violation(reason: &str, detail: impl Into<String>) -> Option<Violation> {
    Some(Violation { reason: reason.to_owned(), detail: detail.into() })
}

/// A pod, or a template of one.
pub struct Pod<'a> {
    pub metadata: &'a Value,
    pub spec: &'a Value,
}

impl<'a> Pod<'a> {
    pub fn new(pod: &'a Value) -> Self {
        Self { metadata: &pod["metadata"], spec: &pod["spec"] }
    }

    /// All its containers: those that come first, those that stay, those that are added.
    pub fn containers(&self) -> impl Iterator<Item = &'a Value> {
        let spec = self.spec;
        ["initContainers", "containers", "ephemeralContainers"]
            .into_iter()
            .flat_map(move |list| spec[list].as_array().into_iter().flatten())
    }

    pub fn context(&self) -> &'a Value {
        &self.spec["securityContext"]
    }

    pub fn is_windows(&self) -> bool {
        self.spec["os"]["name"] == "windows"
    }

    /// Its users are none of the host's.
    pub fn has_own_users(&self) -> bool {
        self.spec["hostUsers"] == false
    }

    /// The names of the containers of which something holds.
    pub fn containers_that(&self, holds: impl Fn(&Value) -> bool) -> Vec<&'a str> {
        self.containers().filter(|container| holds(container)).map(name).collect()
    }

    /// Who has set something in a security context that must not be: the pod, containers.
    pub fn setters(&self, is_bad: impl Fn(&Value) -> bool) -> Vec<String> {
        let mut setters = Vec::new();
        if is_bad(self.context()) {
            setters.push("pod".to_owned());
        }
        let bad = self.containers_that(|container| is_bad(&container["securityContext"]));
        if !bad.is_empty() {
            setters.push(containers(&bad));
        }
        setters
    }
}

pub fn name(thing: &Value) -> &str {
    thing["name"].as_str().unwrap_or_default()
}

/// `container "a"`, `containers "a", "b"`
pub fn containers(names: &[&str]) -> String {
    format!("{} {}", plural("container", names.len()), quoted(names))
}

pub fn plural(word: &str, count: usize) -> String {
    if count == 1 { word.to_owned() } else { format!("{word}s") }
}

/// `uses` of one, `use` of several.
pub fn uses(count: usize) -> &'static str {
    if count == 1 { "uses" } else { "use" }
}

pub fn quoted<T: AsRef<str>>(words: &[T]) -> String {
    words.iter().map(|word| format!("\"{}\"", word.as_ref())).collect::<Vec<_>>().join(", ")
}

/// Each once, in the order of the alphabet.
pub fn distinct<'a>(words: impl IntoIterator<Item = &'a str>) -> Vec<&'a str> {
    let words: std::collections::BTreeSet<&str> = words.into_iter().collect();
    words.into_iter().collect()
}
