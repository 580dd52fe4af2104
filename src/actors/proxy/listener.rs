//! The actor of one frontend. It owns the socket at which clients arrive, opens it anew when that fails, and passes on what comes. Where
//! to, it reads from the backends that the proxier swaps. It takes [`Retire`].

use std::cell::RefCell;
use std::io;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use actix::{Actor, ActorContext, ActorFutureExt, AsyncContext, Handler, Message, WrapFuture};
use arc_swap::ArcSwap;
use tokio::net::{TcpListener, UdpSocket};
use tokio::time::sleep;

use super::backends::{Backends, Balancer};
use super::frontend::Frontend;
use super::{tcp, udp};
use crate::actors::backoff::Backoff;
use crate::runtime::entropy::Entropy;
use crate::runtime::network::{Protocol, ServiceNetwork};
use crate::runtime::supervision::Ctx;

/// Before a socket that could not be opened is tried again.
const BACKOFF: Backoff = Backoff { first: Duration::from_millis(100), most: Duration::from_secs(30) };

/// Stop listening, for good. Connections that were made go on.
#[derive(Message)]
#[rtype(result = "()")]
pub struct Retire;

/// Where connections go.
#[derive(Clone)]
pub struct Route {
    pub backends: Arc<ArcSwap<Backends>>,
    pub balancer: Rc<RefCell<Balancer>>,
}

pub struct Listener {
    frontend: Frontend,
    network: Arc<dyn ServiceNetwork>,
    backends: Arc<ArcSwap<Backends>>,
    /// Taken at the start.
    entropy: Option<Entropy>,
}

impl Listener {
    pub fn new(frontend: Frontend, network: Arc<dyn ServiceNetwork>, backends: Arc<ArcSwap<Backends>>, entropy: Entropy) -> Self {
        Self { frontend, network, backends, entropy: Some(entropy) }
    }
}

impl Actor for Listener {
    type Context = Ctx<Self>;

    fn started(&mut self, ctx: &mut Self::Context) {
        let mut entropy = self.entropy.take().expect("an actor is started once");
        let balancer = Rc::new(RefCell::new(Balancer::new(&mut entropy)));
        let route = Route { backends: self.backends.clone(), balancer };
        let work = serve(self.frontend, self.network.clone(), route, entropy);
        ctx.spawn(work.into_actor(self).map(|(), _, _| ()));
    }
}

impl Handler<Retire> for Listener {
    type Result = ();

    fn handle(&mut self, _: Retire, ctx: &mut Self::Context) {
        ctx.stop();
    }
}

/// Never ends.
async fn serve(frontend: Frontend, network: Arc<dyn ServiceNetwork>, route: Route, mut entropy: Entropy) {
    let mut failures = 0;
    loop {
        let error = match frontend.protocol {
            Protocol::Tcp => match network.listen(frontend.place).await.and_then(TcpListener::from_std) {
                Ok(listener) => return tcp::serve(listener, route).await,
                Err(error) => error,
            },
            Protocol::Udp => match network.bind(frontend.place).await.and_then(UdpSocket::from_std) {
                Ok(socket) => udp::serve(socket, route.clone()).await,
                Err(error) => error,
            },
        };
        failures += 1;
        complain(frontend, failures, &error);
        sleep(BACKOFF.delay(failures, &mut entropy)).await;
    }
}

/// A retired listener's socket may still be closing when its successor opens the same: once is no news.
fn complain(frontend: Frontend, failures: u32, error: &io::Error) {
    if failures == 1 {
        tracing::debug!(%frontend, %error, "cannot listen yet");
    } else {
        tracing::warn!(%frontend, %error, failures, "cannot listen");
    }
}
