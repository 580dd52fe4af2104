//! A place in the program's doings at which it is to be killed.

use serde::{Deserialize, Serialize};

use crate::simulation::journal::Request;

/// On which side of a request's effect.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Side {
    /// Before the API sees the request.
    Before,
    /// After the API has answered, before the sender knows.
    After,
}

/// Springs at the `nth` request that fits, counted from 0.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Trap {
    /// Anybody's of the process if empty.
    pub user: String,
    /// Any that writes if empty.
    pub verb: String,
    /// Any if empty.
    pub collection: String,
    /// `None` for any; empty for the object itself.
    pub subresource: Option<String>,
    pub nth: u32,
    pub side: Side,
}

impl Trap {
    /// A name that ends with a colon is that of all below it: `system:node:`.
    fn names(&self, user: &str) -> bool {
        *self.user == *user || self.user.ends_with(':') && user.starts_with(&self.user)
    }

    pub(super) fn springs(&mut self, request: &Request, side: Side) -> bool {
        let fits = self.side == side
            && (if self.verb.is_empty() { request.writes() } else { self.verb == request.verb })
            && (if self.user.is_empty() { request.user.starts_with("system:") } else { self.names(&request.user) })
            && (self.collection.is_empty() || *self.collection == *request.collection)
            && self.subresource.as_ref().is_none_or(|subresource| **subresource == *request.subresource);
        if fits && self.nth > 0 {
            self.nth -= 1;
            return false;
        }
        fits
    }
}
