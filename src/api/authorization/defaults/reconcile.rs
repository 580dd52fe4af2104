//! How a default role or binding that is there is made complete: what it lacks is added, what it has besides stays (the page "Using RBAC
//! Authorization", "Auto-reconciliation").

use k8s_openapi::api::rbac::v1::PolicyRule;
use serde_json::Value;

use crate::api::authorization::rule::{Rule, missing};

/// Whoever sets it to `false` keeps an object as it is.
pub(super) const AUTO_UPDATE: &str = "rbac.authorization.kubernetes.io/autoupdate";

/// What is to be made of the object that is there.
#[derive(Debug, PartialEq, Eq)]
pub enum Reconciled {
    Complete,
    Changed(Value),
    /// It binds another role, which cannot be changed: it has to go first.
    Replaced,
}

pub fn reconciled(there: &Value, wanted: &Value) -> Reconciled {
    if there["metadata"]["annotations"][AUTO_UPDATE] == "false" {
        return Reconciled::Complete;
    }
    if !wanted["roleRef"].is_null() && there["roleRef"] != wanted["roleRef"] {
        return Reconciled::Replaced;
    }
    let mut object = there.clone();
    for field in ["labels", "annotations"] {
        for (key, value) in wanted["metadata"][field].as_object().into_iter().flatten() {
            if object["metadata"][field].get(key).is_none() {
                object["metadata"][field][key] = value.clone();
            }
        }
    }
    match wanted["roleRef"].is_null() {
        true => complete_role(&mut object, wanted),
        false => add(&mut object, "subjects", &wanted["subjects"]),
    }
    if object == *there { Reconciled::Complete } else { Reconciled::Changed(object) }
}

fn complete_role(role: &mut Value, wanted: &Value) {
    if !wanted["aggregationRule"].is_null() {
        match role["aggregationRule"].is_null() {
            true => role["aggregationRule"] = wanted["aggregationRule"].clone(),
            false => add(&mut role["aggregationRule"], "clusterRoleSelectors", &wanted["aggregationRule"]["clusterRoleSelectors"]),
        }
        return;
    }
    if role["rules"] == wanted["rules"] {
        return;
    }
    let own = rules(&role["rules"]);
    let lacking = missing(&own.iter().collect::<Vec<_>>(), &rules(&wanted["rules"]));
    let lacking: Value = lacking.iter().map(super::rule).collect();
    add(role, "rules", &lacking);
}

/// Adds the items that a list lacks.
fn add(object: &mut Value, field: &str, wanted: &Value) {
    let mut items = object[field].as_array().cloned().unwrap_or_default();
    let before = items.len();
    for item in wanted.as_array().into_iter().flatten() {
        if !items.contains(item) {
            items.push(item.clone());
        }
    }
    if items.len() > before {
        object[field] = items.into();
    }
}

fn rules(given: &Value) -> Vec<Rule> {
    let rules = given.as_array().into_iter().flatten();
    rules.filter_map(|rule| serde_json::from_value::<PolicyRule>(rule.clone()).ok()).map(Rule::from).collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn role(verbs: &[&str], annotation: &str) -> Value {
        json!({"metadata": {"name": "r", "annotations": {AUTO_UPDATE: annotation}},
            "rules": [{"apiGroups": [""], "resources": ["pods"], "verbs": verbs}]})
    }

    #[test]
    fn what_is_lacking_comes_back_and_what_is_more_stays() {
        assert_eq!(reconciled(&role(&["get"], "true"), &role(&["get"], "true")), Reconciled::Complete);
        assert_eq!(reconciled(&role(&["get", "list"], "true"), &role(&["get"], "true")), Reconciled::Complete);
        assert_eq!(reconciled(&role(&[], "false"), &role(&["get"], "true")), Reconciled::Complete);
        let Reconciled::Changed(changed) = reconciled(&role(&["list"], "true"), &role(&["get"], "true")) else { panic!() };
        assert_eq!(changed["rules"].as_array().unwrap().len(), 2);
        assert_eq!(changed["rules"][1]["verbs"], json!(["get"]));
    }

    #[test]
    fn a_binding_gets_its_subjects_back_and_one_of_another_role_is_replaced() {
        let binding = |role: &str, subjects: Value| json!({"metadata": {"name": "b"}, "roleRef": {"name": role}, "subjects": subjects});
        let wanted = binding("r", json!([{"kind": "User", "name": "a"}]));
        assert_eq!(reconciled(&binding("x", json!([])), &wanted), Reconciled::Replaced);
        let Reconciled::Changed(changed) = reconciled(&binding("r", json!([{"kind": "User", "name": "b"}])), &wanted) else { panic!() };
        assert_eq!(changed["subjects"].as_array().unwrap().len(), 2);
    }
}
