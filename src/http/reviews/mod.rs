//! Reviews: questions about who somebody is and what they may do. Each is asked by a POST, and nothing is kept.

mod access;
mod identity;
mod rules;
mod token;

use actix_web::http::StatusCode;
use actix_web::{HttpResponse, web};
use futures::future::LocalBoxFuture;
use serde_json::Value;

use super::front::Exchange;
use super::negotiation::Offer;
use super::request::Resource;
use super::{body, options, response};
use crate::api::schema;
use crate::api::status::Status;
use crate::api::verbs::{Call, settle_namespace};

/// The one version of all reviews.
pub const VERSION: &str = "v1";

/// A kind of question, in version v1 of its group.
pub struct Review {
    pub group: &'static str,
    pub plural: &'static str,
    pub kind: &'static str,
    pub is_namespaced: bool,
    /// The type's name in the facts.
    pub schema: &'static str,
    answer: Answer,
}

/// From a question to itself with its answer: at once, or once it was looked for.
enum Answer {
    Now(fn(&Exchange, Value) -> Result<Value, Status>),
    Later(for<'a> fn(&'a Exchange, Value) -> LocalBoxFuture<'a, Result<Value, Status>>),
}

const AUTHENTICATION: &str = "authentication.k8s.io";
const AUTHORIZATION: &str = "authorization.k8s.io";

/// All that can be asked, each group's in the order of their names.
pub const REVIEWS: [Review; 6] = [
    Review {
        group: AUTHENTICATION,
        plural: "selfsubjectreviews",
        kind: "SelfSubjectReview",
        is_namespaced: false,
        schema: "authentication.v1.SelfSubjectReview",
        answer: Answer::Now(identity::own),
    },
    Review {
        group: AUTHENTICATION,
        plural: "tokenreviews",
        kind: "TokenReview",
        is_namespaced: false,
        schema: "authentication.v1.TokenReview",
        answer: Answer::Later(token::whose),
    },
    Review {
        group: AUTHORIZATION,
        plural: "localsubjectaccessreviews",
        kind: "LocalSubjectAccessReview",
        is_namespaced: true,
        schema: "authorization.v1.LocalSubjectAccessReview",
        answer: Answer::Now(access::anyones_here),
    },
    Review {
        group: AUTHORIZATION,
        plural: "selfsubjectaccessreviews",
        kind: "SelfSubjectAccessReview",
        is_namespaced: false,
        schema: "authorization.v1.SelfSubjectAccessReview",
        answer: Answer::Now(access::own),
    },
    Review {
        group: AUTHORIZATION,
        plural: "selfsubjectrulesreviews",
        kind: "SelfSubjectRulesReview",
        is_namespaced: false,
        schema: "authorization.v1.SelfSubjectRulesReview",
        answer: Answer::Now(rules::own),
    },
    Review {
        group: AUTHORIZATION,
        plural: "subjectaccessreviews",
        kind: "SubjectAccessReview",
        is_namespaced: false,
        schema: "authorization.v1.SubjectAccessReview",
        answer: Answer::Now(access::anyones),
    },
];

impl Review {
    pub fn singular(&self) -> String {
        self.kind.to_lowercase()
    }
}

/// The groups that have reviews.
pub fn groups() -> [&'static str; 2] {
    [AUTHENTICATION, AUTHORIZATION]
}

/// The reviews of a group.
pub fn of_group(group: &str) -> impl Iterator<Item = &'static Review> {
    REVIEWS.iter().filter(move |review| review.group == group)
}

/// The review that a path names.
pub fn named(resource: &Resource) -> Option<&'static Review> {
    of_group(&resource.group).find(|review| resource.version == VERSION && review.plural == resource.plural)
}

/// # Errors
/// `NotFound` and `MethodNotAllowed` for all but a POST to where it is asked; what the review's own rules refuse.
pub async fn answer(exchange: &Exchange, review: &Review, payload: web::Payload) -> Result<HttpResponse, Status> {
    let Some(resource) = &exchange.info.resource else { return Err(Status::no_such_resource()) };
    if !resource.name.is_empty() || resource.namespace.is_empty() == review.is_namespaced {
        return Err(Status::no_such_resource());
    }
    if exchange.info.verb != "create" {
        return Err(Status::method_not_allowed());
    }
    let representation = exchange.negotiate(Offer::Objects { streams: false, binary: true })?;
    let headers = exchange.request.headers();
    let encoding = body::encoding(headers)?;
    let bytes = body::read(headers, payload).await?;
    let call = Call::new(exchange.user.clone(), options::write(&exchange.query, "CreateOptions", &exchange.user_agent())?);
    let target = schema::Target { schema: review.schema.into(), group: review.group, version: VERSION, kind: review.kind };
    let mut question = body::object(&call, target, &bytes, encoding)?;
    settle_namespace(&resource.namespace, &mut question)?;
    let mut answered = match review.answer {
        Answer::Now(answer) => answer(exchange, question)?,
        Answer::Later(answer) => answer(exchange, question).await?,
    };
    schema::finish(review.schema, &mut answered);
    let mut response = response::value(StatusCode::CREATED, &answered, exchange.style(representation));
    response::warn(&mut response, &call.take_warnings());
    Ok(response)
}
