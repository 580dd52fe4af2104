use std::collections::BTreeSet;

use super::{Broken, Invariant, Rest};
use crate::simulation::scene::{PodView, Scene, ServiceView, SliceView, View};

/// At rest the endpoint slices of a service name its pods alone, and as ready exactly those that are.
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
            let of: Vec<&SliceView> = slices.map(|(_, _, slice)| slice).filter(|slice| slice.service == view.meta.name).collect();
            let addresses = addresses(rest.scene, view, service);
            if let Some(stranger) = of.iter().flat_map(|slice| &slice.addresses).find(|address| !addresses.contains(&***address)) {
                return Err(Broken::of(key, format!("its slices name {stranger}, which is of none of its pods")));
            }
            let named: BTreeSet<&str> = of.iter().flat_map(|slice| slice.ready.iter().map(String::as_str)).collect();
            if named != ready {
                return Err(Broken::of(key, format!("its slices name {named:?}, and its ready pods are {ready:?}")));
            }
        }
        Ok(())
    }
}

fn selects(service: &View, spec: &ServiceView, pod: &View) -> bool {
    pod.meta.namespace == service.meta.namespace && spec.selector.iter().all(|(label, value)| pod.meta.labels.get(label) == Some(value))
}

fn addresses<'a>(scene: &'a Scene, service: &View, spec: &ServiceView) -> BTreeSet<&'a str> {
    scene.pods().filter(|(_, view, _)| selects(service, spec, view)).map(|(_, _, pod)| &*pod.ip).collect()
}

fn ready<'a>(scene: &'a Scene, service: &View, spec: &ServiceView) -> BTreeSet<&'a str> {
    let serves = |view: &View, pod: &PodView| {
        let lives = view.meta.deletion_timestamp.is_none() && !matches!(&*pod.phase, "Succeeded" | "Failed");
        lives && (pod.ready || spec.publishes_not_ready) && !pod.ip.is_empty()
    };
    let pods = scene.pods().filter(|(_, view, pod)| selects(service, spec, view) && serves(view, pod));
    pods.map(|(_, _, pod)| &*pod.ip).collect()
}
