//! Which methods of a loop a program has replaced, for what would otherwise go past them.
//!
//! asyncio calls `loop.time()`, `loop.call_at()` and their like through the object, so that a loop of a derived class, or one with an
//! attribute of that name (`mock.patch.object(loop, "time")`), is asked wherever asyncio itself reads the clock, sets a timer or makes a
//! task. Natively these are no calls. Which are replaced is found out when a loop is made and when an attribute of it is set, so
//! that a loop with none of its own pays for one look at a byte.

use std::cell::Cell;

use pyo3::prelude::*;

use super::Engine;
use crate::ffi::{Immortal, Name, Own, PyRes, call};
use crate::names;

/// A set of methods.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Methods(u8);

impl Methods {
    /// `time`.
    pub const TIME: Self = Self(1);
    /// `call_at`.
    pub const CALL_AT: Self = Self(2);
    /// `call_later`.
    pub const CALL_LATER: Self = Self(4);
    /// `create_task`.
    pub const CREATE_TASK: Self = Self(8);
    /// `run_forever`.
    pub const RUN_FOREVER: Self = Self(16);
    /// Those that a timer set by asyncio goes through.
    pub const TIMING: Self = Self(Self::TIME.0 | Self::CALL_AT.0 | Self::CALL_LATER.0);

    /// Each by its name.
    const NAMED: [(&'static Name, Self); 5] = [
        (&names::TIME, Self::TIME),
        (&names::CALL_AT, Self::CALL_AT),
        (&names::CALL_LATER, Self::CALL_LATER),
        (&names::CREATE_TASK, Self::CREATE_TASK),
        (&names::RUN_FOREVER, Self::RUN_FOREVER),
    ];

    /// Both.
    #[must_use]
    pub const fn and(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    /// This one without the other.
    const fn without(self, other: Self) -> Self {
        Self(self.0 & !other.0)
    }

    /// Is any of them in both?
    const fn meets(self, other: Self) -> bool {
        self.0 & other.0 != 0
    }
}

/// `ferrio.Loop`'s own, in the order of `Methods::NAMED`.
static OURS: [Immortal; Methods::NAMED.len()] = [const { Immortal::empty() }; Methods::NAMED.len()];

/// What is replaced, and where.
#[derive(Debug, Default)]
pub(super) struct Replaced {
    by_class: Cell<Methods>,
    by_object: Cell<Methods>,
    /// In either.
    all: Cell<Methods>,
}

impl Engine {
    /// Has the program replaced any of these?
    #[inline]
    pub fn replaces(&self, methods: Methods) -> bool {
        self.replaced.all.get().meets(methods)
    }

    /// Has it a way of its own to tell the time or to set timers?
    #[inline]
    pub fn has_own_timing(&self) -> bool {
        self.replaces(Methods::TIMING)
    }

    /// `ferrio.Loop` is made: its methods are those that others replace.
    pub fn remember_methods(py: Python<'_>, class: &Own) -> PyRes<()> {
        for ((name, _), place) in Methods::NAMED.iter().zip(&OURS) {
            place.get_or_init(py, || call::attribute(py, class, name))?;
        }
        Ok(())
    }

    /// A loop was made, or has become one of another class.
    pub fn compare_methods(py: Python<'_>, this: &Own<Self>) -> PyRes<()> {
        let class = Own::from(this.as_any().type_object(py).into_any());
        let mut found = Methods::default();
        for ((name, method), ours) in Methods::NAMED.iter().zip(&OURS) {
            let theirs = call::attribute(py, &class, name)?;
            if !theirs.is(ours.get_or_init(py, || Ok(theirs.clone()))?) {
                found = found.and(*method);
            }
        }
        this.replaced.by_class.set(found);
        this.add_up_replaced();
        Ok(())
    }

    /// An attribute of the loop was set or deleted.
    pub fn note_attribute(py: Python<'_>, this: &Own<Self>, name: &Own, is_set: bool) -> PyRes<()> {
        let name: &str = name.bound(py).extract()?;
        if name == "__class__" {
            return Self::compare_methods(py, this);
        }
        let is_it = |(known, _): &&(&'static Name, Methods)| known.text() == name;
        if let Some((_, method)) = Methods::NAMED.iter().find(is_it) {
            let before = this.replaced.by_object.get();
            this.replaced.by_object.set(if is_set {
                before.and(*method)
            } else {
                before.without(*method)
            });
            this.add_up_replaced();
        }
        Ok(())
    }

    fn add_up_replaced(&self) {
        let replaced = &self.replaced;
        let all = replaced.by_class.get().and(replaced.by_object.get());
        let before = replaced.all.replace(all);
        if before.meets(Methods::TIME) != all.meets(Methods::TIME) {
            self.change_clock();
        }
    }
}
