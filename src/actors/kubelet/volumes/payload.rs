//! What stands in the files of a volume. Pure.

use k8s_openapi::api::core::v1::{ConfigMap, DownwardAPIVolumeFile, KeyToPath, Pod, Secret};

use crate::actors::kubelet::files::{Content, Payload};
use crate::actors::kubelet::spec::{self, NodeFacts};

/// Permission bits: the file's own, the volume's, or 0644.
pub fn mode(own: Option<i32>, volume: Option<i32>) -> u32 {
    own.or(volume).and_then(|mode| u32::try_from(mode).ok()).unwrap_or(0o644)
}

pub fn content(bytes: Vec<u8>, mode: u32) -> Content {
    Content { bytes, mode }
}

pub fn config_map(map: &ConfigMap, items: Option<&[KeyToPath]>, default: Option<i32>, optional: Option<bool>) -> Result<Payload, String> {
    let text = map.data.iter().flatten().map(|(key, value)| (key.as_str(), value.as_bytes()));
    let binary = map.binary_data.iter().flatten().map(|(key, value)| (key.as_str(), value.0.as_slice()));
    select(text.chain(binary).collect(), "config", items, default, optional)
}

pub fn secret(secret: &Secret, items: Option<&[KeyToPath]>, default: Option<i32>, optional: Option<bool>) -> Result<Payload, String> {
    let data = secret.data.iter().flatten().map(|(key, value)| (key.as_str(), value.0.as_slice()));
    select(data.collect(), "secret", items, default, optional)
}

/// All keys as files of their names, or the chosen ones at their paths.
fn select(
    data: Vec<(&str, &[u8])>,
    kind: &str,
    items: Option<&[KeyToPath]>,
    default: Option<i32>,
    optional: Option<bool>,
) -> Result<Payload, String> {
    let Some(items) = items.filter(|items| !items.is_empty()) else {
        return Ok(data.into_iter().map(|(key, bytes)| (key.to_owned(), content(bytes.to_vec(), mode(None, default)))).collect());
    };
    let mut payload = Payload::new();
    for item in items {
        match data.iter().find(|(key, _)| *key == item.key) {
            Some((_, bytes)) => _ = payload.insert(item.path.clone(), content(bytes.to_vec(), mode(item.mode, default))),
            None if optional == Some(true) => {}
            None => return Err(format!("references non-existent {kind} key: {}", item.key)),
        }
    }
    Ok(payload)
}

pub fn downward(pod: &Pod, items: Option<&[DownwardAPIVolumeFile]>, default: Option<i32>, node: NodeFacts) -> Result<Payload, String> {
    let mut payload = Payload::new();
    for item in items.unwrap_or_default() {
        let value = if let Some(field) = &item.field_ref {
            spec::field(pod, &field.field_path, node)?
        } else if let Some(resource) = &item.resource_field_ref {
            let name = resource.container_name.as_deref().unwrap_or_default();
            let spec = pod.spec.iter();
            let mut containers = spec.flat_map(|spec| spec.containers.iter().chain(spec.init_containers.iter().flatten()));
            let container = containers.find(|container| container.name == name).ok_or_else(|| format!("container {name} not found"))?;
            spec::resource_field(container, resource, node)?
        } else {
            continue;
        };
        payload.insert(item.path.clone(), content(value.into_bytes(), mode(item.mode, default)));
    }
    Ok(payload)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn keys_are_files_at_their_names_or_at_chosen_paths() {
        let map: ConfigMap = serde_json::from_value(json!({"data": {"a": "1", "b": "2"}, "binaryData": {"c": "AAE="}})).unwrap();
        let all = config_map(&map, None, None, None).unwrap();
        assert_eq!(all.keys().collect::<Vec<_>>(), ["a", "b", "c"]);
        assert_eq!((all["c"].bytes.as_slice(), all["a"].mode), ([0, 1].as_slice(), 0o644));
        let items: Vec<KeyToPath> =
            serde_json::from_value(json!([{"key": "b", "path": "deep/b", "mode": 0o400}, {"key": "a", "path": "x"}])).unwrap();
        let chosen = config_map(&map, Some(&items), Some(0o600), None).unwrap();
        assert_eq!(
            chosen.iter().map(|(path, content)| (path.as_str(), content.mode)).collect::<Vec<_>>(),
            [("deep/b", 0o400), ("x", 0o600)]
        );
    }

    #[test]
    fn a_key_that_must_exist_is_named() {
        let items: Vec<KeyToPath> = serde_json::from_value(json!([{"key": "z", "path": "z"}])).unwrap();
        let error = config_map(&ConfigMap::default(), Some(&items), None, None).err().unwrap();
        assert_eq!(error, "references non-existent config key: z");
        assert!(config_map(&ConfigMap::default(), Some(&items), None, Some(true)).unwrap().is_empty());
    }
}
