//! What clients do, and how long it takes.

use std::cell::{Cell, RefCell};
use std::error::Error;
use std::time::Duration;

use futures::future::try_join_all;
use futures::stream::{self, StreamExt, TryStreamExt};
use tokio::time::Instant;

use crate::connection::{Connection, Endpoint, request};

type Outcome<T> = Result<T, Box<dyn Error>>;

/// TLS handshakes under way at once while many connections are opened.
const HANDSHAKES: usize = 32;

/// Clients that each send one request after another, until either bound is reached.
#[derive(Clone, Copy)]
pub struct Load {
    pub clients: usize,
    pub length: Duration,
    pub requests: usize,
}

impl Load {
    pub fn lasting(clients: usize, length: Duration) -> Self {
        Self { clients, length, requests: usize::MAX }
    }

    pub fn of(clients: usize, requests: usize) -> Self {
        Self { clients, length: Duration::MAX, requests }
    }
}

/// What came of a load.
pub struct Measured {
    pub requests: usize,
    pub elapsed: Duration,
    /// In ascending order.
    latencies: Vec<Duration>,
}

impl Measured {
    pub fn rate(&self) -> f64 {
        self.requests as f64 / self.elapsed.as_secs_f64()
    }

    /// The latency that this share of requests did not exceed.
    pub fn quantile(&self, share: f64) -> Duration {
        let place = (self.latencies.len() as f64 * share) as usize;
        self.latencies.get(place.min(self.latencies.len().saturating_sub(1))).copied().unwrap_or_default()
    }
}

/// Sends what `make` gives for each number from zero on; each answer must have the code.
pub async fn drive(endpoint: &Endpoint, load: Load, code: u16, make: impl Fn(usize) -> Vec<u8>) -> Outcome<Measured> {
    let connections = connect(endpoint, load.clients).await?;
    let next = Cell::new(0);
    let latencies = RefCell::new(Vec::new());
    let begun = Instant::now();
    let clients = connections.into_iter().map(async |mut connection| {
        while next.get() < load.requests && begun.elapsed() < load.length {
            let request = make(next.replace(next.get() + 1));
            let sent = Instant::now();
            let answer = connection.exchange(&request).await?;
            if answer.code != code {
                return Err::<(), Box<dyn Error>>(format!("answer {} where {code} was expected", answer.code).into());
            }
            latencies.borrow_mut().push(sent.elapsed());
        }
        Ok(())
    });
    try_join_all(clients).await?;
    let elapsed = begun.elapsed();
    let mut latencies = latencies.into_inner();
    latencies.sort_unstable();
    Ok(Measured { requests: latencies.len(), elapsed, latencies })
}

/// Opens watches at an address, runs `writes`, and waits until each watch has brought `events`; how long that took from the first write on.
pub async fn deliver(
    endpoint: &Endpoint,
    address: &str,
    watchers: usize,
    events: usize,
    writes: impl Future<Output = Outcome<Measured>>,
) -> Outcome<Duration> {
    let mut connections = connect(endpoint, watchers).await?;
    let watch = request("GET", address, b"");
    for connection in &mut connections {
        let code = connection.open(&watch).await?;
        if code != 200 {
            return Err(format!("a watch was answered by {code}").into());
        }
    }
    let begun = Instant::now();
    let readers = connections.into_iter().map(async |mut connection| {
        let mut missing = i64::try_from(events)?;
        while missing > 0 {
            missing -= connection.lines().await?;
        }
        Ok::<(), Box<dyn Error>>(())
    });
    futures::try_join!(writes, try_join_all(readers))?;
    Ok(begun.elapsed())
}

async fn connect(endpoint: &Endpoint, count: usize) -> Outcome<Vec<Connection>> {
    Ok(stream::iter(0..count).map(|_| endpoint.connect()).buffered(HANDSHAKES).try_collect().await?)
}
