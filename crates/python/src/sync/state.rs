//! `__getstate__` and `__setstate__`: what copying and pickling see is what they see of the stdlib's objects.

use pyo3::prelude::*;
use pyo3::types::PyDict;

use crate::ffi::{Class, Method, Own, PyRes};

/// A class whose attributes are not in its `__dict__`.
pub(super) trait Stateful: Class {
    /// Those that the stdlib's has there, in its order.
    const ATTRIBUTES: &'static [&'static str];
}

fn get<T: Stateful>(py: Python<'_>, this: &Own<T>) -> PyRes {
    let object = this.as_any().bound(py);
    let state = PyDict::new(py);
    for name in T::ATTRIBUTES {
        // One that is not there is not there in the stdlib's either.
        if let Some(value) = object.getattr_opt(*name)? {
            state.set_item(*name, value)?;
        }
    }
    let loop_ = object.getattr("_loop")?;
    if !loop_.is_none() {
        state.set_item("_loop", loop_)?;
    }
    if this.has_dict() {
        state.update(object.getattr("__dict__")?.cast().map_err(PyErr::from)?)?;
    }
    Ok(Own::from(state.into_any()))
}

fn set<T: Stateful>(py: Python<'_>, this: &Own<T>, state: &Own) -> PyRes<()> {
    let object = this.as_any().bound(py);
    let state = state.bound(py).cast::<PyDict>().map_err(PyErr::from)?;
    for (name, value) in state.iter() {
        object.setattr(name.cast().map_err(PyErr::from)?, value)?;
    }
    Ok(())
}

/// The two methods.
pub(super) fn methods<T: Stateful>() -> [Method<T>; 2] {
    [
        Method::noargs(
            c"__getstate__",
            c"__getstate__($self, /)\n--\n\nIts attributes, as a dict.",
            get::<T>,
        ),
        Method::one(
            c"__setstate__",
            c"__setstate__($self, state, /)\n--\n\nSets attributes from a dict.",
            set::<T>,
        ),
    ]
}
