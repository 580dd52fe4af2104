use std::fs::File;
use std::io;
use std::os::fd::{AsRawFd, RawFd};

use nix::sched::{CloneFlags, setns};
use tokio::sync::oneshot;

/// The network namespace of a process, held open: it stays what it is when the process ends and its number is given to another.
pub struct NetworkNamespace(File);

impl NetworkNamespace {
    /// Needs the right to look at that process.
    pub fn of_process(pid: u32) -> io::Result<Self> {
        File::open(format!("/proc/{pid}/ns/net")).map(Self)
    }

    /// Runs `work` on a thread of its own, which is in the namespace. Needs CAP_SYS_ADMIN. Sockets that it opens stay in the namespace
    /// wherever they are used later.
    pub async fn run<T: Send + 'static>(&self, work: impl FnOnce() -> io::Result<T> + Send + 'static) -> io::Result<T> {
        let namespace = self.0.try_clone()?;
        let (sender, receiver) = oneshot::channel();
        std::thread::Builder::new().name("netns".to_owned()).spawn(move || {
            let result = setns(namespace, CloneFlags::CLONE_NEWNET).map_err(io::Error::from).and_then(|()| work());
            // Nobody waits for it any more if this fails.
            let _ = sender.send(result);
        })?;
        receiver.await.unwrap_or_else(|_| Err(io::Error::other("the work in the network namespace panicked")))
    }
}

impl AsRawFd for NetworkNamespace {
    fn as_raw_fd(&self) -> RawFd {
        self.0.as_raw_fd()
    }
}
