//! Passes bytes between two connections, both ways, until both ways have ended.

use std::cell::RefCell;
use std::future::poll_fn;
use std::io;
use std::os::fd::OwnedFd;
use std::pin::Pin;
use std::task::{Poll, ready};

use nix::fcntl::{FcntlArg, OFlag, SpliceFFlags, fcntl, splice};
use nix::unistd::pipe2;
use tokio::io::{AsyncRead, AsyncWriteExt, Interest, ReadBuf};
use tokio::net::TcpStream;
use tokio::net::tcp::{ReadHalf, WriteHalf};

/// What one read takes.
const BUFFER: usize = 16 * 1024;

/// So many full reads in a row are bulk, which the kernel can move without us.
const BULK: u32 = 2;

/// What one splice takes, if the system lets a pipe be so large.
const PIPE: i32 = 1 << 20;

thread_local! {
    /// A read and the write of it happen at once, so one buffer does for all connections of a thread.
    static SCRATCH: RefCell<Box<[u8]>> = RefCell::new(vec![0; BUFFER].into());
}

/// Half-close is passed on: what one side ends, the other may still answer.
///
/// # Errors
/// One of the connections broke; the other one is to be dropped.
pub async fn relay(client: &mut TcpStream, backend: &mut TcpStream) -> io::Result<()> {
    let (from_client, to_client) = client.split();
    let (from_backend, to_backend) = backend.split();
    tokio::try_join!(carry(from_client, to_backend), carry(from_backend, to_client)).map(|((), ())| ())
}

async fn carry(mut from: ReadHalf<'_>, mut to: WriteHalf<'_>) -> io::Result<()> {
    let mut full_in_a_row = 0;
    let mut pipe = None;
    loop {
        if full_in_a_row == BULK && pipe.is_none() {
            pipe = Pipe::new();
        }
        let moved = match &pipe {
            Some(pipe) if full_in_a_row >= BULK => pipe.pass(from.as_ref(), to.as_ref()).await?,
            _ => copy(&mut from, &mut to).await?,
        };
        match moved {
            0 => return to.shutdown().await,
            BUFFER.. => full_in_a_row += 1,
            _ => full_in_a_row = 0,
        }
    }
}

/// Moves what one read gives; 0 at the end.
async fn copy(from: &mut ReadHalf<'_>, to: &mut WriteHalf<'_>) -> io::Result<usize> {
    let read = poll_fn(|cx| {
        SCRATCH.with_borrow_mut(|scratch| {
            let mut buffer = ReadBuf::new(scratch);
            ready!(Pin::new(&mut *from).poll_read(cx, &mut buffer))?;
            let filled = buffer.filled();
            let written = match to.try_write(filled) {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => 0,
                written => written?,
            };
            Poll::Ready(io::Result::Ok((filled.len(), filled[written..].to_vec())))
        })
    });
    let (count, rest) = read.await?;
    to.write_all(&rest).await?;
    Ok(count)
}

/// Where the kernel keeps what it moves from one socket to another. Empty between two passes.
struct Pipe {
    output: OwnedFd,
    input: OwnedFd,
}

impl Pipe {
    /// `None` if the system has no pipe left: then bytes are copied.
    fn new() -> Option<Self> {
        let (output, input) = pipe2(OFlag::O_NONBLOCK | OFlag::O_CLOEXEC).ok()?;
        // A smaller pipe, which users over their limit get, serves too.
        let _ = fcntl(&input, FcntlArg::F_SETPIPE_SZ(PIPE));
        Some(Self { output, input })
    }

    /// Moves what is there; 0 at the end.
    async fn pass(&self, from: &TcpStream, to: &TcpStream) -> io::Result<usize> {
        let flags = SpliceFFlags::SPLICE_F_MOVE | SpliceFFlags::SPLICE_F_NONBLOCK;
        let take = || Ok(splice(from, None, &self.input, None, PIPE as usize, flags)?);
        let moved = from.async_io(Interest::READABLE, take).await?;
        let mut left = moved;
        while left > 0 {
            left -= to.async_io(Interest::WRITABLE, || Ok(splice(&self.output, None, to, None, left, flags)?)).await?;
        }
        Ok(moved)
    }
}
