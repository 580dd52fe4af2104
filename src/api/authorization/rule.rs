//! What a rule of a role allows (the page "Using RBAC Authorization").

use std::fmt;

use k8s_openapi::api::rbac::v1::PolicyRule;

use super::{RequestInfo, Resource};

/// Stands for all there is.
const ALL: &str = "*";

/// Verbs on resources, or on paths.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Rule {
    pub verbs: Vec<String>,
    pub groups: Vec<String>,
    /// `pods`, `pods/log`, `*/scale`.
    pub resources: Vec<String>,
    /// Empty for objects of any name.
    pub names: Vec<String>,
    /// A `*` at the end of one stands for any rest.
    pub urls: Vec<String>,
}

impl From<PolicyRule> for Rule {
    fn from(rule: PolicyRule) -> Self {
        Self {
            verbs: rule.verbs,
            groups: rule.api_groups.unwrap_or_default(),
            resources: rule.resources.unwrap_or_default(),
            names: rule.resource_names.unwrap_or_default(),
            urls: rule.non_resource_urls.unwrap_or_default(),
        }
    }
}

fn has(list: &[String], word: &str) -> bool {
    list.iter().any(|known| known == word)
}

fn has_or_all(list: &[String], word: &str) -> bool {
    list.iter().any(|known| known == word || known == ALL)
}

/// Whether a path, or a form of paths, lies within the form of a rule.
fn covers_url(own: &str, url: &str) -> bool {
    own == ALL || own == url || own.ends_with('*') && url.starts_with(own.trim_end_matches('*'))
}

impl Rule {
    pub fn allows(&self, request: &RequestInfo) -> bool {
        has_or_all(&self.verbs, &request.verb)
            && match &request.resource {
                Some(resource) => self.allows_resource(resource),
                None => self.urls.iter().any(|own| covers_url(own, &request.path)),
            }
    }

    fn allows_resource(&self, asked: &Resource) -> bool {
        has_or_all(&self.groups, &asked.group)
            && self.resources.iter().any(|own| covers_resource(own, &asked.plural, &asked.subresource))
            && (self.names.is_empty() || has(&self.names, &asked.name))
    }

    /// The rule in its smallest parts: of each that another rule allows some, it allows all.
    pub fn parts(&self) -> Vec<Rule> {
        let mut parts = Vec::new();
        let one = |word: &String| vec![word.clone()];
        for group in &self.groups {
            for resource in &self.resources {
                for verb in &self.verbs {
                    let part = Rule { verbs: one(verb), groups: one(group), resources: one(resource), ..Rule::default() };
                    match self.names.as_slice() {
                        [] => parts.push(part),
                        names => parts.extend(names.iter().map(|name| Rule { names: one(name), ..part.clone() })),
                    }
                }
            }
        }
        for url in &self.urls {
            parts.extend(self.verbs.iter().map(|verb| Rule { verbs: one(verb), urls: one(url), ..Rule::default() }));
        }
        parts
    }

    /// Whether who has this rule has all of that one, too; `part` is a smallest part.
    pub fn covers(&self, part: &Rule) -> bool {
        let all = |own: &[String], wanted: &[String]| has(own, ALL) || wanted.iter().all(|word| has(own, word));
        let resource = |wanted: &String| {
            let (plural, subresource) = wanted.split_once('/').unwrap_or((wanted, ""));
            self.resources.iter().any(|own| own == wanted || covers_resource(own, plural, subresource))
        };
        all(&self.verbs, &part.verbs)
            && all(&self.groups, &part.groups)
            && part.resources.iter().all(resource)
            && part.urls.iter().all(|url| self.urls.iter().any(|own| covers_url(own, url)))
            && (self.names.is_empty() || !part.names.is_empty() && part.names.iter().all(|name| has(&self.names, name)))
    }

    /// The group, resource and name of a rule about one of each, which can be joined with others by their verbs.
    fn simple(&self) -> Option<(&str, &str, Option<&str>)> {
        match (&*self.groups, &*self.resources, &*self.names, &*self.urls) {
            ([group], [resource], [], []) => Some((group, resource, None)),
            ([group], [resource], [name], []) => Some((group, resource, Some(name))),
            _ => None,
        }
    }
}

fn covers_resource(own: &str, plural: &str, subresource: &str) -> bool {
    if own == ALL {
        return true;
    }
    match own.split_once('/') {
        None => subresource.is_empty() && own == plural,
        Some((wanted, below)) => !subresource.is_empty() && below == subresource && (wanted == plural || wanted == ALL),
    }
}

/// What of the wanted rules is not had, with the verbs on one thing in one rule.
pub fn missing(had: &[&Rule], wanted: &[Rule]) -> Vec<Rule> {
    let mut missing: Vec<Rule> = Vec::new();
    for part in wanted.iter().flat_map(Rule::parts) {
        if had.iter().any(|own| own.covers(&part)) {
            continue;
        }
        let same = part.simple().and_then(|simple| missing.iter_mut().find(|known| known.simple() == Some(simple)));
        match same {
            Some(known) if has(&known.verbs, &part.verbs[0]) => {}
            Some(known) => known.verbs.extend(part.verbs),
            None => missing.push(part),
        }
    }
    missing
}

/// As upstream prints rules: `{APIGroups:[""], Resources:["pods"], Verbs:["get" "list"]}`.
impl fmt::Display for Rule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let fields = [
            ("APIGroups", &self.groups),
            ("Resources", &self.resources),
            ("NonResourceURLs", &self.urls),
            ("ResourceNames", &self.names),
            ("Verbs", &self.verbs),
        ];
        let said = fields.iter().filter(|(_, words)| !words.is_empty());
        let said: Vec<String> = said.map(|(field, words)| format!("{field}:{}", Quoted(words))).collect();
        write!(f, "{{{}}}", said.join(", "))
    }
}

/// A list as Go's `%q` prints one.
pub struct Quoted<'a>(pub &'a [String]);

impl fmt::Display for Quoted<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let quoted: Vec<String> = self.0.iter().map(|word| format!("{word:?}")).collect();
        write!(f, "[{}]", quoted.join(" "))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::api::authorization::defaults::notation::rules;

    fn rule(line: &str) -> Rule {
        rules(line).remove(0)
    }

    fn asks(verb: &str, group: &str, resource: &str, name: &str) -> RequestInfo {
        let (plural, subresource) = resource.split_once('/').unwrap_or((resource, ""));
        let [group, plural, subresource, name] = [group, plural, subresource, name].map(str::to_owned);
        RequestInfo {
            verb: verb.to_owned(),
            resource: Some(Resource { group, plural, subresource, name, ..Resource::default() }),
            ..RequestInfo::default()
        }
    }

    #[test]
    fn a_rule_allows_what_it_says_and_no_more() {
        for (line, verb, group, resource, name, expected) in [
            ("get | - | pods", "get", "", "pods", "p", true),
            ("get | - | pods", "list", "", "pods", "", false),
            ("get | - | pods", "get", "apps", "pods", "p", false),
            ("get | - | pods", "get", "", "pods/log", "p", false),
            ("get | - | pods/log", "get", "", "pods/log", "p", true),
            ("get | - | pods/log", "get", "", "pods", "p", false),
            ("* | * | *", "impersonate", "x", "y/z", "", true),
            ("get | * | */scale", "get", "apps", "deployments/scale", "d", true),
            ("get | * | */scale", "get", "apps", "deployments", "d", false),
            ("get | - | pods/*", "get", "", "pods/log", "p", false),
            ("get list | - | pods | a", "get", "", "pods", "a", true),
            ("get list | - | pods | a", "list", "", "pods", "", false),
            ("get | url | /version", "get", "", "pods", "", false),
        ] {
            assert_eq!(rule(line).allows(&asks(verb, group, resource, name)), expected, "{line}: {verb} {group}/{resource} {name}");
        }
    }

    #[test]
    fn a_rule_for_paths_ends_where_it_says() {
        for (line, path, expected) in [
            ("get | url | /healthz", "/healthz", true),
            ("get | url | /healthz", "/healthz/ping", false),
            ("get | url | /healthz/*", "/healthz/ping", true),
            ("get | url | /healthz/*", "/healthz", false),
            ("get | url | *", "/anything", true),
            ("get | url | /a*b", "/axb", false),
        ] {
            let asked = RequestInfo { verb: "get".into(), path: path.into(), ..RequestInfo::default() };
            assert_eq!(rule(line).allows(&asked), expected, "{line}: {path}");
        }
    }

    #[test]
    fn what_is_missing_is_said_in_as_few_rules_as_there_are_things() {
        for (had, wanted, expected) in [
            (
                "get | - | configmaps",
                "get list | - | configmaps secrets",
                "{APIGroups:[\"\"], Resources:[\"configmaps\"], Verbs:[\"list\"]} {APIGroups:[\"\"], Resources:[\"secrets\"], Verbs:[\"get\" \"list\"]}",
            ),
            ("* | * | *", "get | x | y/z | n", ""),
            ("get | - | pods | a b", "get | - | pods | a", ""),
            ("get | - | pods | a", "get | - | pods", "{APIGroups:[\"\"], Resources:[\"pods\"], Verbs:[\"get\"]}"),
            ("get | - | pods", "get | - | *", "{APIGroups:[\"\"], Resources:[\"*\"], Verbs:[\"get\"]}"),
            ("get | - | *", "get | - | pods/log", ""),
            ("get | - | */scale", "get | - | pods/scale */scale", ""),
            ("get | url | /a/*", "get | url | /a/b /a/c/* /a", "{NonResourceURLs:[\"/a\"], Verbs:[\"get\"]}"),
            ("get | - | pods", "get | - | pods | x", ""),
        ] {
            let had = rules(had);
            let had: Vec<&Rule> = had.iter().collect();
            let said: Vec<String> = missing(&had, &rules(wanted)).iter().map(Rule::to_string).collect();
            assert_eq!(said.join(" "), expected, "{wanted}");
        }
    }
}
