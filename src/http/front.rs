//! The way of every request: who asks, what for, may they, and which verb does it.

use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Duration;

use actix_web::http::Method;
use actix_web::http::header::{ACCEPT, HeaderName, USER_AGENT};
use actix_web::{HttpRequest, HttpResponse, web};
use futures::FutureExt;
use parking_lot::Mutex;

use super::audit::{Audit, Trail};
use super::authentication::{Authenticator, PeerUser};
use super::impersonation::impersonate;
use super::negotiation::{Offer, Representation, negotiate};
use super::request::{Query, RequestInfo};
use super::response::Style;
use super::{discovery, health, openapi, options, response, reviews, verbs, why};
use crate::actors::scheduler::Diagnoses;
use crate::api::authorization::forbidden;
use crate::api::kinds::Registry;
use crate::api::status::{Reason, Status};
use crate::api::streams::NodeDirectory;
use crate::api::verbs::{Api, User};
use crate::runtime::entropy::Entropy;
use crate::runtime::recording::Recorder;
use crate::runtime::shutdown::Shutdown;
use crate::runtime::supervision::Supervisor;

/// How long an answer may take, unless the client says less.
const ANSWER_WITHIN: Duration = Duration::from_secs(60);

/// All that requests are answered from.
pub struct Front {
    pub api: Api,
    pub authenticator: Authenticator,
    pub nodes: NodeDirectory,
    /// Why pods wait.
    pub diagnoses: Diagnoses,
    /// The root of what `/debug/actors` shows.
    pub supervisor: Supervisor,
    /// What is said of requests, if anything is.
    pub audit: Option<Arc<Audit>>,
    /// Where what comes from outside is kept.
    pub recorder: Recorder,
    pub entropy: Mutex<Entropy>,
    /// Ends what would not end by itself: watches, logs, sessions.
    pub shutdown: Shutdown,
}

impl Front {
    pub fn registry(&self) -> Arc<Registry> {
        self.api.registry()
    }
}

/// One request that may be answered, and who sent it.
pub struct Exchange {
    pub front: web::Data<Front>,
    pub request: HttpRequest,
    pub query: Query,
    pub user: User,
    pub info: RequestInfo,
}

impl Exchange {
    /// A header's text; empty if it is missing or no text. Several of that name count as a list.
    pub fn header(&self, name: HeaderName) -> String {
        header(&self.request, name)
    }

    pub fn user_agent(&self) -> String {
        self.header(USER_AGENT)
    }

    pub fn negotiate(&self, offer: Offer) -> Result<Representation, Status> {
        negotiate(&self.header(ACCEPT), offer)
    }

    pub fn style(&self, representation: Representation) -> Style {
        Style::new(representation.format, self.request.headers(), &self.query)
    }
}

fn header(request: &HttpRequest, name: HeaderName) -> String {
    let values: Vec<&str> = request.headers().get_all(name).filter_map(|value| value.to_str().ok()).collect();
    values.join(",")
}

/// Answers any request. A panic on the way is the answer 500 to this one request, and a line in the log.
pub async fn answer(front: web::Data<Front>, request: HttpRequest, payload: web::Payload) -> HttpResponse {
    let line = format!("{} {}", request.method(), request.path());
    let mut trail = Trail::new(&request, &mut front.entropy.lock());
    match AssertUnwindSafe(handle(front, request, payload, &mut trail)).catch_unwind().await {
        Ok(Ok(response)) => trail.close(response, false),
        Ok(Err(status)) => {
            if status.code >= 500 {
                tracing::warn!(request = line, code = status.code, "{}", status.message);
            }
            trail.close(response::failure(&status), false)
        }
        Err(_) => {
            tracing::error!(request = line, "the handling of a request panicked");
            let failure = response::failure(&Status::internal("the request could not be handled; the server's log says more"));
            trail.close(failure, true)
        }
    }
}

async fn handle(front: web::Data<Front>, request: HttpRequest, payload: web::Payload, trail: &mut Trail) -> Result<HttpResponse, Status> {
    let query = Query::new(request.query_string());
    let within = options::timeout(&query)?.unwrap_or(ANSWER_WITHIN).min(ANSWER_WITHIN);
    let peer = request.conn_data::<PeerUser>().cloned();
    let sender = front.authenticator.authenticate(peer.as_ref(), request.headers()).await;
    let info = RequestInfo::new(request.method().as_str(), request.path(), &query)?;
    trail.begin(&front.audit, sender.as_ref().ok(), &info);
    let sender = sender?;
    let acting = impersonate(front.api.authorizer(), &sender, request.headers())?;
    if let Some(user) = &acting {
        trail.acts_as(user);
    }
    let user = acting.unwrap_or(sender);
    let decision = front.api.authorizer().judge(&user, &info);
    trail.decided(&decision);
    decision.map_err(|reason| forbidden(&user, &info, &reason))?;
    let payload = trail.body(payload).await?;
    let exchange = Exchange { front, request, query, user, info };
    match tokio::time::timeout(within, route(exchange, payload)).await {
        Ok(answer) => answer,
        Err(_) => Err(Status::new(504, Reason::Timeout, "Timeout: request did not complete within the allotted timeout")),
    }
}

async fn route(exchange: Exchange, payload: web::Payload) -> Result<HttpResponse, Status> {
    if let Some(review) = exchange.info.resource.as_ref().and_then(reviews::named) {
        return reviews::answer(&exchange, review, payload).await;
    }
    if exchange.info.resource.is_some() {
        return verbs::dispatch(exchange, payload).await;
    }
    let path = exchange.info.path.clone();
    let parts: Vec<&str> = path.trim_matches('/').split('/').collect();
    match parts.as_slice() {
        ["api" | "apis", ..] => discovery::answer(&exchange, &parts),
        ["openapi", parts @ ..] => openapi::answer(&exchange, parts),
        ["version"] => Ok(health::version(&exchange)),
        ["livez" | "readyz" | "healthz", checks @ ..] => Ok(health::check(&exchange, parts[0], checks).await),
        ["debug", "why"] => why::answer(&exchange).await,
        ["debug", "actors"] => Ok(health::actors(&exchange)),
        ["debug", "actors", "kill"] if *exchange.request.method() == Method::POST => health::kill(&exchange),
        _ => Ok(response::nowhere()),
    }
}
