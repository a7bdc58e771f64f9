//! `Event`.
//!
//! | state | what happens | next |
//! |---|---|---|
//! | unset | `wait()` | unset; he is in the line |
//! | unset | `set()` | set: all who wait are woken, and return even if it is cleared before they run |
//! | set | `wait()` | set; he returns at once |
//! | set | `clear()` | unset |

use std::cell::Cell;
use std::ffi::CStr;

use pyo3::prelude::*;

use super::bound::{self, Bound, LoopBound};
use super::face::Face;
use super::futures;
use super::hooks::Hooks;
use super::state::{self, Stateful};
use super::waiters::{self, Waited, Waiters};
use super::waiting::Waiting;
use crate::awaitable::{self, Awaitable, Coroutine, Next, Outcome};
use crate::ffi::{
    Args, Class, Function, Own, Params, Property, PyRes, Recycled, Slot, TypeBuilder, TypeSlot,
    Visit, WithDict, call, exception,
};
use crate::names;

/// The data of an event.
#[derive(Debug)]
pub(super) struct Event {
    bound: Bound,
    waiters: Waiters,
    value: Cell<bool>,
}

static EVENT: TypeSlot = TypeSlot::new();

static HOOKS: Hooks = Hooks::new(&[&names::GET_LOOP], |py| EVENT.type_object(py));

impl Class for Event {
    const NAME: &'static CStr = c"ferrio._ferrio._Event";
    const DOC: &'static CStr = c"The native half of Event.";
    type Head = WithDict;

    fn slot() -> &'static TypeSlot {
        &EVENT
    }

    fn uninitialised(_py: Python<'_>) -> PyRes<Option<Self>> {
        Ok(Some(Self {
            bound: Bound::default(),
            waiters: Waiters::new(),
            value: Cell::new(false),
        }))
    }

    fn traverse(&self, visit: &mut Visit) {
        visit.slot(&self.bound.0);
        self.waiters.traverse(visit);
    }

    fn clear(&self, _py: Python<'_>) {
        self.bound.0.set(None);
        self.waiters.reset(false);
    }
}

impl LoopBound for Event {
    fn binding(&self) -> &Bound {
        &self.bound
    }
}

impl Waited for Event {
    fn waiters(&self) -> &Waiters {
        &self.waiters
    }
}

impl Stateful for Event {
    const ATTRIBUTES: &'static [&'static str] = &["_waiters", "_value"];
}

impl Event {
    /// `set()`.
    pub(super) fn set(&self, py: Python<'_>) -> PyRes<()> {
        if self.value.replace(true) {
            return Ok(());
        }
        self.waiters.wake(py, usize::MAX, futures::yes)
    }

    /// `clear()`.
    pub(super) fn unset(&self) {
        self.value.set(false);
    }
}

/// The coroutine of `wait()`. Start → done, or → in the line → done; the place in the line is given up in any case.
#[derive(Debug)]
pub(super) struct Wait {
    event: Slot<Event>,
    waiting: Waiting,
}

impl Awaitable for Wait {
    const TYPE_NAME: &'static CStr = c"ferrio._ferrio.EventWaitCoroutine";
    const QUALNAME: &'static str = "Event.wait";
    const RECYCLED: Option<Recycled> = Some(Recycled::pool(28));

    fn slot() -> &'static TypeSlot {
        static SLOT: TypeSlot = TypeSlot::new();
        &SLOT
    }

    fn start(py: Python<'_>, this: &Own<Coroutine<Self>>) -> PyRes<Next> {
        let Some(event) = this.event.get() else {
            return Ok(Next::Return(None));
        };
        if event.value.get() {
            return Ok(Next::Return(Some(futures::yes(py))));
        }
        this.waiting.wait_in(py, &event, &event.waiters)
    }

    fn resume(py: Python<'_>, this: &Own<Coroutine<Self>>, outcome: Outcome) -> PyRes<Next> {
        let left = match this.event.take() {
            Some(event) => this.waiting.leave(py, &event.waiters),
            None => Ok(()),
        };
        exception::after_finally(py, outcome, left)?;
        Ok(Next::Return(Some(futures::yes(py))))
    }

    fn traverse(&self, visit: &mut Visit) {
        visit.slot(&self.event);
        visit.slot(&self.waiting.future);
    }

    fn clear(&self) {
        self.event.set(None);
        self.waiting.future.set(None);
    }
}

static INIT: Params<1> = Params {
    function: "Event.__init__",
    names: [&names::SELF],
    positional: 1,
    required: 1,
};

fn init(py: Python<'_>, function: &Own<Function>, args: Args<'_>) -> PyRes<()> {
    let [this] = function.bind(py, args, &INIT)?;
    match this.and_then(|this| this.cast::<Event>()) {
        Some(this) => {
            this.waiters.reset(false);
            this.value.set(false);
            Ok(())
        }
        None => function.call_stock(py, args).map(drop),
    }
}

fn wait(py: Python<'_>, function: &Own<Function>, this: &Own<Event>) -> PyRes {
    if !HOOKS.are_ours(py, this)? {
        return function.call_stock_on(py, this);
    }
    let states = Wait {
        event: Slot::new(Some(this.clone())),
        waiting: Waiting::default(),
    };
    Ok(awaitable::new(py, states)?.into_any())
}

fn properties() -> Vec<Property<Event>> {
    vec![
        bound::property(),
        waiters::property(),
        Property::get(c"_value", |_, this: &Own<Event>| this.value.get()).set(
            |py, this: &Own<Event>, value: Option<&Own>| {
                this.value
                    .set(value.map_or(Ok(false), |value| call::truth(py, value))?);
                Ok(())
            },
        ),
    ]
}

/// Makes the type.
pub(super) fn make_type(py: Python<'_>) -> PyRes {
    awaitable::make_type::<Wait>(py)?;
    let class = TypeBuilder::<Event>::new()
        .methods(state::methods())
        .properties(properties())
        .subclassable()
        .build(py)?;
    let face = Face::new(py, class, "asyncio.locks", "Event")?;
    face.args(py, "__init__", init)?;
    face.method(py, "is_set", |_, _, this: &Own<Event>| this.value.get())?;
    face.method(py, "set", |py, _, this: &Own<Event>| this.set(py))?;
    face.method(py, "clear", |_, _, this: &Own<Event>| this.unset())?;
    face.method(py, "wait", wait)?;
    face.method(py, "_get_loop", bound::get_loop::<Event>)?;
    Ok(face.class)
}
