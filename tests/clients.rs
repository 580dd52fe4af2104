//! The clients that people use, each against a started cluster: what they rely on is a story, told by a program in the client's own language.

#[allow(dead_code, reason = "the tests of whole clusters use the rest")]
#[path = "cluster/site.rs"]
mod site;

mod clients {
    mod containers;
    mod go;
    mod kube_rs;
    mod node;
    mod python;
    mod stage;
}
