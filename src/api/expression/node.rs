//! What expressions are compiled to.

use super::functions::Function;
use super::value::Val;

#[derive(Debug)]
pub enum Node {
    Const(Val<'static>),
    /// A root of the environment, by its place.
    Root(usize),
    /// A name that the expression itself has bound: how many were bound before it.
    Local(usize),
    Variable(usize),
    Select(Box<Node>, Box<str>),
    /// `has(x.field)`
    Has(Box<Node>, Box<str>),
    Index(Box<[Node; 2]>),
    /// `x.?field` and `x[?key]`
    Maybe(Box<[Node; 2]>),
    /// Items; an optional one may be missing.
    List(Vec<(Node, bool)>),
    Map(Vec<(Node, Node, bool)>),
    Not(Box<Node>),
    NotFalse(Box<Node>),
    And(Box<[Node; 2]>),
    Or(Box<[Node; 2]>),
    If(Box<[Node; 3]>),
    Call(&'static Function, Vec<Node>),
    Fold(Box<Fold>),
    Each(Box<Each>),
    /// `cel.bind(name, value, body)`
    Bind(Box<[Node; 2]>),
    /// `x.optMap(name, body)`; flat if the body gives an optional itself.
    OptMap(Box<[Node; 2]>, bool),
}

/// A comprehension. Binds what is gathered, then the item.
#[derive(Debug)]
pub struct Fold {
    pub range: Node,
    pub start: Node,
    pub goes_on: Node,
    pub step: Node,
    pub result: Node,
}

/// A macro that asks or makes something of each item. Binds one name (the item, or the key of a map), or two (index or key, and value).
#[derive(Debug)]
pub struct Each {
    pub range: Node,
    pub names: usize,
    pub filter: Option<Node>,
    pub body: Node,
    pub what: What,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum What {
    All,
    Exists,
    ExistsOne,
    /// A list of what the body gives.
    List,
    /// A map of what the body gives, by the same keys.
    Map,
    /// A map of the entries that the body gives.
    Entries,
    /// The list itself in the order of what the body gives.
    SortBy,
}
