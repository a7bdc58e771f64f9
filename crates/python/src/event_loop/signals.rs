//! Signals: Python-level handlers, `add_signal_handler`, and the descriptor that interrupts the loop's sleep.
//!
//! CPython's C handler only sets a flag and writes the signal's number to the wake-up descriptor. A signal that arrives
//! between the last look at the flag and `epoll_pwait2` would be seen only after the sleep; the written byte ends it. So
//! every run in the main thread lends its descriptor to CPython before it first sleeps, with or without `add_signal_handler`.
//! (Not when it begins: a run that never sleeps, as most of those that begin and end a program, needs none. But the descriptor
//! is made then: who counts descriptors in a callback and again later finds as many.)

use pyo3::exceptions::{PyOSError, PyRuntimeError, PyValueError};
use pyo3::prelude::*;

use super::Loop;
use crate::engine::{Entry, extract_stack, refuse_coroutines};
use crate::ffi::{Args, Immortal, Own, Params, PyRes, Raised, call, exception, runtime};
use crate::handle::Handle;
use crate::names;

/// CPython shall write to `own` no more; another descriptor that a program has put in its place stays.
fn take_back(py: Python<'_>, own: i32) {
    let current = runtime::set_wakeup_fd(py, -1);
    if current != own {
        runtime::set_wakeup_fd(py, current);
    }
}

fn in_main_thread(py: Python<'_>) -> PyRes<bool> {
    static MAIN_THREAD: Immortal = Immortal::empty();
    let main = call::call0(py, MAIN_THREAD.import(py, "threading", "main_thread")?)?;
    let ident = call::attribute(py, &main, &names::IDENT)?;
    Ok(ident
        .bound(py)
        .extract::<u64>()
        .is_ok_and(|ident| ident == runtime::thread_ident()))
}

/// Before a sleep, once a run: lends the loop's descriptor to CPython where the run is in the main thread, and lets handlers of
/// signals that came before run. One that is there already stays: a program's own, or that of another loop, whose handlers must
/// not miss a signal. The sleep then ends by EINTR, as asyncio's does; so it does while there is no descriptor left to make.
/// True where it was done now. Errors: those of Python's handlers.
#[inline]
pub(super) fn prepare_sleep(py: Python<'_>, this: &Own<Loop>) -> PyRes<bool> {
    if this.wakeup_settled.get() {
        return Ok(false);
    }
    lend_wakeup_fd(py, this)?;
    runtime::check_signals(py)?;
    Ok(true)
}

#[cold]
fn lend_wakeup_fd(py: Python<'_>, this: &Own<Loop>) -> PyRes<()> {
    if in_main_thread(py)? {
        let Some(own) = or_without(py, this.signal_fd(py))? else {
            return Ok(());
        };
        let previous = runtime::set_wakeup_fd(py, own);
        if previous != -1 && previous != own {
            runtime::set_wakeup_fd(py, previous);
        }
    }
    this.wakeup_settled.set(true);
    Ok(())
}

/// A run begins. Errors: those of looking the main thread up.
pub(super) fn begin(py: Python<'_>, this: &Own<Loop>) -> PyRes<()> {
    this.wakeup_settled.set(false);
    if this.signal_handlers.with(|handlers| !handlers.is_empty()) {
        // Their signals must not be missed by a run that does not sleep either.
        return lend_wakeup_fd(py, this);
    }
    if this.made_signal_fd().is_some() {
        return Ok(());
    }
    if !in_main_thread(py)? {
        this.wakeup_settled.set(true);
        return Ok(());
    }
    or_without(py, this.make_signal_fd(py)).map(drop)
}

/// Where no descriptor is left a sleep ends by EINTR.
fn or_without<T>(py: Python<'_>, made: PyRes<T>) -> PyRes<Option<T>> {
    match made {
        Ok(made) => Ok(Some(made)),
        Err(error) if error.is::<PyOSError>(py) => {
            error.clear(py);
            Ok(None)
        }
        Err(error) => Err(error),
    }
}

/// A run is over: ends the loan, unless signal handlers of the loop still need it.
pub(super) fn end(py: Python<'_>, this: &Own<Loop>) {
    if this.signal_handlers.with(|handlers| handlers.is_empty()) {
        forget_wakeup_fd(py, this);
    }
}

/// Bytes have arrived: runs Python's handlers and queues those of `add_signal_handler`.
pub(super) fn arrived(py: Python<'_>, this: &Own<Loop>) -> PyRes<()> {
    // First empty the pipe: a signal that comes in between is then run by `check_signals`, or leaves a byte behind that ends
    // the next sleep. What has been read is seen to before an exception of a handler leaves the loop.
    let numbers = this.drain_signals();
    queue_handlers(py, this, numbers)?;
    runtime::check_signals(py)
}

fn queue_handlers(py: Python<'_>, this: &Own<Loop>, numbers: Vec<u8>) -> PyRes<()> {
    for number in numbers {
        let number = i32::from(number);
        let handle = this
            .signal_handlers
            .with(|handlers| handlers.get(&number).cloned());
        match handle {
            Some(handle) if handle.is_cancelled() => remove(py, this, number).map(drop)?,
            Some(handle) => {
                let copy = handle.copy(py)?;
                this.schedule_quietly(Entry::Call(copy));
            }
            // A Python-level handler's business; it has just run.
            None => {}
        }
    }
    Ok(())
}

fn check_number(py: Python<'_>, signal: &Own) -> PyRes<i32> {
    let number = signal.bound(py);
    if !number.is_instance_of::<pyo3::types::PyInt>() {
        let text = format!("sig must be an int, not {}", number.repr()?);
        return Err(Raised::new::<pyo3::exceptions::PyTypeError>(py, text));
    }
    let valid = py.import("signal")?.call_method0("valid_signals")?;
    if !valid.contains(number)? {
        let text = format!("invalid signal number {number}");
        return Err(Raised::new::<PyValueError>(py, text));
    }
    Ok(number.extract::<i32>()?)
}

pub(super) fn add_signal_handler(py: Python<'_>, this: &Own<Loop>, args: Args<'_>) -> PyRes<()> {
    let names = &[&names::SIG, &names::CALLBACK];
    let ([number, callback], rest, []) = args.bind_varargs(py, "add_signal_handler", names, &[])?;
    refuse_coroutines(py, callback, "add_signal_handler")?;
    let number = check_number(py, number)?;
    this.check_open(py)?;
    if !in_main_thread(py)? {
        let text = "set_wakeup_fd only works in main thread of the main interpreter";
        // asyncio turns the ValueError of signal.set_wakeup_fd into this.
        return Err(Raised::new::<PyRuntimeError>(py, text));
    }
    runtime::set_wakeup_fd(py, this.signal_fd(py)?);
    let handle = Handle::new(py, this.as_any(), callback.clone(), rest, None)?;
    if this.is_debug() {
        handle.source_traceback.set(Some(extract_stack(py)?));
    }
    let before = this
        .signal_handlers
        .with(|handlers| handlers.insert(number, handle));
    drop(before);
    let install = || -> PyResult<()> {
        // A Python-level handler must stand there for the C handler to write the byte; it has nothing to do.
        let signal = py.import("signal")?;
        let ignore = py
            .import("asyncio.unix_events")?
            .getattr("_sighandler_noop")?;
        signal.call_method1("signal", (number, ignore))?;
        // Interrupted system calls of the program resume by themselves.
        signal.call_method1("siginterrupt", (number, false))?;
        Ok(())
    };
    install().map_err(|error| {
        drop(
            this.signal_handlers
                .with(|handlers| handlers.remove(&number)),
        );
        return_wakeup_fd(py, this);
        let is_einval = error
            .value(py)
            .getattr("errno")
            .and_then(|errno| errno.extract::<i32>())
            .is_ok_and(|errno| errno == 22);
        if is_einval {
            let text = format!("sig {number} cannot be caught");
            return Raised::new::<PyRuntimeError>(py, text);
        }
        Raised::from(error)
    })
}

static REMOVE: Params<1> = Params::one("remove_signal_handler", &names::SIG);

pub(super) fn remove_signal_handler(
    py: Python<'_>,
    this: &Own<Loop>,
    args: Args<'_>,
) -> PyRes<bool> {
    let number = check_number(py, args.bind_one(py, &REMOVE)?)?;
    remove(py, this, number)
}

fn remove(py: Python<'_>, this: &Own<Loop>, number: i32) -> PyRes<bool> {
    let removed = this
        .signal_handlers
        .with(|handlers| handlers.remove(&number));
    if removed.is_none() {
        return Ok(false);
    }
    drop(removed);
    let signal = py.import("signal")?;
    let name = if number == libc_sigint(&signal)? {
        "default_int_handler"
    } else {
        "SIG_DFL"
    };
    signal.call_method1("signal", (number, signal.getattr(name)?))?;
    return_wakeup_fd(py, this);
    Ok(true)
}

/// Without handlers a loop that does not run has no use for the descriptor.
fn return_wakeup_fd(py: Python<'_>, this: &Own<Loop>) {
    let none_left = this.signal_handlers.with(|handlers| handlers.is_empty());
    if none_left && this.thread() == 0 {
        forget_wakeup_fd(py, this);
    }
}

/// Before the descriptor is closed.
pub(super) fn forget_wakeup_fd(py: Python<'_>, this: &Own<Loop>) {
    if let Some(own) = this.made_signal_fd() {
        take_back(py, own);
    }
}

fn libc_sigint(signal: &Bound<'_, PyModule>) -> PyRes<i32> {
    Ok(signal.getattr("SIGINT")?.extract::<i32>()?)
}

/// At `close()`. While the interpreter shuts down there is nobody left to remove them with; asyncio's warning says so.
pub(super) fn remove_all(py: Python<'_>, this: &Own<Loop>) -> PyRes<()> {
    if runtime::is_finalizing(py) {
        let handlers = this.signal_handlers.take();
        if handlers.is_empty() {
            return Ok(());
        }
        let shown = this.as_any().bound(py).repr()?;
        let text = format!(
            "Closing the loop {shown} on interpreter shutdown stage, skipping signal handlers removal"
        );
        return exception::resource_warning(py, this.as_any(), &text);
    }
    let numbers: Vec<i32> = this
        .signal_handlers
        .with(|handlers| handlers.keys().copied().collect());
    for number in numbers {
        remove(py, this, number)?;
    }
    Ok(())
}
