//! `kabuki tree`: the live supervision tree of a running process.

use clap::Args;

use super::access::Access;
use super::print;
use super::{Failure, print::Output};
use crate::api::remote::Ask;

#[derive(Args, Debug)]
pub struct Tree {
    #[arg(short, long, value_enum)]
    output: Option<Output>,
    #[command(flatten)]
    access: Access,
}

impl Tree {
    pub async fn run(self) -> Result<(), Failure> {
        let remote = self.access.connect()?.remote;
        match self.output {
            Some(output) => print::document(output, &remote.json(Ask::get("/debug/actors")).await?),
            None => {
                let text = remote.bytes(Ask::get("/debug/actors").accept("text/plain")).await?;
                print::write(&String::from_utf8_lossy(&text))
            }
        }
    }
}
