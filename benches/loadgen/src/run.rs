//! A run: connect, warm up, measure.

use ferrio_reactor::now_ns;
use rustix::event::Timespec;
use rustix::event::epoll::{self, CreateFlags, Event, EventData, EventFlags};
use rustix::io::Errno;

use crate::connection::{Connection, Outcome, Shared};
use crate::error::Error;
use crate::pattern::Pattern;
use crate::plan::{Form, Plan};
use crate::report::{Report, Tally};
use crate::server_cpu::CpuTime;
use crate::wire;

/// Most bytes taken from a socket at once: holds any answer of the benchmarks.
const BUFFER_BYTES: usize = 256 * 1024;

/// Most events taken from the kernel at once.
const EVENTS: usize = 256;

/// A timeout of 0: look and come back.
const AT_ONCE: Timespec = Timespec {
    tv_sec: 0,
    tv_nsec: 0,
};

#[derive(Debug)]
enum Stage {
    Connecting {
        missing: usize,
    },
    WarmingUp {
        until_ns: u64,
    },
    Measuring {
        since_ns: u64,
        until_ns: u64,
        server: Option<CpuTime>,
    },
}

struct Generator<'a> {
    shared: Shared<'a>,
    connections: Vec<Connection>,
    stage: Stage,
    last_event_ns: u64,
    /// With `--interval`: when the next message is due, on which connection.
    due_ns: u64,
    turn: usize,
}

/// Does what `plan` says, on the calling thread, which it keeps busy all the time.
///
/// # Errors
/// The first thing that went wrong: a byte, a connection, a call. A run with an error has no
/// figures.
pub fn run(plan: &Plan) -> Result<Report, Error> {
    let mut generator = Generator::connect(plan)?;
    let mut events = vec![
        Event {
            flags: EventFlags::empty(),
            data: EventData::new_u64(0)
        };
        EVENTS
    ];
    loop {
        let now = now_ns();
        if let Some((measured_ns, server)) = generator.look_at_the_clock(now)? {
            return generator.report(measured_ns, server);
        }
        generator.keep_pace(now)?;
        let count = match epoll::wait(&generator.shared.epoll, &mut events[..], Some(&AT_ONCE)) {
            Ok(count) => count,
            Err(Errno::INTR) => continue,
            Err(errno) => {
                return Err(Error::System {
                    operation: "epoll_wait",
                    errno,
                });
            }
        };
        if count > 0 {
            generator.last_event_ns = now;
        }
        for event in &events[..count] {
            generator.advance(*event)?;
        }
    }
}

impl<'a> Generator<'a> {
    fn connect(plan: &'a Plan) -> Result<Self, Error> {
        let epoll = epoll::create(CreateFlags::CLOEXEC).map_err(|errno| Error::System {
            operation: "epoll_create1",
            errno,
        })?;
        let shared = Shared {
            plan,
            pattern: match plan.form {
                Form::Bytes => Pattern::new(plan.size, plan.reply_bytes),
                Form::Lines => Pattern::lines(plan.size, plan.reply_bytes),
                Form::Http => Pattern::http(plan.reply_bytes),
            },
            tls: match &plan.tls {
                Some(path) => Some(wire::tls_config(path).map_err(|reason| Error::Tls { reason })?),
                None => None,
            },
            epoll,
            buffer: vec![0; BUFFER_BYTES],
            tally: Tally::default(),
        };
        let connections = (0..plan.connections)
            .map(|number| Connection::dial(number, &shared))
            .collect::<Result<Vec<_>, _>>()?;
        let stage = Stage::Connecting {
            missing: connections.len(),
        };
        Ok(Self {
            shared,
            connections,
            stage,
            last_event_ns: now_ns(),
            due_ns: u64::MAX,
            turn: 0,
        })
    }

    /// Asks what is due, on one connection after the other, evenly spread over the interval.
    fn keep_pace(&mut self, now: u64) -> Result<(), Error> {
        let Some(interval_ns) = self.shared.plan.interval_ns else {
            return Ok(());
        };
        let step_ns = (interval_ns / self.connections.len() as u64).max(1);
        while now >= self.due_ns {
            self.connections[self.turn].ask(&self.shared)?;
            self.turn = (self.turn + 1) % self.connections.len();
            self.due_ns += step_ns;
        }
        Ok(())
    }

    fn advance(&mut self, event: Event) -> Result<(), Error> {
        let number = event.data.u64() as usize;
        let connection = &mut self.connections[number];
        match connection.advance(event.flags, &mut self.shared)? {
            Outcome::Waiting => Ok(()),
            Outcome::Established => {
                if let Stage::Connecting { missing } = &mut self.stage {
                    *missing = missing.saturating_sub(1);
                }
                Ok(())
            }
            Outcome::Over => connection.redial(&self.shared),
        }
    }

    /// Changes the stage when it is time; at the end, how long was measured and what the server
    /// used meanwhile.
    fn look_at_the_clock(&mut self, now: u64) -> Result<Option<(u64, Option<CpuTime>)>, Error> {
        let plan = self.shared.plan;
        if now.saturating_sub(self.last_event_ns) > plan.patience_ns {
            return Err(self.stalled());
        }
        match self.stage {
            Stage::Connecting { missing: 0 } => {
                self.stage = Stage::WarmingUp {
                    until_ns: now + plan.warmup_ns,
                };
                self.due_ns = now;
            }
            Stage::WarmingUp { until_ns } if now >= until_ns => {
                let server = plan.server_pid.map(CpuTime::of).transpose()?;
                let since_ns = now_ns();
                let until_ns = since_ns + plan.duration_ns;
                self.stage = Stage::Measuring {
                    since_ns,
                    until_ns,
                    server,
                };
                self.shared.tally.measuring = true;
            }
            Stage::Measuring {
                since_ns,
                until_ns,
                server,
            } if now >= until_ns => {
                let used = match (plan.server_pid, server) {
                    (Some(pid), Some(before)) => Some(CpuTime::of(pid)?.since(before)),
                    _ => None,
                };
                return Ok(Some((now - since_ns, used)));
            }
            _ => {}
        }
        Ok(None)
    }

    fn report(self, measured_ns: u64, server: Option<CpuTime>) -> Result<Report, Error> {
        if self.shared.tally.messages == 0 {
            return Err(Error::NothingMeasured);
        }
        let fewest = self.connections.iter().map(Connection::answered).min();
        let fewest = fewest.expect("a plan has at least one connection");
        Ok(Report::new(
            self.shared.plan,
            measured_ns,
            self.shared.tally,
            server,
            fewest,
        ))
    }

    #[cold]
    fn stalled(&self) -> Error {
        let unconnected = match self.stage {
            Stage::Connecting { missing } => missing,
            _ => 0,
        };
        Error::Stalled {
            patience_ns: self.shared.plan.patience_ns,
            unconnected,
        }
    }
}
