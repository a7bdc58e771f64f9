//! `Lock`.
//!
//! States: unlocked ⇄ locked. Unlocked while somebody waits means that the first has been woken and has not run yet: nobody else gets
//! in before him, unless all who wait have been cancelled.

use std::cell::Cell;
use std::ffi::CStr;

use pyo3::exceptions::PyRuntimeError;
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
    Args, Class, Function, Own, Params, Property, PyRes, Raised, Recycled, Slot, TypeBuilder,
    TypeSlot, Visit, WithDict, call, exception,
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

impl Stateful for Lock {
    const ATTRIBUTES: &'static [&'static str] = &["_waiters", "_locked"];
}

impl Lock {
    /// Do our own methods run for it?
    #[inline]
    pub(super) fn is_plain(py: Python<'_>, this: &Own<Self>) -> PyRes<bool> {
        HOOKS.are_ours(py, this)
    }

    /// `locked()`.
    pub(super) fn is_locked(&self) -> bool {
        self.locked.get()
    }

    /// Takes it if nobody has it and nobody is about to.
    #[inline]
    pub(super) fn try_acquire(&self, py: Python<'_>) -> PyRes<bool> {
        if !self.locked.get() && self.waiters.are_all_cancelled(py)? {
            self.locked.set(true);
            return Ok(true);
        }
        Ok(false)
    }

    /// `release()`. Errors: `RuntimeError` where it is not locked.
    #[inline]
    pub(super) fn release_own(py: Python<'_>, this: &Own<Self>) -> PyRes<()> {
        if !this.locked.get() {
            return Err(Raised::new::<PyRuntimeError>(py, "Lock is not acquired."));
        }
        this.locked.set(false);
        this.wake_up_first(py)
    }

    /// The first is to run, if he is not woken already.
    #[inline]
    fn wake_up_first(&self, py: Python<'_>) -> PyRes<()> {
        match self.waiters.first(py)? {
            Some(first) => futures::wake(py, &first, futures::yes).map(drop),
            None => Ok(()),
        }
    }

    /// Joins the line of those who want it; the future to be awaited.
    #[inline]
    pub(super) fn join(py: Python<'_>, this: &Own<Self>, waiting: &Waiting) -> PyRes {
        let future = this.bound.new_future(py, this.as_any())?;
        waiting.join(py, &this.waiters, future)
    }

    /// Whoever was in the line has it now, or (his error) hands a wake-up on.
    pub(super) fn joined(
        py: Python<'_>,
        this: &Own<Self>,
        waiting: &Waiting,
        outcome: Outcome,
    ) -> PyRes<()> {
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

    /// The coroutine of `async with`, of a lock that is plain.
    pub(super) fn enter(py: Python<'_>, this: &Own<Self>) -> PyRes {
        Ok(awaitable::new(py, Acquire::<With>::new(this))?.into_any())
    }
}

impl Held for Lock {
    const EXIT_NAME: &'static CStr = c"ferrio._ferrio.LockExitCoroutine";
    const EXIT_POOL: u8 = 29;

    fn exit_slot() -> &'static TypeSlot {
        static EXIT: TypeSlot = TypeSlot::new();
        &EXIT
    }

    fn is_released_by_us(py: Python<'_>, this: &Own<Self>) -> PyRes<bool> {
        Self::is_plain(py, this)
    }

    fn release(py: Python<'_>, this: &Own<Self>) -> PyRes<()> {
        Self::release_own(py, this)
    }
}

/// `acquire()`.
#[derive(Debug)]
pub(super) struct Method;

/// `__aenter__()`.
#[derive(Debug)]
pub(super) struct With;

impl By for Method {
    const TYPE_NAME: &'static CStr = c"ferrio._ferrio.LockAcquireCoroutine";
    const NAME: &'static str = "acquire";
    const QUALNAME: &'static str = "Lock.acquire";
    const POOL: u8 = 31;

    fn slot() -> &'static TypeSlot {
        static SLOT: TypeSlot = TypeSlot::new();
        &SLOT
    }

    fn result(py: Python<'_>) -> Option<Own> {
        Some(futures::yes(py))
    }
}

impl By for With {
    const TYPE_NAME: &'static CStr = c"ferrio._ferrio.LockEnterCoroutine";
    const NAME: &'static str = "__aenter__";
    const QUALNAME: &'static str = "_ContextManagerMixin.__aenter__";
    const POOL: u8 = 30;

    fn slot() -> &'static TypeSlot {
        static SLOT: TypeSlot = TypeSlot::new();
        &SLOT
    }

    fn result(_py: Python<'_>) -> Option<Own> {
        None
    }
}

/// Start → done, or → in the line → done. However it ends, the place in the line is given up.
#[derive(Debug)]
pub(super) struct Acquire<B> {
    lock: Slot<Lock>,
    waiting: Waiting,
    by: std::marker::PhantomData<B>,
}

impl<B> Acquire<B> {
    fn new(lock: &Own<Lock>) -> Self {
        Self {
            lock: Slot::new(Some(lock.clone())),
            waiting: Waiting::default(),
            by: std::marker::PhantomData,
        }
    }
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
        let Some(lock) = this.lock.get() else {
            return Ok(Next::Return(None));
        };
        if lock.try_acquire(py)? {
            return Ok(Next::Return(B::result(py)));
        }
        Lock::join(py, &lock, &this.waiting).map(Next::Await)
    }

    fn resume(py: Python<'_>, this: &Own<Coroutine<Self>>, outcome: Outcome) -> PyRes<Next> {
        let Some(lock) = this.lock.take() else {
            return Ok(Next::Return(None));
        };
        Lock::joined(py, &lock, &this.waiting, outcome)?;
        Ok(Next::Return(B::result(py)))
    }

    fn traverse(&self, visit: &mut Visit) {
        visit.slot(&self.lock);
        visit.slot(&self.waiting.future);
    }

    fn clear(&self) {
        self.lock.set(None);
        self.waiting.future.set(None);
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

/// The coroutine of ours, or the stdlib's where the lock has methods of its own.
fn acquire<B: By>(py: Python<'_>, function: &Own<Function>, this: &Own<Lock>) -> PyRes {
    if !Lock::is_plain(py, this)? {
        return function.call_stock_on(py, this);
    }
    Ok(awaitable::new(py, Acquire::<B>::new(this))?.into_any())
}

fn release(py: Python<'_>, function: &Own<Function>, this: &Own<Lock>) -> PyRes {
    if !Lock::is_plain(py, this)? {
        return function.call_stock_on(py, this);
    }
    Lock::release_own(py, this)?;
    Ok(Own::none(py))
}

fn properties() -> Vec<Property<Lock>> {
    vec![
        Property::get(c"_loop", |_, this: &Own<Lock>| this.bound.show()).set(
            |_, this: &Own<Lock>, value: Option<&Own>| {
                this.bound.0.set(value.cloned());
                Ok(())
            },
        ),
        Property::get(c"_waiters", |py, this: &Own<Lock>| this.waiters.show(py)).set(
            |py, this: &Own<Lock>, value: Option<&Own>| {
                this.waiters
                    .set(&value.cloned().unwrap_or_else(|| Own::none(py)));
                Ok(())
            },
        ),
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
    awaitable::make_type::<Acquire<Method>>(py)?;
    awaitable::make_type::<Acquire<With>>(py)?;
    awaitable::make_type::<held::Exit<Lock>>(py)?;
    let class = TypeBuilder::<Lock>::new()
        .methods(state::methods())
        .properties(properties())
        .subclassable()
        .build(py)?;
    let face = Face::new(py, class, "asyncio.locks", "Lock")?;
    face.args(py, "__init__", init)?;
    face.method(py, "acquire", acquire::<Method>)?;
    face.method(py, "release", release)?;
    face.method(py, "locked", |_, _, this: &Own<Lock>| this.locked.get())?;
    face.method(py, "__aenter__", acquire::<With>)?;
    face.args(py, "__aexit__", held::exit::<Lock>)?;
    face.method(py, "_wake_up_first", |py, _, this: &Own<Lock>| {
        this.wake_up_first(py)
    })?;
    face.method(py, "_get_loop", |py, _, this: &Own<Lock>| {
        this.bound.get_loop(py, this.as_any())
    })?;
    Ok(face.class)
}
