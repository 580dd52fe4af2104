//! Who may do what by roles: the bindings of a store, found by their subjects, with the rules of the roles that they name.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use k8s_openapi::api::authorization::v1::{NonResourceRule, ResourceRule, SubjectRulesReviewStatus};
use k8s_openapi::api::rbac::v1::{ClusterRole, ClusterRoleBinding, PolicyRule, Role, RoleBinding, RoleRef, Subject};
use serde::de::DeserializeOwned;

use super::rule::Rule;
use super::{RequestInfo, User};
use crate::api::object::Object;
use crate::runtime::store::{Revision, Snapshot, Stored};

/// Where roles and bindings are kept.
pub const COLLECTIONS: [&str; 4] = ["clusterrolebindings", "clusterroles", "rolebindings", "roles"];

/// What a role or a binding says, as of the revision at which it was written; found by the object's path.
type Read<T> = BTreeMap<Arc<str>, (Revision, Arc<T>)>;

/// All that roles give.
#[derive(Default)]
pub struct Policy {
    cluster_roles: Read<Vec<Rule>>,
    roles: Read<Vec<Rule>>,
    cluster_bindings: Read<Binding>,
    bindings: Read<Binding>,
    /// What holds everywhere.
    everywhere: Grants,
    /// What holds in a namespace.
    within: BTreeMap<Arc<str>, Grants>,
}

/// A binding of a role, without what it is bound to.
#[derive(Debug)]
struct Binding {
    name: String,
    /// Empty for one that holds everywhere.
    namespace: String,
    role: RoleRef,
    subjects: Vec<Subject>,
}

/// The bindings that a subject has, by its key.
#[derive(Default)]
struct Grants(BTreeMap<String, Vec<Grant>>);

/// A subject's part in a binding.
#[derive(Clone)]
struct Grant {
    binding: Arc<Binding>,
    subject: usize,
    /// None if the role is not there.
    rules: Option<Arc<Vec<Rule>>>,
}

/// By which binding one may.
#[derive(Clone, Debug)]
pub struct Granted {
    binding: Arc<Binding>,
    subject: usize,
}

impl fmt::Display for Granted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Binding { name, namespace, role, .. } = &*self.binding;
        let subject = &self.binding.subjects[self.subject];
        let (kind, place) =
            if namespace.is_empty() { ("ClusterRoleBinding", String::new()) } else { ("RoleBinding", format!("/{namespace}")) };
        write!(f, "RBAC: allowed by {kind} \"{name}{place}\" of {} {:?} to {} ", role.kind, role.name, subject.kind)?;
        match &subject.namespace {
            Some(of) if subject.kind == "ServiceAccount" => write!(f, "\"{}/{of}\"", subject.name),
            _ => write!(f, "{:?}", subject.name),
        }
    }
}

/// Whom a binding's subject is: users, groups and service accounts, each by what a user is asked for.
fn key(subject: &Subject, namespace: &str) -> Option<String> {
    let name = &subject.name;
    match subject.kind.as_str() {
        "User" => Some(user_key(name)),
        "Group" => Some(group_key(name)),
        // An account without a namespace is of the binding's own, and of none where the binding holds everywhere.
        "ServiceAccount" => {
            let own = subject.namespace.as_deref().filter(|own| !own.is_empty()).unwrap_or(namespace);
            (!own.is_empty()).then(|| user_key(&format!("system:serviceaccount:{own}:{name}")))
        }
        _ => None,
    }
}

fn user_key(name: &str) -> String {
    format!("u{name}")
}

fn group_key(name: &str) -> String {
    format!("g{name}")
}

impl Policy {
    /// Reads all roles and bindings of a snapshot; what is in `before` at the same revision is not read again.
    pub fn compile(snapshot: &Snapshot<Object>, before: Option<&Policy>) -> Self {
        let rules = |given: Option<Vec<PolicyRule>>| given.unwrap_or_default().into_iter().map(Rule::from).collect();
        let mut policy = Self {
            cluster_roles: read(snapshot, "clusterroles", before.map(|it| &it.cluster_roles), |role: ClusterRole| rules(role.rules)),
            roles: read(snapshot, "roles", before.map(|it| &it.roles), |role: Role| rules(role.rules)),
            cluster_bindings: read(snapshot, "clusterrolebindings", before.map(|it| &it.cluster_bindings), |it: ClusterRoleBinding| {
                let name = it.metadata.name.unwrap_or_default();
                Binding { name, namespace: String::new(), role: it.role_ref, subjects: it.subjects.unwrap_or_default() }
            }),
            bindings: read(snapshot, "rolebindings", before.map(|it| &it.bindings), |it: RoleBinding| {
                let (name, namespace) = (it.metadata.name.unwrap_or_default(), it.metadata.namespace.unwrap_or_default());
                Binding { name, namespace, role: it.role_ref, subjects: it.subjects.unwrap_or_default() }
            }),
            everywhere: Grants::default(),
            within: BTreeMap::new(),
        };
        let mut everywhere = Grants::default();
        for (_, binding) in policy.cluster_bindings.values() {
            everywhere.add(binding, policy.role(&binding.role, ""));
        }
        let mut within: BTreeMap<Arc<str>, Grants> = BTreeMap::new();
        for (_, binding) in policy.bindings.values() {
            let rules = policy.role(&binding.role, &binding.namespace);
            within.entry(binding.namespace.as_str().into()).or_default().add(binding, rules);
        }
        (policy.everywhere, policy.within) = (everywhere, within);
        policy
    }

    /// The rules of the role that a binding in a namespace (empty for everywhere) names.
    pub(super) fn role(&self, role: &RoleRef, namespace: &str) -> Option<Arc<Vec<Rule>>> {
        let found = match role.kind.as_str() {
            "ClusterRole" => self.cluster_roles.get(role.name.as_str()),
            "Role" if !namespace.is_empty() => self.roles.get(format!("{namespace}/{}", role.name).as_str()),
            _ => None,
        };
        found.map(|(_, rules)| rules.clone())
    }

    /// # Errors
    /// Why not: roles that should be there and are not. Empty if one simply may not.
    pub fn judge(&self, user: &User, request: &RequestInfo) -> Result<Granted, String> {
        let namespace = request.resource.as_ref().map_or("", |resource| resource.namespace.as_str());
        let mut missing = Vec::new();
        for grant in self.grants(user, namespace) {
            match &grant.rules {
                Some(rules) if rules.iter().any(|rule| rule.allows(request)) => {
                    return Ok(Granted { binding: grant.binding.clone(), subject: grant.subject });
                }
                Some(_) => {}
                None => missing.push(not_found(&grant.binding.role, &grant.binding.role.kind.to_lowercase())),
            }
        }
        Err(aggregate(missing).map_or_else(String::new, |missing| format!("RBAC: {missing}")))
    }

    /// The rules that a user has in a namespace, and the roles that are missing for more.
    pub(super) fn held(&self, user: &User, namespace: &str) -> (Vec<Arc<Vec<Rule>>>, Vec<RoleRef>) {
        let (mut held, mut missing) = (Vec::new(), Vec::new());
        let mut grants: Vec<&Grant> = self.grants(user, namespace).collect();
        grants.sort_by_key(|grant| (!grant.binding.namespace.is_empty(), &grant.binding.name));
        // One binding may name a user and a group that the user is in.
        grants.dedup_by(|a, b| Arc::ptr_eq(&a.binding, &b.binding));
        for grant in grants {
            match &grant.rules {
                Some(rules) => held.push(rules.clone()),
                None => missing.push(grant.binding.role.clone()),
            }
        }
        (held, missing)
    }

    /// All that a user may do in a namespace, said as rules.
    pub fn listing(&self, user: &User, namespace: &str) -> SubjectRulesReviewStatus {
        let (held, missing) = self.held(user, namespace);
        let mut status = SubjectRulesReviewStatus::default();
        let some = |list: &[String]| (!list.is_empty()).then(|| list.to_vec());
        for rule in held.iter().flat_map(|rules| rules.iter()) {
            let Rule { verbs, groups, resources, names, urls } = rule;
            if !resources.is_empty() {
                let (api_groups, resources, resource_names) = (some(groups), some(resources), some(names));
                status.resource_rules.push(ResourceRule { verbs: verbs.clone(), api_groups, resources, resource_names });
            }
            if !urls.is_empty() {
                status.non_resource_rules.push(NonResourceRule { verbs: verbs.clone(), non_resource_urls: some(urls) });
            }
        }
        status.evaluation_error = aggregate(missing.iter().map(|role| not_found(role, &role.kind.to_lowercase())));
        status
    }

    fn grants<'a>(&'a self, user: &'a User, namespace: &str) -> impl Iterator<Item = &'a Grant> {
        let keys = move || [user_key(&user.name)].into_iter().chain(user.groups.iter().map(|group| group_key(group)));
        let of = move |grants: &'a Grants| keys().filter_map(|key| grants.0.get(&key)).flatten();
        let within = if namespace.is_empty() { None } else { self.within.get(namespace) };
        of(&self.everywhere).chain(within.into_iter().flat_map(of))
    }
}

impl Grants {
    fn add(&mut self, binding: &Arc<Binding>, rules: Option<Arc<Vec<Rule>>>) {
        for (subject, named) in binding.subjects.iter().enumerate() {
            if let Some(key) = key(named, &binding.namespace) {
                let grant = Grant { binding: binding.clone(), subject, rules: rules.clone() };
                self.0.entry(key).or_default().push(grant);
            }
        }
    }
}

/// What objects of a collection say. One that cannot be read says nothing: it was judged when it was written.
fn read<K: DeserializeOwned, T>(snapshot: &Snapshot<Object>, collection: &str, before: Option<&Read<T>>, make: impl Fn(K) -> T) -> Read<T> {
    let read = |(key, object): (&crate::runtime::store::Key, &Object)| {
        let revision = object.revision();
        let known = before.and_then(|before| before.get(&key.path)).filter(|(of, _)| *of == revision);
        let value = match known {
            Some((_, value)) => value.clone(),
            None => Arc::new(make(object.parse().ok()?)),
        };
        Some((key.path.clone(), (revision, value)))
    };
    snapshot.range(collection, "", None).filter_map(read).collect()
}

/// `plural` is what the role is called where it is looked for.
pub(super) fn not_found(role: &RoleRef, plural: &str) -> String {
    format!("{plural}.rbac.authorization.k8s.io {:?} not found", role.name)
}

/// As upstream prints several errors: one by itself, more as a list, none twice.
pub(super) fn aggregate(errors: impl IntoIterator<Item = String>) -> Option<String> {
    let mut distinct: Vec<String> = Vec::new();
    for error in errors {
        if !distinct.contains(&error) {
            distinct.push(error);
        }
    }
    match distinct.as_slice() {
        [] => None,
        [one] => Some(one.clone()),
        several => Some(format!("[{}]", several.join(", "))),
    }
}
