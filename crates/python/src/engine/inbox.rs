//! The one way into a loop from other threads.

use std::any::Any as StdAny;
use std::sync::atomic::{AtomicU8, AtomicU32, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use ferrio_reactor::{Waker, processor};
use pyo3::prelude::*;

use crate::ffi::SendOwn;
use crate::handle::Handle;

/// The number a blocking job was given by `Engine::expect_job`.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct JobId(pub u64);

/// A blocking job (name resolution) is done. Plain data: the pool's threads never attach to the interpreter.
#[derive(Debug)]
pub struct Done(pub JobId, pub Box<dyn StdAny + Send>);

/// The loop is closed: nobody reads mail any more.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Closed;

/// What is unusual about the loop now: the fast paths test "anything at all?" with one load.
///
/// Relaxed is enough: the mutex of the letters orders the letters, and who posts one and then makes the loop's thread go on
/// (a future, a lock, a joined thread) has synchronised with it by that.
#[derive(Debug, Default)]
pub(super) struct Gate(AtomicU8);

impl Gate {
    /// `close()` has been called.
    pub(super) const CLOSED: u8 = 1;
    /// Debug mode: check threads and callbacks, remember where things were made.
    pub(super) const DEBUG: u8 = 2;
    /// There are calls from other threads: what is scheduled next stands behind them.
    pub(super) const CALLS: u8 = 4;
    /// There are finished jobs. What is scheduled does not mind.
    const JOBS: u8 = 8;

    #[inline]
    pub(super) fn is_usual(&self) -> bool {
        self.0.load(Ordering::Relaxed) & !Self::JOBS == 0
    }

    #[inline]
    pub(super) fn has(&self, bit: u8) -> bool {
        self.0.load(Ordering::Relaxed) & bit != 0
    }

    pub(super) fn switch(&self, bit: u8, on: bool) {
        if on {
            self.0.fetch_or(bit, Ordering::Relaxed);
        } else {
            self.0.fetch_and(!bit, Ordering::Relaxed);
        }
    }
}

/// Does each call wait for the loop before the next one is made? Told by how many in a row were alone in the inbox.
///
/// Whoever wakes the loop holds the interpreter lock, and what the loop's thread does first is wait for it. On one processor that
/// is two changes of threads for nothing, so one who makes a call and waits for what it does lets go of the lock for the system
/// call, as CPython's write to its socket does. One who makes thousands in a row must not: the loop would be woken for each of
/// them. So now and then nobody lets go, and then a second call that comes before the loop has taken the first tells which it is.
#[derive(Debug, Default)]
struct Solitude(u32);

impl Solitude {
    /// From so many in a row on they are believed to be alone.
    const ENOUGH: u32 = 16;
    /// Every so many of those are tried.
    const TRIED: u32 = 32;

    fn note(&mut self, alone: bool) {
        self.0 = if alone { self.0.wrapping_add(1) } else { 0 };
    }

    fn is_believed(&self) -> bool {
        self.0 > Self::ENOUGH && self.0 % Self::TRIED != 0
    }
}

struct Letters {
    /// `call_soon_threadsafe`, in order.
    calls: Vec<SendOwn<Handle>>,
    solitude: Solitude,
    jobs: Vec<Done>,
    /// Gone once the loop is closed; its descriptor with it.
    waker: Option<Arc<Waker>>,
}

/// A queue behind a mutex and the waker that interrupts the loop's sleep. Mail keeps its order.
pub struct Inbox {
    letters: Mutex<Letters>,
    gate: Gate,
    /// The processor that the last letter was posted on, plus one; 0: not known.
    posted_on: AtomicU32,
}

impl Inbox {
    /// An empty inbox for the loop that sleeps on this waker.
    pub fn new(waker: Arc<Waker>) -> Self {
        Self {
            letters: Mutex::new(Letters {
                calls: Vec::new(),
                solitude: Solitude::default(),
                jobs: Vec::new(),
                waker: Some(waker),
            }),
            gate: Gate::default(),
            posted_on: AtomicU32::new(0),
        }
    }

    #[inline]
    pub(super) fn gate(&self) -> &Gate {
        &self.gate
    }

    fn lock(&self) -> MutexGuard<'_, Letters> {
        // A panic while pushing to a Vec leaves the Vec valid.
        self.letters.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Puts a call in and wakes the loop if it sleeps; gives it back where the loop is closed. May let other threads run.
    pub fn post_call(&self, py: Python<'_>, call: SendOwn<Handle>) -> Result<(), SendOwn<Handle>> {
        let mut letters = self.lock();
        let Some(waker) = &letters.waker else {
            return Err(call);
        };
        // Who posts the first wakes the loop: it takes all there are.
        let waker = letters.calls.is_empty().then(|| Arc::clone(waker));
        letters.calls.push(call);
        letters.solitude.note(waker.is_some());
        let Some(waker) = waker else {
            return Ok(());
        };
        let may_let_go = letters.solitude.is_believed();
        self.note_processor();
        self.gate.switch(Gate::CALLS, true);
        drop(letters);
        match waker.notify() {
            Some(owed) if may_let_go => py.detach(|| owed.write()),
            Some(owed) => owed.write(),
            None => {}
        }
        Ok(())
    }

    /// Tells that a job is done and wakes the loop if it sleeps.
    pub fn post_done(&self, done: Done) -> Result<(), Closed> {
        let mut letters = self.lock();
        let Letters { jobs, waker, .. } = &mut *letters;
        let waker = waker.as_ref().ok_or(Closed)?;
        jobs.push(done);
        self.note_processor();
        self.gate.switch(Gate::JOBS, true);
        // Under the lock, unlike a call's: a loop that closes now waits, and its descriptor goes then.
        waker.wake();
        Ok(())
    }

    /// What the gate says is there, if it says so.
    #[inline]
    fn take<T>(&self, bit: u8, of: impl FnOnce(&mut Letters) -> &mut Vec<T>) -> Vec<T> {
        if !self.gate.has(bit) {
            return Vec::new();
        }
        let mut letters = self.lock();
        self.gate.switch(bit, false);
        std::mem::take(of(&mut letters))
    }

    /// Takes the calls.
    #[inline]
    pub fn take_calls(&self) -> Vec<SendOwn<Handle>> {
        self.take(Gate::CALLS, |letters| &mut letters.calls)
    }

    /// Takes the finished jobs.
    #[inline]
    pub fn take_jobs(&self) -> Vec<Done> {
        self.take(Gate::JOBS, |letters| &mut letters.jobs)
    }

    /// Is there nothing? Between `prepare_sleep` and the sleep nothing is missed: a letter is noted in the gate before its
    /// `wake`.
    #[inline]
    pub fn is_empty(&self) -> bool {
        !self.gate.has(Gate::CALLS | Gate::JOBS)
    }

    /// Are there calls?
    #[inline]
    pub fn has_calls(&self) -> bool {
        self.gate.has(Gate::CALLS)
    }

    #[inline]
    fn note_processor(&self) {
        let number = processor::current().map_or(0, |number| number + 1);
        self.posted_on.store(number, Ordering::Relaxed);
    }

    /// Has a thread that runs on another processor posted the last letter?
    pub fn came_from_elsewhere(&self) -> bool {
        let here = processor::current().map(|number| number + 1);
        let there = self.posted_on.load(Ordering::Relaxed);
        there != 0 && here.is_some_and(|here| here != there)
    }

    /// The loop sleeps on another waker from now on, unless it is closed.
    pub fn sleeps_on(&self, waker: &Arc<Waker>) {
        if let Some(place) = &mut self.lock().waker {
            *place = Arc::clone(waker);
        }
    }

    /// Refuses mail from now on and hands out what is left, to be dropped by an attached thread.
    pub fn close(&self) -> Vec<SendOwn<Handle>> {
        self.lock().waker = None;
        self.take_calls()
    }
}

impl std::fmt::Debug for Inbox {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Inbox")
    }
}
