//! The cells of signing requests.

use jiff::SignedDuration;
use serde_json::Value;

use super::{Fields, NONE, human, or};

pub fn signer(request: &Value) -> Value {
    or(request.text("/spec/signerName"), NONE).into()
}

pub fn duration(request: &Value) -> Value {
    match request.at("/spec/expirationSeconds").and_then(Value::as_i64) {
        Some(seconds) => human(SignedDuration::from_secs(seconds)).into(),
        None => NONE.into(),
    }
}

pub fn condition(request: &Value) -> Value {
    let has = |kind: &str| request.list("/status/conditions").iter().any(|condition| condition.text("/type") == kind);
    let verdict = match (has("Denied"), has("Approved")) {
        (true, _) => "Denied",
        (false, true) => "Approved",
        (false, false) => "Pending",
    };
    let failed = if has("Failed") { ",Failed" } else { "" };
    let issued = if request.text("/status/certificate").is_empty() { "" } else { ",Issued" };
    format!("{verdict}{failed}{issued}").into()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_request_shows_what_became_of_it() {
        let request = |kinds: &[&str], certificate: &str| {
            let conditions: Vec<_> = kinds.iter().map(|kind| json!({"type": kind})).collect();
            json!({"spec": {"expirationSeconds": 7200}, "status": {"conditions": conditions, "certificate": certificate}})
        };
        assert_eq!(condition(&request(&[], "")), "Pending");
        assert_eq!(condition(&request(&["Approved"], "eA==")), "Approved,Issued");
        assert_eq!(condition(&request(&["Denied", "Failed"], "")), "Denied,Failed");
        assert_eq!(duration(&request(&[], "")), "120m");
    }
}
