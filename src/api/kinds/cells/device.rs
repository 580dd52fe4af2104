//! The cells of device claims.

use serde_json::Value;

use super::Fields;

pub fn claim_state(claim: &Value) -> Value {
    let is_deleted = claim.is_set("/metadata/deletionTimestamp");
    let is_allocated = claim.is_set("/status/allocation");
    let is_reserved = is_allocated && !claim.list("/status/reservedFor").is_empty();
    let states =
        [("deleted", is_deleted), ("pending", !is_allocated && !is_deleted), ("allocated", is_allocated), ("reserved", is_reserved)];
    states.iter().filter(|(_, holds)| *holds).map(|(state, _)| *state).collect::<Vec<_>>().join(",").into()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_claim_shows_whether_it_has_what_it_asks_for() {
        for (claim, expected) in [
            (json!({}), "pending"),
            (json!({"status": {"allocation": {}}}), "allocated"),
            (
                json!({"metadata": {"deletionTimestamp": "t"}, "status": {"allocation": {}, "reservedFor": [{}]}}),
                "deleted,allocated,reserved",
            ),
        ] {
            assert_eq!(claim_state(&claim), expected);
        }
    }
}
