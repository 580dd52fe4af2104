//! `kabuki delete`.

use std::path::PathBuf;

use clap::Args;
use hyper::Method;
use serde_json::{Value, json};

use super::access::{Access, Connection};
use super::resources::{Resource, Resources, query, selected};
use super::{Failure, manifests, print};
use crate::api::remote::Ask;

#[derive(Args, Debug)]
pub struct Delete {
    /// TYPE NAME…, TYPE/NAME…, or TYPE with -l or --all
    objects: Vec<String>,
    /// What these manifests name (`-` is standard input)
    #[arg(short, long)]
    filename: Vec<PathBuf>,
    /// Objects with these labels
    #[arg(short = 'l', long, default_value = "")]
    selector: String,
    /// All objects of the type in the namespace
    #[arg(long)]
    all: bool,
    /// Seconds that the object is given to end
    #[arg(long)]
    grace_period: Option<i64>,
    /// It is no error if an object is not there
    #[arg(long)]
    ignore_not_found: bool,
    #[command(flatten)]
    access: Access,
}

impl Delete {
    pub async fn run(self) -> Result<(), Failure> {
        let connection = self.access.connect()?;
        let resources = Resources::discover(&connection.remote).await?;
        for (resource, namespace, name) in self.targets(&connection, &resources).await? {
            let mut options = json!({"kind": "DeleteOptions", "apiVersion": "v1", "propagationPolicy": "Background"});
            if let Some(seconds) = self.grace_period {
                options["gracePeriodSeconds"] = seconds.into();
            }
            let path = resource.path(&namespace, &name);
            match connection.remote.json(Ask::with(Method::DELETE, &path, &options)).await {
                Ok(_) => print::write(&format!("{} \"{name}\" deleted\n", resource.label()))?,
                Err(error) if self.ignore_not_found && error.status().is_some_and(|status| status.is_not_found()) => {}
                Err(error) => return Err(error.into()),
            }
        }
        Ok(())
    }

    async fn targets(&self, connection: &Connection, resources: &Resources) -> Result<Vec<(Resource, String, String)>, Failure> {
        let mut targets = Vec::new();
        for manifest in manifests::read(&self.filename)? {
            let namespace = manifests::namespace(&manifest).unwrap_or(&connection.namespace).to_owned();
            targets.push((resources.of(&manifest)?.clone(), namespace, manifests::name(&manifest)?.to_owned()));
        }
        if self.objects.is_empty() {
            return match self.filename.is_empty() {
                true => Err("say what to delete: for example `pod/web`, or -f FILE".into()),
                false => Ok(targets),
            };
        }
        for (resource, name) in selected(resources, &self.objects)? {
            match name {
                Some(name) => targets.push((resource, connection.namespace.clone(), name)),
                None if self.all || !self.selector.is_empty() => {
                    let path = resource.path(&connection.namespace, "") + &query(&[("labelSelector", &self.selector)]);
                    let list = connection.remote.json(Ask::get(&path)).await?;
                    for item in list["items"].as_array().map(Vec::as_slice).unwrap_or_default() {
                        let name = item.pointer("/metadata/name").and_then(Value::as_str).unwrap_or_default();
                        targets.push((resource.clone(), connection.namespace.clone(), name.to_owned()));
                    }
                }
                None => return Err("name the objects, or choose them with -l or --all".into()),
            }
        }
        Ok(targets)
    }
}
