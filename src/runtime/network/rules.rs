use std::process::{Output, Stdio};

use sha2::{Digest, Sha256};
use tokio::io::AsyncWriteExt;
use tokio::process::Command;

use super::{Cidr, NetworkError};

type Result<T> = std::result::Result<T, NetworkError>;

/// A cluster's netfilter rules on this machine: a chain that accepts what pods and services send and get (others' policies may drop it:
/// Docker's do), and a chain that masquerades what leaves the cluster. As many as there are ranges, never one for a pod or service.
pub(super) struct Rules {
    forward: String,
    masquerade: String,
}

const COMMAND: &str = "iptables";

impl Rules {
    /// The chains' names tell clusters apart; the kernel allows them 28 characters.
    pub fn of(cluster: &str) -> Self {
        let digest = Sha256::digest(cluster);
        let tag: String = digest[..4].iter().map(|byte| format!("{byte:02X}")).collect();
        Self { forward: format!("KABUKI-{tag}-FORWARD"), masquerade: format!("KABUKI-{tag}-LEAVE") }
    }

    /// Puts the rules in place, or replaces them, each table at once. `inside` are the ranges of the whole cluster.
    pub async fn apply(&self, pods: Cidr, inside: &[Cidr]) -> Result<()> {
        restore(&self.table(pods, inside)).await?;
        for (table, hook, chain) in self.jumps() {
            if !holds(&["-w", "-t", table, "-C", hook, "-j", chain]).await? {
                run(&["-w", "-t", table, "-I", hook, "1", "-j", chain]).await?;
            }
        }
        Ok(())
    }

    /// Takes them away. What is not there has been.
    pub async fn remove(&self) -> Result<()> {
        for (table, hook, chain) in self.jumps() {
            if !holds(&["-w", "-t", table, "-n", "-L", chain]).await? {
                continue;
            }
            while holds(&["-w", "-t", table, "-C", hook, "-j", chain]).await? {
                run(&["-w", "-t", table, "-D", hook, "-j", chain]).await?;
            }
            run(&["-w", "-t", table, "-F", chain]).await?;
            run(&["-w", "-t", table, "-X", chain]).await?;
        }
        Ok(())
    }

    fn jumps(&self) -> [(&'static str, &'static str, &str); 2] {
        [("filter", "FORWARD", &self.forward), ("nat", "POSTROUTING", &self.masquerade)]
    }

    /// What `iptables-restore` reads. Naming a chain empties it.
    fn table(&self, pods: Cidr, inside: &[Cidr]) -> String {
        let Self { forward, masquerade } = self;
        let accept: String =
            inside.iter().map(|range| format!("-A {forward} -s {range} -j ACCEPT\n-A {forward} -d {range} -j ACCEPT\n")).collect();
        let stay: String = inside.iter().map(|range| format!("-A {masquerade} -d {range} -j RETURN\n")).collect();
        format!(
            "*filter\n:{forward} - [0:0]\n{accept}COMMIT\n\
             *nat\n:{masquerade} - [0:0]\n{stay}-A {masquerade} -s {pods} -j MASQUERADE\nCOMMIT\n"
        )
    }
}

async fn run(arguments: &[&str]) -> Result<()> {
    let output = output(arguments).await?;
    if output.status.success() { Ok(()) } else { Err(failed(said(&output))) }
}

/// Whether it could be done; not, if what it names is not there.
async fn holds(arguments: &[&str]) -> Result<bool> {
    /// The command's exit status for what is absent; others are for what went wrong.
    const ABSENT: i32 = 1;
    let output = output(arguments).await?;
    match output.status.code() {
        Some(0) => Ok(true),
        Some(ABSENT) => Ok(false),
        _ => Err(failed(said(&output))),
    }
}

async fn output(arguments: &[&str]) -> Result<Output> {
    Command::new(COMMAND).args(arguments).output().await.map_err(|error| failed(error.to_string()))
}

fn said(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).trim().to_owned()
}

async fn restore(rules: &str) -> Result<()> {
    let mut command = Command::new("iptables-restore");
    command.args(["-w", "--noflush"]).stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::piped());
    let mut child = command.spawn().map_err(|error| failed(error.to_string()))?;
    let mut stdin = child.stdin.take().expect("its standard input is a pipe");
    // If it ends early, what it says is the reason.
    let _ = stdin.write_all(rules.as_bytes()).await;
    drop(stdin);
    let output = child.wait_with_output().await.map_err(|error| failed(error.to_string()))?;
    if output.status.success() { Ok(()) } else { Err(failed(said(&output))) }
}

fn failed(reason: String) -> NetworkError {
    NetworkError::Failed { doing: "setting netfilter's rules with iptables", reason }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_rules_are_as_many_as_the_ranges() {
        let inside = ["10.244.0.0/16".parse().unwrap(), "10.96.0.0/16".parse().unwrap()];
        let rules = Rules { forward: "F".to_owned(), masquerade: "M".to_owned() };
        let expected = "*filter\n:F - [0:0]\n\
            -A F -s 10.244.0.0/16 -j ACCEPT\n-A F -d 10.244.0.0/16 -j ACCEPT\n\
            -A F -s 10.96.0.0/16 -j ACCEPT\n-A F -d 10.96.0.0/16 -j ACCEPT\nCOMMIT\n\
            *nat\n:M - [0:0]\n-A M -d 10.244.0.0/16 -j RETURN\n-A M -d 10.96.0.0/16 -j RETURN\n\
            -A M -s 10.244.3.0/24 -j MASQUERADE\nCOMMIT\n";
        assert_eq!(rules.table("10.244.3.0/24".parse().unwrap(), &inside), expected);
    }

    #[test]
    fn chains_of_two_clusters_differ_and_fit() {
        let (one, two) = (Rules::of("one"), Rules::of("two"));
        assert_ne!(one.forward, two.forward);
        assert!(one.forward.len() <= 28 && one.masquerade.len() <= 28);
    }
}
