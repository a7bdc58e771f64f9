//! Putting work in: now, later, from other threads.

use std::collections::VecDeque;

use ferrio_core::write_delay::WriteDelay;
use ferrio_reactor::clock;
use pyo3::exceptions::{PyRuntimeError, PyTypeError};
use pyo3::prelude::*;

use super::{Engine, Entry, Inbox, JobId, SinkCall, SinkRef};
use crate::ffi::{self, Own, PyRes, Raised, SendOwn, call, coroutine};
use crate::handle::{self, Call, Handle, TimerHandle};
use crate::names;

/// Seconds of the loop's clock → nanoseconds, rounded so that the deadline has passed on the float clock too.
pub(super) fn deadline_ns(when: f64) -> u64 {
    // A NaN or negative deadline is due at once; `as` saturates at both ends.
    let ns = (when * 1e9).ceil() as u64;
    if (ns as f64) / 1e9 < when {
        ns.saturating_add(1)
    } else {
        ns
    }
}

impl Engine {
    /// The loop's clock in seconds: CLOCK_MONOTONIC, as `time.monotonic()`.
    #[inline]
    pub fn seconds() -> f64 {
        clock::now_ns() as f64 / 1e9
    }

    /// Is it `when` on that clock, or later?
    #[inline]
    pub fn has_come(when: f64) -> bool {
        clock::has_come(deadline_ns(when))
    }

    /// Appends to the ready queue. Errors: `RuntimeError` where the loop is closed, or in debug mode on the wrong thread.
    #[inline]
    pub fn schedule(&self, py: Python<'_>, entry: Entry) -> PyRes<()> {
        if let Some(entry) = self.schedule_usually(entry) {
            self.enter_gate(py)?;
            self.schedule_quietly(entry);
        }
        Ok(())
    }

    /// The same where nothing has to be seen to first; else the entry comes back. Runs no Python.
    #[inline]
    pub fn schedule_usually(&self, entry: Entry) -> Option<Entry> {
        if !self.inbox().gate().is_usual() {
            return Some(entry);
        }
        self.schedule_quietly(entry);
        None
    }

    /// What has to be seen to before something is scheduled: a closed loop, the wrong thread, mail that came earlier.
    #[cold]
    fn enter_gate(&self, py: Python<'_>) -> PyRes<()> {
        self.check_open(py)?;
        self.check_thread(py)?;
        self.take_calls_from_mail(py);
        Ok(())
    }

    /// Appends without looking at debug mode or at `close()`; what lands in a closed loop's queue never runs.
    #[inline]
    pub fn schedule_quietly(&self, entry: Entry) {
        self.ready.with(|ready| ready.push_back(entry));
    }

    /// `RuntimeError: Event loop is closed`.
    #[inline]
    pub fn check_open(&self, py: Python<'_>) -> PyRes<()> {
        if self.is_closed() {
            return Err(Raised::new::<PyRuntimeError>(py, "Event loop is closed"));
        }
        Ok(())
    }

    /// In debug mode: is this the loop's own thread, or does the loop stand still?
    pub fn check_thread(&self, py: Python<'_>) -> PyRes<()> {
        if self.is_debug() && self.thread() != 0 && self.thread() != ffi::runtime::thread_ident() {
            let text =
                "Non-thread-safe operation invoked on an event loop other than the current one";
            return Err(Raised::new::<PyRuntimeError>(py, text));
        }
        Ok(())
    }

    /// `call_soon(callback, *args, context=context)`.
    #[inline]
    pub fn call_soon(
        py: Python<'_>,
        this: &Own<Self>,
        callback: &Own,
        args: &[Own],
        context: Option<&Own>,
    ) -> PyRes<Own<Handle>> {
        if !this.inbox().gate().is_usual() {
            this.enter_gate(py)?;
            this.check_callback(py, callback, "call_soon")?;
        }
        let context = context.cloned();
        let handle = Handle::new(py, this.as_any(), callback.clone(), args, context)?;
        if this.is_debug() {
            handle.source_traceback.set(Some(extract_stack(py)?));
        }
        this.ready
            .with(|ready| ready.push_back(Entry::Call(handle.clone())));
        Ok(handle)
    }

    /// `call_at(when, callback, *args, context=context)`; `when` in seconds of the loop's clock. `function` names the
    /// method in debug mode's complaints.
    pub fn call_at(
        py: Python<'_>,
        this: &Own<Self>,
        function: &str,
        when: f64,
        callback: &Own,
        args: &[Own],
        context: Option<&Own>,
    ) -> PyRes<Own<TimerHandle>> {
        if !this.inbox().gate().is_usual() {
            this.enter_gate(py)?;
            this.check_callback(py, callback, function)?;
        }
        let call = Call::new(py, callback.clone(), args, context.cloned())?;
        Self::start_timer(py, this, when, call)
    }

    /// `call_at(when, object.method)`, for a method that takes the object first.
    pub fn call_method_at(
        py: Python<'_>,
        this: &Own<Self>,
        when: f64,
        method: &Own,
        object: Own,
    ) -> PyRes<Own<TimerHandle>> {
        if !this.inbox().gate().is_usual() {
            this.enter_gate(py)?;
        }
        let call = Call::of_method(py, method, object)?;
        Self::start_timer(py, this, when, call)
    }

    #[inline(always)]
    fn start_timer(
        py: Python<'_>,
        this: &Own<Self>,
        when: f64,
        call: Call,
    ) -> PyRes<Own<TimerHandle>> {
        let timer = TimerHandle::new(py, this.as_any(), when, call, &this.garbage)?;
        if this.is_debug() {
            timer.source_traceback.set(Some(extract_stack(py)?));
        }
        timer.scheduled.set(true);
        if this.has_own_clock() {
            this.push_own_timer(when, timer.clone());
        } else {
            this.push_timer(when, timer.clone());
        }
        Ok(timer)
    }

    /// `call_soon_threadsafe`: in order with `call_soon` from the loop's own thread, and from everybody while the loop
    /// stands still (the interpreter lock makes that look and the push one step); else through the inbox.
    pub fn call_soon_threadsafe(
        py: Python<'_>,
        this: &Own<Self>,
        callback: &Own,
        args: &[Own],
        context: Option<&Own>,
    ) -> PyRes<Own<Handle>> {
        this.check_open(py)?;
        this.check_callback(py, callback, "call_soon_threadsafe")?;
        let handle =
            handle::new_shared(py, this.as_any(), callback.clone(), args, context.cloned())?;
        if this.is_debug() {
            handle.source_traceback.set(Some(extract_stack(py)?));
        }
        let runs_in = this.thread();
        if runs_in == 0 || runs_in == ffi::runtime::thread_ident() {
            this.take_calls_from_mail(py);
            this.schedule_quietly(Entry::Call(handle.clone()));
            return Ok(handle);
        }
        match this.inbox.post_call(py, SendOwn::wrap(py, handle.clone())) {
            Ok(()) => Ok(handle),
            Err(_returned) => Err(Raised::new::<PyRuntimeError>(py, "Event loop is closed")),
        }
    }

    /// In debug mode: can `function` take this callback?
    fn check_callback(&self, py: Python<'_>, callback: &Own, function: &str) -> PyRes<()> {
        if self.is_debug() {
            check_callback(py, callback, function)?;
        }
        Ok(())
    }

    /// Notes who waits for a blocking job; the job posts `Done` with the number.
    pub fn expect_job(&self, waiter: SinkRef) -> JobId {
        JobId(self.jobs.with(|jobs| jobs.insert(waiter)).0)
    }

    /// Who waited for the job; nobody after `close()`.
    pub fn finish_job(&self, id: JobId) -> Option<SinkRef> {
        self.jobs
            .with(|jobs| jobs.remove(ferrio_core::slab::SlabKey(id.0)))
    }

    /// The way in for a blocking job's result.
    pub fn job_inbox(&self) -> std::sync::Arc<Inbox> {
        std::sync::Arc::clone(self.inbox())
    }

    /// Remembers a transport that has bytes to send at the end of this turn.
    pub fn note_unflushed(&self, sink: SinkRef) {
        self.unflushed.with(|sinks| sinks.push_back(sink));
    }

    /// How many transports wait to be flushed; hot: mostly none.
    #[inline]
    pub fn unflushed_len(&self) -> usize {
        self.unflushed.with(|sinks| sinks.len())
    }

    /// Is what runs now all that is left of this turn, with nothing written and nothing that the next one would do without a poll?
    #[inline]
    pub fn has_nothing_else(&self) -> bool {
        self.unflushed_len() == 0
            && self.ready_len() == 0
            && self
                .news
                .with(|news| news.events.is_empty() && news.due.is_empty())
    }

    /// Has the first of them waited long enough? Asked after each callback while there are any.
    pub fn has_waited_to_flush(&self) -> bool {
        let now = clock::now_ns();
        self.write_delay.with(|delay| delay.is_over(now))
    }

    /// They are flushed now.
    pub fn end_write_delay(&self) {
        self.write_delay.with(WriteDelay::end);
    }

    /// Takes the next one.
    pub fn next_unflushed(&self) -> Option<SinkRef> {
        self.unflushed.with(VecDeque::pop_front)
    }

    /// A transport's `connection_made` is about to be called.
    pub fn note_starting(&self, sink: SinkRef) {
        self.starting.with(|starting| starting.push(sink));
    }

    /// It has been called; false: a run inside it has seen to the rest of the start.
    pub fn finish_starting(&self, sink: &Own) -> bool {
        let last = self.starting.with(|starting| {
            let is_last = |last: &SinkRef| last.0.as_ptr() == sink.as_ptr();
            starting.last().is_some_and(is_last).then(|| starting.pop())
        });
        last.is_some()
    }

    /// A run inside a callback begins: what the enclosing run has in its hands goes to where this one finds it.
    pub fn hand_over(&self) {
        self.put_back();
        for sink in self.starting.take() {
            self.schedule_quietly(Entry::sink(sink, SinkCall::Started));
        }
    }

    /// A handle in the ready queue that will call `callback(argument)`.
    pub fn find_call(&self, callback: &Own, argument: &Own) -> Option<Own<Handle>> {
        self.ready.with(|ready| {
            ready.iter().find_map(|entry| match entry {
                Entry::Call(handle) if handle.calls(callback, argument) => Some(handle.clone()),
                _ => None,
            })
        })
    }
}

/// Debug mode's look at a callback, with asyncio's texts.
pub fn check_callback(py: Python<'_>, callback: &Own, function: &str) -> PyRes<()> {
    refuse_coroutines(py, callback, function)?;
    if !call::is_callable(callback) {
        let shown = callback.bound(py).repr()?;
        let text = format!("a callable object was expected by {function}(), got {shown}");
        return Err(Raised::new::<PyTypeError>(py, text));
    }
    Ok(())
}

/// `TypeError` for a coroutine or a coroutine function.
pub fn refuse_coroutines(py: Python<'_>, callback: &Own, function: &str) -> PyRes<()> {
    if coroutine::is_coroutine_or_function(py, callback)? {
        let text = format!("coroutines cannot be used with {function}()");
        return Err(Raised::new::<PyTypeError>(py, text));
    }
    Ok(())
}

/// Where the caller stands, for debug mode's reports.
pub fn extract_stack(py: Python<'_>) -> PyRes {
    let helpers = Own::from(py.import("asyncio.format_helpers")?.into_any());
    let frame = Own::from(py.import("sys")?.getattr("_getframe")?.call0()?);
    call::method(py, &helpers, &names::EXTRACT_STACK, &[&frame])
}
