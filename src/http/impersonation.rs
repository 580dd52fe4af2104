//! Acting as somebody else (the API concept's page on user impersonation): who has the verb
//! `impersonate` may say by headers whom to act as.

use actix_web::http::header::HeaderMap;

use super::authentication::ANONYMOUS;
use crate::api::authorization::{Authorizer, RequestInfo, Resource, UNAUTHENTICATED, forbidden};
use crate::api::status::Status;
use crate::api::verbs::{AUTHENTICATED, User, account_groups};

const USER: &str = "impersonate-user";
const GROUP: &str = "impersonate-group";
const UID: &str = "impersonate-uid";
/// The group of what is said of a user besides name and groups.
const AUTHENTICATION: &str = "authentication.k8s.io";
const EXTRA: &str = "impersonate-extra-";

/// The user that a request is to be answered for, if its headers name one other than who sent it.
///
/// # Errors
/// `Forbidden` for who may not, `BadRequest` where groups, a uid or extras come without a user.
pub fn impersonate(authorizer: &Authorizer, user: &User, headers: &HeaderMap) -> Result<Option<User>, Status> {
    let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default().to_owned();
    let name = text(USER);
    if name.is_empty() {
        let stray = strays(headers);
        if stray.is_empty() {
            return Ok(None);
        }
        return Err(Status::bad_request(format!("requested [{}] without impersonating a user", stray.join(" "))));
    }
    let may = |resource: Resource| {
        let request = RequestInfo::of("impersonate", resource);
        authorizer.judge(user, &request).map(drop).map_err(|why| forbidden(user, &request, &why))
    };
    may(whom(&name))?;
    let mut groups: Vec<String> = headers.get_all(GROUP).filter_map(|value| value.to_str().ok()).map(str::to_owned).collect();
    for group in &groups {
        may(thing("", "groups", "", group))?;
    }
    if groups.is_empty()
        && let Some((namespace, _)) = account(&name)
    {
        groups = account_groups(namespace).into();
    }
    let is = |known: &str| groups.iter().any(|group| group == known);
    match name == ANONYMOUS {
        true if !is(UNAUTHENTICATED) => groups.push(UNAUTHENTICATED.to_owned()),
        false if !is(AUTHENTICATED) && !is(UNAUTHENTICATED) => groups.push(AUTHENTICATED.to_owned()),
        _ => {}
    }
    let mut impersonated = User { name, groups, uid: text(UID), ..User::default() };
    for (header, value) in headers {
        if let (Some(key), Ok(value)) = (header.as_str().strip_prefix(EXTRA), value.to_str()) {
            let key = percent_encoding::percent_decode_str(key).decode_utf8_lossy().into_owned();
            may(thing(AUTHENTICATION, "userextras", &key, value))?;
            impersonated.extra.entry(key).or_default().push(value.to_owned());
        }
    }
    if !impersonated.uid.is_empty() {
        may(thing(AUTHENTICATION, "uids", "", &impersonated.uid))?;
    }
    Ok(Some(impersonated))
}

/// The user, or the service account, that is to be acted as.
fn whom(user: &str) -> Resource {
    match account(user) {
        Some((namespace, name)) => Resource { namespace: namespace.to_owned(), ..thing("", "serviceaccounts", "", name) },
        None => thing("", "users", "", user),
    }
}

fn thing(group: &str, plural: &str, subresource: &str, name: &str) -> Resource {
    let [group, version, plural, subresource, name] = [group, "v1", plural, subresource, name].map(str::to_owned);
    Resource { group, version, plural, subresource, name, ..Resource::default() }
}

/// What is asked for besides a user, as upstream prints its object references: kind, namespace, name, uid, version, revision, field path.
fn strays(headers: &HeaderMap) -> Vec<String> {
    let values = |name: &str| headers.get_all(name).filter_map(|value| value.to_str().ok()).map(str::to_owned).collect::<Vec<_>>();
    let groups = values(GROUP).into_iter().map(|group| format!("{{Group  {group}    }}"));
    let extras = headers.iter().filter_map(|(name, value)| Some((name.as_str().strip_prefix(EXTRA)?, value.to_str().ok()?)));
    let extras = extras.map(|(key, value)| format!("{{UserExtra  {value}  authentication.k8s.io/v1  {key}}}"));
    let uids = values(UID).into_iter().map(|uid| format!("{{UID  {uid}  authentication.k8s.io/v1  }}"));
    groups.chain(extras).chain(uids).collect()
}

/// The namespace and name of a service account, from its user name.
fn account(user: &str) -> Option<(&str, &str)> {
    user.strip_prefix("system:serviceaccount:")?.split_once(':').filter(|(_, name)| !name.is_empty())
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use actix_web::http::header::{HeaderName, HeaderValue};

    use super::*;
    use crate::runtime::store::LocalStore;
    use crate::runtime::supervision::{Strategy, Supervisor};

    fn ask(user: &User, given: &[(&'static str, &'static str)]) -> Result<User, String> {
        let mut headers = HeaderMap::new();
        for (name, value) in given {
            headers.append(HeaderName::from_static(name), HeaderValue::from_static(value));
        }
        actix_rt::System::new().block_on(async {
            let store = LocalStore::in_memory(&Supervisor::root(Strategy::OneForOne));
            let acting = impersonate(&Authorizer::new(Arc::new(store)), user, &headers).map_err(|status| status.message)?;
            Ok(acting.unwrap_or_else(|| user.clone()))
        })
    }

    #[test]
    fn who_may_do_everything_acts_as_anybody() {
        let admin = User::master("admin");
        assert_eq!(ask(&admin, &[]).unwrap().name, "admin");
        let alice = ask(&admin, &[(USER, "alice"), (GROUP, "a"), (GROUP, "b"), (UID, "7"), ("impersonate-extra-x%2fy", "z")]).unwrap();
        assert_eq!(
            (alice.name.as_str(), alice.uid.as_str(), alice.groups),
            ("alice", "7", vec!["a".into(), "b".into(), AUTHENTICATED.into()])
        );
        assert_eq!(alice.extra["x/y"], ["z"]);
        assert_eq!(ask(&admin, &[(USER, ANONYMOUS)]).unwrap().groups, [UNAUTHENTICATED]);
        let account = ask(&admin, &[(USER, "system:serviceaccount:n:a")]).unwrap();
        assert_eq!(account.groups, ["system:serviceaccounts", "system:serviceaccounts:n", AUTHENTICATED]);
    }

    #[test]
    fn nobody_else_does_and_a_group_alone_is_nobody() {
        let bob = User { name: "bob".into(), ..User::default() };
        let refused =
            "users \"alice\" is forbidden: User \"bob\" cannot impersonate resource \"users\" in API group \"\" at the cluster scope";
        assert_eq!(ask(&bob, &[(USER, "alice")]).unwrap_err(), refused);
        let in_namespace = ask(&bob, &[(USER, "system:serviceaccount:n:a")]).unwrap_err();
        assert!(in_namespace.contains("\"serviceaccounts\" in API group \"\" in the namespace \"n\""), "{in_namespace}");
        let alone = ask(&User::master("admin"), &[(UID, "x")]).unwrap_err();
        assert_eq!(alone, "requested [{UID  x  authentication.k8s.io/v1  }] without impersonating a user");
    }
}
