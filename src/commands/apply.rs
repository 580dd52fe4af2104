//! `kabuki apply`: a manifest's object is created, or changed by what the manifest says that differs from what it said last time.

use std::path::PathBuf;

use clap::Args;
use hyper::Method;
use serde_json::Value;

use super::access::{Access, Connection};
use super::resources::{Resources, query};
use super::{Failure, manifests, print};
use crate::api::patch::three_way;
use crate::api::remote::Ask;

/// Where the last applied manifest is kept, `kubectl`'s name for it included: the two can be mixed.
const LAST_APPLIED: &str = "kubectl.kubernetes.io/last-applied-configuration";
const STRATEGIC: &str = "application/strategic-merge-patch+json";

#[derive(Args, Debug)]
pub struct Apply {
    /// Files or folders of manifests (`-` is standard input)
    #[arg(short, long, required = true)]
    filename: Vec<PathBuf>,
    /// Ask the server what it would do
    #[arg(long)]
    dry_run: bool,
    #[command(flatten)]
    access: Access,
}

impl Apply {
    pub async fn run(self) -> Result<(), Failure> {
        let connection = self.access.connect()?;
        let manifests = manifests::read(&self.filename)?;
        if manifests.is_empty() {
            let files: Vec<String> = self.filename.iter().map(|file| file.display().to_string()).collect();
            return Err(format!("there is no object to apply in {}", files.join(", ")).into());
        }
        for (name, outcome) in apply(&connection, manifests, self.dry_run).await? {
            let note = if self.dry_run { " (server dry run)" } else { "" };
            print::write(&format!("{name} {outcome}{note}\n"))?;
        }
        Ok(())
    }
}

/// Applies manifests in order and says of each what became of it: `created`, `configured` or `unchanged`.
pub async fn apply(connection: &Connection, manifests: Vec<Value>, dry_run: bool) -> Result<Vec<(String, &'static str)>, Failure> {
    let resources = Resources::discover(&connection.remote).await?;
    let mut outcomes = Vec::new();
    for manifest in manifests {
        let resource = resources.of(&manifest)?;
        let name = manifests::name(&manifest)?.to_owned();
        let label = format!("{}/{name}", resource.label());
        let namespace = manifests::namespace(&manifest).unwrap_or(&connection.namespace).to_owned();
        let parameters =
            query(&[("fieldManager", "kabuki-apply"), ("fieldValidation", "Strict"), ("dryRun", if dry_run { "All" } else { "" })]);
        let place = |name: &str| resource.path(&namespace, name) + &parameters;
        let outcome =
            one(connection, &resource.schema(), manifest, &place(""), &place(&name)).await.map_err(|error| format!("{label}: {error}"))?;
        outcomes.push((label, outcome));
    }
    Ok(outcomes)
}

async fn one(connection: &Connection, schema: &str, manifest: Value, collection: &str, object: &str) -> Result<&'static str, Failure> {
    let mut next = manifest;
    remember(&mut next);
    let current = match connection.remote.json(Ask::get(object)).await {
        Ok(current) => current,
        Err(error) if error.status().is_some_and(|status| status.is_not_found()) => {
            connection.remote.json(Ask::with(Method::POST, collection, &next)).await?;
            return Ok("created");
        }
        Err(error) => return Err(error.into()),
    };
    let last = current.pointer("/metadata/annotations").and_then(|annotations| annotations.get(LAST_APPLIED)).and_then(Value::as_str);
    let last = last.and_then(|text| serde_json::from_str(text).ok()).unwrap_or(Value::Null);
    let patch = three_way(schema, &last, &next, &current);
    if patch.as_object().is_none_or(|fields| fields.is_empty()) {
        return Ok("unchanged");
    }
    let changed = connection.remote.json(Ask::with(Method::PATCH, object, &patch).content_type(STRATEGIC)).await?;
    let revision = |object: &Value| object.pointer("/metadata/resourceVersion").cloned();
    Ok(if revision(&changed) == revision(&current) { "unchanged" } else { "configured" })
}

/// Writes the manifest into its own annotation, so that the next apply knows what this one said.
fn remember(manifest: &mut Value) {
    if let Some(annotations) = manifest.pointer_mut("/metadata/annotations").and_then(Value::as_object_mut) {
        annotations.remove(LAST_APPLIED);
    }
    let text = format!("{manifest}\n");
    if let Some(metadata) = manifest.get_mut("metadata").and_then(Value::as_object_mut) {
        let annotations = metadata.entry("annotations").or_insert_with(|| Value::Object(Default::default()));
        if let Some(annotations) = annotations.as_object_mut() {
            annotations.insert(LAST_APPLIED.into(), text.into());
        }
    }
}
