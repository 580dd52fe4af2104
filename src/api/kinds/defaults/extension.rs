//! API services and definitions of custom resources.

use serde_json::{Value, json};

use super::Complete;
use crate::api::kinds::fields::Fields;

pub fn api_service(service: &mut Value) {
    if let Some(service) = service.part("/spec/service") {
        service.absent("port", 443);
    }
}

/// What is not said of the names follows from the kind.
pub fn custom_resource_definition(definition: &mut Value) {
    let Some(spec) = definition.always(&["spec"]) else { return };
    let kind = spec.text("/names/kind").to_owned();
    if let Some(names) = spec.always(&["names"]) {
        names.empty("singular", kind.to_lowercase());
        if !kind.is_empty() {
            names.empty("listKind", format!("{kind}List"));
        }
    }
    spec.absent("conversion", json!({"strategy": "None"}));
    if let Some(service) = spec.part("/conversion/webhook/clientConfig/service") {
        service.absent("port", 443);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_follow_from_the_kind() {
        let mut object = json!({"spec": {"names": {"plural": "things", "kind": "Thing"}}});
        custom_resource_definition(&mut object);
        assert_eq!(object["spec"]["names"], json!({"plural": "things", "singular": "thing", "kind": "Thing", "listKind": "ThingList"}));
        assert_eq!(object["spec"]["conversion"], json!({"strategy": "None"}));
    }
}
