//! What the `scale` subresource shows.

use std::sync::LazyLock;

use k8s_openapi::api::autoscaling::v1;

use super::column::{age, column, name};
use super::kind::Kind;

/// How a scale stands in a table (kubectl's `--subresource=scale`). Nothing is kept or routed as this kind: whose scale it is keeps it.
pub fn scale() -> &'static Kind {
    static SCALE: LazyLock<Kind> = LazyLock::new(|| {
        let counted = |title, pointer| column(title, pointer).of("integer");
        let columns = [name(), counted("Desired", "/spec/replicas"), counted("Available", "/status/replicas"), age()];
        Kind::new::<v1::Scale>("scales", &[]).columns(columns)
    });
    &SCALE
}
