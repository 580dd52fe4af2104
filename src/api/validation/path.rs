//! Where a field is: `spec.containers[0].name`, `data[a.b]`.

use std::fmt;

/// A place in an object, as upstream prints it. Built on the stack while an object is judged: it costs nothing until it is printed.
#[derive(Clone, Copy)]
pub struct Path<'a> {
    parent: Option<&'a Path<'a>>,
    step: Step<'a>,
}

#[derive(Clone, Copy)]
enum Step<'a> {
    Field(&'a str),
    Index(usize),
    Key(&'a str),
    /// The object itself, whose fields are printed without a prefix.
    Root,
}

impl<'a> Path<'a> {
    pub const ROOT: Path<'static> = Path { parent: None, step: Step::Root };

    pub fn new(field: &'a str) -> Self {
        Self { parent: None, step: Step::Field(field) }
    }

    pub fn child<'b>(&'b self, field: &'b str) -> Path<'b> {
        Path { parent: Some(self), step: Step::Field(field) }
    }

    pub fn index(&self, index: usize) -> Path<'_> {
        Path { parent: Some(self), step: Step::Index(index) }
    }

    pub fn key<'b>(&'b self, key: &'b str) -> Path<'b> {
        Path { parent: Some(self), step: Step::Key(key) }
    }
}

impl fmt::Display for Path<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let parent = self.parent.filter(|parent| !matches!(parent.step, Step::Root));
        if let Some(parent) = parent {
            parent.fmt(f)?;
        }
        match self.step {
            Step::Field(field) if parent.is_some() => write!(f, ".{field}"),
            Step::Field(field) => f.write_str(field),
            Step::Index(index) => write!(f, "[{index}]"),
            Step::Key(key) => write!(f, "[{key}]"),
            Step::Root => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_is_printed_as_upstream_prints_it() {
        let spec = Path::new("spec");
        assert_eq!(spec.child("containers").index(0).child("name").to_string(), "spec.containers[0].name");
        assert_eq!(Path::ROOT.child("data").key("a.b").to_string(), "data[a.b]");
    }
}
