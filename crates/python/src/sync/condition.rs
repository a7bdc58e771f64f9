//! `Condition`.
//!
//! States of `wait()`, which gets the lock back however it ends:
//!
//! | state | what happens | next |
//! |---|---|---|
//! | start | the lock is not held | done: `RuntimeError` |
//! | start | otherwise | in the line; the lock is released |
//! | in the line | `notify()`, or an exception is thrown in, which is kept | wants the lock back, or has it at once |
//! | wants it | a cancellation | wants it: the last one is kept |
//! | wants it | it has it | done: True, or what was kept |
//!
//! Since 3.13 one that ends in an error notifies somebody else, as the notification may have been for him.

use std::cell::Cell;
use std::ffi::CStr;

use pyo3::exceptions::PyRuntimeError;
use pyo3::prelude::*;

use super::bound::{self, Bound, LoopBound};
use super::face::Face;
use super::held::{self, Held, With};
use super::hooks::{Hooks, Replaced};
use super::lock::Lock;
use super::state::{self, Stateful};
use super::waiters::{self, Waited, Waiters};
use super::waiting::Waiting;
use crate::awaitable::{self, Awaitable, Coroutine, Next, Outcome};
use crate::ffi::{
    Args, Class, Function, Immortal, Name, Own, Params, Property, PyRes, Raised, Recycled, Slot,
    TypeBuilder, TypeSlot, Visit, WithDict, call, exception,
};
use crate::future::cancelled_error_class;
use crate::names;

/// The data of a condition.
#[derive(Debug)]
pub(super) struct Condition {
    bound: Bound,
    waiters: Waiters,
    lock: Slot,
    /// `locked`, `acquire`, `release`, where they have been set to something else than the lock's.
    locked: Slot,
    acquire: Slot,
    release: Slot,
}

static CONDITION: TypeSlot = TypeSlot::new();

/// The first three are the lock's methods.
static HOOKS: Hooks = Hooks::new(if cfg!(Py_3_13) { NAMES_3_13 } else { NAMES }, |py| {
    CONDITION.type_object(py)
});
const NAMES: &[&Name] = &[
    &names::LOCKED,
    &names::ACQUIRE,
    &names::RELEASE,
    &names::WAIT,
    &names::NOTIFY,
    &names::GET_LOOP,
];
const NAMES_3_13: &[&Name] = &[
    &names::LOCKED,
    &names::ACQUIRE,
    &names::RELEASE,
    &names::WAIT,
    &names::NOTIFY,
    &names::GET_LOOP,
    &names::OWN_NOTIFY,
];
const LOCKS_METHODS: Replaced = 7;

impl Class for Condition {
    const NAME: &'static CStr = c"ferrio._ferrio._Condition";
    const DOC: &'static CStr = c"The native half of Condition.";
    type Head = WithDict;

    fn slot() -> &'static TypeSlot {
        &CONDITION
    }

    fn uninitialised(_py: Python<'_>) -> PyRes<Option<Self>> {
        Ok(Some(Self {
            bound: Bound::default(),
            waiters: Waiters::new(),
            lock: Slot::empty(),
            locked: Slot::empty(),
            acquire: Slot::empty(),
            release: Slot::empty(),
        }))
    }

    fn traverse(&self, visit: &mut Visit) {
        visit.slot(&self.bound.0);
        self.waiters.traverse(visit);
        visit.slot(&self.lock);
        visit.slot(&self.locked);
        visit.slot(&self.acquire);
        visit.slot(&self.release);
    }

    fn clear(&self, _py: Python<'_>) {
        self.bound.0.set(None);
        self.waiters.reset(false);
        self.lock.set(None);
        self.locked.set(None);
        self.acquire.set(None);
        self.release.set(None);
    }
}

impl LoopBound for Condition {
    fn binding(&self) -> &Bound {
        &self.bound
    }
}

impl Waited for Condition {
    fn waiters(&self) -> &Waiters {
        &self.waiters
    }
}

impl Stateful for Condition {
    const ATTRIBUTES: &'static [&'static str] = &["_lock", "_waiters"];
}

fn not_false(py: Python<'_>) -> Own {
    Own::bool(py, false)
}

impl Condition {
    /// Its lock, where our own methods run for both; None where the stdlib's have to.
    #[inline]
    fn plain_lock(py: Python<'_>, this: &Own<Self>) -> PyRes<Option<Own<Lock>>> {
        if !(this.locked.is_empty() && this.acquire.is_empty() && this.release.is_empty()) {
            return Ok(None);
        }
        let lock = this.lock.get();
        let Some(lock) = lock.as_ref().and_then(|lock| lock.cast::<Lock>()) else {
            return Ok(None);
        };
        let plain = HOOKS.are_ours(py, this)? && Lock::is_plain(py, lock)?;
        Ok(plain.then(|| lock.clone()))
    }

    /// `_notify(n)`.
    fn notify(&self, py: Python<'_>, most: usize) -> PyRes<()> {
        self.waiters.wake(py, most, not_false)
    }
}

/// Where a `wait()` is.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Stage {
    /// In the line of the condition.
    Waiting,
    /// In the line of the lock.
    Acquiring,
}

/// The coroutine of `wait()`.
#[derive(Debug)]
struct Wait {
    condition: Slot<Condition>,
    lock: Slot<Lock>,
    stage: Cell<Stage>,
    waiting: Waiting,
    /// The error that ended the waiting, to be raised when the lock is ours again.
    error: Slot,
    /// The last cancellation on the way back to the lock.
    cancelled: Slot,
}

impl Wait {
    fn new(condition: &Own<Condition>, lock: Own<Lock>) -> Self {
        Self {
            condition: Slot::new(Some(condition.clone())),
            lock: Slot::new(Some(lock)),
            stage: Cell::new(Stage::Waiting),
            waiting: Waiting::default(),
            error: Slot::empty(),
            cancelled: Slot::empty(),
        }
    }

    /// Releases the lock and joins the line.
    fn begin(&self, py: Python<'_>, condition: &Own<Condition>, lock: &Own<Lock>) -> PyRes<Next> {
        let join = || -> PyRes {
            let future = condition.bound.new_future(py, condition.as_any())?;
            if cfg!(Py_3_13) {
                Lock::release(py, lock)?;
            }
            self.waiting.join(py, &condition.waiters, future)
        };
        if cfg!(Py_3_13) {
            return join().map(Next::Await);
        }
        Lock::release(py, lock)?;
        match join() {
            Ok(future) => Ok(Next::Await(future)),
            Err(error) => {
                self.error.set(Some(error.take(py)));
                self.get_lock(py, lock)
            }
        }
    }

    /// The lock at once, or a place in its line.
    fn get_lock(&self, py: Python<'_>, lock: &Own<Lock>) -> PyRes<Next> {
        self.stage.set(Stage::Acquiring);
        if lock.try_acquire(py)? {
            return self.finish(py);
        }
        self.waiting.wait_in(py, lock, lock.waiters())
    }

    /// Back with the lock: the last cancellation, the error of the waiting, or True.
    fn finish(&self, py: Python<'_>) -> PyRes<Next> {
        let error = self.error.take();
        let cancelled = match self.cancelled.take() {
            Some(cancelled) if !cfg!(Py_3_13) => {
                drop(cancelled);
                Some(call::call0(py, cancelled_error_class(py)?)?)
            }
            cancelled => cancelled,
        };
        match (cancelled, error) {
            (None, None) => Ok(Next::Return(Some(Own::bool(py, true)))),
            (Some(error), None) | (None, Some(error)) => Err(exception::restore(py, error)),
            (Some(cancelled), Some(error)) => {
                exception::chain(&cancelled, &error);
                Err(exception::restore(py, cancelled))
            }
        }
    }

    fn go_on(
        &self,
        py: Python<'_>,
        condition: &Condition,
        lock: &Own<Lock>,
        outcome: Outcome,
    ) -> PyRes<Next> {
        if self.stage.get() == Stage::Waiting {
            let left = self.waiting.leave(py, &condition.waiters);
            if let Err(error) = exception::after_finally(py, outcome, left) {
                self.error.set(Some(error.take(py)));
            }
            return self.get_lock(py, lock);
        }
        let Err(error) = Lock::waited(py, lock, &self.waiting, outcome) else {
            return self.finish(py);
        };
        let error = error.take(py);
        if !exception::matches(&error, cancelled_error_class(py)?) {
            if let Some(before) = self.error.take() {
                exception::chain(&error, &before);
            }
            return Err(exception::restore(py, error));
        }
        self.cancelled.set(Some(error));
        self.get_lock(py, lock)
    }
}

impl Awaitable for Wait {
    const TYPE_NAME: &'static CStr = c"ferrio._ferrio.ConditionWaitCoroutine";
    const QUALNAME: &'static str = "Condition.wait";
    const RECYCLED: Option<Recycled> = Some(Recycled::pool(22));

    fn slot() -> &'static TypeSlot {
        static SLOT: TypeSlot = TypeSlot::new();
        &SLOT
    }

    fn start(py: Python<'_>, this: &Own<Coroutine<Self>>) -> PyRes<Next> {
        let (Some(condition), Some(lock)) = (this.condition.get(), this.lock.get()) else {
            return Ok(Next::Return(None));
        };
        if !lock.is_locked() {
            let text = "cannot wait on un-acquired lock";
            return Err(Raised::new::<PyRuntimeError>(py, text));
        }
        this.begin(py, &condition, &lock)
    }

    fn resume(py: Python<'_>, this: &Own<Coroutine<Self>>, outcome: Outcome) -> PyRes<Next> {
        let (Some(condition), Some(lock)) = (this.condition.get(), this.lock.get()) else {
            return Ok(Next::Return(None));
        };
        match this.go_on(py, &condition, &lock, outcome) {
            Err(error) if cfg!(Py_3_13) => {
                let error = error.take(py);
                let handed_on = condition.notify(py, 1);
                exception::after_finally(py, Err(error), handed_on)
            }
            next => next,
        }
    }

    fn traverse(&self, visit: &mut Visit) {
        visit.slot(&self.condition);
        visit.slot(&self.lock);
        visit.slot(&self.waiting.future);
        visit.slot(&self.error);
        visit.slot(&self.cancelled);
    }

    fn clear(&self) {
        self.condition.set(None);
        self.lock.set(None);
        self.waiting.future.set(None);
        self.error.set(None);
        self.cancelled.set(None);
    }
}

/// The coroutine of `wait_for(predicate)`: asks, waits, asks again.
#[derive(Debug)]
struct WaitFor {
    condition: Slot,
    predicate: Slot,
}

impl WaitFor {
    fn ask(&self, py: Python<'_>) -> PyRes<Next> {
        let (Some(condition), Some(predicate)) = (self.condition.get(), self.predicate.get())
        else {
            return Ok(Next::Return(None));
        };
        let result = call::call0(py, &predicate)?;
        if call::truth(py, &result)? {
            return Ok(Next::Return(Some(result)));
        }
        call::method(py, &condition, &names::WAIT, &[]).map(Next::Await)
    }
}

impl Awaitable for WaitFor {
    const TYPE_NAME: &'static CStr = c"ferrio._ferrio.ConditionWaitForCoroutine";
    const QUALNAME: &'static str = "Condition.wait_for";

    fn slot() -> &'static TypeSlot {
        static SLOT: TypeSlot = TypeSlot::new();
        &SLOT
    }

    fn start(py: Python<'_>, this: &Own<Coroutine<Self>>) -> PyRes<Next> {
        this.ask(py)
    }

    fn resume(py: Python<'_>, this: &Own<Coroutine<Self>>, outcome: Outcome) -> PyRes<Next> {
        match outcome {
            Ok(_true) => this.ask(py),
            Err(error) => Err(exception::restore(py, error)),
        }
    }

    fn traverse(&self, visit: &mut Visit) {
        visit.slot(&self.condition);
        visit.slot(&self.predicate);
    }

    fn clear(&self) {
        self.condition.set(None);
        self.predicate.set(None);
    }
}

static INIT: Params<2> = Params {
    function: "Condition.__init__",
    names: [&names::SELF, &names::LOCK],
    positional: 2,
    required: 1,
};

fn init(py: Python<'_>, function: &Own<Function>, args: Args<'_>) -> PyRes<()> {
    static LOCK: Immortal = Immortal::empty();
    let [this, lock] = function.bind(py, args, &INIT)?;
    let Some(this) = this.and_then(|this| this.cast::<Condition>()) else {
        return function.call_stock(py, args).map(drop);
    };
    let lock = match lock.filter(|lock| !lock.is_none()) {
        // Anything else must show that it has the methods.
        Some(lock) if lock.cast::<Lock>().is_none() => {
            return function.call_stock(py, args).map(drop);
        }
        Some(lock) => lock.clone(),
        None => call::call0(py, LOCK.import(py, "ferrio._sync", "Lock")?)?,
    };
    if HOOKS.replaced(py, this)? & LOCKS_METHODS != 0 {
        // In the stdlib's the lock's methods, set here, hide those of a subclass.
        let args = [this.as_any().clone(), lock];
        return function.call_stock_with(py, &args).map(drop);
    }
    this.lock.set(Some(lock));
    this.locked.set(None);
    this.acquire.set(None);
    this.release.set(None);
    this.waiters.reset(false);
    Ok(())
}

fn wait(py: Python<'_>, function: &Own<Function>, this: &Own<Condition>) -> PyRes {
    match Condition::plain_lock(py, this)? {
        Some(lock) => Ok(awaitable::new(py, Wait::new(this, lock))?.into_any()),
        None => function.call_stock_on(py, this),
    }
}

static WAIT_FOR: Params<2> = Params {
    function: "Condition.wait_for",
    names: [&names::SELF, &names::PREDICATE],
    positional: 2,
    required: 2,
};

fn wait_for(py: Python<'_>, function: &Own<Function>, args: Args<'_>) -> PyRes {
    let [this, predicate] = function.bind(py, args, &WAIT_FOR)?;
    let states = WaitFor {
        condition: Slot::new(this.cloned()),
        predicate: Slot::new(predicate.cloned()),
    };
    Ok(awaitable::new(py, states)?.into_any())
}

fn check_locked(py: Python<'_>, lock: &Lock) -> PyRes<()> {
    if lock.is_locked() {
        return Ok(());
    }
    let text = "cannot notify on un-acquired lock";
    Err(Raised::new::<PyRuntimeError>(py, text))
}

static NOTIFY: Params<2> = Params {
    function: "Condition.notify",
    names: [&names::SELF, &names::N],
    positional: 2,
    required: 1,
};

fn notify(py: Python<'_>, function: &Own<Function>, args: Args<'_>) -> PyRes {
    let [this, most] = function.bind(py, args, &NOTIFY)?;
    let most = most.map_or(Some(1), call::small_int);
    if let (Some(this), Some(most)) = (this.and_then(|this| this.cast::<Condition>()), most) {
        if let Some(lock) = Condition::plain_lock(py, this)? {
            check_locked(py, &lock)?;
            this.notify(py, usize::try_from(most).unwrap_or(0))?;
            return Ok(Own::none(py));
        }
    }
    function.call_stock(py, args)
}

fn notify_all(py: Python<'_>, function: &Own<Function>, this: &Own<Condition>) -> PyRes {
    match Condition::plain_lock(py, this)? {
        Some(lock) => {
            check_locked(py, &lock)?;
            this.notify(py, usize::MAX)?;
            Ok(Own::none(py))
        }
        None => function.call_stock_on(py, this),
    }
}

fn enter(py: Python<'_>, function: &Own<Function>, this: &Own<Condition>) -> PyRes {
    match Condition::plain_lock(py, this)? {
        Some(lock) => held::acquiring::<Lock, With>(py, &lock),
        None => function.call_stock_on(py, this),
    }
}

fn exit(py: Python<'_>, function: &Own<Function>, args: Args<'_>) -> PyRes {
    if let [this, _class, _error, _traceback] = args.positional() {
        if let Some(this) = this.cast::<Condition>().filter(|_| !args.has_keywords()) {
            if let Some(lock) = Condition::plain_lock(py, this)? {
                return held::exiting(py, &lock);
            }
        }
    }
    function.call_stock(py, args)
}

/// An attribute that is the lock's method of this name until it is set.
macro_rules! lock_method {
    ($attribute:literal, $field:ident, $name:expr) => {
        Property::get($attribute, |py, this: &Own<Condition>| -> PyRes {
            if let Some(own) = this.$field.get() {
                return Ok(own);
            }
            let lock = this.lock.get().unwrap_or_else(|| Own::none(py));
            call::attribute(py, &lock, $name)
        })
        .set(|_, this: &Own<Condition>, value: Option<&Own>| {
            this.$field.set(value.cloned());
            Ok(())
        })
    };
}

fn properties() -> Vec<Property<Condition>> {
    vec![
        bound::property(),
        waiters::property(),
        Property::get(c"_lock", |_, this: &Own<Condition>| this.lock.get()).set(
            |_, this: &Own<Condition>, value: Option<&Own>| {
                this.lock.set(value.cloned());
                Ok(())
            },
        ),
        lock_method!(c"locked", locked, &names::LOCKED),
        lock_method!(c"acquire", acquire, &names::ACQUIRE),
        lock_method!(c"release", release, &names::RELEASE),
    ]
}

/// Makes the type.
pub(super) fn make_type(py: Python<'_>) -> PyRes {
    awaitable::make_type::<Wait>(py)?;
    awaitable::make_type::<WaitFor>(py)?;
    let class = TypeBuilder::<Condition>::new()
        .methods(state::methods())
        .properties(properties())
        .subclassable()
        .build(py)?;
    let face = Face::new(py, class, "asyncio.locks", "Condition")?;
    face.args(py, "__init__", init)?;
    face.method(py, "wait", wait)?;
    face.args(py, "wait_for", wait_for)?;
    face.args(py, "notify", notify)?;
    face.method(py, "notify_all", notify_all)?;
    face.method(py, "__aenter__", enter)?;
    face.args(py, "__aexit__", exit)?;
    if cfg!(Py_3_13) {
        face.args(py, "_notify", |py, function, args| {
            function.call_stock(py, args)
        })?;
    }
    face.method(py, "_get_loop", bound::get_loop::<Condition>)?;
    Ok(face.class)
}
