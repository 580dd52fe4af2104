//! A started `kabuki up`, and the programs that speak to it.

use std::collections::BTreeSet;
use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::sync::Mutex;

const KABUKI: &str = env!("CARGO_BIN_EXE_kabuki");
/// A root file system with nothing but busybox, imported into the engine under this name.
pub const IMAGE: &str = "kabuki-test/web:1";

/// Whether a test may not be skipped for want of this.
pub fn is_required(need: &str) -> bool {
    std::env::var("KABUKI_TEST_REQUIRE").is_ok_and(|required| required.split(',').any(|one| one == need))
}

/// Whether what a test needs is here. Says why it is skipped; under `KABUKI_TEST_REQUIRE` it fails instead.
pub fn has(needs: &[&str]) -> bool {
    for need in needs {
        let here = match *need {
            "root" => nix::unistd::geteuid().is_root(),
            "docker" => succeeds("docker", &["info"]),
            "kubectl" => succeeds("kubectl", &["version", "--client"]),
            "python" => succeeds("python3", &["-c", "import ensurepip, venv"]),
            "node" => succeeds("node", &["--version"]) && succeeds("npm", &["--version"]),
            "go" => succeeds("go", &["version"]),
            other => panic!("nothing is known of {other}"),
        };
        if !here {
            assert!(!is_required(need), "{need} is required, and is not here");
            println!("skipped: this test needs {need}, which is not here");
            return false;
        }
    }
    true
}

fn succeeds(program: &str, arguments: &[&str]) -> bool {
    Command::new(program).args(arguments).output().is_ok_and(|output| output.status.success())
}

/// One cluster of its own ranges, so that several can run side by side. Taken down again when dropped.
pub struct Site {
    directory: tempfile::TempDir,
    arguments: Vec<String>,
    process: Child,
    /// What `up` printed before it was ready.
    pub introduction: Vec<String>,
}

impl Site {
    /// `number` tells the clusters of this machine apart.
    pub fn up(number: u8, more: &[&str]) -> Self {
        let ranges = [format!("--pod-cidr=10.{}.0.0/16", 200 + number), format!("--service-cidr=10.{}.0.0/16", 100 + number)];
        let mut arguments = vec![format!("--listen=127.0.0.1:{}", free_port())];
        arguments.extend(ranges);
        arguments.extend(more.iter().map(|&word| word.to_owned()));
        let directory = tempfile::tempdir().unwrap();
        let (process, introduction) = start(directory.path(), &arguments);
        Self { directory, arguments, process, introduction }
    }

    pub fn data(&self) -> &Path {
        self.directory.path()
    }

    pub fn kubeconfig(&self) -> PathBuf {
        self.data().join("kubeconfig")
    }

    /// Kills the process as a power cut would, and starts it again.
    pub fn kill_and_start_again(&mut self) {
        self.process.kill().unwrap();
        self.process.wait().unwrap();
        (self.process, self.introduction) = start(self.directory.path(), &self.arguments);
    }

    /// Ctrl-C.
    pub fn interrupt(&mut self) -> bool {
        let pid = nix::unistd::Pid::from_raw(self.process.id().try_into().unwrap());
        nix::sys::signal::kill(pid, nix::sys::signal::Signal::SIGINT).unwrap();
        self.process.wait().unwrap().success()
    }

    pub fn kubectl(&self, arguments: &[&str]) -> Output {
        Command::new("kubectl").args(arguments).env("KUBECONFIG", self.kubeconfig()).output().unwrap()
    }

    /// What a kubectl that must succeed prints.
    pub fn ok(&self, arguments: &[&str]) -> String {
        printed("kubectl", arguments, self.kubectl(arguments))
    }

    pub fn kabuki(&self, arguments: &[&str]) -> Output {
        Command::new(KABUKI).args(arguments).env("KUBECONFIG", self.kubeconfig()).output().unwrap()
    }

    pub fn kabuki_ok(&self, arguments: &[&str]) -> String {
        printed("kabuki", arguments, self.kabuki(arguments))
    }

    /// A kubectl that goes on until the test ends it.
    pub fn spawn_kubectl(&self, arguments: &[&str]) -> Child {
        let mut command = Command::new("kubectl");
        command.args(arguments).env("KUBECONFIG", self.kubeconfig());
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap()
    }

    pub fn apply(&self, manifest: &str) {
        let mut kubectl = self.spawn_kubectl(&["apply", "-f", "-"]);
        kubectl.stdin.take().unwrap().write_all(manifest.as_bytes()).unwrap();
        assert!(kubectl.wait().unwrap().success());
    }
}

impl Drop for Site {
    fn drop(&mut self) {
        // The process may have been ended by the test already.
        let _ = self.process.kill();
        let _ = self.process.wait();
        let down = Command::new(KABUKI).args(["down", "--purge", "--data-dir"]).arg(self.data()).output().unwrap();
        if !down.status.success() {
            eprintln!("down: {}", String::from_utf8_lossy(&down.stderr));
        }
    }
}

/// One to listen on again and again. It is below those that outgoing connections take: a client that tries to reach a server which is down
/// could be given the very port.
fn free_port() -> u16 {
    let first = u16::try_from(std::process::id() % 12_000).unwrap();
    let ports = (0..12_000).map(|next| 20_000 + (first + next) % 12_000);
    let is_free = |port: &u16| std::net::TcpListener::bind(("127.0.0.1", *port)).is_ok();
    // Two tests of one process must not choose the same before either listens.
    static CHOSEN: Mutex<BTreeSet<u16>> = Mutex::new(BTreeSet::new());
    let mut chosen = CHOSEN.lock().unwrap();
    let port = ports.into_iter().find(|port| !chosen.contains(port) && is_free(port)).expect("one of 12,000 ports is free");
    chosen.insert(port);
    port
}

fn start(directory: &Path, arguments: &[String]) -> (Child, Vec<String>) {
    let mut command = Command::new(KABUKI);
    command.arg("up").arg("--data-dir").arg(directory).args(arguments);
    let mut process = command.stdout(Stdio::piped()).spawn().unwrap();
    let mut lines = BufReader::new(process.stdout.take().unwrap()).lines();
    let mut introduction = Vec::new();
    for line in lines.by_ref() {
        let line = line.unwrap();
        let last = line.starts_with("export KUBECONFIG=");
        introduction.push(line);
        if last {
            break;
        }
    }
    // Whoever prints into a pipe that nobody reads would wait for ever.
    std::thread::spawn(move || lines.for_each(drop));
    (process, introduction)
}

fn printed(program: &str, arguments: &[&str], output: Output) -> String {
    let (out, err) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "{program} {}: {out}{err}", arguments.join(" "));
    out.into_owned()
}

/// Makes the image of the tests, without any registry.
pub fn import_image() {
    let busybox = std::fs::read("/bin/busybox").or_else(|_| std::fs::read("/usr/bin/busybox")).expect("busybox-static is installed");
    let mut archive = tar::Builder::new(Vec::new());
    let header = |kind, size, mode| {
        let mut header = tar::Header::new_gnu();
        header.set_entry_type(kind);
        header.set_size(size);
        header.set_mode(mode);
        header
    };
    for folder in ["bin", "tmp", "etc", "root", "www"] {
        archive.append_data(&mut header(tar::EntryType::Directory, 0, 0o777), folder, std::io::empty()).unwrap();
    }
    let size = busybox.len() as u64;
    archive.append_data(&mut header(tar::EntryType::Regular, size, 0o755), "bin/busybox", busybox.as_slice()).unwrap();
    for applet in ["sh", "cat", "sleep", "httpd", "hostname", "wget", "nslookup", "echo", "tar", "mkdir", "ls"] {
        let path = format!("bin/{applet}");
        archive.append_link(&mut header(tar::EntryType::Symlink, 0, 0o777), path, "busybox").unwrap();
    }
    let mut import = Command::new("docker").args(["import", "-", IMAGE]).stdin(Stdio::piped()).stdout(Stdio::null()).spawn().unwrap();
    import.stdin.take().unwrap().write_all(&archive.into_inner().unwrap()).unwrap();
    assert!(import.wait().unwrap().success());
}

/// A service, and a replication controller whose pods run that container.
pub fn manifest(replicas: u8, annotations: &str, container: &str) -> String {
    format!(
        "\
apiVersion: v1
kind: Service
metadata: {{name: web}}
spec:
  selector: {{app: web}}
  ports: [{{port: 80, targetPort: 8080}}]
---
apiVersion: v1
kind: ReplicationController
metadata: {{name: web}}
spec:
  replicas: {replicas}
  selector: {{app: web}}
  template:
    metadata: {{labels: {{app: web}}, annotations: {{{annotations}}}}}
    spec:
      terminationGracePeriodSeconds: 1
      containers:
      - name: web
{container}
        readinessProbe: {{httpGet: {{path: /, port: 8080}}, periodSeconds: 1}}
"
    )
}
