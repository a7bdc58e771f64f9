//! ROOM    floor 1: `Handle`, `TimerHandle`, `ThreadSafeHandle`, one scheduled call each
//! KNOWS   ffi, names                    NEVER   the loop that will run them
//! IN      callback, arguments, context  OUT     the call's error, for the loop to report
//! PROOF   tests/behaviour/loop/test_handles_look_like_asyncios.py
//! START   `Handle::run_once`
//!
//! A `Handle` is not followed by the cycle collector: tracking would cost `call_soon` a fifth of its speed. Instead it lets
//! go of callback and arguments when it has run or is cancelled, so a kept handle closes no cycle. While it waits it
//! stands in the loop's queue, which the loop shows to the collector.

mod shared;
mod timer;

use std::cell::Cell;
use std::ffi::CStr;

use pyo3::prelude::*;
use pyo3::types::PyDict;

use crate::ffi::{
    Class, Method, Own, Property, PyRes, Recycled, Slot, TypeBuilder, TypeSlot, Visit,
    WithWeakrefs, call, context, exception, runtime, snapshot,
};
use crate::names;

pub use shared::new_shared;
pub use timer::TimerHandle;

/// What stands in `Handle::args`: most calls have no argument or one, which need no tuple.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Arity {
    None,
    One,
    Tuple,
    /// The object that the callback is a method of, not bound to it before somebody looks.
    Object,
}

/// One scheduled call.
#[derive(Debug)]
#[repr(C)]
pub struct Handle {
    callback: Slot,
    args: Slot,
    arity: Cell<Arity>,
    cancelled: Cell<bool>,
    /// Is it a `ThreadSafeHandle`?
    is_shared: Cell<bool>,
    /// A `Context`, or what one is made of when the call runs (`ffi::snapshot`).
    context: Slot,
    owner: Slot,
    /// Where it was made; debug mode only.
    pub source_traceback: Slot,
}

static HANDLE: TypeSlot = TypeSlot::new();

impl Class for Handle {
    const NAME: &'static CStr = c"ferrio.Handle";
    const DOC: &'static CStr = c"Object returned by callback registration methods.";
    type Head = WithWeakrefs;
    const GC: bool = false;
    const RECYCLED: Option<Recycled> = Some(Recycled::pool(3));

    fn slot() -> &'static TypeSlot {
        &HANDLE
    }
}

/// A call as a handle keeps it.
#[derive(Debug)]
pub struct Call {
    callback: Own,
    args: Option<Own>,
    arity: Arity,
    context: Own,
}

impl Call {
    /// `callback(*args)` in `context` (default: a copy of the current one).
    #[inline(always)]
    pub fn new(py: Python<'_>, callback: Own, args: &[Own], context: Option<Own>) -> PyRes<Self> {
        let (args, arity) = match args {
            [] => (None, Arity::None),
            [one] => (Some(one.clone()), Arity::One),
            many => (Some(Own::tuple(py, many)?), Arity::Tuple),
        };
        let context = match context {
            Some(context) => context,
            None => snapshot::capture(py)?,
        };
        Ok(Self {
            callback,
            args,
            arity,
            context,
        })
    }

    /// `method(object)`; who looks at the handle finds `object.method`.
    #[inline]
    pub fn of_method(py: Python<'_>, method: &Own, object: Own) -> PyRes<Self> {
        Ok(Self {
            callback: method.clone(),
            args: Some(object),
            arity: Arity::Object,
            context: snapshot::capture(py)?,
        })
    }
}

impl Handle {
    #[inline(always)]
    fn around(owner: &Own, call: Call) -> Self {
        Self {
            callback: Slot::new(Some(call.callback)),
            args: Slot::new(call.args),
            arity: Cell::new(call.arity),
            cancelled: Cell::new(false),
            is_shared: Cell::new(false),
            context: Slot::new(Some(call.context)),
            owner: Slot::new(Some(owner.clone())),
            source_traceback: Slot::empty(),
        }
    }

    /// A call of `callback(*args)` in `context` (default: a copy of the current one) for the loop `owner`.
    #[inline]
    pub fn new(
        py: Python<'_>,
        owner: &Own,
        callback: Own,
        args: &[Own],
        context: Option<Own>,
    ) -> PyRes<Own<Self>> {
        let call = Call::new(py, callback, args, context)?;
        Own::make(py, || Self::around(owner, call))
    }

    /// Has it been cancelled?
    #[inline]
    pub fn is_cancelled(&self) -> bool {
        self.cancelled.get()
    }

    /// Will it call `callback(argument)`?
    pub fn calls(&self, callback: &Own, argument: &Own) -> bool {
        let is = |slot: &Slot, object: &Own| {
            slot.peek(|found| found.is_some_and(|found| found.as_ptr() == object.as_ptr()))
        };
        self.arity.get() == Arity::One && is(&self.callback, callback) && is(&self.args, argument)
    }

    /// Lets go of the call without marking it cancelled.
    pub fn release(&self) {
        let _callback = self.callback.take();
        let _args = self.args.take();
        // A context variable may hold the object that keeps this handle.
        let _context = self.context.take();
        self.arity.set(Arity::None);
    }

    /// Cancels; true the first time.
    pub fn mark_cancelled(&self) -> bool {
        let first = !self.cancelled.replace(true);
        self.release();
        first
    }

    /// `cancel()`; true the first time. One made in debug mode goes on showing what it would have called.
    fn cancel(py: Python<'_>, this: &Own<Self>) -> PyRes<bool> {
        if this.source_traceback.is_empty() || this.cancelled.replace(true) {
            return Ok(this.mark_cancelled());
        }
        let shown = Own::from(this.as_any().bound(py).repr()?.into_any());
        this.release();
        // `_repr` finds it here: without a callback nobody takes it for an argument.
        this.args.set(Some(shown));
        Ok(true)
    }

    fn shown_before_cancel(&self) -> Option<Own> {
        self.args.get().filter(|_| self.callback.is_empty())
    }

    /// Runs the call for the last time: the handle lets go of it. After an error it has it again, for the report.
    #[inline]
    pub fn run_once(py: Python<'_>, this: &Own<Self>) -> PyRes<()> {
        if this.is_shared.get() {
            return shared::run_once(py, this);
        }
        Self::run_call(py, this)
    }

    #[inline]
    fn run_call(py: Python<'_>, this: &Own<Self>) -> PyRes<()> {
        if this.is_cancelled() {
            // In debug mode `cancel()` in another thread may be about to make its repr, and needs the call for it.
            return Ok(());
        }
        let Some(callback) = this.callback.take() else {
            return Ok(());
        };
        let arity = this.arity.get();
        let args = this.args.take();
        let Some(captured) = this.context.take() else {
            return Ok(());
        };
        let (context, lent) = snapshot::lend(py, captured)?;
        this.context.set(Some(context.clone()));
        let done = Self::enter(py, &context, &callback, args.as_ref(), arity);
        if done.is_err() {
            this.callback.set(Some(callback));
            this.args.set(args);
            return done.map(drop);
        }
        this.context.set(None);
        if lent {
            snapshot::give_back(py, context);
        }
        this.arity.set(Arity::None);
        Ok(())
    }

    /// Runs the call and keeps it for the next time (readers, writers). One that itself runs the loop is not called anew before
    /// it has returned: what it was called for may still be there.
    pub fn run_again(py: Python<'_>, this: &Own<Self>) -> PyRes<()> {
        let Some(callback) = this.callback.get() else {
            return Ok(());
        };
        let Some(context) = this.context_object(py)? else {
            return Ok(());
        };
        if runtime::nested_runs() > 0 && context::is_entered(py, &context) {
            return Ok(());
        }
        let args = this.args.get();
        Self::enter(py, &context, &callback, args.as_ref(), this.arity.get()).map(drop)
    }

    #[inline]
    fn enter(
        py: Python<'_>,
        context: &Own,
        callback: &Own,
        args: Option<&Own>,
        arity: Arity,
    ) -> PyRes {
        context::run(py, context, || match (args, arity) {
            (Some(one), Arity::One | Arity::Object) => call::call1(py, callback, one),
            (Some(tuple), Arity::Tuple) => {
                call::call(py, callback, tuple.tuple_items().unwrap_or(&[]))
            }
            _ => call::call0(py, callback),
        })
    }

    /// The `Context` that the call runs in: of one that waits, made now and kept. `None` once it has run.
    fn context_object(&self, py: Python<'_>) -> PyRes<Option<Own>> {
        let Some(captured) = self.context.get() else {
            return Ok(None);
        };
        let context = snapshot::whole(py, &captured)?;
        self.context.set(Some(context.clone()));
        Ok(Some(context))
    }

    /// A handle of the same call, for one more run of something that stays (signal handlers).
    pub fn copy(&self, py: Python<'_>) -> PyRes<Own<Self>> {
        Own::alloc(py, self.same_call(py)?)
    }

    fn same_call(&self, py: Python<'_>) -> PyRes<Self> {
        let context = self.context_object(py)?;
        Ok(Self {
            callback: Slot::new(self.callback.get()),
            args: Slot::new(self.args.get()),
            arity: Cell::new(self.arity.get()),
            cancelled: Cell::new(false),
            is_shared: Cell::new(false),
            context: Slot::new(context),
            owner: Slot::new(self.owner.get()),
            source_traceback: Slot::new(self.source_traceback.get()),
        })
    }

    /// Shows what a waiting handle refers to as its owner's own references (see the module's head).
    pub fn traverse_contents(&self, visit: &mut Visit) {
        visit.slot(&self.callback);
        visit.slot(&self.args);
        visit.slot(&self.context);
        visit.slot(&self.owner);
    }

    /// The callback as asyncio shows it: bound to its object.
    fn callback_object(py: Python<'_>, this: &Own<Self>) -> PyRes<Option<Own>> {
        match (this.callback.get(), this.args.get(), this.arity.get()) {
            (Some(method), Some(object), Arity::Object) => {
                call::method(py, &method, &names::DUNDER_GET, &[&object]).map(Some)
            }
            (callback, ..) => Ok(callback),
        }
    }

    /// The arguments as asyncio shows them: a tuple, `None` once cancelled or run.
    fn args_object(py: Python<'_>, this: &Own<Self>) -> PyRes<Option<Own>> {
        if this.callback.is_empty() {
            return Ok(None);
        }
        match (this.args.get(), this.arity.get()) {
            (Some(one), Arity::One) => Own::tuple(py, &[one]).map(Some),
            (Some(tuple), Arity::Tuple) => Ok(Some(tuple)),
            _ => Own::tuple(py, &[]).map(Some),
        }
    }
}

/// `cancel()` of a handle that a loop of any kind has made.
pub fn cancel_any(py: Python<'_>, handle: &Own) -> PyRes<()> {
    match handle.exact::<TimerHandle>() {
        Some(timer) => TimerHandle::cancel(py, timer),
        None => call::method(py, handle, &names::CANCEL, &[]).map(drop),
    }
}

/// `asyncio.Handle` and `asyncio.TimerHandle`, for `isinstance`.
fn asyncio_class(py: Python<'_>, name: &str) -> PyRes {
    Ok(Own::from(py.import("asyncio.events")?.getattr(name)?))
}

/// What `repr` shows between the angle brackets, computed by the function asyncio uses for its own handles.
fn repr<T: Class>(py: Python<'_>, this: &Own<T>, class: &str) -> PyRes {
    let class = asyncio_class(py, class)?;
    call::method(py, &class, &names::DUNDER_REPR, &[this.as_any()])
}

fn repr_info(py: Python<'_>, this: &Own, class: &str) -> PyRes {
    let class = asyncio_class(py, class)?;
    call::method(py, &class, &names::REPR_INFO, &[this])
}

fn handle_run(py: Python<'_>, this: &Own<Handle>) -> PyRes<()> {
    match Handle::run_once(py, this) {
        Err(error) if !error.leaves_the_loop(py) => {
            let exception = error.take(py);
            let reported = report(py, this, exception);
            this.release();
            reported
        }
        done => done,
    }
}

/// A copy for `repr`: of a timer a timer.
pub fn to_show(py: Python<'_>, handle: &Own<Handle>) -> PyRes {
    match handle.as_any().cast::<TimerHandle>() {
        Some(timer) => Ok(timer.to_show(py)?.into_any()),
        None => Ok(handle.copy(py)?.into_any()),
    }
}

/// Tells the loop's exception handler that the call raised; the text is asyncio's.
pub fn report(py: Python<'_>, this: &Own<Handle>, exception: Own) -> PyRes<()> {
    let Some(owner) = this.owner.get() else {
        return Ok(());
    };
    let helpers = py.import("asyncio.format_helpers")?;
    let callback = Handle::callback_object(py, this)?.unwrap_or_else(|| Own::none(py));
    let args = Handle::args_object(py, this)?.unwrap_or_else(|| Own::none(py));
    let source = helpers.getattr("_format_callback_source")?;
    let how = PyDict::new(py);
    if cfg!(Py_3_13) {
        // Arguments may be secret: since 3.13 only debug mode shows them.
        how.set_item("debug", owner.bound(py).call_method0("get_debug")?)?;
    }
    let source = source.call((callback.bound(py), args.bound(py)), Some(&how))?;
    let details = PyDict::new(py);
    details.set_item("message", format!("Exception in callback {source}"))?;
    details.set_item("exception", exception.bound(py))?;
    details.set_item("handle", this.as_any().bound(py))?;
    if let Some(traceback) = this.source_traceback.get() {
        details.set_item("source_traceback", traceback.bound(py))?;
    }
    let details = Own::from(details.into_any());
    exception::while_handled(py, &exception, || {
        call::method(py, &owner, &names::CALL_EXCEPTION_HANDLER, &[&details]).map(drop)
    })
}

fn handle_methods() -> Vec<Method<Handle>> {
    vec![
        Method::noargs(
            c"cancel",
            c"cancel($self, /)\n--\n\nCancel the call; does nothing once it has run.",
            |py, this: &Own<Handle>| Handle::cancel(py, this).map(drop),
        ),
        Method::noargs(
            c"cancelled",
            c"cancelled($self, /)\n--\n\nHas the call been cancelled?",
            |_, this: &Own<Handle>| this.is_cancelled(),
        ),
        Method::noargs(
            c"get_context",
            c"get_context($self, /)\n--\n\nThe contextvars.Context the call runs in.",
            |py, this: &Own<Handle>| this.context_object(py),
        ),
        Method::noargs(c"_run", c"_run($self, /)\n--\n\n", handle_run),
        Method::noargs(
            c"_repr_info",
            c"_repr_info($self, /)\n--\n\n",
            |py, this: &Own<Handle>| repr_info(py, this.as_any(), "Handle"),
        ),
    ]
}

fn handle_properties() -> Vec<Property<Handle>> {
    vec![
        Property::get(c"__class__", |py, _: &Own<Handle>| {
            asyncio_class(py, "Handle")
        }),
        Property::get(c"_callback", Handle::callback_object),
        Property::get(c"_args", Handle::args_object),
        Property::get(c"_context", |py, this: &Own<Handle>| {
            this.context_object(py)
        }),
        Property::get(c"_loop", |_, this: &Own<Handle>| this.owner.get()),
        Property::get(c"_cancelled", |_, this: &Own<Handle>| this.cancelled.get()),
        Property::get(c"_source_traceback", |_, this: &Own<Handle>| {
            this.source_traceback.get()
        }),
        Property::get(c"_repr", |_, this: &Own<Handle>| this.shown_before_cancel()),
    ]
}

/// Makes the types.
pub fn make_types(py: Python<'_>) -> PyRes<()> {
    TypeBuilder::<Handle>::new()
        .methods(handle_methods())
        .properties(handle_properties())
        .repr(|py, this: &Own<Handle>| repr(py, this, "Handle"))
        .subclassable()
        .build(py)?;
    timer::make_type(py)?;
    shared::make_type(py)
}
