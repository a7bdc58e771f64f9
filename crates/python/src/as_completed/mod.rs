//! ROOM    floor 3: `as_completed`, as it is since CPython 3.13
//! KNOWS   ffi, names, engine, future, awaitable, gather    NEVER   the event loop's class
//! IN      awaitables, a timeout                            OUT     an iterator of both kinds
//! PROOF   tests/behaviour/awaitables/test_as_completed.py
//! START   `AsCompleted`: `told`, `arrive`, `Next one`: `one.rs`
//!
//! Native where the running loop is ours and every argument is a future of ours on it or a coroutine; everything else is given
//! to the stdlib's function. That of 3.11 and 3.12, another one, stays.
//!
//! A future of it:
//!
//! | state | what happens | next |
//! |---|---|---|
//! | todo | it ends | arriving: the first of a turn schedules the call for all of them |
//! | todo | the timer | overtaken: nobody watches it, in its place stands a `TimeoutError` |
//! | arriving | the call | done: the one who has waited longest is woken |
//! | done, overtaken | somebody asks | handed out: to whoever looks first |

mod one;

use std::cell::Cell;
use std::collections::VecDeque;
use std::ffi::CStr;

use pyo3::prelude::*;
use pyo3::types::{PyDict, PySet};

use crate::awaitable::{is_native_child, native_future, task_of};
use crate::convert;
use crate::engine::Engine;
use crate::ffi::call::FunctionCell;
use crate::ffi::{
    Args, Class, Function, GuardedCell, Immortal, Method, Own, Params, Property, PyRes, Resume,
    Slot, TypeBuilder, TypeSlot, Visit, WithWeakrefs, call, current_task, function,
};
use crate::future::{Future, WatcherKind};
use crate::handle::TimerHandle;
use crate::names;

/// The iterator that `as_completed` returns.
#[derive(Debug)]
pub struct AsCompleted {
    engine: Slot<Engine>,
    /// A set of those that are not done.
    todo: Slot,
    /// How many are still to be asked for.
    left: Cell<usize>,
    arriving: GuardedCell<Vec<Own>>,
    /// Done and not handed out; nothing stands for one that the timeout has overtaken.
    done: GuardedCell<VecDeque<Option<Own>>>,
    /// Those who wait for one, in order.
    getters: GuardedCell<VecDeque<Own<Future>>>,
    timer: Slot<TimerHandle>,
    /// The task that called, for call graphs; 3.14 and later.
    caller: Slot,
}

static AS_COMPLETED: TypeSlot = TypeSlot::new();

impl Class for AsCompleted {
    const NAME: &'static CStr = c"ferrio._AsCompletedIterator";
    const DOC: &'static CStr = c"The iterator that as_completed() returns.";
    type Head = WithWeakrefs;

    fn slot() -> &'static TypeSlot {
        &AS_COMPLETED
    }

    fn traverse(&self, visit: &mut Visit) {
        visit.slot(&self.engine);
        visit.slot(&self.todo);
        let _ = self
            .arriving
            .look(|all| all.iter().for_each(|own| visit.own(own)));
        let _ = self
            .done
            .look(|all| all.iter().flatten().for_each(|own| visit.own(own)));
        let _ = self
            .getters
            .look(|all| all.iter().for_each(|own| visit.own(own)));
        visit.slot(&self.timer);
        visit.slot(&self.caller);
    }

    fn clear(&self, _py: Python<'_>) {
        drop(self.engine.take());
        drop(self.todo.take());
        drop(self.arriving.take());
        drop(self.done.take());
        drop(self.getters.take());
        drop(self.timer.take());
        drop(self.caller.take());
    }
}

static KIND: WatcherKind = WatcherKind {
    tell: told,
    awaiter: |_py, watcher| {
        Ok(watcher
            .exact::<AsCompleted>()
            .and_then(|own| own.caller.get()))
    },
};

/// A future is done: the first of a turn schedules the call for all of them.
fn told(py: Python<'_>, watcher: &Own, future: &Own<Future>) -> PyRes<()> {
    let this = watcher
        .exact::<AsCompleted>()
        .expect("only it watches as one");
    let future = future.as_any().clone();
    let first = this.arriving.with(|arriving| {
        arriving.push(future);
        arriving.len() == 1
    });
    match this.engine.get() {
        Some(engine) if first => {
            Engine::call_soon(py, &engine, &arrival(py, this)?, &[], None).map(drop)
        }
        _ => Ok(()),
    }
}

fn arrival(py: Python<'_>, this: &Own<AsCompleted>) -> PyRes {
    static ARRIVE: FunctionCell = FunctionCell::new(c"_handle_completion");
    let run = |py: Python<'_>, this: &Own<AsCompleted>, _args: Args<'_>| arrive(py, this);
    call::bound_function(py, this, &ARRIVE, run)
}

/// The scheduled call: those that have arrived can be asked for.
fn arrive(py: Python<'_>, this: &Own<AsCompleted>) -> PyRes<()> {
    let arrived = this.arriving.take();
    let Some(todo) = this.todo.get() else {
        return Ok(());
    };
    let todo = convert::set(py, &todo)?;
    for future in arrived {
        // Not there any more where the timeout was first.
        if !todo.contains(future.bound(py))? {
            continue;
        }
        todo.discard(future.bound(py))?;
        put(py, this, Some(future))?;
    }
    if todo.is_empty() {
        this.cancel_timer(py)?;
    }
    Ok(())
}

/// One more can be asked for: the first who waits is woken.
fn put(py: Python<'_>, this: &Own<AsCompleted>, future: Option<Own>) -> PyRes<()> {
    this.done.with(|done| done.push_back(future));
    wake_next(py, this)
}

fn wake_next(py: Python<'_>, this: &Own<AsCompleted>) -> PyRes<()> {
    while let Some(getter) = this.getters.with(VecDeque::pop_front) {
        if !getter.is_done() {
            return Future::set_result(py, &getter, Own::none(py));
        }
    }
    Ok(())
}

/// The timer: those that are not done count as timed out.
fn time_out(py: Python<'_>, this: &Own<AsCompleted>) -> PyRes<()> {
    let Some(todo) = this.todo.get() else {
        return Ok(());
    };
    let todo = convert::set(py, &todo)?;
    for future in todo.iter() {
        if let Some(future) = native_future(&Own::from(future)) {
            Future::unwatch(future, this.as_any());
        }
        put(py, this, None)?;
    }
    todo.clear();
    Ok(())
}

impl AsCompleted {
    fn cancel_timer(&self, py: Python<'_>) -> PyRes<()> {
        match self.timer.take() {
            Some(timer) => TimerHandle::cancel(py, &timer),
            None => Ok(()),
        }
    }
}

fn next(py: Python<'_>, this: &Own<AsCompleted>, _value: &Own) -> PyRes<Resume> {
    let Some(left) = this.left.get().checked_sub(1) else {
        return Ok(Resume::Return(None));
    };
    this.left.set(left);
    Ok(Resume::Yield(one::resolved(py, this)?))
}

/// The different arguments as futures, where all of it is ours.
fn futures(py: Python<'_>, engine: &Own<Engine>, given: &Own) -> PyRes<Option<Vec<Own>>> {
    // Anything that is read by iterating is left to the stdlib's, which reads it once.
    if !convert::is_plain_collection(py, given) {
        return Ok(None);
    }
    let different = PyDict::new(py);
    for item in given.bound(py).try_iter()? {
        let item = Own::from(item?);
        if !is_native_child(engine, &item) {
            return Ok(None);
        }
        different.set_item(item.bound(py), py.None())?;
    }
    let mut futures = Vec::with_capacity(different.len());
    for (item, _) in different.iter() {
        let item = Own::from(item);
        futures.push(match native_future(&item) {
            Some(_) => item,
            None => task_of(py, engine, &item)?,
        });
    }
    Ok(Some(futures))
}

static PARAMS: Params<2> = Params {
    function: "as_completed",
    names: [&names::FS, &names::TIMEOUT],
    positional: 1,
    required: 1,
};

fn as_completed(py: Python<'_>, this: &Own<Function>, args: Args<'_>) -> PyRes {
    let [given, timeout] = this.bind(py, args, &PARAMS)?;
    let given = given.expect("bind checks what is required");
    let timeout = timeout.filter(|timeout| !timeout.is_none());
    // Where the clock or the timers are the program's, asyncio's function asks for them as it does.
    let is_it = |engine: &Own<Engine>| timeout.is_none() || !engine.has_own_timing();
    let Some(engine) = Engine::running(py)?.filter(is_it) else {
        return this.call_stock(py, args);
    };
    let Some(futures) = futures(py, &engine, given)? else {
        return this.call_stock(py, args);
    };
    if !futures.iter().all(|future| native_future(future).is_some()) {
        // A task factory makes tasks of another kind.
        let timeout = timeout.cloned().unwrap_or_else(|| Own::none(py));
        let futures = Own::tuple(py, &futures)?;
        return call::call_with(py, this.stock(), &[futures], &[(&names::TIMEOUT, timeout)]);
    }
    follow(py, &engine, &futures, timeout).map(Own::into_any)
}

fn follow(
    py: Python<'_>,
    engine: &Own<Engine>,
    futures: &[Own],
    timeout: Option<&Own>,
) -> PyRes<Own<AsCompleted>> {
    let todo = PySet::empty(py)?;
    for future in futures {
        todo.add(future.bound(py))?;
    }
    let this = AsCompleted {
        engine: Slot::new(Some(engine.clone())),
        todo: Slot::new(Some(Own::from(todo.into_any()))),
        left: Cell::new(futures.len()),
        arriving: GuardedCell::new(Vec::new()),
        done: GuardedCell::new(VecDeque::new()),
        getters: GuardedCell::new(VecDeque::new()),
        timer: Slot::empty(),
        caller: Slot::new(current_task::for_call_graph(py, engine.as_any())?),
    };
    let this = Own::alloc(py, this)?;
    for future in futures {
        let future = native_future(future).expect("it was looked at");
        Future::watch(py, future, this.as_any(), &KIND)?;
    }
    if let Some(timeout) = timeout.filter(|_| !futures.is_empty()) {
        static TIME_OUT: FunctionCell = FunctionCell::new(c"_handle_timeout");
        let run = |py: Python<'_>, this: &Own<AsCompleted>, _args: Args<'_>| time_out(py, this);
        let callback = call::bound_function(py, &this, &TIME_OUT, run)?;
        let when = Engine::seconds() + timeout.bound(py).extract::<f64>()?;
        let timer = Engine::call_at(py, engine, "call_later", when, &callback, &[], None)?;
        this.timer.set(Some(timer));
    }
    Ok(this)
}

fn class_of(py: Python<'_>) -> PyRes {
    static CLASS: Immortal = Immortal::empty();
    CLASS
        .import(py, "asyncio.tasks", "_AsCompletedIterator")
        .cloned()
}

/// Makes the types.
pub fn make_types(py: Python<'_>) -> PyRes<()> {
    one::make_type(py)?;
    let mut builder = TypeBuilder::<AsCompleted>::new()
        .awaitable_iterator(next)
        .async_iterator(one::asked)
        .methods([Method::noargs(
            c"_wait_for_one",
            c"_wait_for_one($self, /)\n--\n\nThe next that is done.",
            one::asked,
        )]);
    if cfg!(Py_3_13) {
        builder = builder.properties([Property::get(c"__class__", |py, _: &Own<AsCompleted>| {
            class_of(py)
        })]);
    }
    builder.build(py).map(drop)
}

/// Names and functions of this room.
pub fn functions(py: Python<'_>) -> PyRes<Vec<(&'static str, Own<Function>)>> {
    if !cfg!(Py_3_13) {
        return Ok(Vec::new());
    }
    let stock = function::stock(py, "asyncio.tasks", "as_completed")?;
    Ok(vec![(
        "as_completed",
        Function::new(py, stock, as_completed)?,
    )])
}
