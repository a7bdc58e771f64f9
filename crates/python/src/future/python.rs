//! What Python sees of a future.

use pyo3::exceptions::{PyAttributeError, PyValueError};
use pyo3::prelude::*;

use super::{Field, Future, FutureIter, State, init, iter, show_callbacks};
use crate::ffi::{
    Args, Class, Immortal, Method, Name, Own, Params, Property, PyRes, Raised, TypeBuilder, call,
    context, snapshot,
};
use crate::names;

/// `_PENDING`, `_CANCELLED`, `_FINISHED` of asyncio.
fn state_name(py: Python<'_>, this: &Own<Future>) -> Own {
    let name: &'static Name = match this.state() {
        State::Pending => &names::PENDING,
        State::Cancelled => &names::STATE_CANCELLED,
        State::Finished => &names::FINISHED,
    };
    name.get(py).clone()
}

/// asyncio's own. Found with the types: a future that outlives the program is reported when nothing can be imported any more.
fn stock_repr(py: Python<'_>) -> PyRes<&'static Own> {
    static REPR: Immortal = Immortal::empty();
    REPR.import(py, "asyncio.base_futures", "_future_repr")
}

fn repr(py: Python<'_>, this: &Own<Future>) -> PyRes {
    call::call1(py, stock_repr(py)?, this.as_any())
}

/// The `context=` of a call, or a copy of the current one.
pub fn context_or_copy(py: Python<'_>, given: Option<&Own>) -> PyRes {
    match given.filter(|context| !context.is_none()) {
        Some(context) => Ok(context.clone()),
        None => context::copy_current(py),
    }
}

static ADD_DONE_CALLBACK: Params<2> = Params {
    function: "add_done_callback",
    names: [&names::FN, &names::CONTEXT],
    positional: 1,
    required: 1,
};

fn add_done_callback(py: Python<'_>, this: &Own<Future>, args: Args<'_>) -> PyRes<()> {
    let [func, context] = args.bind(py, &ADD_DONE_CALLBACK)?;
    this.check_initialised(py)?;
    let func = func.expect("bind checks what is required").clone();
    let context = match context.filter(|context| !context.is_none()) {
        Some(context) => context.clone(),
        None => snapshot::capture(py)?,
    };
    Future::add_callback(py, this, func, context)
}

static CANCEL: Params<1> = Params {
    function: "cancel",
    names: [&names::MSG],
    positional: 1,
    required: 0,
};

/// The `msg` of `cancel(msg=None)`.
pub fn cancel_argument(py: Python<'_>, args: Args<'_>) -> PyRes<Option<Own>> {
    let [message] = args.bind(py, &CANCEL)?;
    Ok(message.filter(|message| !message.is_none()).cloned())
}

fn cancel(py: Python<'_>, this: &Own<Future>, args: Args<'_>) -> PyRes<bool> {
    Future::cancel(py, this, cancel_argument(py, args)?)
}

fn deleted(py: Python<'_>) -> Raised {
    Raised::new::<PyAttributeError>(py, "cannot delete attribute")
}

fn set_blocking(py: Python<'_>, this: &Own<Future>, value: Option<&Own>) -> PyRes<()> {
    this.check_initialised(py)?;
    let value = value.ok_or_else(|| deleted(py))?;
    this.blocking.set(call::truth(py, value)?);
    Ok(())
}

fn set_log_traceback(py: Python<'_>, this: &Own<Future>, value: Option<&Own>) -> PyRes<()> {
    let value = value.ok_or_else(|| deleted(py))?;
    if call::truth(py, value)? {
        let text = "_log_traceback can only be set to False";
        return Err(Raised::new::<PyValueError>(py, text));
    }
    this.log_traceback.set(false);
    Ok(())
}

fn set_cancel_message(py: Python<'_>, this: &Own<Future>, value: Option<&Own>) -> PyRes<()> {
    let value = value.ok_or_else(|| deleted(py))?;
    this.rare.set(Field::CancelMessage, Some(value.clone()));
    Ok(())
}

fn iterate(py: Python<'_>, this: &Own<Future>) -> PyRes<Own<FutureIter>> {
    this.check_initialised(py)?;
    FutureIter::new(py, this)
}

fn methods() -> Vec<Method<Future>> {
    vec![
        Method::noargs(
            c"result",
            c"result($self, /)\n--\n\nThe result; raises the exception, CancelledError or InvalidStateError.",
            Future::result,
        ),
        Method::noargs(
            c"exception",
            c"exception($self, /)\n--\n\nThe exception or None; raises CancelledError or InvalidStateError.",
            Future::exception,
        ),
        Method::one(
            c"set_result",
            c"set_result($self, result, /)\n--\n\nMark done with a result.",
            |py, this: &Own<Future>, value: &Own| Future::set_result(py, this, value.clone()),
        ),
        Method::one(
            c"set_exception",
            c"set_exception($self, exception, /)\n--\n\nMark done with an exception.",
            |py, this: &Own<Future>, value: &Own| Future::set_exception(py, this, value.clone()),
        ),
        Method::args(
            c"add_done_callback",
            c"add_done_callback($self, fn, /, *, context=<unrepresentable>)\n--\n\nCall fn(future) through the loop when done.",
            add_done_callback,
        ),
        Method::one(
            c"remove_done_callback",
            c"remove_done_callback($self, fn, /)\n--\n\nRemove every callback equal to fn; how many.",
            |py, this: &Own<Future>, func: &Own| -> PyRes<i64> {
                this.check_initialised(py)?;
                Future::remove_callback(py, this, func)
            },
        ),
        Method::args(
            c"cancel",
            c"cancel($self, /, msg=None)\n--\n\nCancel; False if done already.",
            cancel,
        ),
        Method::noargs(
            c"cancelled",
            c"cancelled($self, /)\n--\n\nHas it been cancelled?",
            |_, this: &Own<Future>| this.is_cancelled(),
        ),
        Method::noargs(
            c"done",
            c"done($self, /)\n--\n\nIs it finished or cancelled?",
            |_, this: &Own<Future>| this.is_done(),
        ),
        Method::noargs(
            c"get_loop",
            c"get_loop($self, /)\n--\n\nThe loop it belongs to.",
            |py, this: &Own<Future>| this.loop_object(py),
        ),
        Method::noargs(
            c"_make_cancelled_error",
            c"_make_cancelled_error($self, /)\n--\n\nThe CancelledError to raise.",
            |py, this: &Own<Future>| this.make_cancelled_error(py),
        ),
        Method::class_getitem(),
    ]
}

fn properties() -> Vec<Property<Future>> {
    let mut properties = vec![
        Property::get(c"_state", |py, this: &Own<Future>| state_name(py, this)),
        Property::get(c"_asyncio_future_blocking", |_, this: &Own<Future>| {
            this.blocking.get()
        })
        .set(set_blocking),
        Property::get(c"_loop", |_, this: &Own<Future>| {
            this.engine
                .get()
                .map(Own::into_any)
                .or_else(|| this.rare.get(Field::Foreign))
        }),
        Property::get(c"_callbacks", show_callbacks),
        Property::get(c"_result", |_, this: &Own<Future>| this.result.get()),
        Property::get(c"_exception", |_, this: &Own<Future>| {
            this.rare.get(Field::Exception)
        }),
        Property::get(c"_log_traceback", |_, this: &Own<Future>| {
            this.log_traceback.get()
        })
        .set(set_log_traceback),
        Property::get(c"_source_traceback", |_, this: &Own<Future>| {
            this.rare.get(Field::SourceTraceback)
        }),
        Property::get(c"_cancel_message", |_, this: &Own<Future>| {
            this.rare.get(Field::CancelMessage)
        })
        .set(set_cancel_message),
    ];
    if cfg!(Py_3_14) {
        let awaited_by = Property::get(c"_asyncio_awaited_by", Future::awaiters);
        properties.push(awaited_by);
    }
    properties
}

/// Makes the types.
pub fn make_types(py: Python<'_>) -> PyRes<()> {
    stock_repr(py)?;
    iter::make_type(py)?;
    TypeBuilder::<Future>::new()
        .init(init)
        .repr(repr)
        .iter_and_await(iterate)
        .methods(methods())
        .docs_of(py, "_asyncio", "Future")?
        .properties(properties())
        .properties([Property::get(c"__class__", |py, this: &Own<Future>| {
            class_of(py, this.as_any(), this.is_exact())
        })])
        .subclassable()
        .build(py)?;
    debug_assert!(!Future::slot().type_object(py).is_none());
    Ok(())
}

/// asyncio's class for our own type; a subclass made in Python is what it says.
fn class_of(py: Python<'_>, this: &Own, exact: bool) -> PyRes {
    static FUTURE: Immortal = Immortal::empty();
    if exact {
        return FUTURE.import(py, "asyncio.futures", "Future").cloned();
    }
    Ok(Own::from(this.type_object(py).into_any()))
}
