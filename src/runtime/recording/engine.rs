//! An engine whose batches are recorded once they are durable.

use std::sync::Arc;

use futures::FutureExt;
use futures::future::BoxFuture;

use super::Recorder;
use crate::runtime::store::{Engine, EngineError, Record, Recovered, Revision};

pub struct RecordedEngine {
    inner: Arc<dyn Engine>,
    recorder: Recorder,
}

impl RecordedEngine {
    pub fn new(inner: Arc<dyn Engine>, recorder: Recorder) -> Self {
        Self { inner, recorder }
    }
}

impl Engine for RecordedEngine {
    fn append(&self, head: Revision, records: Vec<Record>) -> BoxFuture<'_, Result<(), EngineError>> {
        async move {
            let recorded = records.clone();
            self.inner.append(head, records).await?;
            self.recorder.commits(recorded);
            Ok(())
        }
        .boxed()
    }

    fn blocks(&self) -> bool {
        self.inner.blocks()
    }

    fn recover(&self) -> Result<Recovered, EngineError> {
        let recovered = self.inner.recover()?;
        self.recorder.recovered(recovered.entries.clone());
        Ok(recovered)
    }

    fn revision(&self) -> Result<Revision, EngineError> {
        self.inner.revision()
    }

    fn compact(&self) -> Result<(), EngineError> {
        self.inner.compact()
    }

    fn check(&self) -> Result<(), EngineError> {
        self.inner.check()
    }
}
