//! `Semaphore` and `BoundedSemaphore`.
//!
//! | state | what happens | next |
//! |---|---|---|
//! | value > 0 | `acquire()`, nobody waits or all who do are cancelled | value − 1, at once |
//! | value > 0 | `acquire()`, somebody waits | the same value; he is in the line |
//! | value 0 | `acquire()` | he is in the line |
//! | any value | `release()` | value + 1, and − 1 again if somebody waits: he is woken |
//! | any value | a woken one runs, cancelled | value + 1, and as with `release()` |
//! | value = bound | `release()` of a bounded one | the same: `ValueError` |
//!
//! A woken waiter has been given one unit already: it is taken off the value when he is woken, not when he runs.

use std::cell::Cell;
use std::ffi::CStr;

use pyo3::exceptions::{PyAttributeError, PyValueError};
use pyo3::prelude::*;

use super::bound::{self, Bound, LoopBound};
use super::face::Face;
use super::futures;
use super::held::{self, Held, Kind};
use super::hooks::Hooks;
use super::state::{self, Stateful};
use super::waiters::{self, Waited, Waiters};
use super::waiting::Waiting;
use crate::awaitable::Outcome;
use crate::ffi::{
    Args, Class, Function, Immortal, Name, Own, Params, Property, PyRes, Raised, Slot, TypeBuilder,
    TypeSlot, Visit, WithDict, call, exception,
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

impl LoopBound for Semaphore {
    fn binding(&self) -> &Bound {
        &self.bound
    }
}

impl Waited for Semaphore {
    fn waiters(&self) -> &Waiters {
        &self.waiters
    }
}

impl Stateful for Semaphore {
    const ATTRIBUTES: &'static [&'static str] = &["_waiters", "_value", "_bound_value"];
}

impl Semaphore {
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
    const COROUTINES: [Kind; 3] = [
        Kind::acquire(
            c"ferrio._ferrio.SemaphoreAcquireCoroutine",
            "Semaphore.acquire",
            25,
        ),
        Kind::enter(c"ferrio._ferrio.SemaphoreEnterCoroutine", 24),
        Kind::exit(c"ferrio._ferrio.SemaphoreExitCoroutine", 23),
    ];

    fn slots() -> &'static [TypeSlot; 3] {
        static SLOTS: [TypeSlot; 3] = [const { TypeSlot::new() }; 3];
        &SLOTS
    }

    #[inline]
    fn is_plain(py: Python<'_>, this: &Own<Self>) -> PyRes<bool> {
        let hooks = if this.is_bounded.get() {
            &BOUNDED_HOOKS
        } else {
            &HOOKS
        };
        Ok(this.odd_value.is_empty() && hooks.are_ours(py, this)?)
    }

    #[inline]
    fn try_acquire(&self, py: Python<'_>) -> PyRes<bool> {
        if self.is_locked(py)? {
            return Ok(false);
        }
        self.change_value(-1);
        Ok(true)
    }

    /// A unit that has come too late is given back.
    fn waited(py: Python<'_>, this: &Own<Self>, waiting: &Waiting, outcome: Outcome) -> PyRes<()> {
        let future = waiting.future.get();
        let left = waiting.leave(py, &this.waiters);
        let error = match exception::after_finally(py, outcome, left) {
            Ok(_true) => return this.wake_as_many_as_may(py),
            Err(error) => error.take(py),
        };
        let mut handed_on = Ok(());
        if exception::matches(&error, cancelled_error_class(py)?) {
            handed_on = future.map_or(Ok(()), |future| give_back(py, this, &future));
        }
        if cfg!(Py_3_13) && handed_on.is_ok() {
            handed_on = this.wake_as_many_as_may(py);
        }
        exception::after_finally(py, Err(error), handed_on)
    }

    fn release(py: Python<'_>, this: &Own<Self>) -> PyRes<()> {
        if this.is_bounded.get() {
            this.release_bounded(py)
        } else {
            this.release_unbounded(py)
        }
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
        bound::property(),
        waiters::property(),
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
    held::make_types::<Semaphore>(py)?;
    let class = TypeBuilder::<Semaphore>::new()
        .methods(state::methods())
        .properties(properties())
        .subclassable()
        .build(py)?;
    let face = Face::new(py, class, "asyncio.locks", "Semaphore")?;
    face.args(py, "__init__", init)?;
    face.method(py, "locked", locked)?;
    held::put_methods::<Semaphore>(py, &face)?;
    face.method(py, "release", release)?;
    face.method(
        py,
        "_wake_up_next",
        |py, function, this: &Own<Semaphore>| function.call_stock_on(py, this),
    )?;
    face.method(py, "_get_loop", bound::get_loop::<Semaphore>)?;
    let bounded = Face::derived(py, &face.class, "asyncio.locks", "BoundedSemaphore")?;
    bounded.args(py, "__init__", init_bounded)?;
    bounded.method(py, "release", release_bounded)?;
    let bounded = BOUNDED.get_or_init(py, || Ok(bounded.class))?.clone();
    Ok(vec![
        ("_Semaphore", face.class),
        ("_BoundedSemaphore", bounded),
    ])
}
