//! What users have to say about writes: policies in CEL (KEP-3488) and webhooks. Both are compiled once for each revision of the objects
//! that declare them; while there are none, a write pays for a look into two empty places.

mod attributes;
mod catalog;
mod matching;
mod policy;
mod webhook;

pub use attributes::{Attributes, Part};
pub use catalog::Catalog;
pub use webhook::{Answer, Caller, Destination, Failure, Means};

use super::super::expression::authority::{Asker, Authority, Wish};
use super::super::verbs::User;

/// Says what users may do, to expressions that ask.
pub trait Permissions: Send + Sync + 'static {
    /// # Errors
    /// Why not; may be empty.
    fn may(&self, user: &User, wish: &Wish) -> Result<(), String>;
}

/// The authorizer for what one user sent.
struct Asking<'a> {
    user: &'a User,
    permissions: Option<&'a dyn Permissions>,
}

impl Authority for Asking<'_> {
    fn check(&self, asker: &Asker, wish: &Wish) -> (bool, String) {
        let account;
        let user = match asker {
            Asker::Sender => self.user,
            Asker::Account(namespace, name) => {
                account = User {
                    name: format!("system:serviceaccount:{namespace}:{name}"),
                    groups: ["system:serviceaccounts", &format!("system:serviceaccounts:{namespace}"), "system:authenticated"]
                        .map(str::to_owned)
                        .to_vec(),
                    ..User::default()
                };
                &account
            }
        };
        let verdict = match self.permissions {
            Some(permissions) => permissions.may(user, wish),
            None if user.is_in(super::super::verbs::MASTERS) => Ok(()),
            None => Err(String::new()),
        };
        (verdict.is_ok(), verdict.err().unwrap_or_default())
    }
}
