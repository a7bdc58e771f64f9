//! ROOM    floor 3: `shield`
//! KNOWS   ffi, names, engine, future, awaitable    NEVER   the event loop's class
//! IN      a future or coroutine                    OUT     a future that can be cancelled alone
//! PROOF   tests/behaviour/awaitables/test_shield.py
//! START   `shield`
//!
//! Native where the running loop is ours and the argument a future of ours on it or a coroutine; everything else is given to the
//! stdlib's function. The inner future is watched by the outer one, and the outer by the inner, so that who is done first lets
//! the other go: in calls of the loop, where asyncio's callbacks would run.
//!
//! | state | what happens | next |
//! |---|---|---|
//! | start | the argument is done | it is the result: there is no outer future |
//! | both pending | the inner one ends | handing on is scheduled |
//! | both pending | the outer one is cancelled or filled | letting go is scheduled; the inner one goes on |
//! | handing on | the call, and the outer one is pending | done: outcome and cancellation of the inner one |
//! | handing on | the call, and the outer one is cancelled | done: until 3.13 the inner one's error counts as seen |
//! | letting go | the call | done: the inner one is not watched any more |

use pyo3::prelude::*;

use crate::awaitable::{is_native_coroutine, native_future, task_of};
use crate::engine::Engine;
use crate::ffi::call::FunctionCell;
use crate::ffi::{Args, Function, Own, Params, PyRes, call, function};
use crate::future::{Future, Outcome, WatcherKind};
use crate::names;

/// The inner future is watched; the watcher is the outer.
static INNER: WatcherKind = WatcherKind {
    tell: inner_done,
    // Who awaits the outer future awaits the inner one.
    awaiter: |_py, outer| {
        Ok(outer
            .cast::<Future>()
            .and_then(|outer| outer.waiting_task()))
    },
};

/// The outer future is watched; the watcher is the inner.
static OUTER: WatcherKind = WatcherKind {
    tell: outer_done,
    awaiter: |_py, _inner| Ok(None),
};

fn soon(py: Python<'_>, future: &Own<Future>, function: &Own, argument: &Own) -> PyRes<()> {
    match future.engine() {
        Some(engine) => {
            Engine::call_soon(py, &engine, function, std::slice::from_ref(argument), None).map(drop)
        }
        None => Ok(()),
    }
}

fn inner_done(py: Python<'_>, outer: &Own, inner: &Own<Future>) -> PyRes<()> {
    static HAND_ON: FunctionCell = FunctionCell::new(c"_inner_done_callback");
    let outer = outer
        .cast::<Future>()
        .expect("only a future watches as one");
    let run = |py: Python<'_>, outer: &Own<Future>, args: Args<'_>| -> PyRes<()> {
        match args.positional().first().and_then(native_future) {
            Some(inner) => hand_on(py, outer, inner),
            None => Ok(()),
        }
    };
    soon(
        py,
        inner,
        &call::bound_function(py, outer, &HAND_ON, run)?,
        inner.as_any(),
    )
}

/// The outcome of the inner future becomes that of the outer.
fn hand_on(py: Python<'_>, outer: &Own<Future>, inner: &Own<Future>) -> PyRes<()> {
    if outer.is_cancelled() {
        if !cfg!(Py_3_14) && !inner.is_cancelled() {
            // Nobody is left who could look at it.
            inner.quiet();
        }
        return Ok(());
    }
    if inner.is_cancelled() {
        return Future::cancel(py, outer, None).map(drop);
    }
    match inner.failure(py)? {
        Outcome::Error(error) => Future::set_exception(py, outer, error),
        _ => {
            let value = Future::result(py, inner)?;
            Future::set_result(py, outer, value)
        }
    }
}

fn outer_done(py: Python<'_>, inner: &Own, outer: &Own<Future>) -> PyRes<()> {
    static LET_GO: FunctionCell = FunctionCell::new(c"_outer_done_callback");
    let run = |_py: Python<'_>, outer: &Own<Future>, args: Args<'_>| -> PyRes<()> {
        if let Some(inner) = args.positional().first().and_then(native_future) {
            if !inner.is_done() {
                Future::unwatch(inner, outer.as_any());
            }
        }
        Ok(())
    };
    soon(
        py,
        outer,
        &call::bound_function(py, outer, &LET_GO, run)?,
        inner,
    )
}

static PARAMS: Params<1> = Params::one("shield", &names::ARG);

fn shield(py: Python<'_>, this: &Own<Function>, args: Args<'_>) -> PyRes {
    let [argument] = this.bind(py, args, &PARAMS)?;
    let argument = argument.expect("bind checks what is required");
    let Some(engine) = Engine::running(py)? else {
        return this.call_stock(py, args);
    };
    let inner = match native_future(argument) {
        Some(future) if future.belongs_to(&engine) => argument.clone(),
        None if is_native_coroutine(argument) => task_of(py, &engine, argument)?,
        _ => return this.call_stock(py, args),
    };
    let Some(future) = native_future(&inner) else {
        // A task factory makes tasks of another kind.
        return call::call1(py, this.stock(), &inner);
    };
    if future.is_done() {
        return Ok(inner);
    }
    let outer = Future::new_pending(py, &engine)?;
    Future::watch(py, future, outer.as_any(), &INNER)?;
    Future::watch(py, &outer, &inner, &OUTER)?;
    Ok(outer.into_any())
}

/// Names and functions of this room.
pub fn functions(py: Python<'_>) -> PyRes<Vec<(&'static str, Own<Function>)>> {
    let stock = function::stock(py, "asyncio.tasks", "shield")?;
    Ok(vec![("shield", Function::new(py, stock, shield)?)])
}
