//! WebSockets, as the streaming protocols use them: binary messages in both directions.

use actix_web::http::header::{SEC_WEBSOCKET_PROTOCOL, UPGRADE};
use actix_web::{HttpResponse, web};
use actix_ws::{AggregatedMessage, AggregatedMessageStream, CloseCode, CloseReason, Session};
use bytes::Bytes;

use crate::api::status::Status;
use crate::http::front::Exchange;

/// The largest message that is read, in bytes.
const LIMIT: usize = 1024 * 1024;

/// An accepted WebSocket; it is open once the response has been given back.
pub struct WebSocket {
    pub protocol: &'static str,
    pub sender: Sender,
    pub receiver: Receiver,
}

/// Where messages go.
#[derive(Clone)]
pub struct Sender(Session);

/// Where messages come from.
pub struct Receiver {
    messages: AggregatedMessageStream,
    session: Session,
}

/// The client is gone.
#[derive(Debug, thiserror::Error)]
#[error("the client is gone")]
pub struct Gone;

/// Whether the client wants another protocol. One that was refused may ask again for an older one, and shows its user that answer.
pub fn is_another_asked_for(exchange: &Exchange) -> bool {
    let upgrade = exchange.header(UPGRADE);
    !upgrade.is_empty() && !upgrade.eq_ignore_ascii_case("websocket")
}

/// Accepts a WebSocket that speaks one of these protocols; a client that names none gets `unnamed`.
///
/// # Errors
/// The request is no such upgrade.
pub fn accept(
    exchange: &Exchange,
    payload: web::Payload,
    protocols: &[&'static str],
    unnamed: Option<&'static str>,
) -> Result<(HttpResponse, WebSocket), Status> {
    let upgrade = exchange.header(UPGRADE);
    if !upgrade.eq_ignore_ascii_case("websocket") {
        let message = match upgrade.as_str() {
            "" => "Upgrade request required".to_owned(),
            other => format!("cannot upgrade to {other}: only WebSocket is served here (kubectl 1.31 or later uses it)"),
        };
        return Err(Status::bad_request(message));
    }
    let offered = exchange.header(SEC_WEBSOCKET_PROTOCOL);
    let find = |name: &str| protocols.iter().copied().find(|known| *known == name.trim());
    let protocol = if offered.is_empty() { unnamed } else { offered.split(',').find_map(find) };
    let protocol = protocol.ok_or_else(|| Status::bad_request(format!("unable to upgrade: unsupported protocols {offered:?}")))?;
    let accepted = actix_ws::handle_with_protocols(&exchange.request, payload, &[protocol]);
    let (response, session, messages) = accepted.map_err(|error| Status::bad_request(error.to_string()))?;
    let messages = messages.max_frame_size(LIMIT).aggregate_continuations().max_continuation_size(LIMIT);
    let receiver = Receiver { messages, session: session.clone() };
    Ok((response, WebSocket { protocol, sender: Sender(session), receiver }))
}

impl Sender {
    /// Waits while the client does not read.
    pub async fn send(&mut self, message: Bytes) -> Result<(), Gone> {
        self.0.binary(message).await.map_err(|_| Gone)
    }

    /// Ends the connection in order.
    pub async fn close(self) {
        let _ = self.0.close(Some(CloseReason::from(CloseCode::Normal))).await;
    }
}

impl Receiver {
    /// The next message; `None` once the client has gone. Answers pings on the way.
    pub async fn next(&mut self) -> Option<Bytes> {
        loop {
            match self.messages.recv().await?.ok()? {
                AggregatedMessage::Binary(bytes) => return Some(bytes),
                AggregatedMessage::Text(text) => return Some(text.into_bytes()),
                AggregatedMessage::Ping(bytes) => self.session.pong(&bytes).await.ok()?,
                AggregatedMessage::Pong(_) => {}
                AggregatedMessage::Close(_) => return None,
            }
        }
    }
}
