//! One connection: a socket, where it is in its life, and the calls that move it on.
//!
//! ```text
//!             writable           last allowed answer          end of stream
//! Connecting ----------> Asking ---------------------> Ending --------------> Outcome::Over
//!                                (only with --churn)   our side is shut down
//! ```

use std::io::IoSlice;
use std::net::{Ipv4Addr, SocketAddr, SocketAddrV4};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::sync::Arc;

use ferrio_reactor::now_ns;
use nix::sys::socket::sockopt::IpBindAddressNoPort;
use rustix::event::epoll::{self, EventData, EventFlags};
use rustix::io::Errno;
use rustix::net::{self, AddressFamily, Shutdown, SocketFlags, SocketType, sockopt};
use rustls::ClientConfig;

use crate::error::Error;
use crate::exchange::Exchange;
use crate::http::Heads;
use crate::pattern::Pattern;
use crate::plan::{Form, Plan, Target};
use crate::report::Tally;
use crate::spliced::Spliced;
use crate::wire::Wire;

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
    /// How they encrypt, if they do.
    pub tls: Option<Arc<ClientConfig>>,
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
    wire: Wire,
    phase: Phase,
    exchange: Exchange,
    heads: Option<Heads>,
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
        match (plan.churn, plan.interval_ns) {
            (true, _) => exchange.allow(1),
            (false, Some(_)) => exchange.allow(0),
            (false, None) => {}
        }
        let dialed_ns = now_ns();
        let source = plan
            .churn
            .then(|| source(&plan.target, number, 0))
            .flatten();
        let socket =
            begin_connect(&plan.target, source).map_err(io_error("connect", &exchange, number))?;
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
            wire: wire(socket, shared)?,
            phase: Phase::Connecting,
            exchange,
            heads: (plan.form == Form::Http).then(|| Heads::new(plan.reply_bytes)),
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
        let target = &shared.plan.target;
        let source = source(target, self.number, self.exchange.answered());
        let socket = begin_connect(target, source).map_err(self.failed("connect"))?;
        self.watched = EventFlags::OUT;
        let data = EventData::new_u64(u64::from(self.number));
        epoll::add(&shared.epoll, &socket, data, self.watched).map_err(self.failed("epoll_ctl"))?;
        // Closing the last descriptor of a socket takes it out of the epoll set.
        self.wire = wire(socket, shared)?;
        self.phase = Phase::Connecting;
        Ok(())
    }

    /// Answers that have come whole since the first dial.
    #[must_use]
    pub fn answered(&self) -> u64 {
        self.exchange.answered()
    }

    /// Asks one question more than it has; at once, if it is established.
    ///
    /// # Errors
    /// The kernel's.
    pub fn ask(&mut self, shared: &Shared<'_>) -> Result<(), Error> {
        self.exchange.allow_another();
        if self.phase == Phase::Asking {
            let blocked = self.send(shared)?;
            self.watch(blocked, shared.epoll.as_fd())?;
        }
        Ok(())
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
        if shared.plan.churn && self.phase == Phase::Asking && self.exchange.is_finished() {
            net::shutdown(&self.wire, Shutdown::Write).map_err(self.failed("shutdown"))?;
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
        sockopt::socket_error(&self.wire)
            .and_then(|pending| pending)
            .map_err(self.failed("connect"))?;
        match target {
            Target::Tcp(_) => sockopt::set_tcp_nodelay(&self.wire, true)
                .map_err(self.failed("setsockopt TCP_NODELAY")),
            Target::Udp(_) | Target::Unix(_) => Ok(()),
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
        let len = match self.wire.read(buffer.as_mut_slice()) {
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
        let count = |latency_ns| {
            if !plan.churn {
                tally.count(latency_ns);
            }
        };
        self.check(pattern, &buffer[..len], count)?;
        Ok(Outcome::Waiting)
    }

    fn check(
        &mut self,
        pattern: &Pattern,
        mut bytes: &[u8],
        mut count: impl FnMut(u64),
    ) -> Result<(), Error> {
        let now = now_ns();
        let Some(heads) = &mut self.heads else {
            return self.exchange.received(pattern, bytes, now, count);
        };
        loop {
            let next = heads.body(bytes).map_err(|reason| Error::Head {
                connection: self.number,
                message: self.exchange.answered(),
                reason,
            })?;
            let Some((body, rest)) = next else {
                return Ok(());
            };
            self.exchange.received(pattern, body, now, &mut count)?;
            if rest.is_empty() {
                return Ok(());
            }
            bytes = rest;
        }
    }

    /// Sends what may be sent; true when the kernel's buffer is full.
    fn send(&mut self, shared: &Shared<'_>) -> Result<bool, Error> {
        loop {
            let mut slices = [IoSlice::new(&[]); BATCH];
            let used = self.exchange.outgoing(&shared.pattern, &mut slices);
            if used == 0 {
                return self.wire.flush().map_err(self.failed("write"));
            }
            let now = now_ns();
            match self.wire.write(&slices[..used]) {
                Ok(count) => self.exchange.sent(&shared.pattern, count, now),
                Err(Errno::AGAIN) => {
                    self.wire.flush().map_err(self.failed("write"))?;
                    return Ok(true);
                }
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
            epoll::modify(epoll, &self.wire, data, wanted).map_err(self.failed("epoll_ctl"))?;
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

fn wire(socket: OwnedFd, shared: &Shared<'_>) -> Result<Wire, Error> {
    if !shared.plan.splices() {
        return Wire::new(socket, shared.tls.as_ref()).map_err(|reason| Error::Tls { reason });
    }
    Spliced::new(socket)
        .map(Wire::Spliced)
        .map_err(|errno| Error::System {
            operation: "pipe2",
            errno,
        })
}

/// Where the next of many connections to this machine comes from: each from another of its addresses. From a single one Linux
/// gives out 28 thousand ports, each again after a second at the earliest, and searches ever longer: the rate of every fast server
/// would be that of the search.
fn source(target: &Target, number: u32, dialed: u64) -> Option<Ipv4Addr> {
    const ADDRESSES: u64 = 254;
    match target {
        Target::Tcp(SocketAddr::V4(address)) if address.ip().is_loopback() => {
            let last = 1 + (u64::from(number) + dialed) % ADDRESSES;
            Some(Ipv4Addr::new(127, 0, 0, last as u8))
        }
        _ => None,
    }
}

/// A socket that is connected or will be; writable means decided.
fn begin_connect(target: &Target, source: Option<Ipv4Addr>) -> Result<OwnedFd, Errno> {
    let family = match target {
        Target::Tcp(address) | Target::Udp(address) if address.is_ipv4() => AddressFamily::INET,
        Target::Tcp(_) | Target::Udp(_) => AddressFamily::INET6,
        Target::Unix(_) => AddressFamily::UNIX,
    };
    let flags = SocketFlags::NONBLOCK | SocketFlags::CLOEXEC;
    let kind = match target {
        Target::Udp(_) => SocketType::DGRAM,
        Target::Tcp(_) | Target::Unix(_) => SocketType::STREAM,
    };
    let socket = net::socket_with(family, kind, flags, None)?;
    if let Some(source) = source {
        // The port is the kernel's choice, and made by connect(2), which knows that another destination may share it.
        nix::sys::socket::setsockopt(&socket, IpBindAddressNoPort, &true)
            .map_err(|errno| Errno::from_raw_os_error(errno as i32))?;
        net::bind(&socket, &SocketAddrV4::new(source, 0))?;
    }
    let begun = match target {
        Target::Tcp(address) | Target::Udp(address) => net::connect(&socket, address),
        Target::Unix(address) => net::connect(&socket, address),
    };
    match begun {
        Ok(()) | Err(Errno::INPROGRESS) => Ok(socket),
        Err(errno) => Err(errno),
    }
}
