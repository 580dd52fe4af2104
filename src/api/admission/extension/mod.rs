//! What users have to say about writes: policies in CEL (KEP-3488) and webhooks. Both are compiled once for each revision of the objects
//! that declare them; while there are none, a write pays for a look into two empty places.

mod attributes;
mod catalog;
mod matching;
mod policy;
mod webhook;

pub use attributes::{Attributes, Part};
pub use catalog::{Catalog, Declared};
pub use webhook::{Answer, Caller, Destination, Failure, Means};

use super::super::expression::authority::{Asker, Authority, Wish};
use super::super::verbs::User;
use crate::api::authorization::{Authorizer, RequestInfo, Resource};

/// The authorizer for what one user sent.
struct Asking<'a> {
    user: &'a User,
    authorizer: &'a Authorizer,
}

impl Authority for Asking<'_> {
    fn check(&self, asker: &Asker, wish: &Wish) -> (bool, String) {
        let account;
        let user = match asker {
            Asker::Sender => self.user,
            Asker::Account(namespace, name) => {
                account = User::account(namespace, name, "");
                &account
            }
        };
        match self.authorizer.judge(user, &request(wish)) {
            Ok(permission) => (true, permission.to_string()),
            Err(why) => (false, why),
        }
    }
}

/// The request that an expression asks about.
fn request(wish: &Wish) -> RequestInfo {
    let resource = wish.path.is_none().then(|| Resource {
        group: wish.group.clone(),
        version: "*".to_owned(),
        namespace: wish.namespace.clone(),
        plural: wish.resource.clone(),
        name: wish.name.clone(),
        subresource: wish.subresource.clone(),
        rest: Vec::new(),
    });
    RequestInfo { verb: wish.verb.clone(), path: wish.path.clone().unwrap_or_default(), resource, field_selector: String::new() }
}
