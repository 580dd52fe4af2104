use std::sync::Arc;
use std::time::Duration;

use bollard::models::EventMessage;
use futures::stream::TryStreamExt;
use jiff::Timestamp;
use tokio::io::AsyncBufReadExt;
use tokio_util::io::StreamReader;

use super::engine::Engine;
use super::labels::{Home, KIND, KIND_SANDBOX, OWNER};
use crate::runtime::clock;
use crate::runtime::containers::event_hub::EventHub;
use crate::runtime::containers::{ContainerId, Error, Result, RuntimeChange, RuntimeEvent, SandboxId};

/// How long to wait before the engine is asked again.
const FIRST_PAUSE: Duration = Duration::from_millis(100);
const LONGEST_PAUSE: Duration = Duration::from_secs(5);

/// Hands on the engine's events, for ever. Whenever it has connected (again) it tells everybody to list anew.
pub(super) async fn pump(engine: Engine, home: Home, hub: Arc<EventHub>) {
    let mut pause = FIRST_PAUSE;
    loop {
        let connected_at = clock::instant();
        let Err(error) = follow(&engine, &home, &hub).await;
        tracing::warn!(%error, "lost the container engine's events; asking again");
        if connected_at.elapsed() > LONGEST_PAUSE {
            pause = FIRST_PAUSE;
        }
        tokio::time::sleep(pause).await;
        pause = (pause * 2).min(LONGEST_PAUSE);
    }
}

async fn follow(engine: &Engine, home: &Home, hub: &EventHub) -> Result<std::convert::Infallible> {
    // The engine answers before it subscribes: it is asked for what happened since just before, so that nothing falls between.
    let since = clock::now();
    let stream = engine.stream(&path(home, since)).await?;
    hub.publish(RuntimeEvent::Relist);
    let mut lines = StreamReader::new(stream.map_err(std::io::Error::other)).lines();
    while let Some(line) = lines.next_line().await.map_err(|error| Error::Unavailable(error.to_string()))? {
        let event: EventMessage = serde_json::from_str(&line).map_err(|error| Error::Failed(format!("an event: {error}")))?;
        if let Some(event) = read(event) {
            hub.publish(event);
        }
    }
    Err(Error::Unavailable("the engine ended its events".to_owned()))
}

fn path(home: &Home, since: Timestamp) -> String {
    let filters = serde_json::json!({
        "type": ["container"],
        "event": ["create", "start", "die", "destroy"],
        "label": home.filter(None),
    });
    let filters = percent_encoding::utf8_percent_encode(&filters.to_string(), percent_encoding::NON_ALPHANUMERIC).to_string();
    format!("/events?since={}.{:09}&filters={filters}", since.as_second(), since.subsec_nanosecond())
}

fn read(event: EventMessage) -> Option<RuntimeEvent> {
    let change = match event.action.as_deref()? {
        "create" => RuntimeChange::Created,
        "start" => RuntimeChange::Started,
        "die" => RuntimeChange::Exited,
        "destroy" => RuntimeChange::Removed,
        _ => return None,
    };
    let actor = event.actor?;
    let (id, labels) = (actor.id?, actor.attributes?);
    let owner = labels.get(OWNER)?.clone();
    Some(match labels.get(KIND)?.as_str() {
        KIND_SANDBOX => RuntimeEvent::Sandbox { id: SandboxId(id.into()), owner, change },
        _ => RuntimeEvent::Container { id: ContainerId(id.into()), owner, change },
    })
}
