//! ROOM    floor 3: `gather`
//! KNOWS   ffi, names, engine, future, task, awaitable   NEVER   the event loop's class
//! IN      awaitables                            OUT     a future of their results
//! PROOF   tests/behaviour/awaitables/test_gather.py
//! START   `gather` (the function), then `told` and `decide`
//!
//! Native where the running loop is ours and every child is a future or task of ours on it; everything else is given to the
//! stdlib's `gather`, before anything has happened or with futures made already.
//!
//! States of a `Gathering`:
//!
//! | state | what happens | next |
//! |---|---|---|
//! | counting | a child ends well, or `return_exceptions`; others are left | counting |
//! | counting | the last child ends; or one fails or is cancelled | decided: the call that ends it is scheduled |
//! | counting | `cancel()` | counting: the children are cancelled, and how they end decides |
//! | decided | a child ends | decided: its error counts as seen |
//! | decided | the call | done: results in the order of the arguments; or the error, or the cancellation asked for |
//! | done | a child ends | done: its error counts as seen |
//!
//! Children are watched, not called back: they count, and only who decides costs a call, in the place where asyncio's callback
//! would run.

use std::cell::Cell;
use std::ffi::CStr;

use pyo3::prelude::*;
use pyo3::types::{PyDict, PyList};

use crate::awaitable::{is_native_child, native_future, task_of};
use crate::engine::Engine;
use crate::ffi::call::FunctionCell;
use crate::ffi::{
    self, Args, Class, Function, Immortal, Method, Name, Own, Property, PyRes, Slot, TypeBuilder,
    TypeSlot, Visit, WithDict, call, current_task, function,
};
use crate::future::{Future, Outcome, WatcherKind, cancel_argument, cancelled_error_class};
use crate::names;
use crate::task::Task;

/// The future that `gather` returns.
#[derive(Debug)]
#[repr(C)]
pub struct Gathering {
    future: Future,
    /// A tuple: the children in the order of the arguments, duplicates included.
    children: Slot,
    /// How many different children there are, and how many of them have ended.
    total: Cell<usize>,
    ended: Cell<usize>,
    return_exceptions: Cell<bool>,
    cancel_requested: Cell<bool>,
    /// The call that ends it is on its way.
    decided: Cell<bool>,
    /// The task that called `gather`, for call graphs; 3.14 and later.
    caller: Slot,
}

ffi::extends!(Gathering: Future, future);

static GATHERING: TypeSlot = TypeSlot::new();

impl Class for Gathering {
    const NAME: &'static CStr = c"ferrio._GatheringFuture";
    const DOC: &'static CStr = c"The future that gather() returns.";
    type Head = WithDict;
    const FINALIZER: bool = true;

    fn slot() -> &'static TypeSlot {
        &GATHERING
    }

    fn traverse(&self, visit: &mut Visit) {
        self.future.traverse(visit);
        visit.slot(&self.children);
        visit.slot(&self.caller);
    }

    fn clear(&self, py: Python<'_>) {
        self.future.clear(py);
        self.children.set(None);
        self.caller.set(None);
    }

    fn wants_finalizer(&self) -> bool {
        self.future.wants_finalizer()
    }

    fn finalize(py: Python<'_>, this: &Own<Self>) {
        Future::finalize(py, this.base());
    }

    fn before_dealloc(&self, py: Python<'_>) {
        self.future.before_dealloc(py);
    }
}

static KIND: WatcherKind = WatcherKind {
    tell: told,
    awaiter: |_py, watcher| {
        Ok(watcher
            .exact::<Gathering>()
            .and_then(|own| own.caller.get()))
    },
};

/// A child is done.
fn told(py: Python<'_>, watcher: &Own, child: &Own<Future>) -> PyRes<()> {
    let this = watcher
        .exact::<Gathering>()
        .expect("only a Gathering watches as one");
    this.ended.set(this.ended.get() + 1);
    if this.is_done() || this.decided.get() {
        child.quiet();
        return Ok(());
    }
    let failed = !this.return_exceptions.get() && !child.has_value();
    if !failed && this.ended.get() < this.total.get() {
        return Ok(());
    }
    this.decided.set(true);
    child.quiet();
    let Some(engine) = this.engine() else {
        return Ok(());
    };
    let child = child.as_any().clone();
    Engine::call_soon(py, &engine, &deciding(py, this)?, &[child], None).map(drop)
}

fn deciding(py: Python<'_>, this: &Own<Gathering>) -> PyRes {
    static DECIDE: FunctionCell = FunctionCell::new(c"gather_done_callback");
    let run = |py: Python<'_>, this: &Own<Gathering>, args: Args<'_>| -> PyRes<()> {
        match args.positional().first().and_then(Own::cast::<Future>) {
            Some(child) => decide(py, this, child),
            None => Ok(()),
        }
    };
    call::bound_function(py, this, &DECIDE, run)
}

/// The scheduled call: `child` is the first that failed, or the last that ended.
fn decide(py: Python<'_>, this: &Own<Gathering>, child: &Own<Future>) -> PyRes<()> {
    if this.is_done() {
        return Ok(());
    }
    if !this.return_exceptions.get() {
        if let Outcome::Error(error) = child.failure(py)? {
            // Those that are left are awaited by nobody here any more.
            this.caller.set(None);
            return Future::set_exception(py, this.base(), error);
        }
    }
    let Some(children) = this.children.get() else {
        return Ok(());
    };
    let children = children.tuple_items().unwrap_or(&[]);
    let results = PyList::empty(py);
    for child in children {
        results.append(result(py, child)?.bound(py))?;
    }
    if this.cancel_requested.get() {
        let last = children.last().and_then(Own::cast::<Future>);
        let error = last.unwrap_or(child).make_cancelled_error(py)?;
        return Future::set_exception(py, this.base(), error);
    }
    Future::set_result(py, this.base(), Own::from(results.into_any()))
}

/// A child's result as it stands in the list: exceptions are results, and a cancellation is a new `CancelledError`.
fn result(py: Python<'_>, child: &Own) -> PyRes {
    let child = child.cast::<Future>().expect("every child is one of ours");
    if child.is_cancelled() {
        let message = child.cancel_message().filter(|message| !message.is_none());
        let message = message.unwrap_or_else(|| Own::str(py, ""));
        return call::call1(py, cancelled_error_class(py)?, &message);
    }
    match Future::exception(py, child)? {
        Some(error) => Ok(error),
        None => Future::result(py, child),
    }
}

/// `cancel(msg)`: that of every child; the outcome follows from theirs.
fn cancel(py: Python<'_>, this: &Own<Gathering>, args: Args<'_>) -> PyRes<bool> {
    let message = cancel_argument(py, args)?.unwrap_or_else(|| Own::none(py));
    if this.is_done() {
        return Ok(false);
    }
    let mut any = false;
    if let Some(children) = this.children.get() {
        for child in children.tuple_items().unwrap_or(&[]) {
            let method = call::attribute(py, child, &names::CANCEL)?;
            let answer = call::call_with(py, &method, &[], &[(&names::MSG, message.clone())])?;
            any |= call::truth(py, &answer)?;
        }
    }
    if any {
        this.cancel_requested.set(true);
    }
    Ok(any)
}

static RETURN_EXCEPTIONS: Name = Name::new("return_exceptions");

fn gather(py: Python<'_>, this: &Own<Function>, args: Args<'_>) -> PyRes {
    let items = args.positional();
    let mut keywords = args.keywords();
    let return_exceptions = match (keywords.next(), keywords.next()) {
        (None, _) => false,
        (Some((name, value)), None) if name.is(RETURN_EXCEPTIONS.get(py)) => {
            call::truth(py, value)?
        }
        _ => return this.call_stock(py, args),
    };
    let Some(engine) = Engine::running(py)? else {
        return this.call_stock(py, args);
    };
    if items.is_empty() || !items.iter().all(|item| is_native_child(&engine, item)) {
        return this.call_stock(py, args);
    }
    let (children, different) = ensure_children(py, &engine, items)?;
    let different = different.as_deref().unwrap_or(&children);
    if !different.iter().all(|child| native_future(child).is_some()) {
        // A task factory makes tasks of another kind.
        let keyword = Own::bool(py, return_exceptions);
        return call::call_with(
            py,
            this.stock(),
            &children,
            &[(&RETURN_EXCEPTIONS, keyword)],
        );
    }
    let gathering = Gathering {
        future: Future::EMPTY,
        children: Slot::new(Some(Own::tuple(py, &children)?)),
        total: Cell::new(different.len()),
        ended: Cell::new(0),
        return_exceptions: Cell::new(return_exceptions),
        cancel_requested: Cell::new(false),
        decided: Cell::new(false),
        caller: Slot::new(current_task::for_call_graph(py, engine.as_any())?),
    };
    gathering.begin(&engine, Future::source(py, &engine)?);
    gathering.mark_derived();
    let gathering = Own::alloc(py, gathering)?;
    watch_all(py, &gathering, different)?;
    Ok(gathering.into_any())
}

fn watch_all(py: Python<'_>, this: &Own<Gathering>, different: &[Own]) -> PyRes<()> {
    let mut done = Vec::new();
    for child in different {
        let future = native_future(child).expect("it was looked at");
        // Since 3.12 those that are done count at once, the others through the loop.
        if cfg!(Py_3_12) && future.is_done() {
            done.push(future);
        } else {
            Future::watch(py, future, this.as_any(), &KIND)?;
        }
    }
    for child in done {
        this.ended.set(this.ended.get() + 1);
        if this.is_done() {
            child.quiet();
        } else if this.ended.get() == this.total.get()
            || !this.return_exceptions.get() && !child.has_value()
        {
            decide(py, this, child)?;
        }
    }
    Ok(())
}

/// The children in the order of the arguments, and the different ones where those are others: a task for each coroutine, one
/// for each object.
fn ensure_children(
    py: Python<'_>,
    engine: &Own<Engine>,
    items: &[Own],
) -> PyRes<(Vec<Own>, Option<Vec<Own>>)> {
    let child_of = |item: &Own| match native_future(item) {
        Some(_) => Ok(item.clone()),
        None => hidden_task_of(py, engine, item),
    };
    let mut children: Vec<Own> = Vec::with_capacity(items.len());
    if are_different_objects(items) {
        for item in items {
            children.push(child_of(item)?);
        }
        return Ok((children, None));
    }
    let mut different = Vec::new();
    let known = PyDict::new(py);
    for item in items {
        if let Some(child) = known.get_item(item.bound(py))? {
            children.push(Own::from(child));
            continue;
        }
        let child = child_of(item)?;
        known.set_item(item.bound(py), child.bound(py))?;
        different.push(child.clone());
        children.push(child);
    }
    Ok((children, Some(different)))
}

/// Are no two the same object, and all of classes whose objects equal themselves alone? Addresses of objects made one after
/// another are nearly in order, so they are sorted faster than they are hashed.
fn are_different_objects(items: &[Own]) -> bool {
    if !items.iter().all(|item| item.compares_by_identity()) {
        return false;
    }
    let mut addresses: Vec<_> = items.iter().map(Own::as_ptr).collect();
    addresses.sort_unstable();
    addresses.windows(2).all(|pair| pair[0] != pair[1])
}

/// `loop.create_task(coroutine)` without "destroyed but it is pending", since the program cannot see the task.
fn hidden_task_of(py: Python<'_>, engine: &Own<Engine>, item: &Own) -> PyRes {
    let task = task_of(py, engine, item)?;
    match task.exact::<Task>() {
        Some(native) => native.may_die_pending(),
        None => {
            let off = Own::bool(py, false);
            call::set_attribute(py, &task, &names::LOG_DESTROY_PENDING, &off)?;
        }
    }
    Ok(task)
}

fn class_of(py: Python<'_>) -> PyRes {
    static CLASS: Immortal = Immortal::empty();
    CLASS
        .import(py, "asyncio.tasks", "_GatheringFuture")
        .cloned()
}

/// Makes the type.
pub fn make_types(py: Python<'_>) -> PyRes<()> {
    TypeBuilder::<Gathering>::new()
        .base(Future::slot(), py)
        .methods([Method::args(
            c"cancel",
            c"cancel($self, /, msg=None)\n--\n\nCancel every child; False if none could be.",
            cancel,
        )])
        .properties([
            Property::get(c"_children", |py, this: &Own<Gathering>| -> PyRes {
                let children = this.children.get();
                let items = children
                    .as_ref()
                    .and_then(|children| children.tuple_items());
                let list = PyList::empty(py);
                for child in items.unwrap_or(&[]) {
                    list.append(child.bound(py))?;
                }
                Ok(Own::from(list.into_any()))
            }),
            Property::get(c"_cancel_requested", |_, this: &Own<Gathering>| {
                this.cancel_requested.get()
            }),
            Property::get(c"__class__", |py, _: &Own<Gathering>| class_of(py)),
        ])
        .build(py)
        .map(drop)
}

/// Names and functions of this room.
pub fn functions(py: Python<'_>) -> PyRes<Vec<(&'static str, Own<Function>)>> {
    let stock = function::stock(py, "asyncio.tasks", "gather")?;
    Ok(vec![("gather", Function::new(py, stock, gather)?)])
}
