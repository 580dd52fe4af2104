//! `kabuki get`: tables as the server makes them, or whole objects.

use clap::Args;
use futures::StreamExt;
use serde_json::{Value, json};

use super::Failure;
use super::access::{Access, Connection};
use super::print::{self, Columns, Output};
use super::resources::{Resource, Resources, query, selected};
use crate::api::remote::{Ask, RemoteError};

const TABLE: &str = "application/json;as=Table;v=v1;g=meta.k8s.io,application/json";

#[derive(Args, Debug)]
pub struct Get {
    /// TYPE[,TYPE…] [NAME…], or TYPE/NAME…
    #[arg(required = true)]
    objects: Vec<String>,
    #[arg(short, long, value_enum)]
    output: Option<Output>,
    /// Show changes as they come
    #[arg(short, long)]
    watch: bool,
    /// In all namespaces
    #[arg(short = 'A', long)]
    all_namespaces: bool,
    /// Only objects with these labels
    #[arg(short = 'l', long, default_value = "")]
    selector: String,
    /// Only objects with these fields
    #[arg(long, default_value = "")]
    field_selector: String,
    #[command(flatten)]
    access: Access,
}

impl Get {
    pub async fn run(self) -> Result<(), Failure> {
        let connection = self.access.connect()?;
        let resources = Resources::discover(&connection.remote).await?;
        let wanted = selected(&resources, &self.objects)?;
        if self.watch {
            let [(resource, name)] = wanted.as_slice() else { return Err("only one resource type can be watched at a time".into()) };
            return self.watch(&connection, resource, name.as_deref()).await;
        }
        match self.output.unwrap_or_default() {
            Output::Json | Output::Yaml => self.documents(&connection, &wanted).await,
            Output::Name => self.names(&connection, &wanted).await,
            Output::Table | Output::Wide => self.tables(&connection, &wanted).await,
        }
    }

    fn path(&self, connection: &Connection, resource: &Resource, name: Option<&str>, extra: &[(&str, &str)]) -> String {
        let namespace = if self.all_namespaces { "" } else { connection.namespace.as_str() };
        let path = resource.path(namespace, name.unwrap_or_default());
        let mut parameters = extra.to_vec();
        if name.is_none() {
            parameters.extend([("labelSelector", self.selector.as_str()), ("fieldSelector", self.field_selector.as_str())]);
        }
        path + &query(&parameters)
    }

    fn printer(&self, table: &Value, resource: &Resource) -> Rows {
        Rows::of(table, self.output == Some(Output::Wide), self.all_namespaces && resource.namespaced)
    }

    async fn tables(&self, connection: &Connection, wanted: &[(Resource, Option<String>)]) -> Result<(), Failure> {
        let mut shown = 0;
        let kinds = wanted.iter().map(|(resource, _)| &resource.plural).collect::<std::collections::BTreeSet<_>>().len();
        let mut failures: Vec<RemoteError> = Vec::new();
        let mut previous: Option<(&Resource, Columns)> = None;
        for (resource, name) in wanted {
            let path = self.path(connection, resource, name.as_deref(), &[]);
            let table = match connection.remote.json(Ask::get(&path).accept(TABLE)).await {
                Ok(table) => table,
                Err(error) if name.is_some() && error.status().is_some() => {
                    failures.push(error);
                    continue;
                }
                Err(error) => return Err(error.into()),
            };
            let printer = self.printer(&table, resource);
            let prefix = if kinds > 1 { format!("{}/", resource.label()) } else { String::new() };
            let rows = table.get("rows").and_then(Value::as_array).map_or(0, Vec::len);
            // Objects of one type that were named one by one make one table.
            match &mut previous {
                Some((same, columns)) if *same == resource => printer.rows(&table, &prefix, columns),
                _ => {
                    flush(&mut previous, &mut shown)?;
                    let mut columns = Columns::default();
                    if rows > 0 {
                        columns.row(printer.header());
                        printer.rows(&table, &prefix, &mut columns);
                    }
                    previous = Some((resource, columns));
                }
            }
        }
        flush(&mut previous, &mut shown)?;
        if shown == 0 && failures.is_empty() {
            match self.all_namespaces || wanted.iter().all(|(resource, _)| !resource.namespaced) {
                true => eprintln!("No resources found"),
                false => eprintln!("No resources found in {} namespace.", connection.namespace),
            }
        }
        conclude(failures)
    }

    async fn documents(&self, connection: &Connection, wanted: &[(Resource, Option<String>)]) -> Result<(), Failure> {
        let mut items = Vec::new();
        for (resource, name) in wanted {
            let path = self.path(connection, resource, name.as_deref(), &[]);
            let mut answer = connection.remote.json(Ask::get(&path)).await?;
            let api_version = answer["apiVersion"].clone();
            match answer.get_mut("items").map(Value::take) {
                Some(Value::Array(list)) => items.extend(list.into_iter().map(|item| typed(item, &api_version, &resource.kind))),
                _ => items.push(answer),
            }
        }
        let single = matches!(wanted, [(_, Some(_))]);
        let document = match (single, items.len()) {
            (true, 1) => items.remove(0),
            _ => json!({"apiVersion": "v1", "items": items, "kind": "List", "metadata": {"resourceVersion": ""}}),
        };
        print::document(self.output.unwrap_or_default(), &document)
    }

    async fn names(&self, connection: &Connection, wanted: &[(Resource, Option<String>)]) -> Result<(), Failure> {
        for (resource, name) in wanted {
            let path = self.path(connection, resource, name.as_deref(), &[]);
            let answer = connection.remote.json(Ask::get(&path)).await?;
            let items = answer.get("items").and_then(Value::as_array).cloned().unwrap_or_else(|| vec![answer]);
            for item in items {
                let name = item.pointer("/metadata/name").map(print::cell).unwrap_or_default();
                print::write(&format!("{}/{name}\n", resource.label()))?;
            }
        }
        Ok(())
    }

    /// A watch from now, after the list that is there. Each change is printed as a row, under one header.
    async fn watch(&self, connection: &Connection, resource: &Resource, name: Option<&str>) -> Result<(), Failure> {
        let only = name.map(|name| format!("metadata.name={name}")).unwrap_or_else(|| self.field_selector.clone());
        let namespace = if self.all_namespaces { "" } else { connection.namespace.as_str() };
        let document = matches!(self.output, Some(Output::Json | Output::Yaml));
        let parameters = [("watch", "true"), ("labelSelector", self.selector.as_str()), ("fieldSelector", only.as_str())];
        let path = resource.path(namespace, "") + &query(&parameters);
        let accept = if document { "application/json" } else { TABLE };
        let mut stream = connection.remote.stream(Ask::get(&path).accept(accept)).await?;
        let mut pending = Vec::new();
        let mut printer: Option<Rows> = None;
        while let Some(piece) = stream.next().await {
            pending.extend_from_slice(&piece?);
            while let Some(end) = pending.iter().position(|byte| *byte == b'\n') {
                let line: Vec<u8> = pending.drain(..=end).collect();
                let event: Value = serde_json::from_slice(&line)?;
                let object = &event["object"];
                if event["type"] == "ERROR" {
                    return Err(print::cell(&object["message"]).into());
                }
                if document {
                    print::document(self.output.unwrap_or_default(), object)?;
                    continue;
                }
                let mut columns = Columns::default();
                let printer = printer.get_or_insert_with(|| {
                    let printer = self.printer(object, resource);
                    columns.row(printer.header());
                    printer
                });
                printer.rows(object, "", &mut columns);
                print::write(&columns.text())?;
            }
        }
        Ok(())
    }
}

/// Prints the table that is complete.
fn flush(table: &mut Option<(&Resource, Columns)>, shown: &mut usize) -> Result<(), Failure> {
    if let Some((_, columns)) = table.take().filter(|(_, columns)| !columns.is_empty()) {
        let gap = if *shown > 0 { "\n" } else { "" };
        print::write(&format!("{gap}{}", columns.text()))?;
        *shown += 1;
    }
    Ok(())
}

/// All but the last failure are printed here, the last by the caller.
fn conclude(mut failures: Vec<RemoteError>) -> Result<(), Failure> {
    let Some(last) = failures.pop() else { return Ok(()) };
    for failure in failures {
        eprintln!("error: {failure}");
    }
    Err(last.into())
}

/// A list's items do not say what they are; as documents of their own they must.
fn typed(mut item: Value, api_version: &Value, kind: &str) -> Value {
    if let Some(fields) = item.as_object_mut() {
        fields.entry("apiVersion").or_insert_with(|| api_version.clone());
        fields.entry("kind").or_insert_with(|| kind.into());
    }
    item
}

/// Which columns of a server's table are shown. A watch defines them in its first event only.
struct Rows {
    shown: Vec<(usize, String)>,
    namespaces: bool,
}

impl Rows {
    fn of(table: &Value, wide: bool, namespaces: bool) -> Self {
        let definitions = table["columnDefinitions"].as_array().map(Vec::as_slice).unwrap_or_default();
        let is_shown = |(_, column): &(usize, &Value)| wide || column["priority"].as_i64().unwrap_or(0) == 0;
        let shown = definitions.iter().enumerate().filter(is_shown);
        Self { shown: shown.map(|(index, column)| (index, print::cell(&column["name"]).to_uppercase())).collect(), namespaces }
    }

    fn header(&self) -> Vec<String> {
        let names = self.shown.iter().map(|(_, name)| name.clone());
        self.namespaces.then(|| "NAMESPACE".to_owned()).into_iter().chain(names).collect()
    }

    fn rows(&self, table: &Value, prefix: &str, columns: &mut Columns) {
        for row in table["rows"].as_array().map(Vec::as_slice).unwrap_or_default() {
            let cells = self.shown.iter().enumerate().map(|(place, (index, _))| match place {
                0 => format!("{prefix}{}", print::cell(&row["cells"][*index])),
                _ => print::cell(&row["cells"][*index]),
            });
            let namespace = self.namespaces.then(|| print::cell(&row["object"]["metadata"]["namespace"]));
            columns.row(namespace.into_iter().chain(cells));
        }
    }
}
