//! `acquire()` and `async with`, of whatever can be acquired and released.

use std::ffi::CStr;
use std::marker::PhantomData;

use pyo3::prelude::*;

use super::face::Face;
use super::futures;
use super::waiters::Waited;
use super::waiting::Waiting;
use crate::awaitable::{self, Awaitable, Coroutine, Next, Outcome};
use crate::ffi::{Args, Function, Own, PyRes, Recycled, Slot, TypeSlot, Visit, exception};

/// What a coroutine of theirs is called, and where its memory goes.
#[derive(Debug)]
pub(super) struct Kind {
    type_name: &'static CStr,
    qualname: &'static str,
    pool: u8,
}

impl Kind {
    const fn new(type_name: &'static CStr, qualname: &'static str, pool: u8) -> Self {
        Self {
            type_name,
            qualname,
            pool,
        }
    }

    /// Of `acquire()`.
    pub(super) const fn acquire(
        type_name: &'static CStr,
        qualname: &'static str,
        pool: u8,
    ) -> Self {
        Self::new(type_name, qualname, pool)
    }

    /// Of `__aenter__()`.
    pub(super) const fn enter(type_name: &'static CStr, pool: u8) -> Self {
        Self::new(type_name, "_ContextManagerMixin.__aenter__", pool)
    }

    /// Of `__aexit__()`.
    pub(super) const fn exit(type_name: &'static CStr, pool: u8) -> Self {
        Self::new(type_name, "_ContextManagerMixin.__aexit__", pool)
    }
}

/// What can be held.
pub(super) trait Held: Waited {
    /// Of `acquire()`, `__aenter__()` and `__aexit__()`.
    const COROUTINES: [Kind; 3];

    /// The types of the three.
    fn slots() -> &'static [TypeSlot; 3];

    /// Do our own methods run for it?
    fn is_plain(py: Python<'_>, this: &Own<Self>) -> PyRes<bool>;

    /// Takes it if it can be had at once.
    fn try_acquire(&self, py: Python<'_>) -> PyRes<bool>;

    /// Whoever was in the line has it now, or (his error) sees to the others.
    fn waited(py: Python<'_>, this: &Own<Self>, waiting: &Waiting, outcome: Outcome) -> PyRes<()>;

    /// `release()`.
    fn release(py: Python<'_>, this: &Own<Self>) -> PyRes<()>;
}

/// Who acquires: `acquire()` itself or `async with`.
pub(super) trait By: 'static {
    /// Which of the three coroutines.
    const PLACE: usize;

    /// What the coroutine returns.
    fn result(py: Python<'_>) -> Option<Own>;
}

/// `acquire()`.
#[derive(Debug)]
pub(super) struct Method;

/// `__aenter__()`.
#[derive(Debug)]
pub(super) struct With;

impl By for Method {
    const PLACE: usize = 0;

    fn result(py: Python<'_>) -> Option<Own> {
        Some(futures::yes(py))
    }
}

impl By for With {
    const PLACE: usize = 1;

    fn result(_py: Python<'_>) -> Option<Own> {
        None
    }
}

const EXIT: usize = 2;

/// Start → done, or → in the line → done. However it ends, the place in the line is given up.
#[derive(Debug)]
pub(super) struct Acquire<T, B> {
    held: Slot<T>,
    waiting: Waiting,
    by: PhantomData<B>,
}

impl<T: Held, B: By> Awaitable for Acquire<T, B> {
    const TYPE_NAME: &'static CStr = T::COROUTINES[B::PLACE].type_name;
    const QUALNAME: &'static str = T::COROUTINES[B::PLACE].qualname;
    const RECYCLED: Option<Recycled> = Some(Recycled::pool(T::COROUTINES[B::PLACE].pool));

    fn slot() -> &'static TypeSlot {
        &T::slots()[B::PLACE]
    }

    fn start(py: Python<'_>, this: &Own<Coroutine<Self>>) -> PyRes<Next> {
        let Some(held) = this.held.get() else {
            return Ok(Next::Return(None));
        };
        if held.try_acquire(py)? {
            return Ok(Next::Return(B::result(py)));
        }
        this.waiting.wait_in(py, &held, held.waiters())
    }

    fn resume(py: Python<'_>, this: &Own<Coroutine<Self>>, outcome: Outcome) -> PyRes<Next> {
        let Some(held) = this.held.take() else {
            return Ok(Next::Return(None));
        };
        T::waited(py, &held, &this.waiting, outcome)?;
        Ok(Next::Return(B::result(py)))
    }

    fn traverse(&self, visit: &mut Visit) {
        visit.slot(&self.held);
        visit.slot(&self.waiting.future);
    }

    fn clear(&self) {
        self.held.set(None);
        self.waiting.future.set(None);
    }
}

/// The coroutine of `acquire()` or `__aenter__()`, of what is plain.
pub(super) fn acquiring<T: Held, B: By>(py: Python<'_>, held: &Own<T>) -> PyRes {
    let states = Acquire::<T, B> {
        held: Slot::new(Some(held.clone())),
        waiting: Waiting::default(),
        by: PhantomData,
    };
    Ok(awaitable::new(py, states)?.into_any())
}

/// The same, or the stdlib's where the object has methods of its own.
fn acquire<T: Held, B: By>(py: Python<'_>, function: &Own<Function>, this: &Own<T>) -> PyRes {
    if !T::is_plain(py, this)? {
        return function.call_stock_on(py, this);
    }
    acquiring::<T, B>(py, this)
}

/// The coroutine of `__aexit__`, which ends in its first `send`.
#[derive(Debug)]
pub(super) struct Exit<T>(Slot<T>);

impl<T: Held> Awaitable for Exit<T> {
    const TYPE_NAME: &'static CStr = T::COROUTINES[EXIT].type_name;
    const QUALNAME: &'static str = T::COROUTINES[EXIT].qualname;
    const RECYCLED: Option<Recycled> = Some(Recycled::pool(T::COROUTINES[EXIT].pool));

    fn slot() -> &'static TypeSlot {
        &T::slots()[EXIT]
    }

    fn start(py: Python<'_>, this: &Own<Coroutine<Self>>) -> PyRes<Next> {
        if let Some(held) = this.0.take() {
            T::release(py, &held)?;
        }
        Ok(Next::Return(None))
    }

    fn resume(py: Python<'_>, _this: &Own<Coroutine<Self>>, outcome: Outcome) -> PyRes<Next> {
        match outcome {
            Ok(_) => Ok(Next::Return(None)),
            Err(error) => Err(exception::restore(py, error)),
        }
    }

    fn traverse(&self, visit: &mut Visit) {
        visit.slot(&self.0);
    }

    fn clear(&self) {
        self.0.set(None);
    }
}

/// The coroutine of `__aexit__`, of what is plain.
pub(super) fn exiting<T: Held>(py: Python<'_>, held: &Own<T>) -> PyRes {
    let states = Exit(Slot::new(Some(held.clone())));
    Ok(awaitable::new(py, states)?.into_any())
}

/// `__aexit__(exc_type, exc, tb)`.
fn exit<T: Held>(py: Python<'_>, this: &Own<Function>, args: Args<'_>) -> PyRes {
    if let [object, _class, _error, _traceback] = args.positional() {
        if let Some(held) = object.cast::<T>() {
            if !args.has_keywords() && T::is_plain(py, held)? {
                return exiting(py, held);
            }
        }
    }
    this.call_stock(py, args)
}

/// Makes the types of the coroutines.
pub(super) fn make_types<T: Held>(py: Python<'_>) -> PyRes<()> {
    awaitable::make_type::<Acquire<T, Method>>(py)?;
    awaitable::make_type::<Acquire<T, With>>(py)?;
    awaitable::make_type::<Exit<T>>(py)
}

/// Gives a class the methods.
pub(super) fn put_methods<T: Held>(py: Python<'_>, face: &Face) -> PyRes<()> {
    face.method(py, "acquire", acquire::<T, Method>)?;
    face.method(py, "__aenter__", acquire::<T, With>)?;
    face.args(py, "__aexit__", exit::<T>)
}
