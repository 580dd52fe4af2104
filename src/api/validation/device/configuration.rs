//! What drivers are told, which nobody else understands.

use k8s_openapi::api::resource::v1::OpaqueDeviceConfiguration;
use serde_json::Value;

use super::super::{ErrorList, Path};
use super::name;

/// Of the parameters' text.
const LENGTH: usize = 10 * 1024;

pub fn opaque(configuration: Option<&OpaqueDeviceConfiguration>, is_stored: bool, path: &Path, errors: &mut ErrorList) {
    let path = path.child("opaque");
    let Some(configuration) = configuration else { return errors.required(&path, "") };
    name::driver(&configuration.driver, &path.child("driver"), errors);
    let most = if is_stored { usize::MAX } else { LENGTH };
    object(&configuration.parameters.0, most, &path.child("parameters"), errors);
}

/// An object of any kind.
pub fn object(value: &Value, most: usize, path: &Path, errors: &mut ErrorList) {
    match value {
        Value::Null => errors.required(path, ""),
        value if value.to_string().len() > most => errors.too_long(path, most),
        Value::Object(_) => {}
        _ => errors.invalid(path, "<value omitted>", "must be a valid JSON object"),
    }
}
