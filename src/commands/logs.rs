//! `kabuki logs`.

use clap::Args;
use futures::StreamExt;

use super::access::Access;
use super::resources::query;
use super::{Failure, print};
use crate::api::remote::Ask;

#[derive(Args, Debug)]
pub struct Logs {
    /// The pod: NAME, or pod/NAME
    pod: String,
    /// Which of its containers
    #[arg(short, long, default_value = "")]
    container: String,
    /// Go on as more is written
    #[arg(short, long)]
    follow: bool,
    /// Of the container's previous life
    #[arg(short, long)]
    previous: bool,
    /// Only the last lines
    #[arg(long)]
    tail: Option<u64>,
    /// Only what is at most so many seconds old
    #[arg(long)]
    since: Option<u64>,
    /// Begin each line with its time
    #[arg(long)]
    timestamps: bool,
    #[command(flatten)]
    access: Access,
}

impl Logs {
    pub async fn run(self) -> Result<(), Failure> {
        let connection = self.access.connect()?;
        let name = self.pod.strip_prefix("pod/").or(self.pod.strip_prefix("pods/")).unwrap_or(&self.pod);
        let flag = |wanted: bool| if wanted { "true" } else { "" };
        let number = |wanted: Option<u64>| wanted.map(|n| n.to_string()).unwrap_or_default();
        let parameters = query(&[
            ("container", &self.container),
            ("follow", flag(self.follow)),
            ("previous", flag(self.previous)),
            ("timestamps", flag(self.timestamps)),
            ("tailLines", &number(self.tail)),
            ("sinceSeconds", &number(self.since)),
        ]);
        let path = format!("/api/v1/namespaces/{}/pods/{name}/log{parameters}", connection.namespace);
        let mut stream = connection.remote.stream(Ask::get(&path).accept("*/*")).await?;
        while let Some(piece) = stream.next().await {
            print::write(&String::from_utf8_lossy(&piece?))?;
        }
        Ok(())
    }
}
