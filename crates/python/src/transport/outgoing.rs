//! What a program has written and the kernel has not taken, and whether the program should go on writing.
//!
//! Who owns one decides when to send and what a failure means; see `stream/write.rs` and `pipe/write.rs`.

use std::cell::Cell;
use std::io::{self, ErrorKind, IoSlice};
use std::os::fd::RawFd;

use ferrio_core::done::Done;
use ferrio_core::flow::{Flow, Watermarks};
use ferrio_core::pace::Pace;
use ferrio_core::write_delay::WriteDelay;
use ferrio_core::write_queue::WriteQueue;
use ferrio_reactor::{clock, net};
use pyo3::exceptions::{PyOverflowError, PyTypeError, PyValueError};
use pyo3::prelude::*;
use pyo3::types::PyFloat;

use crate::engine::{Engine, SinkRef};
use crate::ffi::buffer::Payload;
use crate::ffi::{GuardedCell, Own, Params, PyRes, Raised, Slot, runtime, spare_bytes};
use crate::names;

/// A write of more bytes does not wait for others: what is in the processor's cache now would not be later.
const LARGE: usize = 64 * 1024;
/// Beyond this many bytes nothing waits. One call of 512 KiB takes two thirds of the time of eight: while it lasts, the peer's
/// acknowledgements are put by.
const MOST: usize = 512 * 1024;
/// From this many on, each write asks how long they have waited.
const MUCH: usize = 16 * 1024;
/// From this many writes into a lost connection on, the program is warned.
const WARN_AFTER: u32 = 5;

/// Bytes on their way out.
pub struct Outgoing {
    queue: GuardedCell<WriteQueue<Payload>>,
    marks: Cell<Watermarks>,
    /// Has the engine been told that bytes wait to be flushed?
    noted: Cell<bool>,
    /// The kernel has refused bytes; we wait for it to be writable.
    blocked: Cell<bool>,
    /// Writes dropped because the connection is lost.
    dropped: Cell<u32>,
    /// Begins when there is `MUCH`, ends with a flush.
    delay: Cell<WriteDelay>,
    /// How many bytes waited when the engine was told.
    noted_bytes: Cell<usize>,
    pace: Cell<Pace>,
}

/// How far a send has come.
#[must_use]
pub enum Sent {
    /// Nothing is left.
    All,
    /// The kernel takes no more for now.
    Blocked,
    /// It will take no more.
    Failed(io::Error),
}

impl Outgoing {
    /// Nothing written, default watermarks.
    pub fn new() -> Self {
        Self {
            queue: GuardedCell::new(WriteQueue::new()),
            marks: Cell::new(Watermarks::new()),
            noted: Cell::new(false),
            blocked: Cell::new(false),
            dropped: Cell::new(0),
            delay: Cell::new(WriteDelay::new()),
            noted_bytes: Cell::new(0),
            pace: Cell::new(Pace::new()),
        }
    }

    /// Do bytes wait?
    #[inline]
    pub fn has_bytes(&self) -> bool {
        self.queue.with(|queue| !queue.is_empty())
    }

    /// How many bytes wait.
    #[inline]
    pub fn len_bytes(&self) -> usize {
        self.queue.with(|queue| queue.len_bytes())
    }

    /// Queues bytes.
    #[inline]
    pub fn push(&self, payload: Payload) {
        let copied = self.queue.with(|queue| queue.push(payload));
        drop(copied);
    }

    /// Until the next flush, small writes need nothing but `append`, as long as they are not too much to wait.
    #[inline]
    pub fn invite(&self) {
        let (_, high) = self.marks.get().limits();
        self.queue.with(|queue| {
            let most = LARGE.min(high.saturating_add(1));
            queue.invite(most.saturating_sub(queue.len_bytes()));
        });
    }

    /// Copies a small write behind what waits for the end of the turn, where `invite` stands; false: nothing was done.
    #[inline]
    pub fn append(&self, bytes: &[u8]) -> bool {
        self.queue.with(|queue| queue.append(bytes))
    }

    /// `sink` has written `length` bytes, and the kernel has refused none: do they wait for the end of the turn? Then the engine is
    /// told; if not, all that waits is to be sent now.
    #[inline]
    pub fn waits(&self, engine: &Slot<Engine>, length: usize, sink: &Own) -> bool {
        // Nobody may write from another thread, but some do, and a loop that sleeps has no turn that would end.
        let in_turn = |engine: &Own<Engine>| engine.thread() == runtime::thread_ident();
        let Some(engine) = engine.get().filter(in_turn) else {
            return false;
        };
        if self.is_due(length) || self.is_alone(&engine) {
            return false;
        }
        if !self.noted.replace(true) {
            self.noted_bytes.set(self.len_bytes());
            engine.note_unflushed(SinkRef(sink.clone()));
        }
        true
    }

    /// Is that too much to wait, after a write of `length` bytes, or has it waited too long?
    #[inline]
    fn is_due(&self, length: usize) -> bool {
        let waiting = self.len_bytes();
        length > LARGE
            || waiting > MOST
            || self.marks.get().exceeds_given(waiting)
            || waiting >= MUCH && have_waited(&self.delay)
    }

    /// Is nothing gained if this write waits? It is the first of the turn, of a connection that writes once a turn, and the
    /// engine has nothing else to do before the turn ends.
    #[inline]
    fn is_alone(&self, engine: &Engine) -> bool {
        let mut pace = self.pace.get();
        if !pace.is_single() || self.noted.get() || !engine.has_nothing_else() {
            return false;
        }
        let leaves = pace.leaves_early(engine.turn());
        self.pace.set(pace);
        leaves
    }

    /// Does the kernel refuse bytes for now?
    #[inline]
    pub fn is_blocked(&self) -> bool {
        self.blocked.get()
    }

    /// Notes whether it does.
    #[inline]
    pub fn set_blocked(&self, blocked: bool) {
        self.blocked.set(blocked);
    }

    /// The engine's note is used up.
    #[inline]
    pub fn forget_note(&self) {
        if self.noted.replace(false) {
            let mut pace = self.pace.get();
            pace.turn_ended(self.len_bytes() == self.noted_bytes.get());
            self.pace.set(pace);
        }
        self.delay.set(WriteDelay::new());
        self.queue.with(WriteQueue::uninvite);
    }

    /// Gives the kernel what waits, until it refuses or nothing is left.
    #[inline]
    pub fn send(&self, py: Python<'_>, fd: RawFd) -> Sent {
        // Nearly always: one piece, and the kernel takes all of it.
        let whole = self.queue.with(|queue| {
            let bytes = queue.single().ok_or(None)?;
            match net::send(fd, bytes) {
                Ok(sent) if sent == bytes.len() => Ok(queue.take_single()),
                other => Err(Some(other)),
            }
        });
        match whole {
            Ok(None) => Sent::All,
            Ok(Some(payload)) => {
                used_up(py, payload);
                Sent::All
            }
            Err(before) => self.go_on_sending(py, fd, before),
        }
    }

    /// The same, after a send of the first piece with this result. Who has taken a part takes no more for now: to ask again could
    /// find that the peer is gone before what it has said last is read.
    #[cold]
    fn go_on_sending(
        &self,
        py: Python<'_>,
        fd: RawFd,
        mut before: Option<io::Result<usize>>,
    ) -> Sent {
        let mut done = Done::new();
        let outcome = self.queue.with(|queue| {
            loop {
                let (result, offered) = match (before.take(), queue.single()) {
                    (Some(result), Some(bytes)) => (result, bytes.len()),
                    (_, Some(bytes)) => (net::send(fd, bytes), bytes.len()),
                    (_, None) if queue.is_empty() => return Sent::All,
                    (_, None) => {
                        let mut slices: Vec<IoSlice<'_>> = Vec::new();
                        queue.slices(&mut slices);
                        let offered = slices.iter().map(|slice| slice.len()).sum();
                        (net::send_vectored(fd, &slices), offered)
                    }
                };
                match result {
                    Ok(bytes) => {
                        queue.consume(bytes, &mut done);
                        if bytes < offered {
                            return Sent::Blocked;
                        }
                    }
                    Err(error) if error.kind() == ErrorKind::Interrupted => {}
                    Err(error) if error.kind() == ErrorKind::WouldBlock => return Sent::Blocked,
                    Err(error) => return Sent::Failed(error),
                }
            }
        });
        for payload in done {
            used_up(py, payload);
        }
        outcome
    }

    /// Lets go of what was not sent; further writes are dropped ones.
    pub fn discard(&self) {
        let mut dropped = Done::new();
        self.queue.with(|queue| queue.clear(&mut dropped));
        drop(dropped);
        self.blocked.set(false);
        self.dropped.set(1);
    }

    /// Counts a dropped write, with a warning once it becomes a habit.
    #[cold]
    pub fn drop_write(&self, py: Python<'_>, warning: &str) -> PyRes<()> {
        count_dropped(py, &self.dropped, warning)
    }

    /// Bytes have been queued: should the program pause?
    pub fn after_write(&self) -> Flow {
        self.judge(Watermarks::after_write)
    }

    /// Bytes have been sent: may the program go on?
    pub fn after_drain(&self) -> Flow {
        self.judge(Watermarks::after_drain)
    }

    /// Has the program been told to pause, and not to go on?
    pub fn is_paused(&self) -> bool {
        self.marks.get().is_paused()
    }

    fn judge(&self, judge: impl FnOnce(&mut Watermarks, usize) -> Flow) -> Flow {
        let mut marks = self.marks.get();
        let flow = judge(&mut marks, self.len_bytes());
        self.marks.set(marks);
        flow
    }

    /// The watermarks, (low, high) in bytes.
    pub fn limits(&self) -> (usize, usize) {
        self.marks.get().limits()
    }

    /// `set_write_buffer_limits(high, low)`; the caller judges anew. Errors: `ValueError`, `TypeError`.
    pub fn set_limits(&self, py: Python<'_>, high: Option<&Own>, low: Option<&Own>) -> PyRes<()> {
        set_limits(py, &self.marks, high, low)
    }
}

/// Counts a dropped write, with a warning once it becomes a habit.
#[cold]
pub fn count_dropped(py: Python<'_>, dropped: &Cell<u32>, warning: &str) -> PyRes<()> {
    let before = dropped.get();
    dropped.set(before.saturating_add(1));
    if before >= WARN_AFTER {
        let logger = py.import("asyncio.log")?.getattr("logger")?;
        logger.call_method1("warning", (warning,))?;
    }
    Ok(())
}

/// Changes watermarks; the caller judges anew. Errors: `ValueError`, `TypeError`.
pub fn set_limits(
    py: Python<'_>,
    marks: &Cell<Watermarks>,
    high: Option<&Own>,
    low: Option<&Own>,
) -> PyRes<()> {
    let mut changed = marks.get();
    changed
        .set(limit(py, high)?, limit(py, low)?)
        .map_err(|bad| Raised::new::<PyValueError>(py, bad.to_string()))?;
    marks.set(changed);
    Ok(())
}

fn limit(py: Python<'_>, value: Option<&Own>) -> PyRes<Option<i64>> {
    match value.filter(|value| !value.is_none()) {
        Some(value) => whole(py, value).map(Some),
        None => Ok(None),
    }
}

/// asyncio only compares: with a float, without an end for one. A number of bytes is over 1.5 when it is over 1.
fn whole(py: Python<'_>, value: &Own) -> PyRes<i64> {
    let value = value.bound(py);
    if let Ok(float) = value.cast::<PyFloat>() {
        return Ok(float.value().floor() as i64);
    }
    match value.extract::<i64>() {
        Err(error) if error.is_instance_of::<PyOverflowError>(py) => {
            Ok(if value.lt(0)? { i64::MIN } else { i64::MAX })
        }
        number => Ok(number?),
    }
}

/// The signature of `set_write_buffer_limits`.
pub static LIMITS: Params<2> = Params {
    function: "set_write_buffer_limits",
    names: [&names::HIGH, &names::LOW],
    positional: 2,
    required: 0,
};

/// What `get_write_buffer_limits` answers.
pub fn limits_object(py: Python<'_>, (low, high): (usize, usize)) -> PyRes {
    Own::tuple(py, &[Own::int(py, low as i64)?, Own::int(py, high as i64)?])
}

/// Have bytes waited as long as those who wrote in other callbacks may have to? The first time begins the delay.
pub fn have_waited(delay: &Cell<WriteDelay>) -> bool {
    let mut changed = delay.get();
    let is_over = changed.is_over(clock::now_ns());
    delay.set(changed);
    is_over
}

/// It has been sent: what nobody else has may serve again.
#[inline]
pub fn used_up(py: Python<'_>, payload: Payload) {
    if let Payload::Bytes(object) = payload {
        spare_bytes::give_back(py, object);
    }
}

/// The bytes of what was given to `write`. Errors: `TypeError` in asyncio's words.
#[inline]
pub fn payload(py: Python<'_>, data: &Own) -> PyRes<Payload> {
    Payload::from_object(py, data).map_err(|error| {
        if !error.is::<PyTypeError>(py) {
            return error;
        }
        error.clear(py);
        let class = data.type_object(py);
        let name = class
            .name()
            .map_or_else(|_| "?".to_owned(), |name| name.to_string());
        let text = format!("data argument must be a bytes-like object, not '{name}'");
        Raised::new::<PyTypeError>(py, text)
    })
}
