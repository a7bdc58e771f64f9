//! ROOM    the other extreme of the network benchmarks: a server that does nothing but answer
//! KNOWS   rustix   NEVER   ferrio's own reactor, Python
//! IN      an `Answer`     OUT     nothing: it serves until something fails
//! PROOF   benches/loadgen/tests/limit_servers.rs     START   `serve`
//!
//! What an event loop for Python could at most reach, and, with one call into Python for each
//! message, what it can. One thread, one epoll set, level-triggered: accept, read once, answer, send
//! at once. What a socket does not take is kept, and nothing more is read from it until it is gone.

#![forbid(unsafe_code)]

use std::mem::MaybeUninit;
use std::net::{SocketAddr, TcpListener};
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixListener;
use std::path::Path;

use rustix::event::Timespec;
use rustix::event::epoll::{self, CreateFlags, Event, EventData, EventFlags};
use rustix::io::Errno;
use rustix::net::{self, AddressFamily, SocketFlags, SocketType, sockopt};

/// Most bytes read at once.
const BUFFER_BYTES: usize = 256 * 1024;
/// Most events taken from the kernel at once.
const EVENTS: usize = 256;
/// Connections that may wait for being accepted: all of a load that connects at once.
const BACKLOG: i32 = 1024;
/// The listener's number in the set; connections have their place in the list.
const LISTENER: u64 = u64::MAX;

/// What the server says.
pub trait Answer {
    /// Why it cannot say anything.
    type Error: From<Errno>;

    /// Calls `send` once, with the answer to what one read has brought.
    ///
    /// # Errors
    /// Its own, or what `send` gave.
    fn answer(
        &mut self,
        message: &[u8],
        send: &mut dyn FnMut(&[u8]) -> Result<(), Errno>,
    ) -> Result<(), Self::Error>;

    /// Runs a call that waits for the kernel.
    fn wait<R: Send>(&mut self, call: impl FnOnce() -> R + Send) -> R {
        call()
    }

    /// Looks after itself, now and then.
    ///
    /// # Errors
    /// Its own: the server ends.
    fn pause(&mut self) -> Result<(), Self::Error> {
        Ok(())
    }
}

/// Says what it hears.
#[derive(Debug)]
pub struct Echo;

impl Answer for Echo {
    type Error = Errno;

    fn answer(
        &mut self,
        message: &[u8],
        send: &mut dyn FnMut(&[u8]) -> Result<(), Errno>,
    ) -> Result<(), Errno> {
        send(message)
    }
}

struct Connection {
    socket: OwnedFd,
    /// What the socket has not taken.
    left: Vec<u8>,
}

/// A socket that listens on `unix`, or on a free port of 127.0.0.1, and where that is, as JSON:
/// {"path": "…"} or {"port": N}.
///
/// # Errors
/// The kernel's.
pub fn listen(unix: Option<&Path>) -> std::io::Result<(OwnedFd, String)> {
    if let Some(path) = unix {
        let listener = UnixListener::bind(path)?;
        return Ok((
            listener.into(),
            serde_json::json!({ "path": path }).to_string(),
        ));
    }
    // Not std's own TcpListener::bind: its queue holds 128.
    let socket = net::socket(AddressFamily::INET, SocketType::STREAM, None)?;
    net::bind(&socket, &SocketAddr::from(([127, 0, 0, 1], 0)))?;
    net::listen(&socket, BACKLOG)?;
    let listener = TcpListener::from(socket);
    let port = listener.local_addr()?.port();
    Ok((
        listener.into(),
        serde_json::json!({ "port": port }).to_string(),
    ))
}

/// Serves whoever connects to `listener`, until something fails that concerns no single connection.
/// `spin`: never sleeps.
///
/// # Errors
/// The kernel's, or the answerer's.
pub fn serve<A: Answer>(listener: &OwnedFd, answer: &mut A, spin: bool) -> Result<(), A::Error> {
    let set = epoll::create(CreateFlags::CLOEXEC)?;
    rustix::io::ioctl_fionbio(listener, true)?;
    epoll::add(&set, listener, EventData::new_u64(LISTENER), EventFlags::IN)?;
    let mut connections: Vec<Option<Connection>> = Vec::new();
    let mut buffer = vec![0; BUFFER_BYTES];
    let mut ready = Vec::with_capacity(EVENTS);
    loop {
        answer.pause()?;
        match answer.wait(|| wait(&set, spin, &mut ready)) {
            Ok(()) => {}
            Err(Errno::INTR) => continue,
            Err(errno) => return Err(errno.into()),
        }
        for number in ready.drain(..) {
            if number == LISTENER {
                accept_all(listener, &set, &mut connections)?;
                continue;
            }
            // Closed while this batch was worked off: cannot be, each is in it once.
            let place = &mut connections[number as usize];
            let Some(connection) = place else { continue };
            if !go_on(connection, number, &set, &mut buffer, answer)? {
                *place = None;
            }
        }
    }
}

/// The numbers of whom something has happened to.
fn wait(set: &OwnedFd, spin: bool, ready: &mut Vec<u64>) -> Result<(), Errno> {
    let now = Timespec {
        tv_sec: 0,
        tv_nsec: 0,
    };
    let mut events = [MaybeUninit::<Event>::uninit(); EVENTS];
    let (found, _) = epoll::wait(set, &mut events[..], spin.then_some(&now))?;
    ready.extend(found.iter().map(|event| event.data.u64()));
    Ok(())
}

fn accept_all(
    listener: &OwnedFd,
    set: &OwnedFd,
    connections: &mut Vec<Option<Connection>>,
) -> Result<(), Errno> {
    loop {
        let flags = SocketFlags::NONBLOCK | SocketFlags::CLOEXEC;
        let socket = match net::accept_with(listener, flags) {
            Ok(socket) => socket,
            Err(Errno::AGAIN) => return Ok(()),
            Err(Errno::INTR | Errno::CONNABORTED) => continue,
            Err(errno) => return Err(errno),
        };
        // A unix socket has no such option, and needs none.
        let _ = sockopt::set_tcp_nodelay(&socket, true);
        let free = connections.iter().position(Option::is_none);
        let place = free.unwrap_or(connections.len());
        epoll::add(
            set,
            &socket,
            EventData::new_u64(place as u64),
            EventFlags::IN,
        )?;
        let connection = Connection {
            socket,
            left: Vec::new(),
        };
        match connections.get_mut(place) {
            Some(slot) => *slot = Some(connection),
            None => connections.push(Some(connection)),
        }
    }
}

/// False when the connection is over.
fn go_on<A: Answer>(
    connection: &mut Connection,
    number: u64,
    set: &OwnedFd,
    buffer: &mut [u8],
    answer: &mut A,
) -> Result<bool, A::Error> {
    let Connection { socket, left } = connection;
    let waited = !left.is_empty();
    if waited {
        match rustix::io::write(&*socket, left) {
            Ok(len) => drop(left.drain(..len)),
            Err(Errno::AGAIN | Errno::INTR) => {}
            Err(_) => return Ok(false),
        }
    } else {
        let len = match rustix::io::read(&*socket, &mut *buffer) {
            Ok(0) => return Ok(false),
            Ok(len) => len,
            Err(Errno::AGAIN | Errno::INTR) => return Ok(true),
            Err(_) => return Ok(false),
        };
        let mut gone = false;
        answer.answer(&buffer[..len], &mut |bytes| {
            match rustix::io::write(&*socket, bytes) {
                Ok(len) => left.extend_from_slice(&bytes[len..]),
                Err(Errno::AGAIN | Errno::INTR) => left.extend_from_slice(bytes),
                Err(_) => gone = true,
            }
            Ok(())
        })?;
        if gone {
            return Ok(false);
        }
    }
    if waited == left.is_empty() {
        let wanted = match left.is_empty() {
            true => EventFlags::IN,
            false => EventFlags::OUT,
        };
        epoll::modify(set, &*socket, EventData::new_u64(number), wanted)?;
    }
    Ok(true)
}
