//! Giving a native class the stdlib's methods: same names, signatures and docstrings, ours behind them.

use pyo3::prelude::*;

use crate::ffi::{Args, Class, Function, Own, PyRes, Returns, bound};

/// A class of ours and the stdlib's in whose place it stands.
#[derive(Debug)]
pub(super) struct Face {
    pub(super) class: Own,
    pub(super) stock: Own,
}

impl Face {
    /// `class` in the place of `module.name`.
    pub(super) fn new(py: Python<'_>, class: Own, module: &str, name: &str) -> PyRes<Self> {
        let stock = Own::from(py.import(module)?.getattr(name)?);
        Ok(Self { class, stock })
    }

    /// A class made over `base`, one of ours, in the place of `module.name`.
    pub(super) fn derived(py: Python<'_>, base: &Own, module: &str, name: &str) -> PyRes<Self> {
        let namespace = pyo3::types::PyDict::new(py);
        namespace.set_item("__slots__", ())?;
        namespace.set_item("__module__", "ferrio._ferrio")?;
        let class = py.get_type::<pyo3::types::PyType>().call1((
            format!("_{name}"),
            (base.bound(py),),
            namespace,
        ))?;
        Self::new(py, Own::from(class), module, name)
    }

    fn stock(&self, py: Python<'_>, name: &str) -> PyRes {
        Ok(Own::from(self.stock.bound(py).getattr(name)?))
    }

    fn put(&self, py: Python<'_>, name: &str, function: &Own<Function>) -> PyRes<()> {
        let function = function.as_any().bound(py);
        self.class.bound(py).setattr(name, function)?;
        match name {
            "__aenter__" | "__aexit__" => bound::called_once(py, &self.class, &[name]),
            _ => Ok(()),
        }
    }

    /// A method without arguments.
    pub(super) fn method<T, F, R>(&self, py: Python<'_>, name: &str, f: F) -> PyRes<()>
    where
        T: Class,
        F: for<'a> Fn(Python<'a>, &'a Own<Function>, &'a Own<T>) -> R + Copy + 'static,
        R: Returns,
    {
        let function = Function::method(py, self.stock(py, name)?, f)?;
        self.put(py, name, &function)
    }

    /// A method of any arguments, the object first.
    pub(super) fn args<F, R>(&self, py: Python<'_>, name: &str, f: F) -> PyRes<()>
    where
        F: for<'a> Fn(Python<'a>, &'a Own<Function>, Args<'a>) -> R + Copy + 'static,
        R: Returns,
    {
        let function = Function::new(py, self.stock(py, name)?, f)?;
        self.put(py, name, &function)
    }
}
