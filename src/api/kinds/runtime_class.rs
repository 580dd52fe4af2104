//! RuntimeClass: with what a pod's containers are run.

use k8s_openapi::api::node::v1;

use super::{Judges, Kind, Traits, age, column, name};
use crate::api::validation::runtime_class as judge;

pub fn runtime_class() -> Kind {
    Kind::new::<v1::RuntimeClass>("runtimeclasses", &[])
        .cluster_scoped()
        .traits(Traits { create_on_update: true, conditional_update: true, ..Traits::default() })
        .columns([name(), column("Handler", "/handler"), age()])
        .judges(Judges::new(judge::runtime_class, judge::runtime_class_update).warnings(judge::runtime_class_warnings))
}
