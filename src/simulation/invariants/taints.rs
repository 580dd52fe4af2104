use super::{Broken, Invariant, Rest};

/// Taints that no node has which is ready.
const UNWELL: [&str; 2] = ["node.kubernetes.io/not-ready", "node.kubernetes.io/unreachable"];
const CORDONED: &str = "node.kubernetes.io/unschedulable";

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
            let states = UNWELL.map(|taint| (taint, false)).into_iter().chain([(CORDONED, node.unschedulable)]);
            for (taint, due) in states {
                let has = node.taints.iter().any(|other| other == taint);
                if has != due {
                    return Err(Broken::of(key, format!("whether it has the taint {taint} is {has}, and should be {due}")));
                }
            }
        }
        Ok(())
    }
}
