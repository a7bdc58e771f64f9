//! One connection: a socket, where it is in its life, and the calls that move it on.
//!
//! ```text
//!             writable           last allowed answer          end of stream
//! Connecting ----------> Asking ---------------------> Ending --------------> Outcome::Over
//!                                (only with --churn)   our side is shut down
//! ```

use std::io::IoSlice;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use ferrio_reactor::now_ns;
use rustix::event::epoll::{self, EventData, EventFlags};
use rustix::io::Errno;
use rustix::net::{self, AddressFamily, Shutdown, SocketFlags, SocketType, sockopt};

use crate::error::Error;
use crate::exchange::Exchange;
use crate::pattern::Pattern;
use crate::plan::{Plan, Target};
use crate::report::Tally;

/// Most messages handed to the kernel in one call.
const BATCH: usize = 32;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Phase {
    Connecting,
    Asking,
    Ending,
}

/// What became of a connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[must_use]
pub enum Outcome {
    /// It waits for the kernel.
    Waiting,
    /// It has just been established.
    Established,
    /// Both sides are shut down; only [`Connection::redial`] makes sense now.
    Over,
}

/// What all connections share.
#[derive(Debug)]
pub struct Shared<'a> {
    /// What they do.
    pub plan: &'a Plan,
    /// What they say.
    pub pattern: Pattern,
    /// What tells when they can go on.
    pub epoll: OwnedFd,
    /// Where they read to.
    pub buffer: Vec<u8>,
    /// What they have done.
    pub tally: Tally,
}

/// One connection at a time; with `--churn` many, one after the other.
#[derive(Debug)]
pub struct Connection {
    number: u32,
    socket: OwnedFd,
    phase: Phase,
    exchange: Exchange,
    watched: EventFlags,
    dialed_ns: u64,
}

impl Connection {
    /// Begins to connect.
    ///
    /// # Errors
    /// The kernel's, for the socket or the address.
    pub fn dial(number: u32, shared: &Shared<'_>) -> Result<Self, Error> {
        let plan = shared.plan;
        let mut exchange = Exchange::new(number, plan.pipeline);
        if plan.churn {
            exchange.allow(1);
        }
        let dialed_ns = now_ns();
        let socket = begin_connect(&plan.target).map_err(io_error("connect", &exchange, number))?;
        let watched = EventFlags::OUT;
        epoll::add(
            &shared.epoll,
            &socket,
            EventData::new_u64(u64::from(number)),
            watched,
        )
        .map_err(io_error("epoll_ctl", &exchange, number))?;
        Ok(Self {
            number,
            socket,
            phase: Phase::Connecting,
            exchange,
            watched,
            dialed_ns,
        })
    }

    /// Replaces a socket that is over by a new one for the next message.
    ///
    /// # Errors
    /// As [`dial`](Self::dial).
    pub fn redial(&mut self, shared: &Shared<'_>) -> Result<(), Error> {
        self.exchange.allow(1);
        self.dialed_ns = now_ns();
        let socket = begin_connect(&shared.plan.target).map_err(self.failed("connect"))?;
        self.watched = EventFlags::OUT;
        let data = EventData::new_u64(u64::from(self.number));
        epoll::add(&shared.epoll, &socket, data, self.watched).map_err(self.failed("epoll_ctl"))?;
        // Closing the last descriptor of a socket takes it out of the epoll set.
        self.socket = socket;
        self.phase = Phase::Connecting;
        Ok(())
    }

    /// Answers that have come whole since the first dial.
    #[must_use]
    pub fn answered(&self) -> u64 {
        self.exchange.answered()
    }

    /// Goes on as far as the kernel lets it.
    ///
    /// # Errors
    /// A wrong, missing or unasked byte, or the kernel's error.
    pub fn advance(
        &mut self,
        ready: EventFlags,
        shared: &mut Shared<'_>,
    ) -> Result<Outcome, Error> {
        let was_connecting = self.phase == Phase::Connecting;
        if was_connecting {
            self.finish_connect(&shared.plan.target)?;
            self.phase = Phase::Asking;
        } else if ready.intersects(EventFlags::IN | EventFlags::HUP | EventFlags::ERR)
            && self.receive(shared)? == Outcome::Over
        {
            shared.tally.count(now_ns() - self.dialed_ns);
            return Ok(Outcome::Over);
        }
        let blocked = self.send(shared)?;
        if self.phase == Phase::Asking && self.exchange.is_finished() {
            net::shutdown(&self.socket, Shutdown::Write).map_err(self.failed("shutdown"))?;
            self.phase = Phase::Ending;
        }
        self.watch(blocked, shared.epoll.as_fd())?;
        Ok(if was_connecting {
            Outcome::Established
        } else {
            Outcome::Waiting
        })
    }

    fn finish_connect(&self, target: &Target) -> Result<(), Error> {
        sockopt::socket_error(&self.socket)
            .and_then(|pending| pending)
            .map_err(self.failed("connect"))?;
        match target {
            Target::Tcp(_) => sockopt::set_tcp_nodelay(&self.socket, true)
                .map_err(self.failed("setsockopt TCP_NODELAY")),
            Target::Unix(_) => Ok(()),
        }
    }

    /// One read: what is left after it makes the socket readable again at the next poll.
    fn receive(&mut self, shared: &mut Shared<'_>) -> Result<Outcome, Error> {
        let Shared {
            plan,
            pattern,
            buffer,
            tally,
            ..
        } = shared;
        let len = match rustix::io::read(&self.socket, buffer.as_mut_slice()) {
            Ok(len) => len,
            Err(Errno::AGAIN | Errno::INTR) => return Ok(Outcome::Waiting),
            Err(errno) => return Err(self.failed("read")(errno)),
        };
        match (len, self.phase) {
            (0, Phase::Ending) => return Ok(Outcome::Over),
            (0, _) => return Err(self.exchange.closed_early()),
            (_, Phase::Ending) => return Err(self.exchange.unasked()),
            _ => {}
        }
        // With --churn the whole life of the connection is what is counted, when it is over.
        self.exchange
            .received(pattern, &buffer[..len], now_ns(), |latency_ns| {
                if !plan.churn {
                    tally.count(latency_ns);
                }
            })?;
        Ok(Outcome::Waiting)
    }

    /// Sends what may be sent; true when the kernel's buffer is full.
    fn send(&mut self, shared: &Shared<'_>) -> Result<bool, Error> {
        loop {
            let mut slices = [IoSlice::new(&[]); BATCH];
            let used = self.exchange.outgoing(&shared.pattern, &mut slices);
            if used == 0 {
                return Ok(false);
            }
            let now = now_ns();
            match rustix::io::writev(&self.socket, &slices[..used]) {
                Ok(count) => self.exchange.sent(&shared.pattern, count, now),
                Err(Errno::AGAIN) => return Ok(true),
                Err(Errno::INTR) => {}
                Err(errno) => return Err(self.failed("write")(errno)),
            }
        }
    }

    /// A call only when what is watched changes: not once a message.
    fn watch(&mut self, blocked: bool, epoll: BorrowedFd<'_>) -> Result<(), Error> {
        let mut wanted = EventFlags::IN;
        wanted.set(EventFlags::OUT, blocked);
        if wanted != self.watched {
            let data = EventData::new_u64(u64::from(self.number));
            epoll::modify(epoll, &self.socket, data, wanted).map_err(self.failed("epoll_ctl"))?;
            self.watched = wanted;
        }
        Ok(())
    }

    fn failed(&self, operation: &'static str) -> impl Fn(Errno) -> Error + use<> {
        io_error(operation, &self.exchange, self.number)
    }
}

fn io_error(
    operation: &'static str,
    exchange: &Exchange,
    connection: u32,
) -> impl Fn(Errno) -> Error + use<> {
    let message = exchange.answered();
    move |errno| Error::Io {
        operation,
        connection,
        message,
        errno,
    }
}

/// A socket that is connected or will be; writable means decided.
fn begin_connect(target: &Target) -> Result<OwnedFd, Errno> {
    let family = match target {
        Target::Tcp(address) if address.is_ipv4() => AddressFamily::INET,
        Target::Tcp(_) => AddressFamily::INET6,
        Target::Unix(_) => AddressFamily::UNIX,
    };
    let flags = SocketFlags::NONBLOCK | SocketFlags::CLOEXEC;
    let socket = net::socket_with(family, SocketType::STREAM, flags, None)?;
    let begun = match target {
        Target::Tcp(address) => net::connect(&socket, address),
        Target::Unix(address) => net::connect(&socket, address),
    };
    match begun {
        Ok(()) | Err(Errno::INPROGRESS) => Ok(socket),
        Err(errno) => Err(errno),
    }
}
