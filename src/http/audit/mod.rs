//! The audit log: who asked for what and how it was answered, as a policy says (the page "Auditing" of Kubernetes' documentation).
//!
//! Every request has an id, which its answer says in `Audit-Id`. Nothing secret is logged: neither the bodies of what holds secrets nor a token
//! in an address.

mod log;
mod policy;
mod trail;

use std::sync::Arc;

use serde_json::{Map, Value};

pub use log::{Log, Options};
pub use policy::Policy;
pub use trail::Trail;

use crate::http::request::RequestInfo;

/// A policy, and where what it asks for is written.
pub struct Audit {
    policy: Policy,
    log: Log,
}

impl Audit {
    pub fn new(policy: Policy, log: Log) -> Arc<Self> {
        Arc::new(Self { policy, log })
    }

    /// Waits until all that was said is in the log's file.
    pub fn settle(&self) {
        self.log.settle();
    }
}

/// `ObjectReference` of what a request is about.
fn object_reference(info: &RequestInfo) -> Option<Value> {
    let resource = info.resource.as_ref()?;
    let fields = [
        ("resource", &resource.plural),
        ("namespace", &resource.namespace),
        ("name", &resource.name),
        ("apiGroup", &resource.group),
        ("apiVersion", &resource.version),
        ("subresource", &resource.subresource),
    ];
    let said = fields.into_iter().filter(|(_, text)| !text.is_empty());
    Some(Value::Object(said.map(|(name, text)| (name.to_owned(), text.as_str().into())).collect::<Map<_, _>>()))
}

/// Parameters whose values let somebody in.
const TOKENS: [&str; 3] = ["access_token", "token", "id_token"];

/// The address of a request, without the tokens that may be in it.
fn request_uri(path: &str, query: &str) -> String {
    if query.is_empty() {
        return path.to_owned();
    }
    let parts = query.split('&').map(|part| match part.split_once('=') {
        Some((name, _)) if TOKENS.iter().any(|token| name.eq_ignore_ascii_case(token)) => format!("{name}=REDACTED"),
        _ => part.to_owned(),
    });
    format!("{path}?{}", parts.collect::<Vec<_>>().join("&"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_token_is_left_in_an_address() {
        for (query, expected) in [
            ("", "/p"),
            ("watch=1&x", "/p?watch=1&x"),
            ("a=b&access_token=s3cret&token=t&Id_Token=u", "/p?a=b&access_token=REDACTED&token=REDACTED&Id_Token=REDACTED"),
        ] {
            assert_eq!(request_uri("/p", query), expected);
        }
    }
}
