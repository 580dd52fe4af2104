//! The context of one request.

use std::collections::BTreeMap;

use parking_lot::Mutex;

use crate::api::client::WriteOptions;

/// Who asks.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct User {
    pub name: String,
    pub uid: String,
    pub groups: Vec<String>,
    pub extra: BTreeMap<String, Vec<String>>,
}

/// Who writes, how, and what the writer should be warned of.
#[derive(Debug, Default)]
pub struct Call {
    pub user: User,
    pub options: WriteOptions,
    warnings: Mutex<Vec<String>>,
}

impl Call {
    pub fn new(user: User, options: WriteOptions) -> Self {
        Self { user, options, warnings: Mutex::default() }
    }

    /// Adds a warning to the answer (the `Warning` header, RFC 9111); one that is already there is not repeated.
    pub fn warn(&self, warning: impl Into<String>) {
        let warning = warning.into();
        let mut warnings = self.warnings.lock();
        if !warnings.contains(&warning) {
            warnings.push(warning);
        }
    }

    /// The warnings so far, in order; they are not given again.
    pub fn take_warnings(&self) -> Vec<String> {
        std::mem::take(&mut self.warnings.lock())
    }
}
