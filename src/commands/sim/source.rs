//! Where a what-if begins: a live cluster, or what was exported of one.

use std::path::PathBuf;
use std::time::Duration;

use clap::Args;
use serde_json::Value;

use crate::api::kinds::{Kind, Registry};
use crate::api::remote::{Ask, Remote, RemoteError};
use crate::commands::{Failure, client, manifests};
use crate::simulation::Export;

/// Objects that are asked for at once.
const PAGE: usize = 500;
/// How long an answer may take.
const PATIENCE: Duration = Duration::from_secs(30);
/// What only tells of what was: nobody needs it.
const UNASKED: [&str; 2] = ["events", "leases"];

#[derive(Args, Debug)]
pub struct Source {
    /// Go on from the state of the cluster that this kubeconfig leads to
    #[arg(long, value_name = "FILE", conflicts_with_all = ["from_objects", "nodes"])]
    from_kubeconfig: Option<PathBuf>,
    /// Its context [default: the current one]
    #[arg(long, requires = "from_kubeconfig")]
    context: Option<String>,
    /// Go on from exported objects: `kubectl get all,nodes -A -o yaml` (`-` is standard input)
    #[arg(long, value_name = "FILE", conflicts_with = "nodes")]
    from_objects: Option<PathBuf>,
    /// Take over the values of secrets, too: they will stand in failure files
    #[arg(long)]
    with_secrets: bool,
}

impl Source {
    /// What there was, empty if no source is named. What is not as it was there is said on standard error.
    ///
    /// # Errors
    /// It cannot be had as a whole.
    pub fn export(&self) -> Result<Export, Failure> {
        let (place, objects) = match (&self.from_kubeconfig, &self.from_objects) {
            (Some(file), _) => {
                let remote = Remote::from_context(file, self.context.as_deref())?;
                let mut objects = Vec::new();
                client(async {
                    objects = all(&remote).await?;
                    Ok(())
                })?;
                (remote.server().to_owned(), objects)
            }
            (None, Some(file)) => (file.display().to_string(), manifests::read(std::slice::from_ref(file))?),
            (None, None) => return Ok(Export::default()),
        };
        let (export, remarks) = Export::of(objects, self.with_secrets).map_err(|error| format!("{place}: {error}"))?;
        remarks.iter().for_each(|remark| eprintln!("note: {remark}"));
        Ok(export)
    }
}

/// One kind of a server's objects.
struct Collection {
    api_version: String,
    kind: String,
    path: String,
    /// Without it there is no what-if.
    is_needed: bool,
    /// Who has none needs no player.
    is_played: bool,
}

impl Collection {
    fn of(kind: &Kind) -> Self {
        let root = if kind.group().is_empty() { "/api" } else { "/apis" };
        let (api_version, is_needed) = (kind.api_version(), matches!(kind.kind(), "Node" | "Pod"));
        Self {
            path: format!("{root}/{api_version}/{}", kind.plural()),
            api_version,
            kind: kind.kind().to_owned(),
            is_needed,
            is_played: Export::plays(kind),
        }
    }
}

/// What is asked for: the kinds that something acts on here, and those that can be played.
fn collections() -> Vec<Collection> {
    let asked = Registry::built_in().all().filter(|kind| kind.synthesis.is_none() && !UNASKED.contains(&kind.plural()));
    asked.filter(|kind| Export::takes(kind) || Export::plays(kind)).map(|kind| Collection::of(kind)).collect()
}

/// All objects of a server. A kind that it does not have, or does not show, is passed over, unless it is nodes or pods.
async fn all(remote: &Remote) -> Result<Vec<Value>, Failure> {
    let mut objects = Vec::new();
    for collection in collections() {
        match list(remote, &collection).await {
            Ok(items) => objects.extend(items),
            Err(Trouble::Refused(404, _)) if collection.is_played => {}
            Err(Trouble::Refused(403 | 404, why)) if !collection.is_needed => eprintln!("note: {} are left out: {why}", collection.path),
            Err(Trouble::Refused(_, why) | Trouble::Other(why)) => {
                return Err(format!("{}{}: {why}", remote.server(), collection.path).into());
            }
        }
    }
    Ok(objects)
}

/// Why a collection cannot be had.
enum Trouble {
    /// The server says so, by a code.
    Refused(u16, String),
    Other(String),
}

impl From<RemoteError> for Trouble {
    fn from(error: RemoteError) -> Self {
        match error.status() {
            Some(status) => Self::Refused(status.code, error.to_string()),
            None => Self::Other(error.to_string()),
        }
    }
}

async fn list(remote: &Remote, collection: &Collection) -> Result<Vec<Value>, Trouble> {
    let (mut all, mut token) = (Vec::new(), String::new());
    loop {
        let path = format!("{}?limit={PAGE}{token}", collection.path);
        let answer = tokio::time::timeout(PATIENCE, remote.json(Ask::get(&path))).await;
        let mut page = answer.map_err(|_| Trouble::Other(format!("no answer within {} s", PATIENCE.as_secs())))??;
        let Some(Value::Array(items)) = page.get_mut("items").map(Value::take) else {
            return Err(Trouble::Other("the answer is no list".to_owned()));
        };
        all.extend(items.into_iter().map(|mut item| {
            // What stands in a list does not say what it is.
            item["apiVersion"] = collection.api_version.clone().into();
            item["kind"] = collection.kind.clone().into();
            item
        }));
        match page.pointer("/metadata/continue").and_then(Value::as_str).filter(|token| !token.is_empty()) {
            Some(next) => token = format!("&continue={}", form_urlencoded::byte_serialize(next.as_bytes()).collect::<String>()),
            None => return Ok(all),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_that_is_served_and_stands_for_something_is_asked_for() {
        let paths: Vec<String> = collections().into_iter().map(|collection| collection.path).collect();
        for path in ["/api/v1/nodes", "/api/v1/pods", "/api/v1/secrets", "/apis/scheduling.k8s.io/v1/priorityclasses"] {
            assert!(paths.iter().any(|known| known == path), "{paths:?}");
        }
        for word in ["events", "leases", "componentstatuses"] {
            assert!(!paths.iter().any(|known| known.contains(word)), "{paths:?}");
        }
    }
}
