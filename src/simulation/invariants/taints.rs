use super::{Broken, Invariant, Rest};

/// A taint, and whether a node that is ready has it.
const BY_STATE: [(&str, fn(bool) -> bool); 3] = [
    ("node.kubernetes.io/not-ready", |_| false),
    ("node.kubernetes.io/unreachable", |_| false),
    ("node.kubernetes.io/unschedulable", |cordoned| cordoned),
];

/// At rest the taints of a node that is ready say how it is: well, and cordoned or not.
#[derive(Default)]
pub struct Taints;

impl Invariant for Taints {
    fn name(&self) -> &'static str {
        "taints-say-how-nodes-are"
    }

    fn source(&self) -> &'static str {
        "Taints and Tolerations, \"Taint Nodes by Condition\""
    }

    fn rest(&mut self, rest: &Rest<'_>) -> Result<(), Broken> {
        for (key, node) in rest.scene.nodes().filter(|(_, node)| node.ready) {
            for (taint, is_due) in BY_STATE {
                let (has, due) = (node.taints.iter().any(|other| other == taint), is_due(node.unschedulable));
                if has != due {
                    return Err(Broken::of(key, format!("whether it has the taint {taint} is {has}, and should be {due}")));
                }
            }
        }
        Ok(())
    }
}
