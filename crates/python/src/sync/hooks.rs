//! Methods that ours call of themselves, and that a subclass or an object may have replaced.
//!
//! The answer belongs to a class in its present state (`class_version`), so it is looked up once for each, and asking again is a
//! comparison of two numbers. An object with attributes of its own is looked at every time.

use std::sync::atomic::{AtomicU64, Ordering};

use pyo3::prelude::*;

use crate::ffi::{Class, Name, Own, PyRes};

const REMEMBERED: usize = 8;

/// The methods in question of one of our classes; at most 31.
#[derive(Debug)]
pub(super) struct Hooks {
    names: &'static [&'static Name],
    /// The class whose methods are ours.
    class: fn(Python<'_>) -> Own,
    /// For some classes: version, and a bit for each method that is not ours.
    seen: [AtomicU64; REMEMBERED],
}

/// Which have been replaced: a bit for each, in the order of the names.
pub(super) type Replaced = u32;

impl Hooks {
    pub(super) const fn new(names: &'static [&'static Name], class: fn(Python<'_>) -> Own) -> Self {
        assert!(names.len() < 32);
        Self {
            names,
            class,
            seen: [const { AtomicU64::new(0) }; REMEMBERED],
        }
    }

    /// Which has this object replaced?
    #[inline]
    pub(super) fn replaced<T: Class>(&self, py: Python<'_>, this: &Own<T>) -> PyRes<Replaced> {
        let version = this.as_any().class_version();
        let seen = self.seen[version as usize % REMEMBERED].load(Ordering::Relaxed);
        let by_class = if version != 0 && seen >> 32 == u64::from(version) {
            seen as Replaced
        } else {
            self.ask_class(py, this)?
        };
        if this.has_dict() {
            return Ok(by_class | self.ask_object(py, this)?);
        }
        Ok(by_class)
    }

    /// None at all?
    #[inline]
    pub(super) fn are_ours<T: Class>(&self, py: Python<'_>, this: &Own<T>) -> PyRes<bool> {
        self.replaced(py, this).map(|replaced| replaced == 0)
    }

    #[cold]
    fn ask_class<T: Class>(&self, py: Python<'_>, this: &Own<T>) -> PyRes<Replaced> {
        let class = this.as_any().type_object(py);
        let ours = (self.class)(py);
        let mut replaced: Replaced = 0;
        for (bit, name) in self.names.iter().enumerate() {
            let same = class
                .getattr(name.text())?
                .is(&ours.bound(py).getattr(name.text())?);
            replaced |= Replaced::from(!same) << bit;
        }
        // The look-ups have given the class a version, if it can have one.
        let version = this.as_any().class_version();
        if version != 0 {
            let seen = u64::from(version) << 32 | u64::from(replaced);
            self.seen[version as usize % REMEMBERED].store(seen, Ordering::Relaxed);
        }
        Ok(replaced)
    }

    #[cold]
    fn ask_object<T: Class>(&self, py: Python<'_>, this: &Own<T>) -> PyRes<Replaced> {
        let dict = this.as_any().bound(py).getattr("__dict__")?;
        let mut replaced: Replaced = 0;
        for (bit, name) in self.names.iter().enumerate() {
            let there = dict.contains(name.get(py).bound(py))?;
            replaced |= Replaced::from(there) << bit;
        }
        Ok(replaced)
    }
}
