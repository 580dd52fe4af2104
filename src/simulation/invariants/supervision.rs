use super::{Broken, Invariant, Rest};
use crate::runtime::supervision::State;

/// At most so many messages wait in a mailbox of a cluster at rest.
const MAILBOX: usize = 64;

/// At rest every actor that the process was founded with is there and runs, and no mailbox is full of what nobody handles.
#[derive(Default)]
pub struct Supervision;

impl Invariant for Supervision {
    fn name(&self) -> &'static str {
        "the-tree-is-whole"
    }

    fn source(&self) -> &'static str {
        "OTP design principles, \"Supervisor behaviour\": permanent children are always restarted"
    }

    fn rest(&mut self, rest: &Rest<'_>) -> Result<(), Broken> {
        for node in rest.tree.iter() {
            if node.state != State::Running {
                return Err(Broken::by_itself(format!("{} is {:?}", node.path, node.state)));
            }
            if node.mailbox_depth > MAILBOX {
                return Err(Broken::by_itself(format!("{} messages wait for {}", node.mailbox_depth, node.path)));
            }
        }
        // Of several control planes one acts.
        let planes = rest.tree.children.iter().filter(|child| child.name.starts_with("candidate "));
        let acting: Vec<bool> = planes.map(|plane| plane.children.iter().any(|child| child.name == "control-plane")).collect();
        let leading = acting.iter().filter(|acts| **acts).count();
        if !acting.is_empty() && leading != 1 {
            return Err(Broken::by_itself(format!("{leading} control planes act, of {}", acting.len())));
        }
        match rest.founded.iter().find(|path| !rest.tree.iter().any(|node| node.path == **path)) {
            Some(missing) => Err(Broken::by_itself(format!("{missing} is gone"))),
            None => Ok(()),
        }
    }
}
