//! `kabuki describe`: an object as an indented outline, and what happened to it.

use clap::Args;
use serde_json::Value;

use super::Failure;
use super::access::{Access, Connection};
use super::print::{self, Columns};
use super::resources::{Resource, Resources, query, selected};
use crate::api::remote::Ask;

/// Said by the outline's first lines, or of no interest to a reader.
const LEFT_OUT: [&str; 4] = ["apiVersion", "kind", "managedFields", "kubectl.kubernetes.io/last-applied-configuration"];

#[derive(Args, Debug)]
pub struct Describe {
    /// TYPE [NAME…], or TYPE/NAME…
    #[arg(required = true)]
    objects: Vec<String>,
    /// Only objects with these labels
    #[arg(short = 'l', long, default_value = "")]
    selector: String,
    #[command(flatten)]
    access: Access,
}

impl Describe {
    pub async fn run(self) -> Result<(), Failure> {
        let connection = self.access.connect()?;
        let resources = Resources::discover(&connection.remote).await?;
        let mut first = true;
        for (resource, name) in selected(&resources, &self.objects)? {
            let path = resource.path(&connection.namespace, name.as_deref().unwrap_or_default());
            let selector = if name.is_none() { query(&[("labelSelector", &self.selector)]) } else { String::new() };
            let answer = connection.remote.json(Ask::get(&(path + &selector))).await?;
            let objects = answer.get("items").and_then(Value::as_array).cloned().unwrap_or_else(|| vec![answer]);
            for object in objects {
                if !std::mem::take(&mut first) {
                    print::write("\n\n")?;
                }
                print::write(&describe(&connection, &resource, &object).await?)?;
            }
        }
        Ok(())
    }
}

async fn describe(connection: &Connection, resource: &Resource, object: &Value) -> Result<String, Failure> {
    let text = |pointer: &str| object.pointer(pointer).and_then(Value::as_str).unwrap_or_default();
    let mut out = format!("Name:        {}\n", text("/metadata/name"));
    if resource.namespaced {
        out.push_str(&format!("Namespace:   {}\n", text("/metadata/namespace")));
    }
    out.push_str(&format!("Kind:        {}\n", resource.kind));
    outline(object, 0, &mut out);
    out.push_str(&events(connection, text("/metadata/namespace"), text("/metadata/uid")).await?);
    Ok(out)
}

/// `terminationGracePeriodSeconds` as a person writes it: `Termination Grace Period Seconds`. What is no field name stays as it is.
fn title(field: &str) -> String {
    if !field.chars().all(char::is_alphanumeric) || !field.starts_with(|c: char| c.is_lowercase()) {
        return field.to_owned();
    }
    let mut title = String::new();
    let mut last = ' ';
    for (index, letter) in field.chars().enumerate() {
        if letter.is_uppercase() && !last.is_uppercase() {
            title.push(' ');
        }
        if index == 0 {
            title.extend(letter.to_uppercase())
        } else {
            title.push(letter)
        }
        last = letter;
    }
    title
}

fn outline(value: &Value, depth: usize, out: &mut String) {
    let indent = "  ".repeat(depth);
    match value {
        Value::Object(fields) => {
            let at_top = depth == 0;
            for (name, value) in fields.iter().filter(|(name, _)| !LEFT_OUT.contains(&name.as_str())) {
                let name = if at_top || value.is_object() || value.is_array() { title(name) } else { name.clone() };
                entry(&indent, &name, value, depth, out);
            }
        }
        Value::Array(items) => {
            for item in items {
                match item.get("name").and_then(Value::as_str) {
                    Some(name) => entry(&indent, name, item, depth, out),
                    None if item.is_object() => entry(&indent, "-", item, depth, out),
                    None => out.push_str(&format!("{indent}- {}\n", print::cell(item))),
                }
            }
        }
        scalar => out.push_str(&format!("{indent}{}\n", print::cell(scalar))),
    }
}

fn entry(indent: &str, name: &str, value: &Value, depth: usize, out: &mut String) {
    let empty = value.as_object().is_some_and(serde_json::Map::is_empty) || value.as_array().is_some_and(Vec::is_empty);
    match value {
        _ if empty => {}
        Value::Object(_) | Value::Array(_) => {
            out.push_str(&format!("{indent}{name}:\n"));
            outline(value, depth + 1, out);
        }
        scalar => out.push_str(&format!("{indent}{name}: {}\n", print::cell(scalar).trim_end().replace('\n', &format!("\n{indent}  ")))),
    }
}

/// What was said about an object, oldest first.
async fn events(connection: &Connection, namespace: &str, uid: &str) -> Result<String, Failure> {
    let namespace = if namespace.is_empty() { "default" } else { namespace };
    let path = format!("/api/v1/namespaces/{namespace}/events{}", query(&[("fieldSelector", &format!("involvedObject.uid={uid}"))]));
    let list = connection.remote.json(Ask::get(&path)).await?;
    let mut events: Vec<&Value> = list["items"].as_array().map(|items| items.iter().collect()).unwrap_or_default();
    if events.is_empty() {
        return Ok("Events: <none>\n".into());
    }
    let last_seen =
        |event: &&Value| ["lastTimestamp", "eventTime"].iter().find_map(|field| event[*field].as_str()).unwrap_or_default().to_owned();
    events.sort_by_key(last_seen);
    let mut columns = Columns::default();
    columns.row(["TYPE", "REASON", "LAST SEEN", "FROM", "MESSAGE"].map(str::to_owned));
    for event in events {
        let source = event.pointer("/source/component").or(event.get("reportingComponent")).map(print::cell).unwrap_or_default();
        let count = event["count"].as_i64().filter(|count| *count > 1).map(|count| format!(" (x{count})")).unwrap_or_default();
        let message = print::cell(&event["message"]).trim().to_owned();
        columns.row([print::cell(&event["type"]), print::cell(&event["reason"]), last_seen(&event) + &count, source, message]);
    }
    Ok(format!("Events:\n{}", columns.text()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn field_names_become_titles_and_keys_stay() {
        assert_eq!(title("terminationGracePeriodSeconds"), "Termination Grace Period Seconds");
        assert_eq!(title("podIP"), "Pod IP");
        assert_eq!(title("app.kubernetes.io/name"), "app.kubernetes.io/name");
    }
}
