//! Devices: what drivers have, what is asked for, and what was given.

use kabuki::api::client::Patch;
use kabuki::api::kinds::Subresource;
use kabuki::api::verbs::Target;
use serde_json::{Value, json};

use super::world::{World, call, kind, world};

async fn refused(world: &World, plural: &str, body: Value) -> String {
    let namespace = if kind(plural).is_namespaced() { "default" } else { "" };
    match world.create(plural, namespace, body).await {
        Ok(_) => String::new(),
        Err(status) => status.message.split_once(" is invalid: ").map(|(_, why)| why.to_owned()).unwrap_or(status.message),
    }
}

fn claim(devices: Value) -> Value {
    json!({"metadata": {"generateName": "c-"}, "spec": {"devices": devices}})
}

#[test]
fn a_claim_asks_for_devices_of_classes() {
    let one = |fields: Value| {
        let mut request = json!({"deviceClassName": "c"});
        json_patch::merge(&mut request, &fields);
        claim(json!({"requests": [{"name": "a", "exactly": request}]}))
    };
    let constraint = |constraint: Value| {
        claim(json!({"requests": [{"name": "a", "firstAvailable": [{"name": "b", "deviceClassName": "c"}]}], "constraints": [constraint]}))
    };
    world(async |world| {
        for (body, wrong) in [
            (one(json!({})), ""),
            (one(json!({"deviceClassName": ""})), "spec.devices.requests[0].exactly.deviceClassName: Required value"),
            (
                one(json!({"allocationMode": "All", "count": 2})),
                "spec.devices.requests[0].exactly.count: Invalid value: 2: must not be specified when allocationMode is 'All'",
            ),
            (one(json!({"selectors": [{}]})), "spec.devices.requests[0].exactly.selectors[0].cel: Required value"),
            (
                one(json!({"adminAccess": true})),
                "spec.devices.requests[0].adminAccess: Forbidden: admin access to devices requires the `resource.kubernetes.io/admin-access: true` label on the containing namespace",
            ),
            (
                claim(
                    json!({"requests": [{"name": "a", "exactly": {"deviceClassName": "c"}}, {"name": "a", "exactly": {"deviceClassName": "c"}}]}),
                ),
                "spec.devices.requests[1]: Duplicate value: \"a\"",
            ),
            (constraint(json!({"requests": ["a/b"], "matchAttribute": "d/n"})), ""),
            (
                constraint(json!({"requests": ["a/c"], "matchAttribute": "d/n"})),
                "spec.devices.constraints[0].requests[0]: Invalid value: \"a/c\": must be the name of a request in the claim or the name of a request and a subrequest separated by '/'",
            ),
            (constraint(json!({})), "spec.devices.constraints[0].matchAttribute: Required value"),
            (
                constraint(json!({"matchAttribute": "n"})),
                "spec.devices.constraints[0].matchAttribute: Invalid value: \"n\": a fully qualified name must be a domain and a name separated by a slash",
            ),
            (
                claim(json!({"config": [{"opaque": {"driver": "d", "parameters": [1]}}]})),
                "spec.devices.config[0].opaque.parameters: Invalid value: \"<value omitted>\": must be a valid JSON object",
            ),
        ] {
            assert_eq!(refused(&world, "resourceclaims", body.clone()).await, wrong, "{body}");
        }
    });
}

#[test]
fn a_slice_is_of_one_place_and_its_devices_have_names() {
    let slice = |fields: Value| {
        let pool = json!({"name": "p", "generation": 1, "resourceSliceCount": 1});
        let mut spec = json!({"driver": "d", "allNodes": true, "pool": pool});
        json_patch::merge(&mut spec, &fields);
        json!({"metadata": {"generateName": "s-"}, "spec": spec})
    };
    let attribute = |name: &str, value: Value| slice(json!({"devices": [{"name": "a", "attributes": {name: value}}]}));
    let one = "exactly one of `nodeName`, `nodeSelector`, `allNodes`, `perDeviceNodeSelection` is required";
    world(async |world| {
        for (body, wrong) in [
            (slice(json!({})), String::new()),
            (
                slice(json!({"nodeName": "n"})),
                format!("spec: Invalid value: \"{{`nodeName`, `allNodes`}}\": {one}, but multiple fields are set"),
            ),
            (
                slice(json!({"pool": {"name": "", "resourceSliceCount": 0}})),
                "[spec.pool.name: Required value, spec.pool.resourceSliceCount: Invalid value: 0: must be greater than zero]".to_owned(),
            ),
            (
                attribute("a", json!({"version": "1.2"})),
                "spec.devices[0].attributes[a].version: Invalid value: \"1.2\": must be a string compatible with semver.org spec 2.0.0"
                    .to_owned(),
            ),
            (attribute("a", json!({"version": "1.2.3-rc.1+5"})), String::new()),
            (
                attribute("/a", json!({"bool": true})),
                "spec.devices[0].attributes: Invalid value: \"\": the domain must not be empty".to_owned(),
            ),
        ] {
            assert_eq!(refused(&world, "resourceslices", body.clone()).await, wrong, "{body}");
        }
    });
}

#[test]
fn what_was_given_to_a_claim_stays_and_only_then_is_it_used() {
    world(async |world| {
        let mut body = claim(json!({"requests": [{"name": "a", "exactly": {"deviceClassName": "c"}}]}));
        body["metadata"] = json!({"name": "c"});
        world.create("resourceclaims", "default", body).await.unwrap();
        let target = Target::new(&kind("resourceclaims"), "default", "c").subresource(Subresource::Status);
        let consumers = json!([{"resource": "pods", "name": "p", "uid": "u"}]);
        let results = |device: &str| json!({"devices": {"results": [{"request": "a", "driver": "d", "pool": "p", "device": device}]}});
        for (status, wrong) in [
            (json!({"reservedFor": consumers}), "status.reservedFor: Forbidden: may not be specified when `allocated` is not set"),
            (json!({"allocation": results("x"), "reservedFor": consumers}), ""),
            (json!({"allocation": results("y")}), "field is immutable"),
            (json!({"devices": [{"driver": "d", "pool": "p", "device": "z"}]}), "must be an allocated device in the claim"),
            (
                json!({"devices": [{"driver": "d", "pool": "p", "device": "x", "networkData": {"ips": ["10.0.0.1"]}}]}),
                "status.devices[0].networkData.ips[0]: Invalid value: \"10.0.0.1\": must be a valid address in CIDR form, (e.g. 10.9.8.7/24 or 2001:db8::1/64)",
            ),
        ] {
            let patch = Patch::Merge(json!({ "status": status }));
            let why = world.api.patch(&call(), &target, &patch, &[]).await.map_or_else(|status| status.message, |_| String::new());
            assert!(if wrong.is_empty() { why.is_empty() } else { why.ends_with(wrong) }, "{status}: {why}");
        }
    });
}
