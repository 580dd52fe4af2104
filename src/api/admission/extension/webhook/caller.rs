//! How webhooks are called: a part of the world outside, so that there may be none.

use std::net::SocketAddr;
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;

/// Where a webhook is.
#[derive(Clone, Debug, PartialEq)]
pub struct Destination {
    /// `https://host:port/path`, with a query that says how long there is time.
    pub url: String,
    /// Where to connect to, if it is not what the URL's host stands for.
    pub addresses: Option<Vec<SocketAddr>>,
    /// PEM; empty for those that the machine trusts.
    pub authorities: Vec<u8>,
    pub timeout: Duration,
}

/// What came back, whatever its status.
#[derive(Clone, Debug)]
pub struct Answer {
    pub code: u16,
    pub body: Bytes,
}

/// Why nothing came back, as Go's client words it.
#[derive(Clone, Debug, PartialEq)]
pub struct Failure(pub String);

#[async_trait]
pub trait Caller: Send + Sync + 'static {
    /// Posts JSON. Takes no longer than the destination says, follows no redirect, and takes no answer that is too large.
    async fn call(&self, destination: &Destination, body: Bytes) -> Result<Answer, Failure>;
}

impl Answer {
    /// What is wrong with an answer that is no success (`NewGenericServerResponse`).
    pub(super) fn fault(&self) -> Option<String> {
        let known = match self.code {
            200..300 => return None,
            400 => "the server rejected our request for an unknown reason",
            401 => "the server has asked for the client to provide credentials",
            404 => "the server could not find the requested resource",
            405 => "the server does not allow this method on the requested resource",
            406 => "the server was unable to respond with a content type that the client supports",
            409 => "the server reported a conflict",
            413 => "the request entity is too large",
            415 => "the body of the request was in an unknown format - accepted media types include: application/json",
            422 => "the server rejected our request due to an error in our request",
            429 => "the server has received too many requests and has asked us to try again later",
            503 => "the server is currently unable to handle the request",
            504 => "the server was unable to return a response in the time allotted, but may still be processing the request",
            403 => {
                let said = String::from_utf8_lossy(&self.body).trim().to_owned();
                return Some(if said.is_empty() { "forbidden".to_owned() } else { said.chars().take(1024).collect() });
            }
            500.. => {
                let said: String = String::from_utf8_lossy(&self.body).trim().chars().take(1024).collect();
                let said = if said.is_empty() { "unknown".to_owned() } else { said };
                return Some(format!("an error on the server ({said:?}) has prevented the request from succeeding"));
            }
            other => {
                return Some(format!("the server responded with the status code {other} but did not return more information"));
            }
        };
        Some(known.to_owned())
    }
}
