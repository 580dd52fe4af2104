//! What expressions may ask of the authorizer (`authorizer.group('apps').resource('deployments').check('get')`).

use std::fmt;

/// Says whether a user may do something.
pub trait Authority: Send + Sync {
    /// Whether it is allowed, and why it is or is not.
    fn check(&self, user: &Asker, wish: &Wish) -> (bool, String);
}

/// Who wishes.
#[derive(Clone, Debug, Default, PartialEq)]
pub enum Asker {
    /// Who sent the request.
    #[default]
    Sender,
    /// An account: its namespace and its name.
    Account(String, String),
}

/// What is wished for.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Wish {
    pub verb: String,
    /// Set for what is no resource.
    pub path: Option<String>,
    pub group: String,
    pub resource: String,
    pub subresource: String,
    pub namespace: String,
    pub name: String,
}

/// A question as far as it has been put together.
#[derive(Clone)]
pub struct Question<'a> {
    pub authority: &'a dyn Authority,
    pub asker: Asker,
    pub wish: Wish,
    pub stage: Stage,
}

/// What a question is about by now, which says how it may go on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stage {
    Open,
    Group,
    Resource,
    Path,
}

impl<'a> Question<'a> {
    pub fn new(authority: &'a dyn Authority) -> Self {
        Self { authority, asker: Asker::Sender, wish: Wish::default(), stage: Stage::Open }
    }
}

impl fmt::Debug for Question<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}", self.wish)
    }
}
