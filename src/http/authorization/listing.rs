//! What somebody may do, said as rules rather than judged request by request.

use k8s_openapi::api::authorization::v1::{NonResourceRule, ResourceRule, SubjectRulesReviewStatus};

use crate::api::verbs::{AUTHENTICATED, MASTERS, User};
use crate::http::reviews;

/// A rule for resources, from the words of [`controllers`](super::controllers): verbs, and resources with their groups.
pub(super) fn resource_rules(verbs: &str, resources: &str) -> Vec<ResourceRule> {
    let rule = |group: &str, resource: &str| ResourceRule {
        api_groups: Some(vec![group.to_owned()]),
        resources: Some(vec![resource.to_owned()]),
        verbs: verbs.split(' ').map(str::to_owned).collect(),
        resource_names: None,
    };
    resources
        .split(' ')
        .map(|resource| match resource.split_once('.') {
            _ if resource == "*" => rule("*", "*"),
            Some((plural, group)) => rule(group, plural),
            None => rule("", resource),
        })
        .collect()
}

fn paths(verb: &str, roots: &[&str]) -> NonResourceRule {
    let all = roots.iter().flat_map(|root| [(*root).to_owned(), format!("{root}/*")]);
    NonResourceRule { verbs: vec![verb.to_owned()], non_resource_urls: Some(all.collect()) }
}

/// What the groups of a user allow.
pub(super) fn of_groups(user: &User) -> SubjectRulesReviewStatus {
    if user.is_in(MASTERS) {
        return SubjectRulesReviewStatus {
            resource_rules: resource_rules("*", "*"),
            non_resource_rules: vec![NonResourceRule { verbs: vec!["*".to_owned()], non_resource_urls: Some(vec!["*".to_owned()]) }],
            ..SubjectRulesReviewStatus::default()
        };
    }
    let mut rules = SubjectRulesReviewStatus { non_resource_rules: vec![paths("get", &super::PUBLIC)], ..Default::default() };
    if user.is_in(AUTHENTICATED) {
        rules.non_resource_rules.push(paths("get", &super::DISCOVERY));
        let of_self = reviews::REVIEWS.iter().filter(|review| review.is_of_self);
        rules.resource_rules =
            of_self.flat_map(|review| resource_rules("create", &format!("{}.{}", review.plural, review.group))).collect();
    }
    rules
}
