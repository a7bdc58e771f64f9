//! Signals: Python-level handlers, `add_signal_handler`, and the descriptor that interrupts the loop's sleep.
//!
//! CPython's C handler only sets a flag and writes the signal's number to the wake-up descriptor. A signal that arrives
//! between the last look at the flag and `epoll_pwait2` would be seen only after the sleep; the written byte ends it. So
//! every run in the main thread lends its descriptor to CPython, with or without `add_signal_handler`.

use pyo3::exceptions::{PyRuntimeError, PyValueError};
use pyo3::prelude::*;

use super::Loop;
use crate::engine::Entry;
use crate::ffi::{Args, Immortal, Own, PyRes, Raised, call, runtime};
use crate::handle::Handle;
use crate::names;

/// The wake-up descriptor that was in force before the run.
pub(super) struct WakeupFd {
    previous: i32,
}

impl WakeupFd {
    /// Ends the loan, unless signal handlers of the loop still need it.
    pub(super) fn give_back(self, py: Python<'_>, this: &Own<Loop>) {
        if this.signal_handlers.with(|handlers| handlers.is_empty()) {
            runtime::set_wakeup_fd(py, self.previous);
        }
    }
}

fn in_main_thread(py: Python<'_>) -> PyRes<bool> {
    static MAIN_THREAD: Immortal = Immortal::empty();
    let import = || Ok(Own::from(py.import("threading")?.getattr("main_thread")?));
    let main = call::call0(py, MAIN_THREAD.get_or_init(py, import)?)?;
    let ident = call::attribute(py, &main, &names::IDENT)?;
    Ok(ident
        .bound(py)
        .extract::<u64>()
        .is_ok_and(|ident| ident == runtime::thread_ident()))
}

/// Lends the loop's descriptor to CPython for a run in the main thread; elsewhere nothing.
pub(super) fn borrow_wakeup_fd(py: Python<'_>, this: &Own<Loop>) -> PyRes<Option<WakeupFd>> {
    if !in_main_thread(py)? {
        return Ok(None);
    }
    let fd = this.signal_fd(py)?;
    let previous = runtime::set_wakeup_fd(py, fd);
    // Handlers kept it from the last run: then nobody else's stood there.
    Ok(Some(WakeupFd {
        previous: if previous == fd { -1 } else { previous },
    }))
}

/// Bytes have arrived: runs Python's handlers and queues those of `add_signal_handler`.
pub(super) fn arrived(py: Python<'_>, this: &Own<Loop>) -> PyRes<()> {
    runtime::check_signals(py)?;
    for number in this.drain_signals() {
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
    let fixed = &[&names::SIG, &names::CALLBACK];
    let [] = args.bind_varargs(py, "add_signal_handler", fixed, &[])?;
    let items = args.positional();
    check_coroutine(py, &items[1])?;
    let number = check_number(py, &items[0])?;
    this.check_open(py)?;
    if !in_main_thread(py)? {
        let text = "set_wakeup_fd only works in main thread of the main interpreter";
        // asyncio turns the ValueError of signal.set_wakeup_fd into this.
        return Err(Raised::new::<PyRuntimeError>(py, text));
    }
    runtime::set_wakeup_fd(py, this.signal_fd(py)?);
    let handle = Handle::new(py, this.as_any(), items[1].clone(), &items[2..], None)?;
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

fn check_coroutine(py: Python<'_>, callback: &Own) -> PyRes<()> {
    let coroutines = py.import("asyncio.coroutines")?;
    for name in ["iscoroutine", "iscoroutinefunction"] {
        if coroutines
            .getattr(name)?
            .call1((callback.bound(py),))?
            .is_truthy()?
        {
            let text = "coroutines cannot be used with add_signal_handler()";
            return Err(Raised::new::<pyo3::exceptions::PyTypeError>(py, text));
        }
    }
    Ok(())
}

pub(super) fn remove_signal_handler(py: Python<'_>, this: &Own<Loop>, signal: &Own) -> PyRes<bool> {
    let number = check_number(py, signal)?;
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
        runtime::set_wakeup_fd(py, -1);
    }
}

fn libc_sigint(signal: &Bound<'_, PyModule>) -> PyRes<i32> {
    Ok(signal.getattr("SIGINT")?.extract::<i32>()?)
}

/// At `close()`.
pub(super) fn remove_all(py: Python<'_>, this: &Own<Loop>) -> PyRes<()> {
    let numbers: Vec<i32> = this
        .signal_handlers
        .with(|handlers| handlers.keys().copied().collect());
    for number in numbers {
        remove(py, this, number)?;
    }
    Ok(())
}
