//! ROOM    floor 2: the engine, the native part of a loop: ready queue, timers, fd table, inbox, poller
//! KNOWS   ffi, names, handle, core, reactor    NEVER   tasks, futures, transports (opaque `TaskRef`, `SinkRef` only)
//! IN      entries, deadlines, descriptors      OUT     entries to run, `Happened` events, mail
//! PROOF   tests/behaviour/loop (call_soon, timers, readers, threads, fork)
//! START   `Engine`, then `schedule.rs`, `poll.rs`; who runs the entries is `event_loop/turn.rs`
//!
//! Who may touch what: the thread that runs the loop, everything; other threads only `inbox`. With the interpreter lock a
//! misused `call_soon` from another thread finds consistent queues (no Python runs inside a borrow), as with asyncio.

mod adopt;
mod entry;
mod hand_over;
mod inbox;
mod own_clock;
mod owners;
mod poll;
mod replaced;
mod schedule;
mod signals;
mod sources;
mod tasks;
mod watch;

use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::ffi::CStr;
use std::rc::Rc;
use std::sync::Arc;

use ferrio_core::budget::PollBudget;
use ferrio_core::busy_poll::{BusyPoll, DEFAULT_LIMIT_NS};
use ferrio_core::hand_over::HandOver;
use ferrio_core::ready::ReadyQueue;
use ferrio_core::slab::Slab;
use ferrio_core::timers::TimerHeap;
use ferrio_core::write_delay::WriteDelay;
use ferrio_reactor::{Events, Poller, SignalPipe, Waker};
use pyo3::prelude::*;

use crate::error;
use crate::ffi::{
    Class, GuardedCell, Own, Plain, PyRes, Slot, TypeBuilder, TypeSlot, Unowned, Visit, runtime,
};
use crate::handle::TimerHandle;

pub use entry::{Entry, Happened, SinkCall, SinkRef, Source, TaskRef, Watcher, traverse_handle};
use inbox::Gate;
pub use inbox::{Done, Inbox, JobId};
pub use owners::Claim;
use owners::Owners;
use poll::News;
pub use poll::Wait;
pub use replaced::Methods;
use replaced::Replaced;
pub use schedule::{extract_stack, refuse_coroutines};
use sources::Sources;
pub use tasks::Suspended;
pub use watch::Direction;

type Timers = TimerHeap<Own<TimerHandle>>;

/// What the loop sleeps on.
struct Kernel {
    poller: Poller,
    waker: Arc<Waker>,
}

impl Kernel {
    fn new() -> std::io::Result<Self> {
        Ok(Self {
            poller: Poller::new()?,
            waker: Arc::new(Waker::new()?),
        })
    }
}

/// The native state that every loop has, and all that futures, tasks and transports see of a loop.
pub struct Engine {
    /// What runs next, in order.
    ready: GuardedCell<ReadyQueue<Entry>>,
    /// What runs later.
    timers: GuardedCell<Timers>,
    /// The same by the clock of a program that has replaced `time()`; one of the two is empty.
    own_timers: GuardedCell<Timers>,
    /// Which methods the program has replaced.
    replaced: Replaced,
    /// How many cancelled handles stand in the timers; the handles count it up themselves.
    garbage: Rc<Cell<usize>>,
    /// Registered descriptors.
    sources: GuardedCell<Sources>,
    /// Transports' descriptors.
    owners: GuardedCell<Owners>,
    /// Transports with bytes written during this turn, which wait for its end; and how long they have.
    unflushed: GuardedCell<VecDeque<SinkRef>>,
    write_delay: GuardedCell<WriteDelay>,
    /// Transports whose `connection_made` is being called; a run inside it starts them in its stead.
    starting: GuardedCell<Vec<SinkRef>>,
    /// What the last poll has brought and nobody has seen to yet. Here, not on the stack of the run that has polled: a run
    /// inside one of its callbacks must find it.
    news: GuardedCell<News>,
    /// Tasks of this loop that are not done, for `all_tasks()`. They leave in their dealloc at the latest.
    tasks: GuardedCell<Slab<Unowned<crate::ffi::Any>>>,
    /// Which of them, and of others, the loop keeps alive.
    kept: tasks::Kept,
    /// Blocking jobs in flight and who waits for them.
    jobs: GuardedCell<Slab<SinkRef>>,
    /// Mail from other threads.
    inbox: Arc<Inbox>,
    /// The kernel's side; gone after `close()`.
    poller: RefCell<Option<Kernel>>,
    /// Signal numbers from CPython's handler; made when the loop first runs in the main thread.
    signals: GuardedCell<Option<SignalPipe>>,
    /// Has the poller been told of it? Not before the loop first sleeps in the main thread. The table of sources does not say: a
    /// program that closes the descriptor may have got another under its number.
    signals_watched: Cell<bool>,
    /// Reused by every poll.
    events: GuardedCell<Option<Events>>,
    /// When to poll although work is ready.
    budget: GuardedCell<PollBudget>,
    /// Whether to look for a moment before sleeping.
    busy_poll: GuardedCell<BusyPoll>,
    /// The last wait has found something at once.
    at_once: Cell<bool>,
    /// When to leave the interpreter to a thread that waits for it.
    hand_over: Cell<HandOver>,
    /// One buffer that every receive goes through.
    receive_buffer: GuardedCell<Option<Box<[u8]>>>,
    /// Has `keep_the_heap` been called?
    keeps_heap: Cell<bool>,
    /// The thread that runs the loop (`threading.get_ident()`), 0 while it stands still.
    thread: Cell<u64>,
    /// The number of the current turn; begins anew after the last one.
    turn: Cell<u32>,
    /// `stop()` was called: leave after this turn.
    stopping: Cell<bool>,
    /// The task of ours that is noted as the current one. Cleared lazily, see `tasks.rs`.
    task_noted: Slot,
    /// Does it stand in CPython's register, too?
    task_shown: Cell<bool>,
    /// Is it put there only when somebody asks?
    shows_tasks_late: Cell<bool>,
    /// The process generation this loop belongs to; a forked child must not touch the parent's poller.
    generation: Cell<u64>,
}

static ENGINE: TypeSlot = TypeSlot::new();

impl Class for Engine {
    const NAME: &'static CStr = c"ferrio._ferrio.Engine";
    const DOC: &'static CStr = c"Native base of ferrio's event loop; not for direct use.";
    type Head = Plain;

    fn slot() -> &'static TypeSlot {
        &ENGINE
    }

    fn traverse(&self, visit: &mut Visit) {
        visit.slot(&self.task_noted);
        self.kept.traverse(visit);
        let _ = self
            .ready
            .look(|ready| ready.iter().for_each(|entry| entry.traverse(visit)));
        for timers in [&self.timers, &self.own_timers] {
            let _ = timers.look(|timers| {
                timers
                    .iter()
                    .for_each(|timer| entry::traverse_handle(timer.base(), visit));
            });
        }
        let _ = self.sources.look(|sources| {
            sources
                .iter()
                .for_each(|(_, registered)| registered.source.traverse(visit));
        });
        let _ = self
            .unflushed
            .look(|sinks| sinks.iter().for_each(|sink| visit.own(&sink.0)));
        let _ = self
            .jobs
            .look(|jobs| jobs.iter().for_each(|(_, sink)| visit.own(&sink.0)));
    }

    fn clear(&self, _py: Python<'_>) {
        self.drop_everything();
    }

    fn before_dealloc(&self, _py: Python<'_>) {
        // A thread of the pool may hold the inbox longer than anybody else; it must find no Python object to drop.
        drop(self.inbox.close());
    }
}

impl Engine {
    /// A fresh engine: one poller, one wake-up descriptor. Errors: `OSError` (EMFILE, ENFILE, ENOMEM).
    pub fn new(py: Python<'_>) -> PyRes<Self> {
        let kernel = Kernel::new().map_err(|e| error::os_error(py, &e))?;
        let waker = Arc::clone(&kernel.waker);
        let engine = Self {
            ready: GuardedCell::new(ReadyQueue::new()),
            timers: GuardedCell::new(TimerHeap::new()),
            own_timers: GuardedCell::new(TimerHeap::new()),
            replaced: Replaced::default(),
            garbage: Rc::new(Cell::new(0)),
            sources: GuardedCell::new(Sources::default()),
            owners: GuardedCell::new(Owners::default()),
            unflushed: GuardedCell::new(VecDeque::new()),
            write_delay: GuardedCell::new(WriteDelay::new()),
            starting: GuardedCell::new(Vec::new()),
            news: GuardedCell::new(News::default()),
            tasks: GuardedCell::new(Slab::new()),
            kept: tasks::Kept::new(),
            jobs: GuardedCell::new(Slab::new()),
            inbox: Arc::new(Inbox::new(Arc::clone(&waker))),
            poller: RefCell::new(Some(kernel)),
            signals: GuardedCell::new(None),
            signals_watched: Cell::new(false),
            events: GuardedCell::new(Some(Events::with_capacity(256))),
            budget: GuardedCell::new(PollBudget::new()),
            busy_poll: GuardedCell::new(BusyPoll::new(DEFAULT_LIMIT_NS)),
            at_once: Cell::new(false),
            hand_over: Cell::new(HandOver::new()),
            receive_buffer: GuardedCell::new(None),
            keeps_heap: Cell::new(false),
            thread: Cell::new(0),
            turn: Cell::new(0),
            stopping: Cell::new(false),
            task_noted: Slot::empty(),
            task_shown: Cell::new(false),
            shows_tasks_late: Cell::new(false),
            generation: Cell::new(ferrio_reactor::fork::generation()),
        };
        engine.register(py, waker.fd(), Source::Waker, Waker::INTEREST)?;
        Ok(engine)
    }

    /// The running loop of this thread, if it is one of ours.
    pub fn running(py: Python<'_>) -> PyRes<Option<Own<Self>>> {
        let running = runtime::running_loop_or_none(py)?;
        Ok(running.and_then(|running| running.cast::<Self>().cloned()))
    }

    /// The thread-safe way in.
    pub fn inbox(&self) -> &Arc<Inbox> {
        &self.inbox
    }

    /// Closed?
    #[inline]
    pub fn is_closed(&self) -> bool {
        self.inbox.gate().has(Gate::CLOSED)
    }

    /// Debug mode?
    #[inline]
    pub fn is_debug(&self) -> bool {
        self.inbox.gate().has(Gate::DEBUG)
    }

    /// Switches debug mode.
    pub fn set_debug(&self, on: bool) {
        self.inbox.gate().switch(Gate::DEBUG, on);
    }

    /// The running thread's ident, 0 while the loop stands still.
    #[inline]
    pub fn thread(&self) -> u64 {
        self.thread.get()
    }

    /// Notes which thread runs the loop (0: none).
    pub fn set_thread(&self, ident: u64) {
        self.thread.set(ident);
    }

    /// The number of the current turn.
    #[inline]
    pub fn turn(&self) -> u32 {
        self.turn.get()
    }

    /// A turn begins.
    #[inline]
    pub fn count_turn(&self) {
        self.turn.set(self.turn.get().wrapping_add(1));
    }

    /// `stop()` called?
    #[inline]
    pub fn is_stopping(&self) -> bool {
        self.stopping.get()
    }

    /// Asks the loop to leave after the current turn, or takes that back.
    pub fn set_stopping(&self, on: bool) {
        self.stopping.set(on);
    }

    /// Was this process forked after the loop was made, or adopted?
    pub fn is_foreign_process(&self) -> bool {
        self.generation.get() != ferrio_reactor::fork::generation()
    }

    /// How much is received at once: just under glibc's 128 KiB mmap threshold, so that a piece of it never costs page faults.
    pub const RECEIVE_BYTES: usize = 128 * 1024 - 256;

    /// Lends the receive buffer.
    pub fn take_receive_buffer(&self) -> Box<[u8]> {
        let buffer = self.receive_buffer.take();
        buffer.unwrap_or_else(|| {
            self.keep_the_heap();
            vec![0; Self::RECEIVE_BYTES].into_boxed_slice()
        })
    }

    /// glibc gives the end of the heap back to the kernel whenever 128 KiB of it are free, and page by page it comes again with the
    /// next message: half of the time of messages of 100 KiB. Freeing one block of 1 MiB moves that limit to 2 MiB: mallopt(3), on
    /// the dynamic M_MMAP_THRESHOLD. Once for each loop that receives, into whosever buffer; other allocators do not mind.
    pub fn keep_the_heap(&self) {
        if !self.keeps_heap.replace(true) {
            drop(std::hint::black_box(Vec::<u8>::with_capacity(1 << 20)));
        }
    }

    /// Takes the receive buffer back.
    pub fn return_receive_buffer(&self, buffer: Box<[u8]>) {
        self.receive_buffer.with(|place| *place = Some(buffer));
    }

    /// Closes: drops everything scheduled and every descriptor of the loop's own. Registered descriptors of others stay open.
    pub fn shut(&self) {
        self.inbox.gate().switch(Gate::CLOSED, true);
        self.drop_everything();
        drop(self.poller.borrow_mut().take());
        drop(self.signals.take());
    }

    fn drop_everything(&self) {
        // Each is moved out first: dropping runs Python, which may come back here.
        // A handle that the program keeps must let go of its call, or it closes a cycle nobody follows.
        for entry in self.ready.with(ReadyQueue::take_all) {
            if let Entry::Call(handle) = &entry {
                handle.release();
            }
        }
        for timers in [&self.timers, &self.own_timers] {
            for timer in timers.with(TimerHeap::drain) {
                timer.scheduled.set(false);
                timer.release();
            }
        }
        let sources = self.sources.with(Sources::drain);
        for (_, registered) in &sources {
            registered.source.release_handles();
        }
        if let Ok(poller) = self.poller.try_borrow() {
            let is_own = |source: &Source| matches!(source, Source::Waker | Source::Signals);
            for (fd, _) in sources.iter().filter(|(_, row)| !is_own(&row.source)) {
                // Nobody is left who could be told; the poller itself goes next, and the loop's own descriptors with it.
                let _ = poller.as_ref().map(|kernel| kernel.poller.remove(*fd));
            }
        }
        drop(sources);
        drop(self.owners.take());
        drop(self.unflushed.take());
        drop(self.jobs.take());
        self.kept.release();
        drop(self.inbox.close());
    }
}

/// Makes the type.
pub fn make_types(py: Python<'_>) -> PyRes<()> {
    TypeBuilder::<Engine>::new()
        .hash(Engine::hash)
        .subclassable()
        .build(py)
        .map(drop)
}
