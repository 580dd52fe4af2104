//! `kabuki kill-actor`: one actor of a running process dies, to see what comes of it.

use clap::Args;
use hyper::Method;
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};

use super::access::Access;
use super::{Failure, print};
use crate::api::remote::Ask;

#[derive(Args, Debug)]
pub struct KillActor {
    /// Where it stands in the tree, as `kabuki tree -o json` shows it: `/control-plane/scheduling/scheduler`
    path: String,
    #[command(flatten)]
    access: Access,
}

impl KillActor {
    pub async fn run(self) -> Result<(), Failure> {
        let path = format!("/debug/actors/kill?path={}", utf8_percent_encode(&self.path, NON_ALPHANUMERIC));
        let ask = Ask { method: Method::POST, ..Ask::get(&path) };
        let said = self.access.connect()?.remote.bytes(ask.accept("text/plain")).await?;
        print::write(&String::from_utf8_lossy(&said))
    }
}
