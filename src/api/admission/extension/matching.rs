//! Which writes a webhook or a policy is asked about.

use std::collections::BTreeMap;

use k8s_openapi::api::admissionregistration::v1::{MatchResources, NamedRuleWithOperations, RuleWithOperations};
use k8s_openapi::apimachinery::pkg::apis::meta::v1;
use serde_json::Value;

use super::attributes::Attributes;
use crate::api::kinds::Kind;
use crate::api::selector::LabelSelector;

/// Rules and selectors, ready to be compared.
#[derive(Debug)]
pub struct Criteria {
    rules: Vec<Rule>,
    excluded: Vec<Rule>,
    /// Other versions of a resource count as the one that a rule names.
    equivalent: bool,
    /// `None` where it takes everything.
    namespaces: Option<LabelSelector>,
    objects: Option<LabelSelector>,
    /// No rule says what resources are meant, and so all are.
    open: bool,
}

#[derive(Debug)]
struct Rule {
    operations: Vec<String>,
    groups: Vec<String>,
    versions: Vec<String>,
    resources: Vec<String>,
    scope: String,
    names: Vec<String>,
}

impl Criteria {
    pub fn of_policy(matched: &MatchResources) -> Self {
        Self::named(matched, false)
    }

    /// A binding that names no resources means those of its policy.
    pub fn of_binding(matched: &MatchResources) -> Self {
        Self::named(matched, matched.resource_rules.as_ref().is_none_or(Vec::is_empty))
    }

    fn named(matched: &MatchResources, open: bool) -> Self {
        let rules = |rules: &Option<Vec<NamedRuleWithOperations>>| rules.iter().flatten().map(Rule::named).collect();
        Self {
            rules: rules(&matched.resource_rules),
            excluded: rules(&matched.exclude_resource_rules),
            equivalent: matched.match_policy.as_deref() != Some("Exact"),
            namespaces: selector(matched.namespace_selector.as_ref()),
            objects: selector(matched.object_selector.as_ref()),
            open,
        }
    }

    pub fn of_webhook(
        rules: &[RuleWithOperations],
        match_policy: Option<&str>,
        namespaces: Option<&v1::LabelSelector>,
        objects: Option<&v1::LabelSelector>,
    ) -> Self {
        Self {
            rules: rules.iter().map(Rule::new).collect(),
            excluded: Vec::new(),
            equivalent: match_policy != Some("Exact"),
            namespaces: selector(namespaces),
            objects: selector(objects),
            open: false,
        }
    }

    /// The version in which the one who asks wants to see the write; `None` if it is none of its business.
    pub fn matches<'a>(&self, write: &Attributes<'a>, object: Option<&Value>) -> Option<&'a Kind> {
        let within = |rules: &[Rule]| {
            let count = if self.equivalent { usize::MAX } else { 1 };
            write.versions().take(count).find(|kind| rules.iter().any(|rule| rule.covers(write, kind)))
        };
        let kind = if self.open { Some(write.kind) } else { within(&self.rules) }?;
        if !self.excluded.is_empty() && within(&self.excluded).is_some() {
            return None;
        }
        (self.takes_namespace(write, object) && self.takes_object(write, object)).then_some(kind)
    }

    fn takes_namespace(&self, write: &Attributes, object: Option<&Value>) -> bool {
        let Some(selector) = &self.namespaces else { return true };
        if write.is_namespace() {
            return labels(object.or(write.old)).is_some_and(|labels| selector.matches(&labels));
        }
        if write.namespace.is_empty() {
            return true;
        }
        write.find_namespace().is_some_and(|namespace| selector.matches(namespace.labels()))
    }

    fn takes_object(&self, write: &Attributes, object: Option<&Value>) -> bool {
        let Some(selector) = &self.objects else { return true };
        [object, write.old].into_iter().any(|one| labels(one).is_some_and(|labels| selector.matches(&labels)))
    }
}

/// A selector that selects; one that cannot be read selects nothing.
fn selector(selector: Option<&v1::LabelSelector>) -> Option<LabelSelector> {
    let parsed = LabelSelector::from_spec(selector?).unwrap_or_default();
    (!parsed.is_everything()).then_some(parsed)
}

fn labels(object: Option<&Value>) -> Option<BTreeMap<String, String>> {
    let labels = object?["metadata"]["labels"].as_object();
    let text = |(key, value): (&String, &Value)| Some((key.clone(), value.as_str()?.to_owned()));
    Some(labels.into_iter().flatten().filter_map(text).collect())
}

impl Rule {
    fn new(rule: &RuleWithOperations) -> Self {
        let list = |list: &Option<Vec<String>>| list.clone().unwrap_or_default();
        Self {
            operations: list(&rule.operations),
            groups: list(&rule.api_groups),
            versions: list(&rule.api_versions),
            resources: list(&rule.resources),
            scope: rule.scope.clone().unwrap_or_default(),
            names: Vec::new(),
        }
    }

    fn named(rule: &NamedRuleWithOperations) -> Self {
        let NamedRuleWithOperations { api_groups, api_versions, operations, resources, scope, resource_names } = rule.clone();
        let plain = RuleWithOperations { api_groups, api_versions, operations, resources, scope };
        Self { names: resource_names.unwrap_or_default(), ..Self::new(&plain) }
    }

    fn covers(&self, write: &Attributes, kind: &Kind) -> bool {
        let has = |list: &[String], word: &str| list.iter().any(|one| one == "*" || one == word);
        has(&self.operations, write.operation.name())
            && has(&self.groups, kind.group())
            && has(&self.versions, kind.version())
            && self.resources.iter().any(|resource| names(resource, kind.plural(), write.part.subresource))
            && match self.scope.as_str() {
                "Namespaced" => kind.is_namespaced(),
                // A namespace counts as of the cluster.
                "Cluster" => !kind.is_namespaced(),
                _ => true,
            }
            && (self.names.is_empty() || self.names.iter().any(|name| name == write.name))
    }
}

/// `pods`, `pods/status`, `pods/*`, `*/status`, `*`, `*/*`
fn names(resource: &str, plural: &str, subresource: &str) -> bool {
    let (name, below) = resource.split_once('/').unwrap_or((resource, ""));
    (name == "*" || name == plural) && (below == "*" || below == subresource)
}

#[cfg(test)]
mod tests {
    use super::names;

    #[test]
    fn a_rule_names_resources_and_what_is_below_them() {
        for (rule, plural, below, wanted) in [
            ("pods", "pods", "", true),
            ("pods", "pods", "status", false),
            ("pods/*", "pods", "status", true),
            ("pods/*", "pods", "", true),
            ("*/scale", "deployments", "scale", true),
            ("*/scale", "deployments", "", false),
            ("*", "secrets", "", true),
            ("*", "pods", "status", false),
            ("*/*", "pods", "status", true),
        ] {
            assert_eq!(names(rule, plural, below), wanted, "{rule} {plural}/{below}");
        }
    }
}
