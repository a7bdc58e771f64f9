//! What Python sees of a task.

use pyo3::exceptions::{PyAttributeError, PyRuntimeError, PyTypeError};
use pyo3::prelude::*;

use super::{Named, Task, arguments, cancel, eager, functions};
use crate::ffi::{
    Args, Class, Immortal, Method, Own, Params, Property, PyRes, Raised, TypeBuilder, call,
};
use crate::future::{Future, cancel_argument, context_or_copy, set_wakeup_of};
use crate::names;

static INIT: Params<5> = Params {
    function: "Task",
    names: [
        &names::CORO,
        &names::LOOP,
        &names::NAME,
        &names::CONTEXT,
        &names::EAGER_START,
    ],
    positional: 1,
    required: 1,
};

fn init(py: Python<'_>, this: &Own<Task>, args: Args<'_>) -> PyRes<()> {
    let [coro, loop_, name, context, eager_start] = args.bind(py, &INIT)?;
    let coro = coro.expect("bind checks what is required");
    if eager_start.is_some() && !cfg!(Py_3_12) {
        let text = "Task() got an unexpected keyword argument 'eager_start'";
        return Err(Raised::new::<PyTypeError>(py, text));
    }
    this.check_uninitialised(py, this.as_any())?;
    arguments::check_context(py, context)?;
    this.unlist();
    this.initialise(py, loop_)?;
    if let Err(error) = arguments::check_coroutine(py, coro) {
        // Half-made: nothing to complain about when it dies.
        this.log_destroy_pending.set(false);
        return Err(error);
    }
    this.fut_waiter.set(None);
    this.must_cancel.set(false);
    this.log_destroy_pending.set(true);
    this.cancel_requests.set(0);
    this.coro.set(Some(coro.clone()));
    this.context.set(Some(context_or_copy(py, context)?));
    this.take_name(Named::new(py, name)?);
    let eager_start = eager_start.map_or(Ok(false), |eager| call::truth(py, eager))?;
    Task::start(py, this, eager_start)
}

fn get_name(py: Python<'_>, this: &Own<Task>) -> PyRes {
    if let Some(name) = this.name.get() {
        return Ok(name);
    }
    let name = Own::str(py, &format!("Task-{}", this.number.get()));
    this.name.set(Some(name.clone()));
    Ok(name)
}

fn base_tasks(py: Python<'_>, name: &str) -> PyRes {
    Ok(Own::from(py.import("asyncio.base_tasks")?.getattr(name)?))
}

/// asyncio's own; as that of a future, found with the types.
fn stock_repr(py: Python<'_>) -> PyRes<&'static Own> {
    static REPR: Immortal = Immortal::empty();
    REPR.get_or_init(py, || base_tasks(py, "_task_repr"))
}

fn repr(py: Python<'_>, this: &Own<Task>) -> PyRes {
    call::call1(py, stock_repr(py)?, this.as_any())
}

static GET_STACK: Params<1> = Params {
    function: "get_stack",
    names: [&names::LIMIT],
    positional: 0,
    required: 0,
};

fn get_stack(py: Python<'_>, this: &Own<Task>, args: Args<'_>) -> PyRes {
    let [limit] = args.bind(py, &GET_STACK)?;
    let limit = limit.cloned().unwrap_or_else(|| Own::none(py));
    call::call(
        py,
        &base_tasks(py, "_task_get_stack")?,
        &[this.as_any().clone(), limit],
    )
}

static PRINT_STACK: Params<2> = Params {
    function: "print_stack",
    names: [&names::LIMIT, &names::FILE],
    positional: 0,
    required: 0,
};

fn print_stack(py: Python<'_>, this: &Own<Task>, args: Args<'_>) -> PyRes {
    let [limit, file] = args.bind(py, &PRINT_STACK)?;
    let or_none = |value: Option<&Own>| value.cloned().unwrap_or_else(|| Own::none(py));
    let arguments = [this.as_any().clone(), or_none(limit), or_none(file)];
    call::call(py, &base_tasks(py, "_task_print_stack")?, &arguments)
}

fn refuse(py: Python<'_>, operation: &str) -> PyRes<()> {
    let text = format!("Task does not support {operation} operation");
    Err(Raised::new::<PyRuntimeError>(py, text))
}

fn cancel_method(py: Python<'_>, this: &Own<Task>, args: Args<'_>) -> PyRes<bool> {
    cancel::cancel(py, this, cancel_argument(py, args)?)
}

fn methods() -> Vec<Method<Task>> {
    vec![
        Method::noargs(c"get_coro", c"get_coro($self, /)\n--\n\nThe coroutine.", |_, this: &Own<Task>| {
            this.coro.get()
        }),
        Method::noargs(
            c"get_context",
            c"get_context($self, /)\n--\n\nThe contextvars.Context it runs in.",
            |py, this: &Own<Task>| this.context(py),
        ),
        Method::noargs(c"get_name", c"get_name($self, /)\n--\n\nIts name.", get_name),
        Method::one(
            c"set_name",
            c"set_name($self, value, /)\n--\n\nName it; the value is converted to str.",
            |py, this: &Own<Task>, name: &Own| -> PyRes<()> {
                this.name.set(Some(arguments::name_text(py, name)?));
                Ok(())
            },
        ),
        Method::args(
            c"cancel",
            c"cancel($self, /, msg=None)\n--\n\nThrow CancelledError into the coroutine at its next step; False if done.",
            cancel_method,
        ),
        Method::noargs(
            c"cancelling",
            c"cancelling($self, /)\n--\n\nHow many cancel() calls have not been taken back.",
            |_, this: &Own<Task>| this.cancel_requests.get(),
        ),
        Method::noargs(
            c"uncancel",
            c"uncancel($self, /)\n--\n\nTake one cancel() back; how many are left.",
            cancel::uncancel,
        ),
        Method::args(
            c"get_stack",
            c"get_stack($self, /, *, limit=None)\n--\n\nThe frames it is suspended in.",
            get_stack,
        ),
        Method::args(
            c"print_stack",
            c"print_stack($self, /, *, limit=None, file=None)\n--\n\nPrint the stack or the exception's traceback.",
            print_stack,
        ),
        Method::one(
            c"set_result",
            c"set_result($self, result, /)\n--\n\nRaises RuntimeError: the coroutine sets the result.",
            |py, _: &Own<Task>, _: &Own| refuse(py, "set_result"),
        ),
        Method::one(
            c"set_exception",
            c"set_exception($self, exception, /)\n--\n\nRaises RuntimeError: the coroutine sets the exception.",
            |py, _: &Own<Task>, _: &Own| refuse(py, "set_exception"),
        ),
        Method::class_getitem(),
    ]
}

fn set_log_destroy_pending(py: Python<'_>, this: &Own<Task>, value: Option<&Own>) -> PyRes<()> {
    let Some(value) = value else {
        let text = "cannot delete attribute";
        return Err(Raised::new::<PyAttributeError>(py, text));
    };
    this.log_destroy_pending.set(call::truth(py, value)?);
    Ok(())
}

fn class_of(py: Python<'_>, this: &Own<Task>) -> PyRes {
    static TASK: Immortal = Immortal::empty();
    if this.is_exact() {
        return TASK.import(py, "asyncio.tasks", "Task").cloned();
    }
    Ok(Own::from(this.as_any().type_object(py).into_any()))
}

fn properties() -> Vec<Property<Task>> {
    vec![
        Property::get(c"_log_destroy_pending", |_, this: &Own<Task>| {
            this.log_destroy_pending.get()
        })
        .set(set_log_destroy_pending),
        Property::get(c"_must_cancel", |_, this: &Own<Task>| {
            this.must_cancel.get()
        }),
        Property::get(c"_coro", |_, this: &Own<Task>| this.coro.get()),
        Property::get(c"_fut_waiter", |_, this: &Own<Task>| this.fut_waiter.get()),
        Property::get(c"_num_cancels_requested", |_, this: &Own<Task>| {
            this.cancel_requests.get()
        }),
        Property::get(c"__class__", class_of),
    ]
}

/// Makes the type.
pub fn make_types(py: Python<'_>) -> PyRes<()> {
    stock_repr(py)?;
    set_wakeup_of(functions::wakeup_of);
    functions::set_entrances(functions::Entrances {
        step: eager::foreign_step,
        wakeup: eager::foreign_wakeup,
    });
    TypeBuilder::<Task>::new()
        .base(Future::slot(), py)
        .init(init)
        .repr(repr)
        .methods(methods())
        .docs_of(py, "_asyncio", "Task")?
        .properties(properties())
        .subclassable()
        .build(py)
        .map(drop)
}
