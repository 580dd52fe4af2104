//! What is audited how much: `audit.k8s.io/v1` `Policy`, by the page "Auditing" of Kubernetes' documentation.

use std::path::Path;

use serde::Deserialize;

use crate::api::verbs::User;
use crate::api::yaml;
use crate::http::request::{RequestInfo, Resource};

/// How much is said of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
pub enum Level {
    None,
    /// Who asked for what, when, and how it was answered.
    Metadata,
    /// The body of the request, too.
    Request,
    /// The body of the answer, too.
    RequestResponse,
}

/// When something is said of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
pub enum Stage {
    RequestReceived,
    /// Of what takes long: the answer has begun.
    ResponseStarted,
    ResponseComplete,
    Panic,
}

impl Stage {
    pub fn name(self) -> &'static str {
        match self {
            Self::RequestReceived => "RequestReceived",
            Self::ResponseStarted => "ResponseStarted",
            Self::ResponseComplete => "ResponseComplete",
            Self::Panic => "Panic",
        }
    }
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Policy {
    api_version: String,
    kind: String,
    #[serde(default, rename = "metadata")]
    _metadata: serde_json::Value,
    rules: Vec<Rule>,
    #[serde(default)]
    omit_stages: Vec<Stage>,
    #[serde(default)]
    omit_managed_fields: bool,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Rule {
    level: Level,
    #[serde(default)]
    users: Vec<String>,
    #[serde(default)]
    user_groups: Vec<String>,
    #[serde(default)]
    verbs: Vec<String>,
    #[serde(default)]
    resources: Vec<GroupResources>,
    #[serde(default)]
    namespaces: Vec<String>,
    #[serde(default, rename = "nonResourceURLs")]
    non_resource_urls: Vec<String>,
    #[serde(default)]
    omit_stages: Vec<Stage>,
    #[serde(default)]
    omit_managed_fields: Option<bool>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct GroupResources {
    #[serde(default)]
    group: String,
    #[serde(default)]
    resources: Vec<String>,
    #[serde(default)]
    resource_names: Vec<String>,
}

/// What the policy says of one request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Verdict {
    pub level: Level,
    pub omit_stages: Vec<Stage>,
    pub omit_managed_fields: bool,
}

impl Policy {
    /// # Errors
    /// The file cannot be read or is no policy: where and why.
    pub fn read(file: &Path) -> Result<Self, String> {
        let text = std::fs::read_to_string(file).map_err(|error| error.to_string())?;
        Self::parse(&text)
    }

    /// # Errors
    /// The text is no policy: where and why.
    pub fn parse(text: &str) -> Result<Self, String> {
        let policy: Self = yaml::typed(text).map_err(|error| error.to_string())?;
        if (policy.api_version.as_str(), policy.kind.as_str()) != ("audit.k8s.io/v1", "Policy") {
            return Err(format!("it is {} {}, not audit.k8s.io/v1 Policy", policy.api_version, policy.kind));
        }
        if policy.rules.is_empty() {
            return Err("rules: there is none, so nothing would be audited".to_owned());
        }
        for (index, rule) in policy.rules.iter().enumerate() {
            rule.check().map_err(|why| format!("rules[{index}].{why}"))?;
        }
        Ok(policy)
    }

    /// The first rule that fits decides; what none fits is not audited. `user` is absent where nobody has shown who they are.
    pub fn judge(&self, user: Option<&User>, info: &RequestInfo) -> Verdict {
        let Some(rule) = self.rules.iter().find(|rule| rule.fits(user, info)) else {
            return Verdict { level: Level::None, omit_stages: Vec::new(), omit_managed_fields: false };
        };
        let level = if is_secret(info.resource.as_ref()) { rule.level.min(Level::Metadata) } else { rule.level };
        Verdict {
            level,
            omit_stages: self.omit_stages.iter().chain(&rule.omit_stages).copied().collect(),
            omit_managed_fields: rule.omit_managed_fields.unwrap_or(self.omit_managed_fields),
        }
    }
}

/// Whose bodies hold what nobody may read in a log. Upstream leaves this to who writes the policy.
fn is_secret(resource: Option<&Resource>) -> bool {
    resource.is_some_and(|resource| {
        let Resource { group, plural, subresource, .. } = resource;
        matches!(
            (group.as_str(), plural.as_str(), subresource.as_str()),
            ("", "secrets", _) | ("", "serviceaccounts", "token") | ("authentication.k8s.io", "tokenreviews", _)
        )
    })
}

/// Whether a list that restricts nothing when it is empty has one of these.
fn allows<'a>(list: &[String], mut any: impl Iterator<Item = &'a str>) -> bool {
    list.is_empty() || any.any(|text| list.iter().any(|known| known == text))
}

impl Rule {
    fn check(&self) -> Result<(), String> {
        let is_of_resources = !self.resources.is_empty() || !self.namespaces.is_empty();
        if is_of_resources && !self.non_resource_urls.is_empty() {
            return Err("nonResourceURLs: rules cannot apply to both regular resources and non-resource URLs".to_owned());
        }
        for (index, url) in self.non_resource_urls.iter().enumerate() {
            let stars = url.matches('*').count();
            if url != "*" && (!url.starts_with('/') || stars > 1 || stars == 1 && !url.ends_with('*')) {
                return Err(format!("nonResourceURLs[{index}]: {url:?} has to begin with a \"/\", and a \"*\" may only be its end"));
            }
        }
        for (index, of) in self.resources.iter().enumerate() {
            if of.group.contains('/') {
                return Err(format!(
                    "resources[{index}].group: {:?} is a group with its version; a policy names the group alone",
                    of.group
                ));
            }
            if !of.resource_names.is_empty() && of.resources.is_empty() {
                return Err(format!("resources[{index}].resourceNames: using resourceNames requires at least one resource"));
            }
        }
        Ok(())
    }

    fn fits(&self, user: Option<&User>, info: &RequestInfo) -> bool {
        let groups = user.map(|user| user.groups.as_slice()).unwrap_or_default();
        let who = allows(&self.users, user.iter().map(|user| user.name.as_str()))
            && allows(&self.user_groups, groups.iter().map(String::as_str))
            && allows(&self.verbs, [info.verb.as_str()].into_iter());
        who && match &info.resource {
            _ if self.resources.is_empty() && self.namespaces.is_empty() && self.non_resource_urls.is_empty() => true,
            Some(resource) => self.non_resource_urls.is_empty() && self.fits_resource(resource),
            None => self.non_resource_urls.iter().any(|url| match url.strip_suffix('*') {
                Some(prefix) => info.path.starts_with(prefix),
                None => *url == info.path,
            }),
        }
    }

    fn fits_resource(&self, resource: &Resource) -> bool {
        allows(&self.namespaces, [resource.namespace.as_str()].into_iter())
            && (self.resources.is_empty() || self.resources.iter().any(|of| of.names(resource)))
    }
}

impl GroupResources {
    fn names(&self, resource: &Resource) -> bool {
        let named = |pattern: &String| {
            let Resource { plural, subresource, .. } = resource;
            match pattern.split_once('/') {
                None => pattern == "*" || pattern == plural && subresource.is_empty(),
                Some((of, part)) => (of == "*" && !subresource.is_empty() || of == plural) && (part == "*" || part == subresource),
            }
        };
        self.group == resource.group
            && (self.resources.is_empty()
                || allows(&self.resource_names, [resource.name.as_str()].into_iter()) && self.resources.iter().any(named))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::http::request::Query;

    fn policy(rules: &str) -> Result<Policy, String> {
        Policy::parse(&format!("apiVersion: audit.k8s.io/v1\nkind: Policy\n{rules}"))
    }

    fn level(policy: &Policy, user: &str, method: &str, path: &str) -> Level {
        let user = User { name: user.into(), groups: vec!["g".into()], ..User::default() };
        policy.judge(Some(&user), &RequestInfo::new(method, path, &Query::default()).unwrap()).level
    }

    #[test]
    fn the_first_rule_that_fits_decides() {
        let policy = policy(
            "omitStages: [RequestReceived]\nrules:\n\
             - {level: None, users: [quiet], verbs: [get, list]}\n\
             - {level: Metadata, resources: [{group: '', resources: [pods/log, '*/status', configmaps], resourceNames: [a]}]}\n\
             - {level: RequestResponse, namespaces: [n]}\n\
             - {level: None, nonResourceURLs: [/healthz*, /version]}\n\
             - {level: Request, userGroups: [g]}\n",
        )
        .unwrap();
        for (user, method, path, expected) in [
            ("quiet", "GET", "/api/v1/pods", Level::None),
            ("quiet", "DELETE", "/api/v1/namespaces/m/pods/x", Level::Request),
            ("x", "GET", "/api/v1/namespaces/n/pods/a/log", Level::Metadata),
            ("x", "GET", "/api/v1/namespaces/n/pods/a/status", Level::Metadata),
            ("x", "GET", "/api/v1/namespaces/n/pods/a", Level::RequestResponse),
            ("x", "GET", "/api/v1/namespaces/n/configmaps/a", Level::Metadata),
            ("x", "GET", "/apis/apps/v1/namespaces/n/deployments/a", Level::RequestResponse),
            ("x", "GET", "/healthz/ping", Level::None),
            ("x", "GET", "/version", Level::None),
            ("x", "GET", "/versions", Level::Request),
            // Their bodies are never logged, whatever a policy says.
            ("x", "GET", "/api/v1/namespaces/n/secrets/a", Level::Metadata),
            ("x", "POST", "/api/v1/namespaces/n/serviceaccounts/a/token", Level::Metadata),
        ] {
            assert_eq!(level(&policy, user, method, path), expected, "{user} {method} {path}");
        }
        let nobody = policy.judge(None, &RequestInfo::new("GET", "/api/v1/pods", &Query::default()).unwrap());
        assert_eq!((nobody.level, nobody.omit_stages), (Level::None, Vec::new()));
    }

    #[test]
    fn what_is_no_policy_says_where() {
        for (rules, why) in [
            ("rules: []", "rules: there is none"),
            ("rules: [{level: Everything}]", "Everything"),
            ("rules: [{level: None, colour: red}]", "colour"),
            ("rules: [{level: None, nonResourceURLs: [healthz]}]", "rules[0].nonResourceURLs[0]: \"healthz\" has to begin"),
            ("rules: [{level: None, nonResourceURLs: [/a], namespaces: [n]}]", "cannot apply to both"),
            ("rules: [{level: None, resources: [{group: apps/v1}]}]", "rules[0].resources[0].group: \"apps/v1\" is a group with"),
            ("rules: [{level: None, resources: [{resourceNames: [a]}]}]", "requires at least one resource"),
        ] {
            let error = policy(rules).unwrap_err();
            assert!(error.contains(why), "{error}");
        }
        assert!(Policy::parse("apiVersion: v1\nkind: Policy\nrules: []").unwrap_err().contains("not audit.k8s.io/v1"));
    }
}
