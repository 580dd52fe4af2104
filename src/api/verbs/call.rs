//! The context of one request.

use std::collections::BTreeMap;

use parking_lot::Mutex;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::api::client::WriteOptions;
use crate::api::schema::{self, Body, Decoded};
use crate::api::status::Status;

/// Who asks.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct User {
    pub name: String,
    pub uid: String,
    pub groups: Vec<String>,
    pub extra: BTreeMap<String, Vec<String>>,
}

/// The group that may do everything.
pub const MASTERS: &str = "system:masters";
/// The group of all who have shown who they are.
pub const AUTHENTICATED: &str = "system:authenticated";

/// The groups that every service account of a namespace is in.
pub fn account_groups(namespace: &str) -> [String; 2] {
    ["system:serviceaccounts".into(), format!("system:serviceaccounts:{namespace}")]
}

/// The group of the cluster's nodes.
pub const NODES: &str = "system:nodes";

impl User {
    /// A part of the system of that name, which may do everything.
    pub fn master(name: &str) -> Self {
        Self { name: name.to_owned(), groups: vec![MASTERS.to_owned(), AUTHENTICATED.to_owned()], ..Self::default() }
    }

    /// A service account.
    pub fn account(namespace: &str, name: &str, uid: &str) -> Self {
        let [all, own] = account_groups(namespace);
        let groups = vec![all, own, AUTHENTICATED.to_owned()];
        Self { name: format!("system:serviceaccount:{namespace}:{name}"), uid: uid.to_owned(), groups, ..Self::default() }
    }

    /// `v1.UserInfo`, as reviews, webhooks, expressions and the audit log show it.
    pub fn info(&self) -> Value {
        let mut info = json!({"username": self.name, "groups": self.groups});
        if !self.uid.is_empty() {
            info["uid"] = self.uid.as_str().into();
        }
        if !self.extra.is_empty() {
            info["extra"] = json!(self.extra);
        }
        info
    }

    /// Nobody who asked: the system itself, whom nobody judges. Who asks has a name at least.
    pub fn is_system(&self) -> bool {
        self.name.is_empty() && self.groups.is_empty()
    }

    pub fn is_in(&self, group: &str) -> bool {
        self.groups.iter().any(|own| own == group)
    }

    /// Makes a request's specification say who asked for it, whatever it said.
    pub(super) fn sign(&self, request: &mut Value) {
        let Some(spec) = request.get_mut("spec").and_then(Value::as_object_mut) else { return };
        for (field, value, is_empty) in [
            ("username", json!(self.name), self.name.is_empty()),
            ("uid", json!(self.uid), self.uid.is_empty()),
            ("groups", json!(self.groups), self.groups.is_empty()),
            ("extra", json!(self.extra), self.extra.is_empty()),
        ] {
            spec.remove(field);
            if !is_empty {
                spec.insert(field.to_owned(), value);
            }
        }
    }

    /// The name of the node that speaks: `system:node:<name>` in the group of nodes.
    pub fn node(&self) -> Option<&str> {
        self.name.strip_prefix("system:node:").filter(|name| !name.is_empty() && self.is_in(NODES))
    }
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

    /// Reads a body into an object of the kind; unknown and duplicate fields are refused, warned of or passed over as the options say.
    ///
    /// # Errors
    /// `BadRequest`.
    pub fn decode(&self, target: schema::Target, body: Body) -> Result<Value, Status> {
        schema::decode(target, body, self.options.field_validation).map(|decoded| self.heed(decoded))
    }

    /// The same for what is JSON in memory already.
    ///
    /// # Errors
    /// `BadRequest`.
    pub fn decode_value(&self, target: schema::Target, body: &Value) -> Result<Value, Status> {
        schema::decode_value(target, body, self.options.field_validation).map(|decoded| self.heed(decoded))
    }

    /// Adds the warnings of what was decoded.
    pub(super) fn heed(&self, decoded: Decoded) -> Value {
        decoded.warnings.into_iter().for_each(|warning| self.warn(warning));
        decoded.value
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
