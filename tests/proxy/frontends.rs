use std::net::SocketAddr;

use kabuki::actors::proxy::Table;
use kabuki::runtime::supervision::State;
use serde_json::json;

use super::world::{Loopback, simulated};

fn at(last: u8) -> SocketAddr {
    ([10, 244, 0, last], 8080).into()
}

/// The table as text.
fn rows(table: &Table) -> Vec<String> {
    let row = |(frontend, row): (&kabuki::actors::proxy::Frontend, &kabuki::actors::proxy::Row)| {
        let backends: Vec<_> = row.backends.addresses().iter().map(|at| at.ip().to_string()).collect();
        format!("{frontend} {}: {}", row.owner.key().name, backends.join(" "))
    };
    table.iter().map(row).collect()
}

#[test]
fn the_table_follows_services_and_their_endpoints() {
    simulated(|world| async move {
        world.service("web", 7, json!({})).await;
        let proxy = world.start(None);
        proxy.reached(|table| rows(table) == ["10.96.0.7:80/TCP web: "]).await;
        world.endpoints("web", "TCP", &[at(1), at(2)]).await;
        proxy.reached(|table| rows(table) == ["10.96.0.7:80/TCP web: 10.244.0.1 10.244.0.2"]).await;
        world.service("api", 8, json!({"type": "NodePort", "ports": [{"port": 443, "nodePort": 30443}]})).await;
        let both = ["10.96.0.7:80/TCP web: 10.244.0.1 10.244.0.2", "10.96.0.8:443/TCP api: ", "127.0.0.1:30443/TCP api: "];
        proxy.reached(|table| rows(table) == both).await;
        world.delete("endpointslices", "web").await;
        world.delete("services", "api").await;
        proxy.reached(|table| rows(table) == ["10.96.0.7:80/TCP web: "]).await;
        world.delete("services", "web").await;
        proxy.reached(|table| rows(table).is_empty()).await;
    });
}

#[test]
fn a_listener_lives_as_long_as_there_is_a_backend_and_survives_the_proxier() {
    simulated(|world| async move {
        let network = Loopback::new();
        let proxy = world.start(Some(network.clone()));
        world.service("web", 7, json!({})).await;
        world.endpoints("web", "TCP", &[at(1)]).await;
        network.opened("10.96.0.7:80", 1).await;
        let listeners = || {
            let tree = world.supervisor.tree();
            let running = tree.iter().filter(|node| node.path.contains("listeners/") && node.state == State::Running);
            running.map(|node| node.path.clone()).collect::<Vec<_>>()
        };
        assert_eq!(listeners().len(), 1);
        let proxier = world.supervisor.paths().into_iter().find(|path| path.ends_with("proxier")).unwrap();
        assert!(world.supervisor.inject_panic(&proxier));
        world.endpoints("web", "TCP", &[at(2)]).await;
        proxy.reached(|table| rows(table) == ["10.96.0.7:80/TCP web: 10.244.0.2"]).await;
        assert_eq!(listeners().len(), 1);
        world.delete("endpointslices", "web").await;
        proxy.reached(|table| rows(table) == ["10.96.0.7:80/TCP web: "]).await;
        world.endpoints("web", "TCP", &[at(3)]).await;
        network.opened("10.96.0.7:80", 2).await;
        assert_eq!(listeners().len(), 1);
    });
}
