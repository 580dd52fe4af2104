//! Expressions in CEL as Kubernetes runs them: compiled once, run often, and stopped when they cost too much.
//!
//! The crate `cel` parses. What it would run has no costs and knows none of Kubernetes' functions, so what is parsed is compiled here into
//! nodes whose names are places and whose functions are pointers, over values that are borrowed from the JSON they speak of. Costs are
//! counted as upstream counts them (`k8s.io/apiserver/pkg/cel/library/cost.go`, cel-go's `interpreter/runtimecost.go`).

pub mod authority;
mod compile;
mod cost;
mod functions;
mod node;
mod run;
#[cfg(test)]
mod tests;
mod value;

use std::cell::OnceCell;

use cel::parser::Parser;

pub use cost::{Budget, CALL_LIMIT, TOTAL_LIMIT};
pub use value::{Entries, List, MapKey, Text, Val};

use node::Node;

/// Why an expression gave no value.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum Fault {
    #[error("no such key: {0}")]
    NoSuchKey(String),
    #[error("no such overload")]
    NoSuchOverload,
    /// The one expression costs more than any may.
    #[error("operation cancelled: actual cost limit exceeded")]
    TooCostly,
    /// All together cost more than they may.
    #[error("validation failed due to running out of cost budget, no further validation rules will be run")]
    OutOfBudget,
    #[error("{0}")]
    Other(String),
}

impl Fault {
    pub(super) fn new(why: impl Into<String>) -> Self {
        Self::Other(why.into())
    }

    /// Nothing makes up for it, not even another side of an `||`.
    fn is_final(&self) -> bool {
        matches!(self, Self::TooCostly | Self::OutOfBudget)
    }
}

/// What expressions can name: roots (`object`, `request`), and the variables that are declared so far (`variables.x`).
#[derive(Clone, Debug, Default)]
pub struct Environment {
    roots: Vec<&'static str>,
    variables: Vec<String>,
    /// Fields whose names are no identifiers are named as `x__dot__y`: so it is where a schema says which fields there are.
    escapes: bool,
}

impl Environment {
    pub fn new(roots: &[&'static str]) -> Self {
        Self { roots: roots.to_vec(), ..Self::default() }
    }

    /// The same with the names of fields escaped, as for custom resources.
    pub fn escaping(self) -> Self {
        Self { escapes: true, ..self }
    }

    /// Adds a variable; expressions that are compiled from now on may name it.
    pub fn declare(&mut self, variable: &str) {
        self.variables.push(variable.to_owned());
    }

    /// # Errors
    /// It does not compile.
    pub fn compile(&self, text: &str) -> Result<Program, String> {
        let parser = Parser::new().enable_optional_syntax(true).enable_ident_escape_syntax(true);
        let parsed = parser.parse(text).map_err(|error| error.to_string())?;
        Ok(Program { node: compile::compile(self, &parsed)?, text: text.to_owned() })
    }
}

/// A compiled expression.
#[derive(Debug)]
pub struct Program {
    node: Node,
    text: String,
}

impl Program {
    /// As it was written.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// Evaluates it, for as much as it may cost.
    ///
    /// # Errors
    /// See [`Fault`].
    pub fn run<'a>(&'a self, bindings: &Bindings<'a>, budget: &mut Budget) -> Result<Val<'a>, Fault> {
        budget.begin();
        run::run(&self.node, bindings, budget)
    }
}

/// What the names of an [`Environment`] stand for in one evaluation; shared by all expressions that are about the same.
pub struct Bindings<'a> {
    roots: Vec<Val<'a>>,
    variables: Vec<Variable<'a>>,
}

/// A variable is worked out when it is first asked for.
struct Variable<'a> {
    program: &'a Result<Program, String>,
    value: OnceCell<Result<Val<'a>, Fault>>,
}

impl<'a> Bindings<'a> {
    /// Values for the roots, in the order in which they were named.
    pub fn new(roots: Vec<Val<'a>>) -> Self {
        Self { roots, variables: Vec::new() }
    }

    /// Programs for the variables, in the order in which they were declared.
    pub fn with_variables(mut self, programs: &'a [Result<Program, String>]) -> Self {
        self.variables = programs.iter().map(|program| Variable { program, value: OnceCell::new() }).collect();
        self
    }
}
