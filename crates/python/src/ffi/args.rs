//! Arguments of a call, read where the caller left them.

use pyo3::exceptions::PyTypeError;
use pyo3::ffi;
use pyo3::prelude::*;

use super::own::{Any, Name, Own};
use super::{PyRes, Raised};

/// The arguments of one call: positional ones, then the values of keyword ones.
#[derive(Clone, Copy, Debug)]
pub struct Args<'a> {
    items: &'a [Own],
    positional: usize,
    names: &'a [Own],
}

/// A signature to bind arguments to.
#[derive(Debug)]
pub struct Params<const N: usize> {
    /// For error messages.
    pub function: &'static str,
    /// All parameters, positional ones first.
    pub names: [&'static Name; N],
    /// How many may be given by position.
    pub positional: usize,
    /// How many of the first must be given.
    pub required: usize,
}

/// What `bind_varargs` gives: the `F` named arguments, `*args`, the `N` keywords.
pub type Varargs<'a, const F: usize, const N: usize> =
    ([&'a Own; F], &'a [Own], [Option<&'a Own>; N]);

impl Params<1> {
    /// A function of one argument.
    pub const fn one(function: &'static str, name: &'static Name) -> Self {
        Self {
            function,
            names: [name],
            positional: 1,
            required: 1,
        }
    }
}

impl<'a> Args<'a> {
    /// # Safety
    /// `items` holds `positional` live objects and one for each name; `kwnames` is null or a tuple of strings; all live for `'a`.
    #[inline]
    pub(super) unsafe fn from_vectorcall(
        items: *const *mut ffi::PyObject,
        positional: usize,
        kwnames: &'a *mut ffi::PyObject,
    ) -> Self {
        // SAFETY: the caller's promise; `Own` is one non-null pointer.
        unsafe {
            let names: &'a [Own] = if kwnames.is_null() {
                &[]
            } else {
                Own::<Any>::borrow_place(kwnames)
                    .tuple_items()
                    .unwrap_or(&[])
            };
            let length = positional + names.len();
            // A call without arguments may pass a null pointer, which a slice may not have.
            let items = if length == 0 {
                &[]
            } else {
                std::slice::from_raw_parts(items.cast::<Own>(), length)
            };
            Self {
                items,
                positional,
                names,
            }
        }
    }

    /// Positional arguments.
    #[inline]
    pub fn positional(&self) -> &'a [Own] {
        &self.items[..self.positional]
    }

    /// Keyword arguments.
    #[inline]
    pub fn keywords(&self) -> impl ExactSizeIterator<Item = (&'a Own, &'a Own)> + use<'a> {
        self.names.iter().zip(&self.items[self.positional..])
    }

    /// Are there keyword arguments?
    #[inline]
    pub fn has_keywords(&self) -> bool {
        !self.names.is_empty()
    }

    /// Runs `f` with the arguments of a `tp_init`/`tp_new`/`tp_call` (a tuple and a dict or null).
    pub(super) fn from_tuple_and_dict<R>(
        tuple: &Own,
        dict: Option<&Own>,
        f: impl FnOnce(Args<'_>) -> R,
    ) -> R {
        let positional = tuple.tuple_items().unwrap_or(&[]);
        let Some(dict) = dict else {
            return f(Args {
                items: positional,
                positional: positional.len(),
                names: &[],
            });
        };
        let mut items: Vec<Own> = positional.to_vec();
        let mut names = Vec::new();
        let mut position = 0;
        let (mut key, mut value) = (std::ptr::null_mut(), std::ptr::null_mut());
        // SAFETY: the interpreter's own keyword dict, not changed during the walk; both pointers are borrowed from it.
        unsafe {
            while ffi::PyDict_Next(
                dict.as_ptr(),
                &raw mut position,
                &raw mut key,
                &raw mut value,
            ) != 0
            {
                names.push(Own::from_borrowed_ptr(key));
                items.push(Own::from_borrowed_ptr(value));
            }
        }
        f(Args {
            items: &items,
            positional: positional.len(),
            names: &names,
        })
    }

    /// Binds to a signature as CPython would, with its error messages.
    #[inline]
    pub fn bind<const N: usize>(
        &self,
        py: Python<'_>,
        params: &Params<N>,
    ) -> PyRes<[Option<&'a Own>; N]> {
        let fits = (params.required..=params.positional).contains(&self.positional);
        if fits && self.names.is_empty() {
            return Ok(std::array::from_fn(|index| self.items.get(index)));
        }
        self.bind_by_name(py, params)
    }

    #[inline(never)]
    fn bind_by_name<const N: usize>(
        &self,
        py: Python<'_>,
        params: &Params<N>,
    ) -> PyRes<[Option<&'a Own>; N]> {
        let mut bound = [None; N];
        if self.positional > params.positional {
            return Err(too_many(
                py,
                params.function,
                params.positional,
                self.positional,
            ));
        }
        for (place, value) in bound.iter_mut().zip(self.positional()) {
            *place = Some(value);
        }
        for (name, value) in self.keywords() {
            let index = find(py, &params.names, name)
                .ok_or_else(|| unexpected(py, params.function, name))?;
            if bound[index].replace(value).is_some() {
                return Err(twice(py, params.function, params.names[index].text()));
            }
        }
        if let Some(missing) = bound[..params.required].iter().position(Option::is_none) {
            return Err(missing_argument(
                py,
                params.function,
                params.names[missing].text(),
                missing,
            ));
        }
        Ok(bound)
    }

    /// `callable(first, *args, **kwargs)`: the call handed on, with an object before it.
    pub fn call_with_self(&self, py: Python<'_>, callable: &Own, first: &Own) -> PyRes {
        let mut items = Vec::with_capacity(self.items.len() + 1);
        items.push(first.clone());
        items.extend_from_slice(self.items);
        let with_self = Args {
            items: &items,
            positional: self.positional + 1,
            names: self.names,
        };
        with_self.call(py, callable)
    }

    /// `callable(*args, **kwargs)`: the call handed on.
    pub fn call(&self, py: Python<'_>, callable: &Own) -> PyRes {
        let names = Own::tuple(py, self.names)?;
        // SAFETY: positional arguments, then one value for each name; all live.
        unsafe {
            let result = ffi::PyObject_Vectorcall(
                callable.as_ptr(),
                self.items.as_ptr().cast(),
                self.positional,
                names.as_ptr(),
            );
            Own::<Any>::from_owned_ptr(py, result)
        }
    }

    /// For `f(a)`.
    #[inline]
    pub fn bind_one(&self, py: Python<'_>, params: &Params<1>) -> PyRes<&'a Own> {
        match self.positional() {
            [one] if !self.has_keywords() => Ok(one),
            _ => Ok(self.bind(py, params)?[0].expect("it is required")),
        }
    }

    /// For `f(a, …, *args, name=…)`: the named ones, `*args`, the keywords. `a` may be given by name, as in Python.
    #[inline]
    pub fn bind_varargs<const F: usize, const N: usize>(
        &self,
        py: Python<'_>,
        function: &'static str,
        fixed: &[&'static Name; F],
        names: &[&'static Name; N],
    ) -> PyRes<Varargs<'a, F, N>> {
        match self.items.split_first_chunk::<F>() {
            Some((bound, rest)) if self.names.is_empty() => Ok((bound.each_ref(), rest, [None; N])),
            _ => self.bind_varargs_by_name(py, function, fixed, names),
        }
    }

    #[cold]
    fn bind_varargs_by_name<const F: usize, const N: usize>(
        &self,
        py: Python<'_>,
        function: &'static str,
        fixed: &[&'static Name; F],
        names: &[&'static Name; N],
    ) -> PyRes<Varargs<'a, F, N>> {
        let items = self.positional();
        let mut bound: [Option<&'a Own>; F] = std::array::from_fn(|index| items.get(index));
        let mut keywords = [None; N];
        for (name, value) in self.keywords() {
            if let Some(index) = find(py, names, name) {
                keywords[index] = Some(value);
                continue;
            }
            let index = find(py, fixed, name).ok_or_else(|| unexpected(py, function, name))?;
            if bound[index].replace(value).is_some() {
                return Err(twice(py, function, fixed[index].text()));
            }
        }
        if let Some(missing) = bound.iter().position(Option::is_none) {
            let name = fixed[missing].text();
            return Err(missing_argument(py, function, name, missing));
        }
        let bound = bound.map(|argument| argument.expect("none is missing"));
        Ok((bound, items.get(F..).unwrap_or_default(), keywords))
    }
}

/// Keyword names of compiled code are interned, so identity nearly always finds them; `f(**{...})` may bring others.
#[inline]
fn find(py: Python<'_>, names: &[&'static Name], wanted: &Own) -> Option<usize> {
    names
        .iter()
        .position(|name| name.get(py).is(wanted))
        .or_else(|| find_by_text(py, names, wanted))
}

#[cold]
fn find_by_text(py: Python<'_>, names: &[&'static Name], wanted: &Own) -> Option<usize> {
    let wanted = wanted.bound(py).extract::<String>().ok()?;
    names.iter().position(|name| name.text() == wanted)
}

#[cold]
fn unexpected(py: Python<'_>, function: &str, name: &Own) -> Raised {
    let text = format!(
        "{function}() got an unexpected keyword argument '{}'",
        name.bound(py)
    );
    Raised::new::<PyTypeError>(py, text)
}

#[cold]
fn twice(py: Python<'_>, function: &str, name: &str) -> Raised {
    Raised::new::<PyTypeError>(
        py,
        format!("{function}() got multiple values for argument '{name}'"),
    )
}

#[cold]
fn too_many(py: Python<'_>, function: &str, most: usize, given: usize) -> Raised {
    let text = format!("{function}() takes at most {most} positional arguments ({given} given)");
    Raised::new::<PyTypeError>(py, text)
}

#[cold]
fn missing_argument(py: Python<'_>, function: &str, name: &str, index: usize) -> Raised {
    let text = format!(
        "{function}() missing required argument '{name}' (pos {})",
        index + 1
    );
    Raised::new::<PyTypeError>(py, text)
}
