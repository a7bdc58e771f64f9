//! ROOM    floor 6: the event loop that Python sees
//! KNOWS   every floor below             NEVER   algorithms (core), system calls (reactor), `unsafe` (ffi)
//! IN      calls from Python, events     OUT     steps, callbacks, errors to the exception handler
//! PROOF   tests/behaviour, tests/conformance, CPython's test_asyncio
//! START   `turn.rs` (one turn of the loop on one screen), then `dispatch.rs`, then `methods.rs`

mod address_list;
mod addresses;
mod calls;
mod dispatch;
mod methods;
mod nested;
mod resolve;
mod run;
mod signals;
mod spawn;
mod stopwatch;
mod transports;
mod turn;
mod watchers;

use std::cell::Cell;
use std::collections::HashMap;
use std::ffi::CStr;

use pyo3::exceptions::PyLookupError;
use pyo3::prelude::*;

use crate::engine::Engine;
use crate::ffi::{
    self, Class, Function, GuardedCell, Own, Plain, PyRes, Raised, Slot, TypeBuilder, TypeSlot,
    Visit, call,
};
use crate::handle::Handle;
use crate::{names, sock};

/// The native base of `ferrio.Loop`.
#[repr(C)]
pub struct Loop {
    engine: Engine,
    /// `set_task_factory`; empty means our own Task.
    task_factory: Slot,
    /// Is the factory `asyncio.eager_task_factory`? Then it makes our own Task, eagerly.
    eager_factory: Cell<bool>,
    /// Seconds after which debug mode complains about a callback.
    slow_callback_duration: Cell<f64>,
    /// Debug mode: the handle that runs, for the default exception handler.
    current_handle: Slot,
    /// `add_signal_handler`.
    signal_handlers: GuardedCell<HashMap<i32, Own<Handle>>>,
    /// Has this run lent its wake-up descriptor to CPython, or found that it must not?
    wakeup_settled: Cell<bool>,
    /// What the innermost run waits for.
    awaited: Slot,
    /// What a `run_forever` of the program's is going to be stopped by, between `run_until_complete` and ours.
    announced: Slot,
    /// Tasks in the middle of a step that runs a loop.
    standing_still: GuardedCell<Vec<Own>>,
}

ffi::extends!(Loop: Engine, engine);

static LOOP: TypeSlot = TypeSlot::new();

impl Class for Loop {
    const NAME: &'static CStr = c"ferrio._ferrio.Loop";
    const DOC: &'static CStr = c"Native base of ferrio.Loop.";
    type Head = Plain;
    const FINALIZER: bool = true;

    fn slot() -> &'static TypeSlot {
        &LOOP
    }

    fn uninitialised(py: Python<'_>) -> PyRes<Option<Self>> {
        Ok(Some(Self {
            engine: Engine::new(py)?,
            task_factory: Slot::empty(),
            eager_factory: Cell::new(false),
            slow_callback_duration: Cell::new(0.1),
            current_handle: Slot::empty(),
            signal_handlers: GuardedCell::new(HashMap::new()),
            wakeup_settled: Cell::new(false),
            awaited: Slot::empty(),
            announced: Slot::empty(),
            standing_still: GuardedCell::new(Vec::new()),
        }))
    }

    fn traverse(&self, visit: &mut Visit) {
        self.engine.traverse(visit);
        visit.slot(&self.task_factory);
        visit.slot(&self.current_handle);
        visit.slot(&self.awaited);
        visit.slot(&self.announced);
        let _ = self.signal_handlers.look(|handlers| {
            handlers
                .values()
                .for_each(|handle| crate::engine::traverse_handle(handle, visit));
        });
    }

    fn clear(&self, py: Python<'_>) {
        self.engine.clear(py);
        drop(self.task_factory.take());
        drop(self.current_handle.take());
        drop(self.awaited.take());
        drop(self.announced.take());
        drop(self.signal_handlers.take());
    }

    fn wants_finalizer(&self) -> bool {
        !self.engine.is_closed()
    }

    /// What asyncio's `__del__` does. In whatever thread, in a forked child too, where `close()` leaves to the parent what is the
    /// parent's; while the interpreter shuts down, too.
    fn finalize(py: Python<'_>, this: &Own<Self>) {
        if this.thread() != 0 {
            // Collected while it runs: so it is the parent's, in a forked child.
            return;
        }
        let say = |error: Raised| error.write_unraisable(py, Some(this.as_any()));
        // A filter that makes the warning an error keeps nobody from closing.
        warn_unclosed(py, this).unwrap_or_else(say);
        let closed = call::method(py, this.as_any(), &names::CLOSE, &[]);
        closed.map(drop).unwrap_or_else(say);
        if this.thread() == 0 && !this.is_closed() {
            // The `close()` of a subclass has failed, or does something else.
            signals::forget_wakeup_fd(py, this);
            this.shut();
        }
    }

    fn before_dealloc(&self, py: Python<'_>) {
        self.engine.before_dealloc(py);
    }
}

fn warn_unclosed(py: Python<'_>, this: &Own<Loop>) -> PyRes<()> {
    let text = format!("unclosed event loop {}", this.as_any().bound(py).repr()?);
    ffi::exception::resource_warning(py, this.as_any(), &text)
}

/// `<Loop running=False closed=False debug=False>`
fn repr(py: Python<'_>, this: &Own<Loop>) -> PyRes {
    let flag = |on: bool| if on { "True" } else { "False" };
    let name = this.as_any().type_object(py).name()?.to_string();
    let (running, closed) = (flag(this.thread() != 0), flag(this.is_closed()));
    let debug = flag(this.is_debug());
    Ok(Own::str(
        py,
        &format!("<{name} running={running} closed={closed} debug={debug}>"),
    ))
}

/// The native method of this name in the place of a coroutine function, which is called where the native one does not know the
/// answer (`getaddrinfo` in debug mode). Errors: `LookupError` for a method that there is none for.
pub fn native_method(py: Python<'_>, stock: Own) -> PyRes<Own<Function>> {
    let name: String = stock.bound(py).getattr("__name__")?.extract()?;
    if name == "getaddrinfo" {
        return addresses::native(py, stock);
    }
    sock::native(py, &name, stock)?
        .ok_or_else(|| Raised::new::<PyLookupError>(py, format!("{name} is not native")))
}

/// Makes the type.
pub fn make_types(py: Python<'_>) -> PyRes<()> {
    TypeBuilder::<Loop>::new()
        .base(Engine::slot(), py)
        .methods(methods::methods())
        .properties(methods::properties())
        .repr(repr)
        .attribute_set(|py, this: &Own<Loop>, name, is_set| {
            Engine::note_attribute(py, this.base(), name, is_set)
        })
        .subclassable()
        .build(py)?;
    addresses::make_types(py)
}
