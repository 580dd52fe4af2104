use std::fs::File;
use std::io;
use std::os::fd::{AsRawFd, RawFd};

use nix::sched::{CloneFlags, setns, unshare};
use tokio::sync::oneshot;

/// A network namespace, held open: that of a process stays what it is when the process ends and its number is given to another.
pub struct NetworkNamespace(File);

impl NetworkNamespace {
    /// A new one, which has nothing but a loopback, and goes with this handle and the last socket in it. Needs CAP_SYS_ADMIN.
    pub async fn create() -> io::Result<Self> {
        on_a_thread(|| {
            unshare(CloneFlags::CLONE_NEWNET)?;
            File::open("/proc/thread-self/ns/net").map(Self)
        })
        .await
    }

    /// Needs the right to look at that process.
    pub fn of_process(pid: u32) -> io::Result<Self> {
        File::open(format!("/proc/{pid}/ns/net")).map(Self)
    }

    /// Runs `work` on a thread of its own, which is in the namespace. Needs CAP_SYS_ADMIN. Sockets that it opens stay in the namespace
    /// wherever they are used later.
    pub async fn run<T: Send + 'static>(&self, work: impl FnOnce() -> io::Result<T> + Send + 'static) -> io::Result<T> {
        let namespace = self.0.try_clone()?;
        on_a_thread(move || {
            setns(namespace, CloneFlags::CLONE_NEWNET)?;
            work()
        })
        .await
    }
}

/// A thread that ends with its work: it may enter another namespace without taking anybody along.
async fn on_a_thread<T: Send + 'static>(work: impl FnOnce() -> io::Result<T> + Send + 'static) -> io::Result<T> {
    let (sender, receiver) = oneshot::channel();
    std::thread::Builder::new().name("netns".to_owned()).spawn(move || {
        // Nobody waits for it any more if this fails.
        let _ = sender.send(work());
    })?;
    receiver.await.unwrap_or_else(|_| Err(io::Error::other("the work in the network namespace panicked")))
}

impl AsRawFd for NetworkNamespace {
    fn as_raw_fd(&self) -> RawFd {
        self.0.as_raw_fd()
    }
}
