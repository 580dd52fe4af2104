//! The token with which a list in chunks goes on: a revision and the last path that was given.

use base64::engine::general_purpose::{GeneralPurpose, GeneralPurposeConfig, NO_PAD};
use base64::{Engine, alphabet};
use serde::{Deserialize, Serialize};

use crate::api::status::Status;
use crate::runtime::store::Revision;

const VERSION: &str = "meta.k8s.io/v1";

/// As lenient as Go's decoder, which does not mind what the last bits are.
const CONFIG: GeneralPurposeConfig = NO_PAD.with_decode_allow_trailing_bits(true);
const BASE64: GeneralPurpose = GeneralPurpose::new(&alphabet::URL_SAFE, CONFIG);

/// Upstream's form (`apiserver/pkg/storage/continue.go`), base64 of JSON, so that its clients' tools can read it.
#[derive(Serialize, Deserialize)]
struct Wire {
    #[serde(default)]
    v: String,
    /// -1: the newest revision, whatever it is.
    #[serde(default)]
    rv: i64,
    /// The last path, and a zero byte: the first path after it.
    #[serde(default)]
    start: String,
}

/// Where a list goes on.
#[derive(Debug, PartialEq)]
pub(super) struct ContinueToken {
    /// `None`: the newest.
    pub revision: Option<Revision>,
    /// Below the namespace that is listed.
    pub after: String,
}

impl ContinueToken {
    pub fn encode(&self) -> String {
        let rv = self.revision.map_or(-1, |revision| i64::try_from(revision.0).expect("revisions count commits and stay below 2^63"));
        let wire = Wire { v: VERSION.to_owned(), rv, start: format!("{}\0", self.after) };
        BASE64.encode(serde_json::to_vec(&wire).expect("texts and a number are JSON"))
    }

    pub fn decode(token: &str) -> Result<Self, Status> {
        let wire = read(token).map_err(|why| Status::bad_request(format!("invalid continue token: continue key is not valid: {why}")))?;
        let after = wire.start.strip_suffix('\0').unwrap_or(&wire.start).to_owned();
        Ok(Self { revision: u64::try_from(wire.rv).ok().map(Revision), after })
    }
}

fn read(token: &str) -> Result<Wire, String> {
    let bytes = BASE64.decode(token).map_err(|_| "illegal base64 data".to_owned())?;
    let wire: Wire = serde_json::from_slice(&bytes).map_err(|error| not_json(&bytes, &error))?;
    if wire.v != VERSION {
        return Err(format!("server does not recognize this encoded version {}", wire.v));
    }
    if wire.rv == 0 {
        return Err(format!("incorrect encoded start resourceVersion (version {VERSION})"));
    }
    if wire.start.is_empty() {
        return Err(format!("encoded start key empty (version {VERSION})"));
    }
    if wire.start.split('/').any(|segment| matches!(segment, "" | "." | "..")) {
        return Err(wire.start);
    }
    Ok(wire)
}

/// As Go's decoder words it, if the first byte cannot begin a value.
fn not_json(bytes: &[u8], error: &serde_json::Error) -> String {
    match bytes.first() {
        Some(byte) if !b"{[\"-0123456789tfn \t\r\n".contains(byte) => {
            let character = char::from(*byte);
            let shown = if character.is_control() { format!("\\u{:04x}", u32::from(*byte)) } else { character.to_string() };
            format!("invalid character '{shown}' looking for beginning of value")
        }
        Some(_) => error.to_string(),
        None => "unexpected end of JSON input".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_brings_back_its_place() {
        for revision in [Some(Revision(7)), None] {
            let place = ContinueToken { revision, after: "default/web-1".to_owned() };
            assert_eq!(ContinueToken::decode(&place.encode()).unwrap(), place);
        }
    }

    #[test]
    fn what_is_no_token_is_refused_with_upstreams_words() {
        for (token, why) in [
            ("garbage", "invalid character '\\u0081' looking for beginning of value"),
            ("eyJ2IjoibWV0YTkiLCJydiI6NSwic3RhcnQiOiJhIn0", "server does not recognize this encoded version meta9"),
            ("eyJ2IjoibWV0YS5rOHMuaW8vdjEiLCJydiI6NSwic3RhcnQiOiIuLi9hIn0", "../a"),
        ] {
            let status = ContinueToken::decode(token).unwrap_err();
            assert_eq!((status.code, status.message), (400, format!("invalid continue token: continue key is not valid: {why}")));
        }
    }
}
