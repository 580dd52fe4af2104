//! Secrets.

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use serde_json::Value;

use super::Complete;

/// `stringData` is a way of writing `data`; it is never kept.
pub fn secret(secret: &mut Value) {
    secret.empty("type", "Opaque");
    let texts = secret.as_object_mut().and_then(|fields| fields.remove("stringData"));
    let Some(Value::Object(texts)) = texts else { return };
    let Some(data) = secret.made("data") else { return };
    for (key, text) in texts {
        if let Value::String(text) = text {
            data.insert(key, BASE64_STANDARD.encode(text).into());
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn string_data_replaces_data() {
        let mut object = json!({"data": {"a": "eA==", "b": "eQ=="}, "stringData": {"a": "\u{fc}"}});
        secret(&mut object);
        assert_eq!(object, json!({"type": "Opaque", "data": {"a": "w7w=", "b": "eQ=="}}));
    }
}
