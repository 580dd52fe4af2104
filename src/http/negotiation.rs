//! Which representation a client gets: the first in its `Accept` header that can be given (RFC 9110, section 12.5.1).

use super::protobuf;
use crate::api::status::{Reason, Status};

/// What bodies are written in.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Format {
    #[default]
    Json,
    Yaml,
    Protobuf,
}

impl Format {
    pub fn content_type(self) -> &'static str {
        match self {
            Self::Json => "application/json",
            Self::Yaml => "application/yaml",
            Self::Protobuf => protobuf::CONTENT_TYPE,
        }
    }
}

/// What is made of objects before they are sent (`as=`), with the version of `meta.k8s.io` (`v=`).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Shape {
    #[default]
    Whole,
    Table(&'static str),
    Metadata(&'static str),
    /// `APIGroupDiscoveryList`.
    Aggregated,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Representation {
    pub format: Format,
    pub shape: Shape,
}

/// What an endpoint can give.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Offer {
    /// An object, a list of them, or a watch on them.
    Objects {
        streams: bool,
        /// Whether the kind has a form in protobuf.
        binary: bool,
    },
    /// Lists of what is served.
    Discovery,
}

/// Media types that upstream names when nothing fits.
const TYPES: &str = "application/json, application/yaml, application/vnd.kubernetes.protobuf";

/// # Errors
/// `NotAcceptable`: nothing that the client accepts can be given.
pub fn negotiate(accept: &str, offer: Offer) -> Result<Representation, Status> {
    if accept.trim().is_empty() {
        return Ok(Representation::default());
    }
    let mut clauses: Vec<Clause<'_>> = accept.split(',').map(Clause::parse).collect();
    clauses.sort_by(|a, b| b.quality.total_cmp(&a.quality));
    if !clauses.iter().any(Clause::is_known_type) {
        return Err(unknown_types(offer));
    }
    clauses
        .iter()
        .find_map(|clause| clause.representation(offer))
        .ok_or_else(|| Status::new(406, Reason::NotAcceptable, format!("only the following media types are accepted: {TYPES}")))
}

/// Whether one of these media types is accepted by its name.
pub fn names(accept: &str, types: &[&str]) -> bool {
    accept.split(',').any(|range| types.contains(&Clause::parse(range).media_type))
}

fn unknown_types(offer: Offer) -> Status {
    let mut types = TYPES.to_owned();
    if matches!(offer, Offer::Objects { streams: true, .. }) {
        types += ", application/json;stream=watch, application/vnd.kubernetes.protobuf;stream=watch";
    }
    let message = format!("406: Not Acceptable\n\nAvailable representations: {types}");
    Status::new(406, Reason::NotAcceptable, message).about("", "", "")
}

/// One of the media ranges of an `Accept` header.
struct Clause<'a> {
    media_type: &'a str,
    quality: f32,
    kind: &'a str,
    group: &'a str,
    version: &'a str,
}

impl<'a> Clause<'a> {
    fn parse(text: &'a str) -> Self {
        let mut parts = text.split(';').map(str::trim);
        let mut clause = Self { media_type: parts.next().unwrap_or_default(), quality: 1.0, kind: "", group: "", version: "" };
        for (key, value) in parts.filter_map(|part| part.split_once('=')) {
            match key.trim() {
                "q" => clause.quality = value.trim().parse().unwrap_or(1.0),
                "as" => clause.kind = value.trim(),
                "g" => clause.group = value.trim(),
                "v" => clause.version = value.trim(),
                _ => {}
            }
        }
        clause
    }

    fn format(&self) -> Option<Format> {
        match self.media_type {
            "application/json" | "application/*" | "*/*" => Some(Format::Json),
            "application/yaml" => Some(Format::Yaml),
            protobuf::CONTENT_TYPE => Some(Format::Protobuf),
            _ => None,
        }
    }

    fn is_known_type(&self) -> bool {
        self.format().is_some()
    }

    fn representation(&self, offer: Offer) -> Option<Representation> {
        let representation = Representation { format: self.format()?, shape: self.shape(offer)? };
        let can_be_binary =
            matches!(offer, Offer::Objects { binary: true, .. }) && matches!(representation.shape, Shape::Whole | Shape::Metadata(_));
        (representation.format != Format::Protobuf || can_be_binary).then_some(representation)
    }

    fn shape(&self, offer: Offer) -> Option<Shape> {
        let meta_version = || match (self.group, self.version) {
            ("meta.k8s.io", "v1") => Some("v1"),
            ("meta.k8s.io", "v1beta1") => Some("v1beta1"),
            _ => None,
        };
        match (self.kind, offer) {
            ("", _) => Some(Shape::Whole),
            ("Table", Offer::Objects { .. }) => meta_version().map(Shape::Table),
            ("PartialObjectMetadata" | "PartialObjectMetadataList", Offer::Objects { .. }) => meta_version().map(Shape::Metadata),
            ("APIGroupDiscoveryList", Offer::Discovery) => {
                (self.group == "apidiscovery.k8s.io" && self.version == "v2").then_some(Shape::Aggregated)
            }
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const OBJECT: Offer = Offer::Objects { streams: false, binary: true };
    const CUSTOM: Offer = Offer::Objects { streams: false, binary: false };

    fn shape(accept: &str, offer: Offer) -> Result<(Format, Shape), u16> {
        negotiate(accept, offer).map(|it| (it.format, it.shape)).map_err(|status| status.code)
    }

    #[test]
    fn the_first_representation_that_can_be_given_wins() {
        for (accept, offer, expected) in [
            ("", OBJECT, (Format::Json, Shape::Whole)),
            ("*/*", OBJECT, (Format::Json, Shape::Whole)),
            ("application/vnd.kubernetes.protobuf,application/json", OBJECT, (Format::Protobuf, Shape::Whole)),
            ("application/vnd.kubernetes.protobuf,application/json", CUSTOM, (Format::Json, Shape::Whole)),
            ("application/vnd.kubernetes.protobuf;as=Table;v=v1;g=meta.k8s.io,application/json", OBJECT, (Format::Json, Shape::Whole)),
            ("text/html,application/json;q=0.9,*/*;q=0.1", OBJECT, (Format::Json, Shape::Whole)),
            ("application/json;q=0.1,application/yaml", OBJECT, (Format::Yaml, Shape::Whole)),
            ("application/json;as=Table;v=v1;g=meta.k8s.io,application/json", OBJECT, (Format::Json, Shape::Table("v1"))),
            ("application/json;as=Table;v=v9;g=meta.k8s.io,application/json", OBJECT, (Format::Json, Shape::Whole)),
            (
                "application/vnd.kubernetes.protobuf;as=PartialObjectMetadata;g=meta.k8s.io;v=v1,application/json;as=PartialObjectMetadata;g=meta.k8s.io;v=v1",
                OBJECT,
                (Format::Protobuf, Shape::Metadata("v1")),
            ),
            (
                "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList,application/json",
                Offer::Discovery,
                (Format::Json, Shape::Aggregated),
            ),
        ] {
            assert_eq!(shape(accept, offer), Ok(expected), "{accept}");
        }
    }

    #[test]
    fn what_cannot_be_given_is_refused() {
        for accept in ["text/html", "application/vnd.kubernetes.protobuf", "application/json;as=Chart;v=v1;g=meta.k8s.io"] {
            assert_eq!(shape(accept, CUSTOM), Err(406), "{accept}");
        }
    }
}
