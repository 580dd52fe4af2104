use std::collections::BTreeSet;

use super::{Broken, Invariant, Rest};
use crate::simulation::scene::{PodView, Scene, ServiceView, View};

/// At rest the endpoint slices of a service name exactly its ready pods.
#[derive(Default)]
pub struct Endpoints;

impl Invariant for Endpoints {
    fn name(&self) -> &'static str {
        "endpoints-are-the-ready-pods"
    }

    fn source(&self) -> &'static str {
        "EndpointSlices, \"Conditions\"; Service, \"Services without selectors\""
    }

    fn rest(&mut self, rest: &Rest<'_>) -> Result<(), Broken> {
        for (key, view, service) in rest.scene.services().filter(|(_, _, service)| !service.selector.is_empty()) {
            let ready = ready(rest.scene, view, service);
            let slices = rest.scene.slices().filter(|(_, slice, _)| slice.meta.namespace == view.meta.namespace);
            let of = slices.filter(|(_, _, slice)| slice.service == view.meta.name);
            let named: BTreeSet<&str> = of.flat_map(|(_, _, slice)| slice.ready.iter().map(String::as_str)).collect();
            if named != ready {
                return Err(Broken::of(key, format!("its slices name {named:?}, and its ready pods are {ready:?}")));
            }
        }
        Ok(())
    }
}

fn ready<'a>(scene: &'a Scene, service: &View, spec: &ServiceView) -> BTreeSet<&'a str> {
    let selected = |view: &View| {
        view.meta.namespace == service.meta.namespace
            && spec.selector.iter().all(|(label, value)| view.meta.labels.get(label) == Some(value))
    };
    let serves = |view: &View, pod: &PodView| {
        let lives = view.meta.deletion_timestamp.is_none() && !matches!(&*pod.phase, "Succeeded" | "Failed");
        lives && (pod.ready || spec.publishes_not_ready) && !pod.ip.is_empty()
    };
    let pods = scene.pods().filter(|(_, view, pod)| selected(view) && serves(view, pod));
    pods.map(|(_, _, pod)| &*pod.ip).collect()
}
