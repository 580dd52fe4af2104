//! Ingress classes and network policies.

use serde_json::Value;

use super::Complete;
use crate::api::kinds::fields::Fields;

pub fn ingress_class(class: &mut Value) {
    if let Some(parameters) = class.part("/spec/parameters") {
        parameters.absent("scope", "Cluster");
    }
}

/// A policy that does not say what it is about is about what comes in, and about what goes out if it has rules for that.
pub fn network_policy(policy: &mut Value) {
    for rules in ["/spec/ingress", "/spec/egress"] {
        for rule in policy.each(rules) {
            rule.each("/ports").for_each(|port| port.absent("protocol", "TCP"));
        }
    }
    let has_egress = !policy.list("/spec/egress").is_empty();
    if let Some(spec) = policy.always(&["spec"])
        && spec.list("/policyTypes").is_empty()
    {
        let kinds: &[&str] = if has_egress { &["Ingress", "Egress"] } else { &["Ingress"] };
        spec["policyTypes"] = kinds.to_vec().into();
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_policy_is_about_what_it_has_rules_for() {
        for (spec, expected) in [
            (json!({}), json!({"policyTypes": ["Ingress"]})),
            (json!({"policyTypes": ["Egress"]}), json!({"policyTypes": ["Egress"]})),
            (
                json!({"egress": [{"ports": [{"port": 1}]}]}),
                json!({"policyTypes": ["Ingress", "Egress"], "egress": [{"ports": [{"port": 1, "protocol": "TCP"}]}]}),
            ),
        ] {
            let mut policy = json!({ "spec": spec });
            network_policy(&mut policy);
            assert_eq!(policy["spec"], expected);
        }
    }
}
