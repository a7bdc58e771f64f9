//! `Lock`.
//!
//! | state | what happens | next |
//! |---|---|---|
//! | unlocked | `acquire()`, nobody waits or all who do are cancelled | locked, at once |
//! | unlocked | `acquire()`, somebody waits | unlocked; he is in the line behind him |
//! | unlocked | the woken one runs | locked |
//! | unlocked | the woken one runs, cancelled | unlocked; the next one is woken |
//! | unlocked | `release()` | unlocked: `RuntimeError` |
//! | locked | `acquire()` | locked; he is in the line |
//! | locked | `release()` | unlocked; the first who waits is woken |
//!
//! Unlocked while somebody waits means that the first has been woken and has not run yet.

use std::cell::Cell;
use std::ffi::CStr;

use pyo3::exceptions::PyRuntimeError;
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
    Args, Class, Function, Own, Params, Property, PyRes, Raised, TypeBuilder, TypeSlot, Visit,
    WithDict, call, exception,
};
use crate::future::cancelled_error_class;
use crate::names;

/// The data of a lock.
#[derive(Debug)]
pub(super) struct Lock {
    bound: Bound,
    waiters: Waiters,
    locked: Cell<bool>,
}

static LOCK: TypeSlot = TypeSlot::new();

static HOOKS: Hooks = Hooks::new(
    &[
        &names::ACQUIRE,
        &names::RELEASE,
        &names::LOCKED,
        &names::WAKE_UP_FIRST,
        &names::GET_LOOP,
    ],
    |py| LOCK.type_object(py),
);

impl Class for Lock {
    const NAME: &'static CStr = c"ferrio._ferrio._Lock";
    const DOC: &'static CStr = c"The native half of Lock.";
    type Head = WithDict;

    fn slot() -> &'static TypeSlot {
        &LOCK
    }

    fn uninitialised(_py: Python<'_>) -> PyRes<Option<Self>> {
        Ok(Some(Self {
            bound: Bound::default(),
            waiters: Waiters::unset(),
            locked: Cell::new(false),
        }))
    }

    fn traverse(&self, visit: &mut Visit) {
        visit.slot(&self.bound.0);
        self.waiters.traverse(visit);
    }

    fn clear(&self, _py: Python<'_>) {
        self.bound.0.set(None);
        self.waiters.reset(true);
    }
}

impl LoopBound for Lock {
    fn binding(&self) -> &Bound {
        &self.bound
    }
}

impl Waited for Lock {
    fn waiters(&self) -> &Waiters {
        &self.waiters
    }
}

impl Stateful for Lock {
    const ATTRIBUTES: &'static [&'static str] = &["_waiters", "_locked"];
}

impl Lock {
    /// `locked()`.
    pub(super) fn is_locked(&self) -> bool {
        self.locked.get()
    }

    /// The first is to run, if he is not woken already.
    #[inline]
    fn wake_up_first(&self, py: Python<'_>) -> PyRes<()> {
        match self.waiters.first(py)? {
            Some(first) => futures::wake(py, &first, futures::yes).map(drop),
            None => Ok(()),
        }
    }
}

impl Held for Lock {
    const COROUTINES: [Kind; 3] = [
        Kind::acquire(c"ferrio._ferrio.LockAcquireCoroutine", "Lock.acquire", 31),
        Kind::enter(c"ferrio._ferrio.LockEnterCoroutine", 30),
        Kind::exit(c"ferrio._ferrio.LockExitCoroutine", 29),
    ];

    fn slots() -> &'static [TypeSlot; 3] {
        static SLOTS: [TypeSlot; 3] = [const { TypeSlot::new() }; 3];
        &SLOTS
    }

    #[inline]
    fn is_plain(py: Python<'_>, this: &Own<Self>) -> PyRes<bool> {
        HOOKS.are_ours(py, this)
    }

    /// If nobody has it and nobody is about to.
    #[inline]
    fn try_acquire(&self, py: Python<'_>) -> PyRes<bool> {
        if !self.locked.get() && self.waiters.are_all_cancelled(py)? {
            self.locked.set(true);
            return Ok(true);
        }
        Ok(false)
    }

    /// His error hands a wake-up on.
    fn waited(py: Python<'_>, this: &Own<Self>, waiting: &Waiting, outcome: Outcome) -> PyRes<()> {
        let left = waiting.leave(py, &this.waiters);
        let error = match exception::after_finally(py, outcome, left) {
            Ok(_true) => {
                this.locked.set(true);
                return Ok(());
            }
            Err(error) => error.take(py),
        };
        let mut handed_on = Ok(());
        if !this.locked.get() && exception::matches(&error, cancelled_error_class(py)?) {
            handed_on = this.wake_up_first(py);
        }
        exception::after_finally(py, Err(error), handed_on)
    }

    /// Errors: `RuntimeError` where it is not locked.
    #[inline]
    fn release(py: Python<'_>, this: &Own<Self>) -> PyRes<()> {
        if !this.locked.get() {
            return Err(Raised::new::<PyRuntimeError>(py, "Lock is not acquired."));
        }
        this.locked.set(false);
        this.wake_up_first(py)
    }
}

static INIT: Params<1> = Params {
    function: "Lock.__init__",
    names: [&names::SELF],
    positional: 1,
    required: 1,
};

fn init(py: Python<'_>, function: &Own<Function>, args: Args<'_>) -> PyRes<()> {
    let [this] = function.bind(py, args, &INIT)?;
    match this.and_then(|this| this.cast::<Lock>()) {
        Some(this) => {
            this.waiters.reset(true);
            this.locked.set(false);
            Ok(())
        }
        None => function.call_stock(py, args).map(drop),
    }
}

fn release(py: Python<'_>, function: &Own<Function>, this: &Own<Lock>) -> PyRes {
    if !Lock::is_plain(py, this)? {
        return function.call_stock_on(py, this);
    }
    Lock::release(py, this)?;
    Ok(Own::none(py))
}

fn properties() -> Vec<Property<Lock>> {
    vec![
        bound::property(),
        waiters::property(),
        Property::get(c"_locked", |_, this: &Own<Lock>| this.locked.get()).set(
            |py, this: &Own<Lock>, value: Option<&Own>| {
                this.locked
                    .set(value.map_or(Ok(false), |value| call::truth(py, value))?);
                Ok(())
            },
        ),
    ]
}

/// Makes the type.
pub(super) fn make_type(py: Python<'_>) -> PyRes {
    held::make_types::<Lock>(py)?;
    let class = TypeBuilder::<Lock>::new()
        .methods(state::methods())
        .properties(properties())
        .subclassable()
        .build(py)?;
    let face = Face::new(py, class, "asyncio.locks", "Lock")?;
    face.args(py, "__init__", init)?;
    held::put_methods::<Lock>(py, &face)?;
    face.method(py, "release", release)?;
    face.method(py, "locked", |_, _, this: &Own<Lock>| this.locked.get())?;
    face.method(py, "_wake_up_first", |py, _, this: &Own<Lock>| {
        this.wake_up_first(py)
    })?;
    face.method(py, "_get_loop", bound::get_loop::<Lock>)?;
    Ok(face.class)
}
