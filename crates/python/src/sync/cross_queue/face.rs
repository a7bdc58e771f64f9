//! What Python sees of a `CrossQueue`.

use pyo3::exceptions::{PyTypeError, PyValueError};
use pyo3::prelude::*;

use super::calls::{Get, Join, Put};
use super::refused::refusal;
use super::{CrossQueue, Side, wake};
use crate::awaitable;
use crate::ffi::{Args, Method, Own, Params, Property, PyRes, Raised, TypeBuilder, call};
use crate::names;

static INIT: Params<1> = Params {
    function: "CrossQueue",
    names: [&names::MAXSIZE],
    positional: 1,
    required: 0,
};

fn init(py: Python<'_>, this: &Own<CrossQueue>, args: Args<'_>) -> PyRes<()> {
    let [maxsize] = args.bind(py, &INIT)?;
    let limit = match maxsize {
        None => 0,
        Some(maxsize) => call::small_int(maxsize).ok_or_else(|| {
            Raised::new::<PyTypeError>(py, "CrossQueue: maxsize must be an integer of 62 bits")
        })?,
    };
    this.lock().limit = usize::try_from(limit).ok().filter(|limit| *limit > 0);
    Ok(())
}

static PUT: Params<1> = Params::one("put", &names::ITEM);

fn put(py: Python<'_>, this: &Own<CrossQueue>, args: Args<'_>) -> PyRes {
    let item = args.bind_one(py, &PUT)?;
    Ok(awaitable::new(py, Put::new(this, item))?.into_any())
}

static PUT_NOWAIT: Params<1> = Params::one("put_nowait", &names::ITEM);

fn put_nowait(py: Python<'_>, this: &Own<CrossQueue>, args: Args<'_>) -> PyRes<()> {
    let item = args.bind_one(py, &PUT_NOWAIT)?;
    CrossQueue::try_put(py, this, item.clone())
        .map_err(|(_item, refused)| refusal(py, Side::Putters, refused))
}

fn get_nowait(py: Python<'_>, this: &Own<CrossQueue>) -> PyRes {
    CrossQueue::try_get(py, this).map_err(|refused| refusal(py, Side::Getters, refused))
}

fn task_done(py: Python<'_>, this: &Own<CrossQueue>) -> PyRes<()> {
    if CrossQueue::task_done(py, this) {
        return Ok(());
    }
    let text = "task_done() called too many times";
    Err(Raised::new::<PyValueError>(py, text))
}

static SHUTDOWN: Params<1> = Params {
    function: "shutdown",
    names: [&names::IMMEDIATE],
    positional: 1,
    required: 0,
};

fn shutdown(py: Python<'_>, this: &Own<CrossQueue>, args: Args<'_>) -> PyRes<()> {
    let [immediate] = args.bind(py, &SHUTDOWN)?;
    let immediate = immediate.map_or(Ok(false), |immediate| call::truth(py, immediate))?;
    CrossQueue::shut_down(py, this, immediate);
    Ok(())
}

fn repr(py: Python<'_>, this: &Own<CrossQueue>) -> Own {
    let state = this.lock();
    let mut shown = format!(
        "<CrossQueue at {:#x} maxsize={} items={}",
        this.as_any().as_ptr() as usize,
        state.limit.unwrap_or(0),
        state.items.len(),
    );
    let counts = [
        ("_getters", state.getters.len() as u64),
        ("_putters", state.putters.len() as u64),
    ];
    for (name, count) in counts.into_iter().filter(|(_, count)| *count > 0) {
        shown.push_str(&format!(" {name}[{count}]"));
    }
    if state.unfinished > 0 {
        shown.push_str(&format!(" tasks={}", state.unfinished));
    }
    if state.is_shut_down {
        shown.push_str(" shutdown");
    }
    drop(state);
    shown.push('>');
    Own::str(py, &shown)
}

fn methods() -> Vec<Method<CrossQueue>> {
    vec![
        Method::args(
            c"put",
            c"put($self, /, item)\n--\n\nPut an item in, waiting for room; a coroutine. Raises QueueShutDown.",
            put,
        ),
        Method::noargs(
            c"get",
            c"get($self, /)\n--\n\nRemove and return the first item, waiting for one; a coroutine. Raises QueueShutDown.",
            |py, this: &Own<CrossQueue>| -> PyRes {
                Ok(awaitable::new(py, Get::new(this))?.into_any())
            },
        ),
        Method::args(
            c"put_nowait",
            c"put_nowait($self, /, item)\n--\n\nPut an item in, from any thread. Raises QueueFull, QueueShutDown.",
            put_nowait,
        ),
        Method::noargs(
            c"get_nowait",
            c"get_nowait($self, /)\n--\n\nRemove and return the first item, from any thread. Raises QueueEmpty, QueueShutDown.",
            get_nowait,
        ),
        Method::noargs(
            c"join",
            c"join($self, /)\n--\n\nWait until task_done() has been called for every item that was put in; a coroutine.",
            |py, this: &Own<CrossQueue>| -> PyRes {
                Ok(awaitable::new(py, Join::new(this))?.into_any())
            },
        ),
        Method::noargs(
            c"task_done",
            c"task_done($self, /)\n--\n\nSay that what was got has been worked on. Raises ValueError if called too often.",
            task_done,
        ),
        Method::args(
            c"shutdown",
            c"shutdown($self, /, immediate=False)\n--\n\nTake no more items; put() and, once it is empty, get() raise QueueShutDown.\n\nimmediate throws away what is in it, as done.",
            shutdown,
        ),
        Method::noargs(
            c"qsize",
            c"qsize($self, /)\n--\n\nHow many items are in it; another thread may change that at once.",
            |py, this: &Own<CrossQueue>| Own::int(py, this.lock().items.len() as i64),
        ),
        Method::noargs(
            c"empty",
            c"empty($self, /)\n--\n\nAre there no items?",
            |_, this: &Own<CrossQueue>| this.lock().items.is_empty(),
        ),
        Method::noargs(
            c"full",
            c"full($self, /)\n--\n\nAre there maxsize items?",
            |_, this: &Own<CrossQueue>| this.lock().is_full(),
        ),
        Method::class_getitem(),
    ]
}

/// Makes the types.
pub(in crate::sync) fn make_type(py: Python<'_>) -> PyRes {
    awaitable::make_type::<Get>(py)?;
    awaitable::make_type::<Put>(py)?;
    awaitable::make_type::<Join>(py)?;
    wake::make_type(py)?;
    TypeBuilder::<CrossQueue>::new()
        .methods(methods())
        .properties([Property::get(c"maxsize", |py, this: &Own<CrossQueue>| {
            let limit = this.lock().limit;
            Own::int(py, limit.unwrap_or(0) as i64)
        })])
        .init(init)
        .repr(repr)
        .build(py)
}
