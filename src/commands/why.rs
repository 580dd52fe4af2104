//! `kabuki why`: what keeps a pod from running.

use clap::Args;

use super::access::Access;
use super::resources::query;
use super::{Failure, print, print::Output};
use crate::api::remote::Ask;

#[derive(Args, Debug)]
pub struct Why {
    /// pod/NAME
    pod: String,
    #[arg(short, long, value_enum)]
    output: Option<Output>,
    #[command(flatten)]
    access: Access,
}

impl Why {
    pub async fn run(self) -> Result<(), Failure> {
        let name = match self.pod.split_once('/') {
            None => self.pod.as_str(),
            Some(("pod" | "pods" | "po", name)) => name,
            Some((other, _)) => return Err(format!("why {other}: only of pods it is known why they wait: pod/NAME").into()),
        };
        let connection = self.access.connect()?;
        let path = format!("/debug/why{}", query(&[("namespace", &connection.namespace), ("pod", name)]));
        match self.output {
            Some(output) => print::document(output, &connection.remote.json(Ask::get(&path)).await?),
            None => {
                let text = connection.remote.bytes(Ask::get(&path).accept("text/plain")).await?;
                print::write(&String::from_utf8_lossy(&text))
            }
        }
    }
}
