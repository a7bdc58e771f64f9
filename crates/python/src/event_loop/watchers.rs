//! `add_reader`, `add_writer` and their removal, seen from Python.

use std::os::fd::RawFd;

use pyo3::exceptions::{PyOverflowError, PyValueError};
use pyo3::prelude::*;

use super::{Loop, dispatch};
use crate::engine::{Direction, Engine, Watcher};
use crate::ffi::{Args, Own, Params, PyRes, Raised, call};
use crate::handle::Handle;
use crate::names;

/// A descriptor from an `int` or from an object with `fileno()`, with the errors of Python's `selectors`.
pub(crate) fn file_descriptor(py: Python<'_>, object: &Own) -> PyRes<RawFd> {
    let invalid = |py: Python<'_>| {
        let shown = object
            .bound(py)
            .repr()
            .map_or_else(|_| "?".to_owned(), |r| r.to_string());
        Raised::new::<PyValueError>(py, format!("Invalid file object: {shown}"))
    };
    let fd = match object.bound(py).extract::<RawFd>() {
        Ok(fd) => fd,
        Err(too_large) if too_large.is_instance_of::<PyOverflowError>(py) => {
            return Err(too_large.into());
        }
        Err(not_an_int) => {
            // Not dropped as a `PyErr`: PyO3 would park it until the loop sleeps.
            Raised::from(not_an_int).clear(py);
            let fileno = match call::method(py, object, &names::FILENO, &[]) {
                Ok(fileno) => fileno,
                Err(error) if error.is::<pyo3::exceptions::PyAttributeError>(py) => {
                    error.clear(py);
                    return Err(invalid(py));
                }
                Err(error) => return Err(error),
            };
            fileno
                .bound(py)
                .extract::<RawFd>()
                .map_err(|_| invalid(py))?
        }
    };
    if fd < 0 {
        return Err(Raised::new::<PyValueError>(
            py,
            format!("Invalid file descriptor: {fd}"),
        ));
    }
    Ok(fd)
}

fn add(
    py: Python<'_>,
    this: &Own<Loop>,
    args: Args<'_>,
    function: &'static str,
    direction: Direction,
) -> PyRes<Own<Handle>> {
    let names = &[&names::FD, &names::CALLBACK];
    let ([file, callback], rest, []) = args.bind_varargs(py, function, names, &[])?;
    this.check_open(py)?;
    let fd = file_descriptor(py, file)?;
    this.check_no_transport(py, fd)?;
    let owner = this.as_any();
    let handle = Handle::new(py, owner, callback.clone(), rest, None)?;
    let watcher = Watcher::Handle {
        handle: handle.clone(),
        file: file.clone(),
    };
    cancel(this.watch(py, fd, direction, watcher)?);
    Ok(handle)
}

fn cancel(watcher: Option<Watcher>) -> bool {
    match watcher {
        Some(Watcher::Handle { handle, .. }) => {
            handle.mark_cancelled();
            true
        }
        Some(Watcher::Operation(_) | Watcher::Pipe(_)) => true,
        None => false,
    }
}

fn remove(py: Python<'_>, this: &Own<Loop>, file: &Own, direction: Direction) -> PyRes<bool> {
    if this.is_closed() {
        return Ok(false);
    }
    let fd = match file_descriptor(py, file) {
        Err(error) if error.is::<PyValueError>(py) => match this.watched_as(file) {
            Some(fd) => {
                error.clear(py);
                fd
            }
            None => return Err(error),
        },
        found => found?,
    };
    if let Some(removed) = dispatch::remove_watcher_of_transport(py, this, fd, direction)? {
        return Ok(removed);
    }
    this.check_no_transport(py, fd)?;
    Ok(cancel(Engine::unwatch(this, py, fd, direction)?))
}

pub(super) fn add_reader(py: Python<'_>, this: &Own<Loop>, args: Args<'_>) -> PyRes<Own<Handle>> {
    add(py, this, args, "add_reader", Direction::Read)
}

pub(super) fn add_writer(py: Python<'_>, this: &Own<Loop>, args: Args<'_>) -> PyRes<Own<Handle>> {
    add(py, this, args, "add_writer", Direction::Write)
}

static REMOVE_READER: Params<1> = Params::one("remove_reader", &names::FD);
static REMOVE_WRITER: Params<1> = Params::one("remove_writer", &names::FD);

pub(super) fn remove_reader(py: Python<'_>, this: &Own<Loop>, args: Args<'_>) -> PyRes<bool> {
    let fd = args.bind_one(py, &REMOVE_READER)?;
    remove(py, this, fd, Direction::Read)
}

pub(super) fn remove_writer(py: Python<'_>, this: &Own<Loop>, args: Args<'_>) -> PyRes<bool> {
    let fd = args.bind_one(py, &REMOVE_WRITER)?;
    remove(py, this, fd, Direction::Write)
}
