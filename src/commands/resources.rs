//! What the server serves, and which of it a word means.

use futures::future::try_join;
use serde::Deserialize;
use serde_json::Value;

use super::Failure;
use crate::api::remote::{Ask, Remote};

/// `apidiscovery.k8s.io/v2`: all groups in one answer.
const AGGREGATED: &str = "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList,application/json";

/// One resource of the server.
#[derive(Clone, Debug, PartialEq)]
pub struct Resource {
    pub group: String,
    pub version: String,
    pub kind: String,
    pub plural: String,
    pub singular: String,
    pub short_names: Vec<String>,
    pub categories: Vec<String>,
    pub namespaced: bool,
}

impl Resource {
    /// The path of a collection, or of one of its objects. An empty namespace means all of them.
    pub fn path(&self, namespace: &str, name: &str) -> String {
        let root = if self.group.is_empty() { format!("/api/{}", self.version) } else { format!("/apis/{}/{}", self.group, self.version) };
        let scope = if self.namespaced && !namespace.is_empty() { format!("/namespaces/{namespace}") } else { String::new() };
        let object = if name.is_empty() { String::new() } else { format!("/{name}") };
        format!("{root}{scope}/{}{object}", self.plural)
    }

    /// As `kubectl` names it in its output: `pod`, `deployment.apps`.
    pub fn label(&self) -> String {
        if self.group.is_empty() { self.singular.clone() } else { format!("{}.{}", self.singular, self.group) }
    }

    /// Its type's name among the schema facts: `core.v1.Pod`.
    pub fn schema(&self) -> String {
        let group = self.group.split('.').next().filter(|group| !group.is_empty()).unwrap_or("core");
        format!("{group}.{}.{}", self.version, self.kind)
    }

    fn is_called(&self, word: &str) -> bool {
        let (name, group) = word.split_once('.').unwrap_or((word, ""));
        let named =
            self.plural == name || self.singular == name || self.kind.to_lowercase() == name || self.short_names.iter().any(|s| s == name);
        named && self.group.starts_with(group)
    }
}

/// All resources, each group's preferred version first.
pub struct Resources(Vec<Resource>);

#[derive(Deserialize)]
struct GroupList {
    items: Vec<Group>,
}

#[derive(Deserialize)]
struct Group {
    #[serde(default)]
    metadata: Metadata,
    versions: Vec<Version>,
}

#[derive(Default, Deserialize)]
struct Metadata {
    #[serde(default)]
    name: String,
}

#[derive(Deserialize)]
struct Version {
    version: String,
    #[serde(default)]
    resources: Vec<Discovered>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Discovered {
    resource: String,
    #[serde(default)]
    singular_resource: String,
    scope: String,
    response_kind: ResponseKind,
    #[serde(default)]
    short_names: Vec<String>,
    #[serde(default)]
    categories: Vec<String>,
}

#[derive(Deserialize)]
struct ResponseKind {
    kind: String,
}

impl Resources {
    pub async fn discover(remote: &Remote) -> Result<Self, Failure> {
        let (core, groups) =
            try_join(remote.json(Ask::get("/api").accept(AGGREGATED)), remote.json(Ask::get("/apis").accept(AGGREGATED))).await?;
        let mut resources = Vec::new();
        for list in [core, groups] {
            let list: GroupList =
                serde_json::from_value(list).map_err(|error| format!("the server's discovery cannot be read: {error}"))?;
            for Group { metadata, versions } in list.items {
                for Version { version, resources: found } in versions {
                    resources.extend(found.into_iter().map(|found| Resource {
                        group: metadata.name.clone(),
                        version: version.clone(),
                        kind: found.response_kind.kind,
                        singular: found.singular_resource,
                        namespaced: found.scope == "Namespaced",
                        plural: found.resource,
                        short_names: found.short_names,
                        categories: found.categories,
                    }));
                }
            }
        }
        Ok(Self(resources))
    }

    /// What a comma-separated list of words means: resources, short names, kinds, or categories such as `all`.
    pub fn named(&self, words: &str) -> Result<Vec<Resource>, Failure> {
        let mut found: Vec<Resource> = Vec::new();
        for word in words.split(',').map(str::to_lowercase) {
            let in_category = || self.0.iter().filter(|resource| resource.categories.contains(&word)).cloned().collect();
            let meant: Vec<Resource> =
                self.0.iter().find(|resource| resource.is_called(&word)).map_or_else(in_category, |one| vec![one.clone()]);
            if meant.is_empty() {
                return Err(format!("the server doesn't have a resource type {word:?}").into());
            }
            for resource in meant {
                if !found.contains(&resource) {
                    found.push(resource);
                }
            }
        }
        Ok(found)
    }

    /// What a manifest's `apiVersion` and `kind` mean.
    pub fn of(&self, manifest: &Value) -> Result<&Resource, Failure> {
        let text = |field| manifest.get(field).and_then(Value::as_str).unwrap_or_default();
        let (group, version) = text("apiVersion").rsplit_once('/').unwrap_or(("", text("apiVersion")));
        self.0
            .iter()
            .find(|resource| resource.group == group && resource.version == version && resource.kind == text("kind"))
            .ok_or_else(|| format!("no matches for kind {:?} in version {:?}", text("kind"), text("apiVersion")).into())
    }
}

/// Objects that arguments name: `pods`, `pods,svc web`, `pod/web-1 svc/web`.
pub fn selected(resources: &Resources, arguments: &[String]) -> Result<Vec<(Resource, Option<String>)>, Failure> {
    let slashed = arguments.iter().filter(|argument| argument.contains('/')).count();
    match arguments {
        [] => Err("say which resource: for example `pods`, or `pod/web`".into()),
        _ if slashed == arguments.len() => {
            let pairs = arguments.iter().filter_map(|argument| argument.split_once('/'));
            pairs.map(|(word, name)| Ok((one(resources, word)?, Some(name.to_owned())))).collect()
        }
        _ if slashed > 0 => Err("there is no need to name a resource type apart where objects are given as TYPE/NAME".into()),
        [words] => Ok(resources.named(words)?.into_iter().map(|resource| (resource, None)).collect()),
        [words, names @ ..] => {
            let found = resources.named(words)?;
            Ok(found.iter().flat_map(|resource| names.iter().map(|name| (resource.clone(), Some(name.clone())))).collect())
        }
    }
}

fn one(resources: &Resources, word: &str) -> Result<Resource, Failure> {
    resources.named(word)?.into_iter().next().ok_or_else(|| format!("the server doesn't have a resource type {word:?}").into())
}

/// A query string of those parameters that say something.
pub fn query(parameters: &[(&str, &str)]) -> String {
    let mut query = form_urlencoded::Serializer::new(String::new());
    for (name, value) in parameters.iter().filter(|(_, value)| !value.is_empty()) {
        query.append_pair(name, value);
    }
    match query.finish() {
        empty if empty.is_empty() => empty,
        some => format!("?{some}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn resource(group: &str, plural: &str, kind: &str, short: &str, categories: &[&str]) -> Resource {
        Resource {
            group: group.into(),
            version: "v1".into(),
            kind: kind.into(),
            plural: plural.into(),
            singular: kind.to_lowercase(),
            short_names: vec![short.into()],
            categories: categories.iter().map(|c| (*c).to_owned()).collect(),
            namespaced: true,
        }
    }

    fn resources() -> Resources {
        Resources(vec![
            resource("", "pods", "Pod", "po", &["all"]),
            resource("", "services", "Service", "svc", &["all"]),
            resource("", "events", "Event", "ev", &[]),
            resource("events.k8s.io", "events", "Event", "ev", &[]),
        ])
    }

    #[test]
    fn a_word_is_a_plural_a_kind_a_short_name_or_a_category() {
        let plurals = |words| resources().named(words).map(|found| found.iter().map(|r| r.path("n", "")).collect::<Vec<_>>());
        for word in ["pods", "pod", "Pod", "po"] {
            assert_eq!(plurals(word).unwrap(), ["/api/v1/namespaces/n/pods"]);
        }
        assert_eq!(plurals("all,po").unwrap().len(), 2);
        assert_eq!(plurals("events.events.k8s.io").unwrap(), ["/apis/events.k8s.io/v1/namespaces/n/events"]);
        assert_eq!(plurals("sofas").unwrap_err().to_string(), "the server doesn't have a resource type \"sofas\"");
    }

    #[test]
    fn arguments_name_types_and_objects_in_both_ways() {
        let names = |arguments: &[&str]| {
            let arguments: Vec<String> = arguments.iter().map(|a| (*a).to_owned()).collect();
            selected(&resources(), &arguments).map(|found| found.iter().map(|(r, n)| (r.plural.clone(), n.clone())).collect::<Vec<_>>())
        };
        let pair = |plural: &str, name: Option<&str>| (plural.to_owned(), name.map(str::to_owned));
        assert_eq!(names(&["po", "a", "b"]).unwrap(), [pair("pods", Some("a")), pair("pods", Some("b"))]);
        assert_eq!(names(&["po/a", "svc/b"]).unwrap(), [pair("pods", Some("a")), pair("services", Some("b"))]);
        assert_eq!(names(&["po,svc"]).unwrap(), [pair("pods", None), pair("services", None)]);
        assert!(names(&["po", "svc/b"]).is_err());
        assert!(names(&[]).is_err());
    }
}
