//! What can stand in the ready queue and what an event of the kernel can wake: two closed lists. Adding a kind makes the
//! compiler show every place that has to know it (`event_loop/turn.rs`, `event_loop/dispatch.rs`).

use ferrio_reactor::{Event, Key};

use crate::ffi::{Own, Visit};
use crate::handle::Handle;

/// A task, opaque to this floor; only `turn` opens it.
#[derive(Debug)]
pub struct TaskRef(pub Own);

/// A transport, listener or pending socket call, opaque to this floor; only `dispatch` opens it.
#[derive(Clone, Debug)]
pub struct SinkRef(pub Own);

/// Two whole words: a tag and an object. With a third thing in it the compiler moves the tag in pieces of three and four bytes, and the
/// processor waits for each until the last write has arrived: a tenth of a step of `sleep(0)`.
#[derive(Debug)]
pub enum Entry {
    /// First or next step of a task.
    Step(TaskRef),
    /// A task whose awaited future (it knows which) is done.
    Wake(TaskRef),
    /// `call_soon` and the callbacks of futures.
    Call(Own<Handle>),
    /// A transport's own deferred call: `SinkCall::Start`.
    Start(SinkRef),
    /// `SinkCall::Started`.
    Started(SinkRef),
    /// `SinkCall::ConnectionLost`.
    ConnectionLost(SinkRef),
}

const _: () = assert!(size_of::<Entry>() == 2 * size_of::<usize>());

/// What a transport or listener can ask to have called from the ready queue.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum SinkCall {
    /// `connection_made`, then start to read.
    Start,
    /// The rest of `Start`, where `connection_made` runs the loop and waits for what comes after it.
    Started,
    /// `connection_lost` and release of everything.
    ConnectionLost,
}

impl Entry {
    /// A transport's own deferred call.
    pub fn sink(sink: SinkRef, call: SinkCall) -> Self {
        match call {
            SinkCall::Start => Self::Start(sink),
            SinkCall::Started => Self::Started(sink),
            SinkCall::ConnectionLost => Self::ConnectionLost(sink),
        }
    }

    /// Shows the object to the collector.
    pub fn traverse(&self, visit: &mut Visit) {
        match self {
            Self::Step(task) | Self::Wake(task) => visit.own(&task.0),
            Self::Start(sink) | Self::Started(sink) | Self::ConnectionLost(sink) => {
                visit.own(&sink.0);
            }
            Self::Call(handle) => traverse_handle(handle, visit),
        }
    }
}

/// A handle is untracked, so its contents are shown as the loop's own, but only while nobody else holds the handle:
/// the collector would otherwise count away references that somebody outside still reaches.
pub fn traverse_handle(handle: &Own<Handle>, visit: &mut Visit) {
    if handle.refcount() == 1 {
        handle.traverse_contents(visit);
    }
}

/// Who waits for one direction of a watched descriptor.
#[derive(Clone, Debug)]
pub enum Watcher {
    /// `add_reader` / `add_writer`: asyncio's contract is to call it as long as the descriptor is ready.
    Handle {
        /// What is called.
        handle: Own<Handle>,
        /// What the program named the descriptor by. It stays alive, and is found when it has been closed and knows its
        /// number no more; both as in the mapping of Python's `selectors`.
        file: Own,
    },
    /// A `sock_*` call in flight.
    Operation(SinkRef),
    /// A transport over a pipe or terminal. The other direction may be another's: one that writes to the same terminal.
    Pipe(SinkRef),
}

impl Watcher {
    fn traverse(&self, visit: &mut Visit) {
        match self {
            Self::Handle { handle, file } => {
                traverse_handle(handle, visit);
                visit.own(file);
            }
            Self::Operation(sink) | Self::Pipe(sink) => visit.own(&sink.0),
        }
    }
}

/// Who is behind a registered descriptor.
#[derive(Clone, Debug)]
pub enum Source {
    /// The loop's own wake-up descriptor.
    Waker,
    /// The loop's own signal descriptor.
    Signals,
    /// A stream transport.
    Stream(SinkRef),
    /// A listening socket of a server.
    Listener(SinkRef),
    /// A datagram transport.
    Datagram(SinkRef),
    /// `add_reader`, `add_writer`, `sock_*`, pipes.
    Watch {
        /// Called when the descriptor is readable.
        reader: Option<Watcher>,
        /// Called when it is writable.
        writer: Option<Watcher>,
    },
}

impl Source {
    /// A watched descriptor that nobody waits for: `sock_*` calls leave it registered, and the next one finds it so.
    pub fn is_left_behind(&self) -> bool {
        matches!(
            self,
            Self::Watch {
                reader: None,
                writer: None
            }
        )
    }

    /// At `close()`: handles that the program keeps let go of their calls.
    pub fn release_handles(&self) {
        if let Self::Watch { reader, writer } = self {
            for watcher in [reader, writer].into_iter().flatten() {
                if let Watcher::Handle { handle, .. } = watcher {
                    handle.release();
                }
            }
        }
    }

    /// Shows the objects to the collector.
    pub fn traverse(&self, visit: &mut Visit) {
        match self {
            Self::Waker | Self::Signals => {}
            Self::Stream(sink) | Self::Listener(sink) | Self::Datagram(sink) => visit.own(&sink.0),
            Self::Watch { reader, writer } => {
                for watcher in [reader, writer].into_iter().flatten() {
                    watcher.traverse(visit);
                }
            }
        }
    }
}

/// One kernel event with the source it belongs to; see `Engine::poll`. Two whole words, as `Entry` is.
#[derive(Clone, Copy, Debug)]
pub struct Happened {
    /// Which registration.
    pub key: Key,
    readiness: u64,
}

const READABLE: u64 = 1;
const WRITABLE: u64 = 2;

impl Happened {
    /// May be read (also after hang-up or error).
    #[inline]
    pub fn readable(&self) -> bool {
        self.readiness & READABLE != 0
    }

    /// May be written (also after hang-up or error).
    #[inline]
    pub fn writable(&self) -> bool {
        self.readiness & WRITABLE != 0
    }
}

impl From<Event> for Happened {
    #[inline]
    fn from(event: Event) -> Self {
        Self {
            key: event.key,
            readiness: u64::from(event.readable) * READABLE + u64::from(event.writable) * WRITABLE,
        }
    }
}
