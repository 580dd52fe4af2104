//! What can be seen of a supervision tree.

use std::{fmt, time::Duration};

use serde::{Deserialize, Serialize};

/// What an actor or a supervisor is doing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
#[repr(u8)]
pub enum State {
    /// Not polled yet.
    Starting,
    Running,
    /// Asked to stop by its supervisor.
    Stopping,
    /// Ended, and waiting to be started again.
    Down,
}

impl State {
    pub(super) fn from_u8(value: u8) -> Self {
        [State::Starting, State::Running, State::Stopping, State::Down][usize::from(value)]
    }
}

/// The panic of which an actor last died.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct LastPanic {
    /// RFC 3339.
    pub time: String,
    /// The message or future that was being handled: its Rust type, or a word for the actor's own steps (`started`, `drop`, …).
    pub during: String,
    pub message: String,
    /// `file:line:column`.
    pub location: String,
}

/// A snapshot of one actor or supervisor and of all below it, in the order of their start.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Tree {
    pub name: String,
    /// The names from the root down, each after a slash; the root's is `/`.
    pub path: String,
    /// The actor's Rust type, or a supervisor's strategy.
    pub kind: String,
    pub state: State,
    pub restarts: u32,
    pub last_panic: Option<LastPanic>,
    /// Messages that wait, as of the actor's last poll, up to its mailbox's capacity.
    pub mailbox_depth: usize,
    pub messages_handled: u64,
    pub busy_microseconds: u64,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub children: Vec<Tree>,
}

impl Tree {
    /// This node and all below it, parents first.
    pub fn iter(&self) -> impl Iterator<Item = &Tree> {
        let mut rest = vec![self];
        std::iter::from_fn(move || {
            let next = rest.pop()?;
            rest.extend(next.children.iter().rev());
            Some(next)
        })
    }

    /// Each node's line: its branch and name, then the columns.
    fn rows(&self, lead: &str, branch: &str, rows: &mut Vec<[String; 7]>) {
        let panic = self.last_panic.as_ref().map(|p| format!("{} ({}, at {})", p.message, short(&p.during), p.location));
        rows.push([
            format!("{lead}{branch}{}", self.name),
            format!("{:?}", self.state),
            self.restarts.to_string(),
            self.mailbox_depth.to_string(),
            self.messages_handled.to_string(),
            format!("{:.1?}", Duration::from_micros(self.busy_microseconds)),
            panic.unwrap_or_else(|| String::from("-")),
        ]);
        let below = format!("{lead}{}", branch.replace("├── ", "│   ").replace("└── ", "    "));
        for (at, child) in self.children.iter().enumerate() {
            let last = at + 1 == self.children.len();
            child.rows(&below, if last { "└── " } else { "├── " }, rows);
        }
    }
}

/// A Rust type's name without its modules.
fn short(name: &str) -> String {
    name.split_inclusive(['<', '>', ',', ' ']).map(|part| part.rsplit("::").next().unwrap_or(part)).collect()
}

impl fmt::Display for Tree {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut rows = vec![["NAME", "STATE", "RESTARTS", "MAILBOX", "HANDLED", "BUSY", "LAST PANIC"].map(String::from)];
        self.rows("", "", &mut rows);
        let widths: [usize; 6] = std::array::from_fn(|column| rows.iter().map(|row| row[column].chars().count()).max().unwrap_or(0));
        for row in &rows {
            for (cell, width) in row.iter().zip(widths) {
                write!(f, "{cell:<width$}   ")?;
            }
            writeln!(f, "{}", row[6])?;
        }
        Ok(())
    }
}
