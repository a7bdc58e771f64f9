//! `Semaphore` and `BoundedSemaphore`.
//!
//! A woken waiter has been given one unit already: it is taken off the value when he is woken, not when he runs. One who is
//! cancelled after that gives it back.

use std::cell::Cell;
use std::ffi::CStr;

use pyo3::exceptions::{PyAttributeError, PyValueError};
use pyo3::prelude::*;

use super::bound::Bound;
use super::face::Face;
use super::futures;
use super::held::{self, By, Held};
use super::hooks::Hooks;
use super::state::{self, Stateful};
use super::waiters::Waiters;
use super::waiting::Waiting;
use crate::awaitable::{self, Awaitable, Coroutine, Next, Outcome};
use crate::ffi::{
    Args, Class, Function, Immortal, Name, Own, Params, Property, PyRes, Raised, Recycled, Slot,
    TypeBuilder, TypeSlot, Visit, WithDict, call, exception,
};
use crate::future::cancelled_error_class;
use crate::names;

/// The data of both.
#[derive(Debug)]
pub(super) struct Semaphore {
    bound: Bound,
    waiters: Waiters,
    value: Cell<i64>,
    /// The value where it is no `int`: then the stdlib's code runs.
    odd_value: Slot,
    /// Has `BoundedSemaphore.__init__` run?
    is_bounded: Cell<bool>,
    bound_value: Slot,
}

static SEMAPHORE: TypeSlot = TypeSlot::new();
static BOUNDED: Immortal = Immortal::empty();

const NAMES: &[&Name] = &[
    &names::ACQUIRE,
    &names::RELEASE,
    &names::LOCKED,
    &names::WAKE_UP_NEXT,
    &names::GET_LOOP,
];
static HOOKS: Hooks = Hooks::new(NAMES, |py| SEMAPHORE.type_object(py));
static BOUNDED_HOOKS: Hooks = Hooks::new(NAMES, |py| {
    let class = BOUNDED.get_or_init(py, || Ok(Own::none(py)));
    class
        .expect("made before any bounded semaphore exists")
        .clone()
});

impl Class for Semaphore {
    const NAME: &'static CStr = c"ferrio._ferrio._Semaphore";
    const DOC: &'static CStr = c"The native half of Semaphore.";
    type Head = WithDict;

    fn slot() -> &'static TypeSlot {
        &SEMAPHORE
    }

    fn uninitialised(_py: Python<'_>) -> PyRes<Option<Self>> {
        Ok(Some(Self {
            bound: Bound::default(),
            waiters: Waiters::unset(),
            value: Cell::new(1),
            odd_value: Slot::empty(),
            is_bounded: Cell::new(false),
            bound_value: Slot::empty(),
        }))
    }

    fn traverse(&self, visit: &mut Visit) {
        visit.slot(&self.bound.0);
        self.waiters.traverse(visit);
        visit.slot(&self.odd_value);
        visit.slot(&self.bound_value);
    }

    fn clear(&self, _py: Python<'_>) {
        self.bound.0.set(None);
        self.waiters.reset(true);
        self.odd_value.set(None);
        self.bound_value.set(None);
    }
}

impl Stateful for Semaphore {
    const ATTRIBUTES: &'static [&'static str] = &["_waiters", "_value", "_bound_value"];
}

impl Semaphore {
    /// Do our own methods run for it?
    #[inline]
    fn is_plain(py: Python<'_>, this: &Own<Self>) -> PyRes<bool> {
        let hooks = if this.is_bounded.get() {
            &BOUNDED_HOOKS
        } else {
            &HOOKS
        };
        Ok(this.odd_value.is_empty() && hooks.are_ours(py, this)?)
    }

    /// `locked()`: is there nothing, or has somebody come before?
    #[inline]
    fn is_locked(&self, py: Python<'_>) -> PyRes<bool> {
        Ok(self.value.get() == 0 || !self.waiters.are_all_cancelled(py)?)
    }

    fn change_value(&self, by: i64) {
        self.value.set(self.value.get() + by);
    }

    /// `_wake_up_next()`: gives one unit to the first who still waits; was there one?
    #[inline]
    fn wake_up_next(&self, py: Python<'_>) -> PyRes<bool> {
        match self.waiters.first_pending(py)? {
            Some(first) => {
                self.change_value(-1);
                futures::wake(py, &first, futures::yes)
            }
            None => Ok(false),
        }
    }

    /// Those who had to wait only because others had come before get what there is.
    fn wake_as_many_as_may(&self, py: Python<'_>) -> PyRes<()> {
        while self.value.get() > 0 && self.wake_up_next(py)? {
            if !cfg!(Py_3_13) {
                break;
            }
        }
        Ok(())
    }

    /// `Semaphore.release()`.
    fn release_unbounded(&self, py: Python<'_>) -> PyRes<()> {
        self.change_value(1);
        self.wake_up_next(py).map(drop)
    }

    /// `BoundedSemaphore.release()`. Errors: `ValueError` above the bound.
    fn release_bounded(&self, py: Python<'_>) -> PyRes<()> {
        let Some(bound) = self.bound_value.get() else {
            return Err(no_bound(py));
        };
        let is_over = match call::small_int(&bound) {
            Some(bound) => self.value.get() >= bound,
            None => bound.bound(py).le(self.value.get())?,
        };
        if is_over {
            let text = "BoundedSemaphore released too many times";
            return Err(Raised::new::<PyValueError>(py, text));
        }
        self.release_unbounded(py)
    }

    /// `_value`.
    fn show_value(&self, py: Python<'_>) -> PyRes {
        match self.odd_value.get() {
            Some(value) => Ok(value),
            None => Own::int(py, self.value.get()),
        }
    }

    fn set_value(&self, value: &Own) {
        match call::small_int(value) {
            Some(value) => {
                self.value.set(value);
                self.odd_value.set(None);
            }
            None => self.odd_value.set(Some(value.clone())),
        }
    }
}

#[cold]
fn no_bound(py: Python<'_>) -> Raised {
    Raised::new::<PyAttributeError>(py, "'Semaphore' object has no attribute '_bound_value'")
}

impl Held for Semaphore {
    const EXIT_NAME: &'static CStr = c"ferrio._ferrio.SemaphoreExitCoroutine";
    const EXIT_POOL: u8 = 23;

    fn exit_slot() -> &'static TypeSlot {
        static EXIT: TypeSlot = TypeSlot::new();
        &EXIT
    }

    fn is_released_by_us(py: Python<'_>, this: &Own<Self>) -> PyRes<bool> {
        Self::is_plain(py, this)
    }

    fn release(py: Python<'_>, this: &Own<Self>) -> PyRes<()> {
        if this.is_bounded.get() {
            this.release_bounded(py)
        } else {
            this.release_unbounded(py)
        }
    }
}

/// `acquire()`.
#[derive(Debug)]
struct Method;

/// `__aenter__()`.
#[derive(Debug)]
struct With;

impl By for Method {
    const TYPE_NAME: &'static CStr = c"ferrio._ferrio.SemaphoreAcquireCoroutine";
    const NAME: &'static str = "acquire";
    const QUALNAME: &'static str = "Semaphore.acquire";
    const POOL: u8 = 25;

    fn slot() -> &'static TypeSlot {
        static SLOT: TypeSlot = TypeSlot::new();
        &SLOT
    }

    fn result(py: Python<'_>) -> Option<Own> {
        Some(futures::yes(py))
    }
}

impl By for With {
    const TYPE_NAME: &'static CStr = c"ferrio._ferrio.SemaphoreEnterCoroutine";
    const NAME: &'static str = "__aenter__";
    const QUALNAME: &'static str = "_ContextManagerMixin.__aenter__";
    const POOL: u8 = 24;

    fn slot() -> &'static TypeSlot {
        static SLOT: TypeSlot = TypeSlot::new();
        &SLOT
    }

    fn result(_py: Python<'_>) -> Option<Own> {
        None
    }
}

/// Start → done, or → in the line → done. However it ends, the place in the line is given up, and a unit that came too late.
#[derive(Debug)]
struct Acquire<B> {
    semaphore: Slot<Semaphore>,
    waiting: Waiting,
    by: std::marker::PhantomData<B>,
}

impl<B: By> Acquire<B> {
    /// He has waited: what came of it?
    fn waited(&self, py: Python<'_>, semaphore: &Semaphore, outcome: Outcome) -> PyRes<()> {
        let future = self.waiting.future.get();
        let left = self.waiting.leave(py, &semaphore.waiters);
        let error = match exception::after_finally(py, outcome, left) {
            Ok(_true) => return semaphore.wake_as_many_as_may(py),
            Err(error) => error.take(py),
        };
        let mut handed_on = Ok(());
        if exception::matches(&error, cancelled_error_class(py)?) {
            handed_on = future.map_or(Ok(()), |future| give_back(py, semaphore, &future));
        }
        if cfg!(Py_3_13) && handed_on.is_ok() {
            handed_on = semaphore.wake_as_many_as_may(py);
        }
        exception::after_finally(py, Err(error), handed_on)
    }
}

/// Cancelled: the unit that he was given, if he was given one.
fn give_back(py: Python<'_>, semaphore: &Semaphore, future: &Own) -> PyRes<()> {
    if futures::is_cancelled(py, future)? || (cfg!(Py_3_13) && !futures::is_done(py, future)?) {
        return Ok(());
    }
    semaphore.change_value(1);
    if cfg!(Py_3_13) {
        return Ok(());
    }
    semaphore.wake_up_next(py).map(drop)
}

impl<B: By> Awaitable for Acquire<B> {
    const TYPE_NAME: &'static CStr = B::TYPE_NAME;
    const NAME: &'static str = B::NAME;
    const QUALNAME: &'static str = B::QUALNAME;
    const RECYCLED: Option<Recycled> = Some(Recycled::pool(B::POOL));

    fn slot() -> &'static TypeSlot {
        B::slot()
    }

    fn start(py: Python<'_>, this: &Own<Coroutine<Self>>) -> PyRes<Next> {
        let Some(semaphore) = this.semaphore.get() else {
            return Ok(Next::Return(None));
        };
        if !semaphore.is_locked(py)? {
            semaphore.change_value(-1);
            return Ok(Next::Return(B::result(py)));
        }
        let future = semaphore.bound.new_future(py, semaphore.as_any())?;
        let joined = this.waiting.join(py, &semaphore.waiters, future);
        joined.map(Next::Await)
    }

    fn resume(py: Python<'_>, this: &Own<Coroutine<Self>>, outcome: Outcome) -> PyRes<Next> {
        if let Some(semaphore) = this.semaphore.take() {
            this.waited(py, &semaphore, outcome)?;
        }
        Ok(Next::Return(B::result(py)))
    }

    fn traverse(&self, visit: &mut Visit) {
        visit.slot(&self.semaphore);
        visit.slot(&self.waiting.future);
    }

    fn clear(&self) {
        self.semaphore.set(None);
        self.waiting.future.set(None);
    }
}

static INIT: Params<2> = Params {
    function: "Semaphore.__init__",
    names: [&names::SELF, &names::VALUE],
    positional: 2,
    required: 1,
};

/// Begins anew; false where the stdlib has to judge the value.
fn begin(this: &Own<Semaphore>, value: Option<&Own>) -> bool {
    let number = match value {
        None => Some(1),
        Some(value) => call::small_int(value),
    };
    let Some(number) = number.filter(|number| *number >= 0) else {
        return false;
    };
    this.waiters.reset(true);
    this.value.set(number);
    this.odd_value.set(None);
    true
}

fn init(py: Python<'_>, function: &Own<Function>, args: Args<'_>) -> PyRes<()> {
    let [this, value] = function.bind(py, args, &INIT)?;
    match this.and_then(|this| this.cast::<Semaphore>()) {
        Some(this) if begin(this, value) => Ok(()),
        _ => function.call_stock(py, args).map(drop),
    }
}

fn init_bounded(py: Python<'_>, function: &Own<Function>, args: Args<'_>) -> PyRes<()> {
    let [this, value] = function.bind(py, args, &INIT)?;
    if let Some(this) = this.and_then(|this| this.cast::<Semaphore>()) {
        this.is_bounded.set(true);
        if begin(this, value) {
            let bound = value.map_or_else(|| Own::int(py, 1), |value| Ok(value.clone()))?;
            this.bound_value.set(Some(bound));
            return Ok(());
        }
    }
    function.call_stock(py, args).map(drop)
}

fn acquire<B: By>(py: Python<'_>, function: &Own<Function>, this: &Own<Semaphore>) -> PyRes {
    if !Semaphore::is_plain(py, this)? {
        return function.call_stock_on(py, this);
    }
    let states = Acquire::<B> {
        semaphore: Slot::new(Some(this.clone())),
        waiting: Waiting::default(),
        by: std::marker::PhantomData,
    };
    Ok(awaitable::new(py, states)?.into_any())
}

fn release(py: Python<'_>, function: &Own<Function>, this: &Own<Semaphore>) -> PyRes {
    if this.is_bounded.get() || !Semaphore::is_plain(py, this)? {
        return function.call_stock_on(py, this);
    }
    this.release_unbounded(py)?;
    Ok(Own::none(py))
}

fn release_bounded(py: Python<'_>, function: &Own<Function>, this: &Own<Semaphore>) -> PyRes {
    if !this.is_bounded.get() || !Semaphore::is_plain(py, this)? {
        return function.call_stock_on(py, this);
    }
    this.release_bounded(py)?;
    Ok(Own::none(py))
}

fn locked(py: Python<'_>, function: &Own<Function>, this: &Own<Semaphore>) -> PyRes {
    if !this.odd_value.is_empty() {
        return function.call_stock_on(py, this);
    }
    Ok(Own::bool(py, this.is_locked(py)?))
}

fn properties() -> Vec<Property<Semaphore>> {
    vec![
        Property::get(c"_loop", |_, this: &Own<Semaphore>| this.bound.show()).set(
            |_, this: &Own<Semaphore>, value: Option<&Own>| {
                this.bound.0.set(value.cloned());
                Ok(())
            },
        ),
        Property::get(c"_waiters", |py, this: &Own<Semaphore>| {
            this.waiters.show(py)
        })
        .set(|py, this: &Own<Semaphore>, value: Option<&Own>| {
            this.waiters
                .set(&value.cloned().unwrap_or_else(|| Own::none(py)));
            Ok(())
        }),
        Property::get(c"_value", |py, this: &Own<Semaphore>| this.show_value(py)).set(
            |py, this: &Own<Semaphore>, value: Option<&Own>| {
                this.set_value(&value.cloned().unwrap_or_else(|| Own::none(py)));
                Ok(())
            },
        ),
        Property::get(c"_bound_value", |py, this: &Own<Semaphore>| -> PyRes {
            this.bound_value.get().ok_or_else(|| no_bound(py))
        })
        .set(|_, this: &Own<Semaphore>, value: Option<&Own>| {
            this.bound_value.set(value.cloned());
            // Also where a copy is filled, whose `__init__` has not run.
            this.is_bounded.set(value.is_some());
            Ok(())
        }),
    ]
}

/// Makes the types.
pub(super) fn make_types(py: Python<'_>) -> PyRes<Vec<(&'static str, Own)>> {
    awaitable::make_type::<Acquire<Method>>(py)?;
    awaitable::make_type::<Acquire<With>>(py)?;
    awaitable::make_type::<held::Exit<Semaphore>>(py)?;
    let class = TypeBuilder::<Semaphore>::new()
        .methods(state::methods())
        .properties(properties())
        .subclassable()
        .build(py)?;
    let face = Face::new(py, class, "asyncio.locks", "Semaphore")?;
    face.args(py, "__init__", init)?;
    face.method(py, "locked", locked)?;
    face.method(py, "acquire", acquire::<Method>)?;
    face.method(py, "release", release)?;
    face.method(py, "__aenter__", acquire::<With>)?;
    face.args(py, "__aexit__", held::exit::<Semaphore>)?;
    face.method(
        py,
        "_wake_up_next",
        |py, function, this: &Own<Semaphore>| function.call_stock_on(py, this),
    )?;
    face.method(py, "_get_loop", |py, _, this: &Own<Semaphore>| {
        this.bound.get_loop(py, this.as_any())
    })?;
    let bounded = Face::derived(py, &face.class, "asyncio.locks", "BoundedSemaphore")?;
    bounded.args(py, "__init__", init_bounded)?;
    bounded.method(py, "release", release_bounded)?;
    let bounded = BOUNDED.get_or_init(py, || Ok(bounded.class))?.clone();
    Ok(vec![
        ("_Semaphore", face.class),
        ("_BoundedSemaphore", bounded),
    ])
}
