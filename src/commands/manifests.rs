//! Manifests: files, folders and standard input, each with one or more objects in YAML or JSON.

use std::io::Read;
use std::path::{Path, PathBuf};

use serde_json::Value;

use super::Failure;
use crate::api::yaml;

/// Every object in the given places, in order; a `List` is opened. `-` is standard input; of a folder, what ends in yaml, yml or json.
///
/// # Errors
/// Names the file, and within it the document, that cannot be read.
pub fn read(places: &[PathBuf]) -> Result<Vec<Value>, Failure> {
    let mut objects = Vec::new();
    for place in places {
        if place == Path::new("-") {
            let mut text = String::new();
            std::io::stdin().read_to_string(&mut text)?;
            objects.extend(parse("standard input", &text)?);
            continue;
        }
        for file in files(place).map_err(|error| format!("{}: {error}", place.display()))? {
            let text = std::fs::read_to_string(&file).map_err(|error| format!("{}: {error}", file.display()))?;
            objects.extend(parse(&file.display().to_string(), &text)?);
        }
    }
    Ok(objects)
}

fn files(place: &Path) -> std::io::Result<Vec<PathBuf>> {
    if !place.is_dir() {
        return Ok(vec![place.to_owned()]);
    }
    let mut files = std::fs::read_dir(place)?.map(|entry| entry.map(|entry| entry.path())).collect::<Result<Vec<_>, _>>()?;
    files.retain(|file| file.extension().is_some_and(|extension| ["yaml", "yml", "json"].iter().any(|known| extension == *known)));
    files.sort();
    Ok(files)
}

fn parse(source: &str, text: &str) -> Result<Vec<Value>, Failure> {
    // JSON is YAML, too, but read much faster as what it is.
    let documents = match serde_json::from_str(text) {
        Ok(document) => vec![document],
        Err(_) => yaml::documents(text).map_err(|error| format!("{source}: {error}"))?,
    };
    let mut objects = Vec::new();
    for (index, mut document) in documents.into_iter().filter(|document| !document.is_null()).enumerate() {
        for field in ["apiVersion", "kind"] {
            if !document.get(field).is_some_and(Value::is_string) {
                return Err(format!("{source}: document {}: {field} is not set", index + 1).into());
            }
        }
        match document.get_mut("items").map(Value::take) {
            Some(Value::Array(items)) if document["kind"].as_str().is_some_and(|kind| kind.ends_with("List")) => objects.extend(items),
            Some(items) => {
                document["items"] = items;
                objects.push(document);
            }
            None => objects.push(document),
        }
    }
    Ok(objects)
}

/// The name a manifest gives its object.
pub fn name(manifest: &Value) -> Result<&str, Failure> {
    let name = manifest.pointer("/metadata/name").and_then(Value::as_str).filter(|name| !name.is_empty());
    name.ok_or_else(|| format!("a {} without metadata.name", manifest["kind"].as_str().unwrap_or("manifest")).into())
}

/// The namespace a manifest asks for, if it does.
pub fn namespace(manifest: &Value) -> Option<&str> {
    manifest.pointer("/metadata/namespace").and_then(Value::as_str).filter(|namespace| !namespace.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn documents_lists_and_empty_parts_are_taken_apart() {
        let text = "---\napiVersion: v1\nkind: ConfigMap\nmetadata: {name: a}\n---\n# nothing\n---\n\
                    apiVersion: v1\nkind: List\nitems:\n- {apiVersion: v1, kind: Pod, metadata: {name: b}}\n";
        let names: Vec<String> = parse("f", text).unwrap().iter().map(|object| name(object).unwrap().to_owned()).collect();
        assert_eq!(names, ["a", "b"]);
    }

    #[test]
    fn a_document_that_says_not_what_it_is_is_named() {
        let error = parse("web.yaml", "apiVersion: v1\nkind: Pod\n---\nkind: Pod\n").unwrap_err();
        assert_eq!(error.to_string(), "web.yaml: document 2: apiVersion is not set");
    }
}
