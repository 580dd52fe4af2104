//! The way in: to the front that answers now, or to what is served beside it.

use std::sync::Arc;

use actix_web::http::{Method, StatusCode};
use actix_web::{HttpRequest, HttpResponse, web};
use arc_swap::ArcSwapOption;
use bytes::Bytes;
use futures::future::BoxFuture;
use serde_json::Value;

use super::authentication::PeerUser;
use super::front::{Front, answer};
use super::negotiation::Format;
use super::request::Query;
use super::response::{self, Style};
use crate::api::status::{Reason, Status};
use crate::api::verbs::MASTERS;

/// The most that is read of a request to an annex.
const ANNEX_BODY: usize = 1 << 20;

/// Where requests come in: by it they reach the front that answers now, if one does.
#[derive(Default)]
pub struct Door {
    front: ArcSwapOption<Front>,
    annex: Option<Box<dyn Annex>>,
}

impl Door {
    /// One behind which there is something besides the API.
    pub fn with(annex: impl Annex) -> Self {
        Self { front: ArcSwapOption::empty(), annex: Some(Box::new(annex)) }
    }

    /// From now on this front answers.
    pub fn open(&self, front: Front) {
        self.front.store(Some(Arc::new(front)));
    }

    /// From now on nobody answers. What would not end by itself is ended.
    pub fn close(&self) {
        if let Some(front) = self.front.swap(None) {
            front.shutdown.begin();
        }
    }

    /// Ends what would not end by itself. Requests are answered as before.
    pub(super) fn hush(&self) {
        if let Some(front) = &*self.front.load() {
            front.shutdown.begin();
        }
    }

    /// Called by each thread that answers, before it does.
    pub(super) fn enter(&self) {
        if let Some(annex) = &self.annex {
            annex.enter();
        }
    }
}

/// What is served beside the API, to who may do everything, also while the API is down.
pub trait Annex: Send + Sync + 'static {
    /// What its paths begin with.
    fn prefix(&self) -> &'static str;

    /// Called by each thread that answers, before it does.
    fn enter(&self);

    /// Resolves when a request that may change something may go on to the API.
    fn before_write(&self) -> BoxFuture<'_, ()>;

    fn answer(&self, ask: AnnexRequest) -> BoxFuture<'_, Result<Value, Status>>;
}

/// A request to an [`Annex`].
pub struct AnnexRequest {
    pub method: String,
    /// Without the prefix.
    pub path: String,
    pub query: Query,
    pub body: Bytes,
}

/// Answers any request that comes in by a door.
pub async fn come_in(door: web::Data<Door>, request: HttpRequest, payload: web::Payload) -> HttpResponse {
    if let Some(annex) = &door.annex {
        if let Some(path) = request.path().strip_prefix(annex.prefix()) {
            let path = path.to_owned();
            let style = Style::new(Format::Json, request.headers(), &Query::new(request.query_string()));
            let answered = ask(&**annex, path, &request, payload).await;
            return answered.map_or_else(|status| response::failure(&status), |value| response::value(StatusCode::OK, &value, style));
        }
        if !matches!(*request.method(), Method::GET | Method::HEAD) {
            annex.before_write().await;
        }
    }
    match door.front.load_full() {
        Some(front) => answer(front.into(), request, payload).await,
        None => response::failure(&Status::new(503, Reason::ServiceUnavailable, "the API server is down")),
    }
}

async fn ask(annex: &dyn Annex, path: String, request: &HttpRequest, payload: web::Payload) -> Result<Value, Status> {
    let is_master = request.conn_data::<PeerUser>().is_some_and(|peer| peer.user().is_in(MASTERS));
    if !is_master {
        let why = format!("{} is for the administrator's certificate alone", annex.prefix());
        return Err(Status::new(403, Reason::Forbidden, why));
    }
    let body = payload.to_bytes_limited(ANNEX_BODY).await.map_err(|error| Status::bad_request(error.to_string()))?;
    let body = body.map_err(|error| Status::bad_request(error.to_string()))?;
    annex.answer(AnnexRequest { method: request.method().to_string(), path, query: Query::new(request.query_string()), body }).await
}
