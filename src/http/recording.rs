//! Records the requests that change something, where there is a recording.

use serde_json::json;

use super::front::Exchange;
use crate::api::secrecy;
use crate::api::status::Status;
use crate::api::verbs::Mutation;
use crate::runtime::recording::Record;

/// A request that is recorded, until its answer is.
#[must_use]
pub struct Asked(Option<u64>);

impl Exchange {
    /// Records what is asked for.
    pub fn ask(&self, mutation: impl FnOnce() -> Mutation) -> Asked {
        let recorder = &self.front.recorder;
        if !recorder.is_on() {
            return Asked(None);
        }
        let mut mutation = mutation();
        if mutation.is_dry() {
            return Asked(None);
        }
        secrecy::redact(&mut mutation, recorder.keeps_secrets());
        let id = recorder.number();
        recorder.write(|| Record::Ask { id, user: json!(self.user), what: json!(mutation) });
        Asked(Some(id))
    }

    /// Records how it was answered.
    pub fn told<T>(&self, asked: Asked, answer: Result<T, Status>) -> Result<T, Status> {
        if let Asked(Some(id)) = asked {
            let code = answer.as_ref().map_or_else(|status| status.code, |_| 200);
            self.front.recorder.write(|| Record::Answer { id, code });
        }
        answer
    }
}
