//! Native fields that Python sees as the attributes that the stdlib's objects have.

use std::ffi::CStr;

use pyo3::exceptions::PyAttributeError;
use pyo3::prelude::*;

use super::{Own, Raised};

/// A property of one reference, as Python's own attributes are: missing until it is set.
macro_rules! reference {
    ($class:ty, $name:literal, $field:ident) => {
        crate::ffi::Property::get($name, |py, this: &crate::ffi::Own<$class>| {
            this.$field
                .get()
                .ok_or_else(|| crate::ffi::fields::missing(py, this.as_any(), $name))
        })
        .set(|_, this, value| {
            this.$field.set(value.cloned());
            Ok(())
        })
    };
}

/// The same where None stands for nothing.
macro_rules! optional {
    ($class:ty, $name:literal, $field:ident) => {
        crate::ffi::Property::get($name, |_, this: &crate::ffi::Own<$class>| this.$field.get()).set(
            |_, this, value| {
                this.$field
                    .set(value.filter(|value| !value.is_none()).cloned());
                Ok(())
            },
        )
    };
}

/// A property that is true or false.
macro_rules! flag {
    ($class:ty, $name:literal, $field:ident) => {
        crate::ffi::Property::get($name, |_, this: &crate::ffi::Own<$class>| this.$field.get()).set(
            |py, this, value| {
                let value = value.map_or(Ok(false), |value| crate::ffi::call::truth(py, value))?;
                this.$field.set(value);
                Ok(())
            },
        )
    };
}
pub(crate) use {flag, optional, reference};

#[cold]
pub(crate) fn missing(py: Python<'_>, object: &Own, name: &CStr) -> Raised {
    let class = object.type_object(py).name();
    let class = class.map_or_else(|_| String::new(), |name| name.to_string());
    let text = format!(
        "'{class}' object has no attribute '{}'",
        name.to_string_lossy()
    );
    Raised::new::<PyAttributeError>(py, text)
}
