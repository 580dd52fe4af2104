//! The audit log of a live cluster: what it is begun with.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use clap::Args;

use super::recording::size;
use crate::commands::Failure;
use crate::http::audit::{self, Log, Options, Policy};

#[derive(Args, Clone, Debug)]
pub struct Audit {
    /// What to audit: a file with an audit.k8s.io/v1 Policy. Without one nothing is
    #[arg(long, value_name = "FILE")]
    audit_policy_file: Option<PathBuf>,
    /// Where the audit log is written [default: audit.log in the data directory]
    #[arg(long, value_name = "FILE", requires = "audit_policy_file")]
    audit_log_path: Option<PathBuf>,
    /// How large the audit log may grow before it is put aside
    #[arg(long, value_name = "SIZE", default_value = "100Mi", value_parser = size, requires = "audit_policy_file")]
    audit_log_maxsize: u64,
    /// How many audit logs that were put aside are kept
    #[arg(long, value_name = "NUMBER", default_value = "10", requires = "audit_policy_file")]
    audit_log_maxbackup: usize,
}

impl Audit {
    /// Begins what was asked for; nothing if it was not.
    ///
    /// # Errors
    /// The policy is none, or the log cannot be written.
    pub fn start(&self, directory: &Path) -> Result<Option<Arc<audit::Audit>>, Failure> {
        let Some(file) = &self.audit_policy_file else { return Ok(None) };
        let policy = Policy::read(file).map_err(|why| format!("--audit-policy-file {}: {why}", file.display()))?;
        let file = self.audit_log_path.clone().unwrap_or_else(|| directory.join("audit.log"));
        let options = Options { file: file.clone(), size: self.audit_log_maxsize, backups: self.audit_log_maxbackup };
        let log = Log::open(options).map_err(|error| format!("--audit-log-path {}: {error}", file.display()))?;
        Ok(Some(audit::Audit::new(policy, log)))
    }
}
