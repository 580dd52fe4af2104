//! What evaluations cost, and how much they may (`k8s.io/apiserver/pkg/apis/cel/config.go`).

use super::Fault;

/// What one expression may cost: about a tenth of a second.
pub const CALL_LIMIT: u64 = 1_000_000;
/// What all expressions of one policy about one request may cost.
pub const TOTAL_LIMIT: u64 = 10_000_000;

/// What is left to spend.
#[derive(Clone, Debug)]
pub struct Budget {
    /// For the expression that is being evaluated.
    call: u64,
    total: u64,
    per_call: u64,
}

impl Default for Budget {
    fn default() -> Self {
        Self::new(CALL_LIMIT, TOTAL_LIMIT)
    }
}

impl Budget {
    /// So much for each expression, and so much for all of them.
    pub fn new(per_call: u64, total: u64) -> Self {
        Self { call: per_call, total, per_call }
    }

    /// What is left for all that is still to be evaluated.
    pub fn left(&self) -> u64 {
        self.total
    }

    /// Another expression begins.
    pub(super) fn begin(&mut self) {
        self.call = self.per_call;
    }

    /// What the expression has left; given back by [`Budget::resume`], when another was evaluated for it in between.
    pub(super) fn suspend(&mut self) -> u64 {
        std::mem::replace(&mut self.call, self.per_call)
    }

    pub(super) fn resume(&mut self, call: u64) {
        self.call = call;
    }

    pub(super) fn spend(&mut self, amount: u64) -> Result<(), Fault> {
        self.total = self.total.checked_sub(amount).ok_or(Fault::OutOfBudget)?;
        self.call = self.call.checked_sub(amount).ok_or(Fault::TooCostly)?;
        Ok(())
    }
}
