//! Kubernetes' protobuf: what a field is the schema's facts say, its number on the wire [`numbers`].
//!
//! A body is an envelope around an object's message, and an object's message never says its kind: the envelope does, or the list.

mod decode;
mod encode;
mod numbers;
#[cfg(test)]
mod tests;

pub use decode::decode;
pub use encode::{Unencodable, body, enveloped, event, is_encodable, list, metadata, object};

/// What every body begins with.
const MAGIC: &[u8] = b"k8s\0";

pub const CONTENT_TYPE: &str = "application/vnd.kubernetes.protobuf";
/// Of a watch: each event is a message behind its length.
pub const STREAM: &str = "application/vnd.kubernetes.protobuf;stream=watch";
