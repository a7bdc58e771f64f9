//! `run_forever`, `run_until_complete`, `stop`, `close`.

use pyo3::exceptions::PyRuntimeError;
use pyo3::prelude::*;

use super::{Loop, dispatch, nested, signals, turn};
use crate::engine::{Engine, Methods, Suspended};
use crate::ffi::runtime::set_running_loop;
use crate::ffi::{
    Args, Immortal, Own, Params, PyRes, Raised, call, coroutine, exception, recycle, runtime,
    snapshot, spare_bytes,
};
use crate::future::Future;
use crate::names;
use crate::task::Task;

/// Before a run. Errors: those of a loop that cannot be entered now; `OSError` in a forked child that has no descriptors left.
fn prepare(py: Python<'_>, this: &Own<Loop>) -> PyRes<()> {
    check_can_run(py, this)?;
    if this.thread() == 0 && this.is_foreign_process() {
        signals::forget_wakeup_fd(py, this);
        this.adopt(py)?;
    }
    Ok(())
}

/// The errors of a loop that cannot be entered now, with asyncio's texts.
fn check_can_run(py: Python<'_>, this: &Own<Loop>) -> PyRes<()> {
    this.check_open(py)?;
    if this.thread() != 0 {
        if this.thread() == runtime::thread_ident() && nested::is_allowed(py, this.as_any())? {
            return nested::check_depth(py);
        }
        return Err(Raised::new::<PyRuntimeError>(
            py,
            "This event loop is already running",
        ));
    }
    let Some(running) = runtime::running_loop_or_none(py)? else {
        return Ok(());
    };
    if nested::is_allowed(py, this.as_any())? || nested::is_allowed(py, &running)? {
        return nested::check_depth(py);
    }
    let text = "Cannot run the event loop while another loop is running";
    Err(Raised::new::<PyRuntimeError>(py, text))
}

/// What a run changes in its thread and gives back at its end.
struct Borrowed {
    /// The thread's running loop until now.
    running: Option<Own>,
    asyncgen_hooks: Own,
    rest: Rest,
}

/// What depends on who runs already.
enum Rest {
    /// The loop stood still.
    Fresh {
        suspended: Suspended,
        enclosing: Option<nested::Enclosing>,
    },
    /// It runs already, further down the stack.
    Again {
        /// `stop()` was called for that run.
        stopping: bool,
        enclosing: nested::Enclosing,
    },
}

fn set_asyncgen_hooks(py: Python<'_>, hooks: &[Own]) -> PyRes<()> {
    static SET: Immortal = Immortal::empty();
    let set = SET.import(py, "sys", "set_asyncgen_hooks")?;
    call::call(py, set, hooks).map(drop)
}

/// Debug mode remembers where coroutines were made, for the length of a run.
fn track_origins(py: Python<'_>, this: &Own<Loop>, on: bool) -> PyRes<()> {
    let on = Own::bool(py, on);
    call::method(py, this.as_any(), &names::TRACK_COROUTINE_ORIGINS, &[&on]).map(drop)
}

/// A run ends that may have tracked them; one outside of debug mode does not call Python for it.
fn stop_tracking(py: Python<'_>, this: &Own<Loop>) -> PyRes<()> {
    if this.is_debug() || coroutine::are_origins_tracked() {
        track_origins(py, this, false)?;
    }
    Ok(())
}

/// Begins a run. What has been done since it was asked for may have run anything: a task factory closes the loop, another thread runs
/// it. So it is looked at once more, and taken for this thread before others may get the interpreter again.
fn enter(py: Python<'_>, this: &Own<Loop>, awaited: Option<&Own>) -> PyRes<Borrowed> {
    prepare(py, this)?;
    let is_fresh = this.thread() == 0;
    this.set_thread(runtime::thread_ident());
    let entered = enter_taken(py, this, is_fresh, awaited);
    if is_fresh && entered.is_err() {
        this.set_thread(0);
    }
    entered
}

fn enter_taken(
    py: Python<'_>,
    this: &Own<Loop>,
    is_fresh: bool,
    awaited: Option<&Own>,
) -> PyRes<Borrowed> {
    static GET: Immortal = Immortal::empty();
    let get = GET.import(py, "sys", "get_asyncgen_hooks")?;
    let asyncgen_hooks = call::call0(py, get)?;
    let running = runtime::running_loop_or_none(py)?;
    match borrow(py, this, is_fresh, awaited, running.as_ref()) {
        Ok(rest) => Ok(Borrowed {
            running,
            asyncgen_hooks,
            rest,
        }),
        Err(error) => {
            // An interrupt in what is Python's of it: the thread is as it was.
            let hooks = asyncgen_hooks.tuple_items().unwrap_or(&[]);
            let undone = Err(error);
            let undone = exception::and_then(py, undone, || set_asyncgen_hooks(py, hooks));
            let running = running.as_ref();
            let undone = exception::and_then(py, undone, || set_running_loop(py, running));
            if is_fresh {
                signals::end(py, this);
                return exception::and_then(py, undone, || stop_tracking(py, this));
            }
            undone
        }
    }
}

/// Changes what a run changes; what can run Python, and be interrupted, comes first.
fn borrow(
    py: Python<'_>,
    this: &Own<Loop>,
    is_fresh: bool,
    awaited: Option<&Own>,
    running: Option<&Own>,
) -> PyRes<Rest> {
    let first = call::attribute(py, this.as_any(), &names::ASYNCGEN_FIRSTITER_HOOK)?;
    let last = call::attribute(py, this.as_any(), &names::ASYNCGEN_FINALIZER_HOOK)?;
    if is_fresh {
        if this.is_debug() {
            track_origins(py, this, true)?;
        }
        signals::begin(py, this)?;
    }
    set_asyncgen_hooks(py, &[first, last])?;
    let enclosing = match running {
        Some(running) => Some(nested::suspend(py, running, awaited)?),
        None if !is_fresh => {
            // Somebody hides the running loop.
            set_running_loop(py, Some(this.as_any()))?;
            Some(nested::suspend(py, this.as_any(), awaited)?)
        }
        None => None,
    };
    match enclosing {
        Some(enclosing) if !is_fresh => {
            set_running_loop(py, Some(this.as_any()))?;
            let stopping = this.is_stopping();
            this.set_stopping(false);
            Ok(Rest::Again {
                stopping,
                enclosing,
            })
        }
        enclosing => {
            let suspended = Engine::suspend_task(py, this.base())?;
            Engine::choose_when_to_show_tasks(this.base());
            set_running_loop(py, Some(this.as_any()))?;
            recycle::begin_run(py);
            Ok(Rest::Fresh {
                suspended,
                enclosing,
            })
        }
    }
}

/// Gives back what the run has borrowed, all of it: an interrupt in what is Python's of it is the error of the whole.
fn leave(py: Python<'_>, this: &Own<Loop>, borrowed: Borrowed) -> PyRes<()> {
    let running = borrowed.running.as_ref();
    let done = dispatch::flush(py, this);
    let (done, enclosing) = match borrowed.rest {
        Rest::Fresh {
            suspended,
            enclosing,
        } => {
            recycle::end_run(py);
            this.set_stopping(false);
            this.set_thread(0);
            signals::end(py, this);
            let done = exception::and_then(py, done, || Engine::forget_task(py, this.base()));
            let done = exception::and_then(py, done, || set_running_loop(py, running));
            let resume = || Engine::resume_task(py, this.base(), suspended);
            let done = exception::and_then(py, done, resume);
            let done = exception::and_then(py, done, || stop_tracking(py, this));
            (done, enclosing)
        }
        Rest::Again {
            stopping,
            enclosing,
        } => {
            this.set_stopping(stopping);
            let done = exception::and_then(py, done, || Engine::forget_task(py, this.base()));
            (done, Some(enclosing))
        }
    };
    let hooks = borrowed.asyncgen_hooks.tuple_items().unwrap_or(&[]);
    let done = exception::and_then(py, done, || set_asyncgen_hooks(py, hooks));
    let Some(enclosing) = enclosing else {
        return done;
    };
    let its_loop = enclosing.running_loop();
    let done = exception::and_then(py, done, || set_running_loop(py, Some(its_loop)));
    let done = exception::and_then(py, done, || nested::resume(py, enclosing));
    exception::and_then(py, done, || set_running_loop(py, running))
}

pub(super) fn run_forever(py: Python<'_>, this: &Own<Loop>) -> PyRes<()> {
    prepare(py, this)?;
    let stop = stopper(py)?;
    let enclosing = nested::disarm(py, this, stop)?;
    let announced = this.announced.take();
    let done = run(py, this, announced.as_ref());
    // A `run_forever` of the program's may call this one again.
    this.announced.set(announced);
    exception::and_then(py, done, || nested::arm(py, this, stop, enclosing))
}

/// One run that a future's done callback is going to stop, where `run_forever` is the program's.
#[cold]
fn run_through_object(py: Python<'_>, this: &Own<Loop>, future: &Own) -> PyRes<()> {
    // It may call `run_until_complete` itself, for what it has to do first.
    let before = this.announced.replace(Some(future.clone()));
    let done = call::method(py, this.as_any(), &names::RUN_FOREVER, &[]);
    this.announced.set(before);
    done.map(drop)
}

/// One run, which ends by `stop()`. `awaited`: what is going to stop it. Errors: also those of a loop that cannot be entered.
fn run(py: Python<'_>, this: &Own<Loop>, awaited: Option<&Own>) -> PyRes<()> {
    let borrowed = enter(py, this, awaited)?;
    this.awaited.set(awaited.cloned());
    // Said to PyO3 too: it parks what is dropped by threads that it does not know to be attached. And a bug of ours must not
    // leave a loop behind that runs for ever.
    let run = std::panic::AssertUnwindSafe(|| Python::attach(|py| turn::run(py, this)));
    let done = std::panic::catch_unwind(run).unwrap_or_else(|panic| {
        let what = panic.downcast_ref::<&str>().copied().map(str::to_owned);
        let what = what.or_else(|| panic.downcast_ref::<String>().cloned());
        let text = format!("ferrio: internal error: {}", what.unwrap_or_default());
        Err(Raised::new::<pyo3::exceptions::PySystemError>(py, text))
    });
    // Before another thread can begin a run of its own.
    let _awaited = this.awaited.take();
    exception::and_then(py, done, || leave(py, this, borrowed))
}

/// The done callback of `run_until_complete`: stops the loop, except after the errors that have stopped it already.
///
/// It is asyncio's own function: by it anyio finds the root task, whose end is the end of worker threads and processes.
fn stopper(py: Python<'_>) -> PyRes<&'static Own> {
    static STOP_WHEN_DONE: Immortal = Immortal::empty();
    STOP_WHEN_DONE.import(py, "asyncio.base_events", "_run_until_complete_cb")
}

/// A task or future for what was passed; true if it is new.
fn ensure_future(py: Python<'_>, this: &Own<Loop>, awaitable: &Own) -> PyRes<(Own, bool)> {
    static ENSURE: Immortal = Immortal::empty();
    static IS_FUTURE: Immortal = Immortal::empty();
    if awaitable
        .cast::<Future>()
        .is_some_and(|future| future.belongs_to(this.base()))
    {
        return Ok((awaitable.clone(), false));
    }
    let is_usual = this.task_factory.is_empty() && !this.replaces(Methods::CREATE_TASK);
    if is_usual && coroutine::is_native(awaitable) {
        let task = Task::create(py, this.base(), awaitable, None, None, false)?;
        return Ok((task.into_any(), true));
    }
    let is_future = IS_FUTURE.import(py, "asyncio.futures", "isfuture")?;
    let is_future = call::truth(py, &call::call1(py, is_future, awaitable)?)?;
    let ensure = ENSURE.import(py, "asyncio.tasks", "ensure_future")?;
    let loop_ = this.as_any().clone();
    let future = call::call_with(
        py,
        ensure,
        std::slice::from_ref(awaitable),
        &[(&names::LOOP, loop_)],
    )?;
    Ok((future, !is_future))
}

static UNTIL_COMPLETE: Params<1> = Params::one("run_until_complete", &names::FUTURE);

pub(super) fn run_until_complete(py: Python<'_>, this: &Own<Loop>, args: Args<'_>) -> PyRes {
    let awaitable = args.bind_one(py, &UNTIL_COMPLETE)?;
    prepare(py, this)?;
    let (future, is_new) = ensure_future(py, this, awaitable)?;
    if is_new {
        // An interrupted run leaves it pending, which is no news to the caller.
        call::set_attribute(
            py,
            &future,
            &names::LOG_DESTROY_PENDING,
            &Own::bool(py, false),
        )?;
    }
    nested::refuse_deadlock(py, this, &future)?;
    let stop = stopper(py)?;
    let enclosing = nested::disarm(py, this, stop)?;
    let done = run_until_done(py, this, &future, is_new);
    exception::and_then(py, done, || nested::arm(py, this, stop, enclosing))?;
    call::method(py, &future, &names::RESULT, &[])
}

fn run_until_done(py: Python<'_>, this: &Own<Loop>, future: &Own, is_new: bool) -> PyRes<()> {
    let stop = stopper(py)?;
    call::method(py, future, &names::ADD_DONE_CALLBACK, &[stop])?;
    let run = if this.replaces(Methods::RUN_FOREVER) {
        run_through_object(py, this, future)
    } else {
        run(py, this, Some(future))
    };
    let failure = run.err().map(|error| error.take(py));
    let done = || call::truth(py, &call::method(py, future, &names::DONE, &[])?);
    let consume = || -> PyRes<()> {
        let cancelled = call::method(py, future, &names::CANCELLED, &[])?;
        if is_new && done()? && !call::truth(py, &cancelled)? {
            // The loop died of the task's own error: mark it as seen.
            call::method(py, future, &names::EXCEPTION, &[])?;
        }
        Ok(())
    };
    if failure.is_some() {
        consume()?;
    }
    call::method(py, future, &names::REMOVE_DONE_CALLBACK, &[stop])?;
    if let Some(exception) = failure {
        return Err(exception::restore(py, exception));
    }
    if !done()? {
        let text = "Event loop stopped before Future completed.";
        return Err(Raised::new::<PyRuntimeError>(py, text));
    }
    Ok(())
}

pub(super) fn stop(_py: Python<'_>, this: &Own<Loop>) {
    this.set_stopping(true);
}

/// Closes; the Python side shuts the default executor down. Idempotent. Errors: `RuntimeError` while running.
pub(super) fn close(py: Python<'_>, this: &Own<Loop>) -> PyRes<()> {
    if this.thread() != 0 {
        return Err(Raised::new::<PyRuntimeError>(
            py,
            "Cannot close a running event loop",
        ));
    }
    if this.is_closed() {
        return Ok(());
    }
    // The handlers of a loop that is closed in another thread than the main one cannot be removed: that is said when all else is done.
    let failed = signals::remove_all(py, this).err();
    let failed = failed.map(|error| error.take(py));
    signals::forget_wakeup_fd(py, this);
    let calls = this.operations();
    this.shut();
    dispatch::abandon(py, &calls)?;
    recycle::close(py);
    snapshot::close(py);
    spare_bytes::close(py);
    match failed {
        Some(exception) => Err(exception::restore(py, exception)),
        None => Ok(()),
    }
}
