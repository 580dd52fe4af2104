//! HorizontalPodAutoscaler: one object, kept in its v2 form, and its view in v1.

mod metrics;
mod view;

use k8s_openapi::api::autoscaling::{v1, v2};
use serde_json::Value;

use super::cells::autoscaling as cells;
use super::{Column, Judge, Judges, Kind, Subresource, Traits, Verdict, View, age, computed, defaults, name};
use crate::api::validation::autoscaling as judge;

pub use view::default_metric;

pub fn horizontal_pod_autoscaler() -> Kind {
    Kind::new::<v2::HorizontalPodAutoscaler>("horizontalpodautoscalers", &["hpa"])
        .categories(&["all"])
        .subresources(&[Subresource::Status])
        .traits(Traits { status_depends_on: Some(&[]), ..Traits::default() })
        .columns(columns())
        .defaults(defaults::horizontal_pod_autoscaler)
        .judges(judges())
}

pub fn horizontal_pod_autoscaler_v1() -> Kind {
    Kind::new::<v1::HorizontalPodAutoscaler>("horizontalpodautoscalers", &["hpa"])
        .categories(&["all"])
        .subresources(&[Subresource::Status])
        .view(View::new("autoscaling", view::to_stored, view::from_stored))
        .columns(columns())
        .defaults(defaults::horizontal_pod_autoscaler_v1)
        .prepare(view::create, view::update)
        .judged_by(AsStored(judges()))
}

/// Of the stored form, as which an autoscaler is shown whatever version is asked for.
fn columns() -> [Column; 7] {
    [
        name(),
        computed("Reference", cells::reference),
        computed("Targets", cells::targets),
        computed("MinPods", cells::min_pods),
        computed("MaxPods", cells::max_pods),
        computed("Replicas", cells::replicas),
        age(),
    ]
}

fn judges() -> Judges<v2::HorizontalPodAutoscaler> {
    Judges::new(judge::autoscaler, judge::autoscaler_update).subresource(Subresource::Status, judge::autoscaler_status_update)
}

/// Judges the form that is kept: what is wrong is told in its words, whatever version was written.
struct AsStored(Judges<v2::HorizontalPodAutoscaler>);

fn stored(shown: &Value) -> Value {
    let mut stored = shown.clone();
    view::to_stored(&mut stored);
    stored
}

impl Judge for AsStored {
    fn create(&self, new: &Value) -> Verdict {
        self.0.create(&stored(new))
    }

    fn update(&self, subresource: Option<Subresource>, new: &Value, old: &Value) -> Verdict {
        self.0.update(subresource, &stored(new), &stored(old))
    }
}
