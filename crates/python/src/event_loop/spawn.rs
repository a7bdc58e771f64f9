//! `create_task`, `create_future`, task factories.

use pyo3::exceptions::PyTypeError;
use pyo3::prelude::*;

use super::Loop;
use crate::engine::Engine;
use crate::ffi::{Args, Immortal, Name, Own, Params, PyRes, Raised, call};
use crate::future::Future;
use crate::names;
use crate::task::Task;

static CREATE_TASK: Params<4> = Params {
    function: "create_task",
    names: [
        &names::CORO,
        &names::NAME,
        &names::CONTEXT,
        &names::EAGER_START,
    ],
    positional: 1,
    required: 1,
};

/// What the running version's own `create_task` does with keyword arguments; it changed within 3.13.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
struct Dialect {
    /// `create_task(coro, **kwargs)`: everything goes to the factory as it came (3.13.3, 3.14).
    forwards_all: bool,
    /// Does `Task` take `eager_start` and `create_task` with it?
    eager_start: bool,
}

fn dialect(py: Python<'_>) -> PyRes<Dialect> {
    static DIALECT: std::sync::OnceLock<Dialect> = std::sync::OnceLock::new();
    if let Some(dialect) = DIALECT.get() {
        return Ok(*dialect);
    }
    let code = py
        .import("asyncio")?
        .getattr("BaseEventLoop")?
        .getattr("create_task")?
        .getattr("__code__")?;
    const CO_VARKEYWORDS: u32 = 8;
    let forwards_all = code.getattr("co_flags")?.extract::<u32>()? & CO_VARKEYWORDS != 0;
    let names = code.getattr("co_varnames")?.extract::<Vec<String>>()?;
    let eager_start = forwards_all || names.iter().any(|name| name == "eager_start");
    Ok(*DIALECT.get_or_init(|| Dialect {
        forwards_all,
        eager_start,
    }))
}

fn given(value: Option<&Own>) -> Option<&Own> {
    value.filter(|value| !value.is_none())
}

pub(super) fn create_task(py: Python<'_>, this: &Own<Loop>, args: Args<'_>) -> PyRes {
    let [coro, name, context, eager] = args.bind(py, &CREATE_TASK)?;
    let coro = coro.expect("bind checks what is required");
    this.check_open(py)?;
    if eager.is_some() && !dialect(py)?.eager_start {
        let text = "create_task() got an unexpected keyword argument 'eager_start'";
        return Err(Raised::new::<PyTypeError>(py, text));
    }
    match this.task_factory.get() {
        Some(factory) if !this.eager_factory.get() => {
            let task = by_factory(py, this, &factory, coro, [name, context, eager])?;
            if this.keeps_tasks() && task.cast::<Task>().is_none() {
                this.keep_foreign_task(py, &task)?;
            }
            Ok(task)
        }
        _ => {
            let eager = match given(eager) {
                Some(eager) => call::truth(py, eager)?,
                None => this.eager_factory.get(),
            };
            let engine = this.base::<Engine>();
            Task::create(py, engine, coro, given(name), given(context), eager).map(Own::into_any)
        }
    }
}

/// Calls the factory with what the running version's stock loop forwards.
fn by_factory(
    py: Python<'_>,
    this: &Own<Loop>,
    factory: &Own,
    coro: &Own,
    [name, context, eager]: [Option<&Own>; 3],
) -> PyRes {
    let args = [this.as_any().clone(), coro.clone()];
    let mut kwargs: Vec<(&'static Name, Own)> = Vec::new();
    if dialect(py)?.forwards_all {
        let all = [
            (&names::NAME, name),
            (&names::CONTEXT, context),
            (&names::EAGER_START, eager),
        ];
        kwargs.extend(
            all.into_iter()
                .filter_map(|(key, value)| Some((key, value?.clone()))),
        );
        return call::call_with(py, factory, &args, &kwargs);
    }
    kwargs.extend(given(context).map(|context| (&names::CONTEXT, context.clone())));
    let task = call::call_with(py, factory, &args, &kwargs)?;
    set_name(py, &task, name)?;
    Ok(task)
}

/// Until 3.13.2 the loop names the factory's task itself, and tolerates one that cannot be named only before 3.13.
fn set_name(py: Python<'_>, task: &Own, name: Option<&Own>) -> PyRes<()> {
    let none = Own::none(py);
    if cfg!(Py_3_13) {
        return call::method(py, task, &names::SET_NAME, &[name.unwrap_or(&none)]).map(drop);
    }
    let Some(name) = given(name) else {
        return Ok(());
    };
    match call::optional_attribute(py, task, &names::SET_NAME)? {
        Some(set_name) => call::call1(py, &set_name, name).map(drop),
        None => {
            let text = "Task.set_name() was added in Python 3.8, the method support will be mandatory \
                        for third-party task implementations since 3.13.";
            let category = py.get_type::<pyo3::exceptions::PyDeprecationWarning>();
            py.import("warnings")?
                .getattr("warn")?
                .call1((text, category, 3))?;
            Ok(())
        }
    }
}

pub(super) fn create_future(py: Python<'_>, this: &Own<Loop>) -> PyRes<Own<Future>> {
    Future::new_pending(py, this.base())
}

static SET_FACTORY: Params<1> = Params::one("set_task_factory", &names::FACTORY);

pub(super) fn set_task_factory(py: Python<'_>, this: &Own<Loop>, args: Args<'_>) -> PyRes<()> {
    let factory = args.bind_one(py, &SET_FACTORY)?;
    if factory.is_none() {
        this.eager_factory.set(false);
        this.task_factory.set(None);
        return Ok(());
    }
    if !call::is_callable(factory) {
        return Err(Raised::new::<PyTypeError>(
            py,
            "task factory must be a callable or None",
        ));
    }
    this.eager_factory
        .set(stock_eager_factory(py)?.is_some_and(|eager| eager.is(factory)));
    this.task_factory.set(Some(factory.clone()));
    Ok(())
}

/// `asyncio.eager_task_factory` (3.12+), recognised by identity: our loop answers it with our own tasks.
fn stock_eager_factory(py: Python<'_>) -> PyRes<Option<&'static Own>> {
    static EAGER: Immortal = Immortal::empty();
    if !cfg!(Py_3_12) {
        return Ok(None);
    }
    EAGER
        .import(py, "asyncio.tasks", "eager_task_factory")
        .map(Some)
}
