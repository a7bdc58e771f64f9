//! What Python sees of a native coroutine.

use std::sync::Mutex;

use pyo3::exceptions::PyRuntimeError;
use pyo3::prelude::*;

use super::{Awaitable, Coroutine, drive};
use crate::ffi::{
    Args, Immortal, Method, Own, Property, PyRes, Raised, TypeBuilder, coroutine, exception,
};

/// `warnings._warn_unawaited_coroutine`, which CPython calls for its own; a plain warning where the interpreter shuts down and has
/// no such module any more.
#[cold]
pub(super) fn warn_never_awaited<S: Awaitable>(
    py: Python<'_>,
    this: &Own<Coroutine<S>>,
) -> PyRes<()> {
    let warnings = py.import("warnings");
    let warn = warnings.and_then(|module| module.getattr("_warn_unawaited_coroutine"));
    let warn = warn.ok().filter(|warn| warn.is_callable());
    match warn {
        Some(warn) => warn.call1((this.as_any().bound(py),)).map(drop)?,
        None => {
            let text = format!("coroutine '{}' was never awaited", this.qualname());
            exception::runtime_warning(py, &text)?;
        }
    }
    Ok(())
}

/// `cr_origin` of one made now: nothing, unless a loop in debug mode has asked for it.
#[inline]
pub(super) fn origin(py: Python<'_>) -> PyRes<Option<Own>> {
    if coroutine::are_origins_tracked() {
        coroutine::origin(py)
    } else {
        Ok(None)
    }
}

fn awaited<S: Awaitable>(py: Python<'_>, this: &Own<Coroutine<S>>) -> PyRes<Own<Coroutine<S>>> {
    if this.is_suspended() {
        let text = "coroutine is being awaited already";
        return Err(Raised::new::<PyRuntimeError>(py, text));
    }
    Ok(this.clone())
}

fn send<S: Awaitable>(py: Python<'_>, this: &Own<Coroutine<S>>, value: &Own) -> PyRes {
    drive::send(py, this, value)?.into_send(py)
}

fn throw<S: Awaitable>(py: Python<'_>, this: &Own<Coroutine<S>>, args: Args<'_>) -> PyRes {
    let error = exception::thrown(py, args)?;
    drive::throw(py, this, error)?.into_send(py)
}

fn repr<S: Awaitable>(py: Python<'_>, this: &Own<Coroutine<S>>) -> Own {
    let text = format!(
        "<coroutine object {} at {:p}>",
        this.qualname(),
        this.as_ptr()
    );
    Own::str(py, &text)
}

/// `types.CoroutineType`, so that `inspect.iscoroutine` and the like hold: they ask `__class__` when the type says no.
fn class_of(py: Python<'_>) -> PyRes {
    static COROUTINE: Immortal = Immortal::empty();
    let class = COROUTINE.import(py, "types", "CoroutineType")?;
    Ok(class.clone())
}

fn methods<S: Awaitable>() -> [Method<Coroutine<S>>; 3] {
    [
        Method::one(
            c"send",
            c"send($self, value, /)\n--\n\nResume; what it yields. Raises StopIteration with its result.",
            send::<S>,
        ),
        Method::args(
            c"throw",
            c"throw($self, type, value=None, traceback=None, /)\n--\n\nRaise where it waits.",
            throw::<S>,
        ),
        Method::noargs(
            c"close",
            c"close($self, /)\n--\n\nRaise GeneratorExit where it waits.",
            drive::close::<S>,
        ),
    ]
}

fn properties<S: Awaitable>() -> [Property<Coroutine<S>>; 9] {
    [
        Property::get(c"__name__", |py, this: &Own<Coroutine<S>>| {
            let (_, name) = this
                .qualname()
                .rsplit_once('.')
                .unwrap_or(("", this.qualname()));
            Own::str(py, name)
        }),
        Property::get(c"__qualname__", |py, this: &Own<Coroutine<S>>| {
            Own::str(py, this.qualname())
        }),
        Property::get(c"__class__", |py, _: &Own<Coroutine<S>>| class_of(py)),
        Property::get(c"cr_await", |_, this: &Own<Coroutine<S>>| {
            this.waits_for.get()
        }),
        Property::get(c"cr_running", |_, this: &Own<Coroutine<S>>| {
            this.is_running()
        }),
        Property::get(c"cr_suspended", |_, this: &Own<Coroutine<S>>| {
            this.is_suspended()
        }),
        // It has neither; None is what a coroutine without a frame answers.
        Property::get(c"cr_frame", |_, _: &Own<Coroutine<S>>| ()),
        Property::get(c"cr_code", |_, _: &Own<Coroutine<S>>| ()),
        Property::get(c"cr_origin", |_, this: &Own<Coroutine<S>>| {
            this.origin.get()
        }),
    ]
}

/// The types of all kinds that there are.
static TYPES: Mutex<Vec<usize>> = Mutex::new(Vec::new());

/// Is it of one of the kinds that there are?
pub(super) fn is_one(object: &Own) -> bool {
    let class = object.class_address();
    TYPES.lock().is_ok_and(|types| types.contains(&class))
}

/// Makes the type of one kind. `issubclass` of `collections.abc.Coroutine` holds by its methods.
pub fn make_type<S: Awaitable>(py: Python<'_>) -> PyRes<()> {
    // `yield from` in a generator of the time before `async def` asks for an iterator, `await` for an awaitable.
    TypeBuilder::<Coroutine<S>>::new()
        .iter_and_await(awaited::<S>)
        .resumed_by(drive::send::<S>)
        .repr(repr::<S>)
        .methods(methods::<S>())
        .properties(properties::<S>())
        .build(py)
        .map(|class| {
            if let Ok(mut types) = TYPES.lock() {
                types.push(class.as_ptr() as usize);
            }
        })
}
