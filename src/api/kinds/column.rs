//! The columns of `kubectl get`.

use std::borrow::Cow;
use std::fmt;
use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};
use serde_json::Value;

use super::fields::Fields;
use crate::runtime::clock;

/// One column of `kubectl get`.
#[derive(Clone, Debug)]
pub struct Column {
    /// Empty for a cell without a column.
    pub name: Cow<'static, str>,
    /// `string`, `integer`, `date`, …
    pub kind: Cow<'static, str>,
    pub format: Cow<'static, str>,
    /// 0 is shown always, 1 only in wide output.
    pub priority: i32,
    pub cell: Cell,
}

/// Where a cell's value comes from.
#[derive(Clone)]
pub enum Cell {
    /// A JSON pointer; what it finds is shown as it is.
    Pointer(&'static str),
    Computed(fn(&Value) -> Value),
    /// What a definition's column shows.
    Declared(Arc<dyn Fn(&Value) -> Value + Send + Sync>),
}

impl fmt::Debug for Cell {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Cell")
    }
}

impl Column {
    pub fn value(&self, object: &Value) -> Value {
        match &self.cell {
            Cell::Pointer(pointer) => object.pointer(pointer).cloned().unwrap_or_else(|| self.absent()),
            Cell::Computed(cell) => cell(object),
            Cell::Declared(cell) => cell(object),
        }
    }

    /// What Go prints for a field that is not set.
    fn absent(&self) -> Value {
        match &*self.kind {
            "integer" => 0.into(),
            "boolean" => false.into(),
            "date" => Value::Null,
            _ => "".into(),
        }
    }

    /// Shown only in wide output.
    pub fn wide(mut self) -> Self {
        self.priority = 1;
        self
    }

    /// A column whose texts are of some format.
    pub fn formatted(mut self, format: &'static str) -> Self {
        self.format = format.into();
        self
    }

    /// A cell that no column is declared for; clients do not show it.
    pub fn undeclared(mut self) -> Self {
        self.name = "".into();
        self
    }

    /// A column of another type than `string`.
    pub fn of(mut self, kind: &'static str) -> Self {
        self.kind = kind.into();
        self
    }
}

/// A column that shows what a JSON pointer finds.
pub fn column(name: &'static str, pointer: &'static str) -> Column {
    Column { name: name.into(), kind: "string".into(), format: "".into(), priority: 0, cell: Cell::Pointer(pointer) }
}

/// A column that shows what is made of the object.
pub fn computed(name: &'static str, cell: fn(&Value) -> Value) -> Column {
    Column { name: name.into(), kind: "string".into(), format: "".into(), priority: 0, cell: Cell::Computed(cell) }
}

/// The object's name.
pub fn name() -> Column {
    column("Name", "/metadata/name").formatted("name")
}

/// The time since creation.
pub fn age() -> Column {
    computed("Age", |object| since(object.text("/metadata/creationTimestamp")).into())
}

/// The columns of a kind that has none of its own.
pub fn plain() -> Vec<Column> {
    vec![name(), column("Created At", "/metadata/creationTimestamp").of("date")]
}

/// How long ago a time was, as people say it; `<unknown>` for no time.
pub fn since(time: &str) -> String {
    match time.parse::<Timestamp>() {
        Ok(time) => human(clock::now().duration_since(time)),
        Err(_) => "<unknown>".to_owned(),
    }
}

/// A duration in the two units that matter (`duration.HumanDuration`).
pub fn human(duration: SignedDuration) -> String {
    let seconds = duration.as_secs();
    let (minutes, hours) = (seconds / 60, seconds / 3600);
    let (days, years) = (hours / 24, hours / 24 / 365);
    match seconds {
        ..-1 => "<invalid>".to_owned(),
        -1 => "0s".to_owned(),
        0..120 => format!("{seconds}s"),
        _ if minutes < 10 => two(minutes, "m", seconds % 60, "s"),
        _ if minutes < 3 * 60 => format!("{minutes}m"),
        _ if hours < 8 => two(hours, "h", minutes % 60, "m"),
        _ if hours < 48 => format!("{hours}h"),
        _ if days < 8 => two(days, "d", hours % 24, "h"),
        _ if years < 2 => format!("{days}d"),
        _ if years < 8 => two(years, "y", days % 365, "d"),
        _ => format!("{years}y"),
    }
}

/// Two units, the smaller one left out when it is nought.
fn two(large: i64, large_unit: &str, small: i64, small_unit: &str) -> String {
    if small == 0 { format!("{large}{large_unit}") } else { format!("{large}{large_unit}{small}{small_unit}") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_duration_is_told_in_the_units_that_matter() {
        let day = 24 * 3600;
        for (seconds, text) in [
            (-5, "<invalid>"),
            (-1, "0s"),
            (119, "119s"),
            (120, "2m"),
            (599, "9m59s"),
            (600, "10m"),
            (3 * 3600, "3h"),
            (3 * 3600 + 60, "3h1m"),
            (47 * 3600, "47h"),
            (2 * day + 3600, "2d1h"),
            (8 * day, "8d"),
            (730 * day, "2y"),
            (731 * day, "2y1d"),
            (3000 * day, "8y"),
        ] {
            assert_eq!(human(SignedDuration::from_secs(seconds)), text, "{seconds} s");
        }
    }
}
