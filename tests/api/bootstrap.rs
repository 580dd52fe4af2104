//! What a cluster has from its first moment on.

use kabuki::api::bootstrap::bootstrap;
use serde_json::json;

use super::world::world;

#[test]
fn pods_find_the_api_by_the_first_address_and_a_restart_changes_only_what_moved() {
    world(async |world| {
        bootstrap(&world.api, "192.0.2.1:6443".parse().unwrap()).await.unwrap();
        let service = world.get("services", "kubernetes").await.unwrap();
        assert_eq!(service.value()["spec"]["clusterIP"], "10.96.0.1");
        let head = world.store_revision();
        bootstrap(&world.api, "192.0.2.1:6443".parse().unwrap()).await.unwrap();
        assert_eq!(world.store_revision(), head);
        bootstrap(&world.api, "127.0.0.1:7443".parse().unwrap()).await.unwrap();
        let endpoints = world.get("endpoints", "kubernetes").await.unwrap().value();
        assert_eq!(endpoints["subsets"][0]["addresses"], json!([{"ip": "127.0.0.1"}]));
        let slice = world.get("endpointslices", "kubernetes").await.unwrap().value();
        assert_eq!(slice["ports"][0]["port"], 7443);
    });
}
