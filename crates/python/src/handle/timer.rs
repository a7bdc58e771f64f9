//! `TimerHandle`: a call with a deadline.

use std::cell::Cell;
use std::ffi::CStr;
use std::rc::Rc;

use pyo3::prelude::*;

use super::{Call, Handle, asyncio_class, repr, repr_info};
use crate::ffi::{
    self, Class, Compare, Method, Own, Property, PyRes, Recycled, Slot, TypeBuilder, TypeSlot,
    WithWeakrefs, call,
};

static TIMER_HANDLE: TypeSlot = TypeSlot::new();

/// One scheduled call with a deadline.
#[derive(Debug)]
#[repr(C)]
pub struct TimerHandle {
    handle: Handle,
    when: f64,
    /// Was it given as a whole number? Then it is shown as one.
    pub is_whole: Cell<bool>,
    /// Does it stand in the heap?
    pub scheduled: Cell<bool>,
    /// Shared with the loop's heap: how many cancelled entries it still holds.
    garbage: Rc<Cell<usize>>,
}

ffi::extends!(TimerHandle: Handle, handle);

impl Class for TimerHandle {
    const NAME: &'static CStr = c"ferrio.TimerHandle";
    const DOC: &'static CStr = c"Object returned by timed callback registration methods.";
    type Head = WithWeakrefs;
    const GC: bool = false;
    const RECYCLED: Option<Recycled> = Some(Recycled::pool(4));

    fn slot() -> &'static TypeSlot {
        &TIMER_HANDLE
    }
}

impl TimerHandle {
    /// A call at `when` (seconds of the loop's clock).
    pub fn new(
        py: Python<'_>,
        owner: &Own,
        when: f64,
        call: Call,
        garbage: &Rc<Cell<usize>>,
    ) -> PyRes<Own<Self>> {
        let garbage = Rc::clone(garbage);
        Own::make(py, || Self {
            handle: Handle::around(owner, call),
            when,
            is_whole: Cell::new(false),
            scheduled: Cell::new(false),
            garbage,
        })
    }

    /// One of the same call that stands in no heap.
    pub(super) fn to_show(&self, py: Python<'_>) -> PyRes<Own<Self>> {
        let data = Self {
            handle: self.handle.same_call(py)?,
            when: self.when,
            is_whole: self.is_whole.clone(),
            scheduled: Cell::new(false),
            garbage: Rc::clone(&self.garbage),
        };
        Own::alloc(py, data)
    }

    /// Seconds of the loop's clock.
    pub fn when(&self) -> f64 {
        self.when
    }

    /// The same as it was given.
    fn when_object(py: Python<'_>, this: &Own<Self>) -> PyRes {
        if this.is_whole.get() {
            Own::int(py, this.when as i64)
        } else {
            Own::float(py, this.when)
        }
    }

    /// `cancel()`.
    pub fn cancel(py: Python<'_>, this: &Own<Self>) -> PyRes<()> {
        if Handle::cancel(py, this.base())? && this.scheduled.get() {
            this.garbage.set(this.garbage.get() + 1);
        }
        Ok(())
    }

    fn compare(py: Python<'_>, this: &Own<Self>, other: &Own, op: Compare) -> PyRes<Option<bool>> {
        let Some(other) = other.cast::<Self>() else {
            return Ok(None);
        };
        // One that has run has let go of its call, which asyncio's keeps and compares.
        let has_run = |timer: &Self| timer.callback.is_empty() && !timer.is_cancelled();
        let same = || -> PyRes<bool> {
            if has_run(this) || has_run(other) {
                return Ok(this.is(other));
            }
            Ok(this.when == other.when
                && this.is_cancelled() == other.is_cancelled()
                && same_slot(py, &this.callback, &other.callback)?
                && same_slot(py, &this.args, &other.args)?)
        };
        Ok(Some(match op {
            Compare::Less => this.when < other.when,
            Compare::LessEqual => this.when < other.when || same()?,
            Compare::Greater => this.when > other.when,
            Compare::GreaterEqual => this.when > other.when || same()?,
            Compare::Equal => same()?,
            Compare::NotEqual => !same()?,
        }))
    }

    fn hash(_py: Python<'_>, this: &Own<Self>) -> isize {
        // Equal handles have equal deadlines; -0.0 and 0.0 are equal too.
        (this.when + 0.0).to_bits() as isize
    }
}

fn same_slot(py: Python<'_>, a: &Slot, b: &Slot) -> PyRes<bool> {
    match (a.get(), b.get()) {
        (Some(a), Some(b)) => call::equal(py, &a, &b),
        (None, None) => Ok(true),
        _ => Ok(false),
    }
}

fn timer_methods() -> Vec<Method<TimerHandle>> {
    vec![
        Method::noargs(
            c"cancel",
            c"cancel($self, /)\n--\n\nCancel the call; does nothing once it has run.",
            TimerHandle::cancel,
        ),
        Method::noargs(
            c"when",
            c"when($self, /)\n--\n\nThe deadline in seconds of the loop's clock (loop.time()).",
            TimerHandle::when_object,
        ),
        Method::noargs(
            c"_repr_info",
            c"_repr_info($self, /)\n--\n\n",
            |py, this: &Own<TimerHandle>| repr_info(py, this.as_any(), "TimerHandle"),
        ),
    ]
}

/// Makes the type.
pub(super) fn make_type(py: Python<'_>) -> PyRes<()> {
    TypeBuilder::<TimerHandle>::new()
        .base(Handle::slot(), py)
        .methods(timer_methods())
        .properties([
            Property::get(c"__class__", |py, _: &Own<TimerHandle>| {
                asyncio_class(py, "TimerHandle")
            }),
            Property::get(c"_when", TimerHandle::when_object),
            Property::get(c"_scheduled", |_, this: &Own<TimerHandle>| {
                this.scheduled.get()
            }),
        ])
        .repr(|py, this: &Own<TimerHandle>| repr(py, this, "TimerHandle"))
        .compare(TimerHandle::compare)
        .hash(TimerHandle::hash)
        .build(py)?;
    Ok(())
}
