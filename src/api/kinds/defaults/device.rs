//! Claims of devices.

use serde_json::Value;

use super::Complete;
use crate::api::kinds::fields::Fields;

pub fn resource_claim(claim: &mut Value) {
    requests(claim, "/spec/devices/requests");
}

pub fn resource_claim_template(template: &mut Value) {
    requests(template, "/spec/spec/devices/requests");
}

fn requests(object: &mut Value, pointer: &str) {
    for request in object.each(pointer) {
        request.part("/exactly").into_iter().for_each(amount);
        request.each("/firstAvailable").for_each(amount);
    }
}

/// One device, if nothing else is said.
fn amount(request: &mut Value) {
    request.empty("allocationMode", "ExactCount");
    if request.text("/allocationMode") == "ExactCount" {
        request.empty("count", 1);
    }
    request.each("/tolerations").for_each(|toleration| toleration.empty("operator", "Equal"));
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_request_is_for_one_device_if_it_does_not_say_how_many() {
        let mut claim = json!({"spec": {"devices": {"requests": [
            {"exactly": {}}, {"exactly": {"allocationMode": "All"}}, {"firstAvailable": [{"count": 2}]}]}}});
        resource_claim(&mut claim);
        assert_eq!(
            claim["spec"]["devices"]["requests"],
            json!([
                {"exactly": {"allocationMode": "ExactCount", "count": 1}},
                {"exactly": {"allocationMode": "All"}},
                {"firstAvailable": [{"allocationMode": "ExactCount", "count": 2}]},
            ])
        );
    }
}
