//! `add_reader`, `add_writer` and their removal, seen from Python.

use std::os::fd::RawFd;

use pyo3::exceptions::{PyAttributeError, PyTypeError, PyValueError};
use pyo3::prelude::*;
use pyo3::types::PyInt;

use super::{Loop, dispatch};
use crate::engine::{Direction, Engine, Watcher, extract_stack};
use crate::ffi::{Args, Immortal, Own, Params, PyRes, Raised, call, runtime};
use crate::handle::Handle;
use crate::names;

/// The number behind a file: an `int`, or what `fileno()` says. Errors: asyncio's `ValueError` for what is no file or is closed.
fn number_of(py: Python<'_>, file: &Own) -> PyRes<Own> {
    if file.bound(py).is_instance_of::<PyInt>() {
        return Ok(file.clone());
    }
    match ask_fileno(py, file) {
        Err(error)
            if error.is::<PyAttributeError>(py)
                || error.is::<PyTypeError>(py)
                || error.is::<PyValueError>(py) =>
        {
            error.clear(py);
            let text = format!("Invalid file object: {}", file.bound(py).repr()?);
            Err(Raised::new::<PyValueError>(py, &text))
        }
        done => done,
    }
}

/// `int(file.fileno())`
fn ask_fileno(py: Python<'_>, file: &Own) -> PyRes<Own> {
    let answer = call::method(py, file, &names::FILENO, &[])?;
    if answer.bound(py).is_exact_instance_of::<PyInt>() {
        return Ok(answer);
    }
    static INT: Immortal = Immortal::empty();
    call::call1(py, INT.import(py, "builtins", "int")?, &answer)
}

/// What a number of a file is.
enum Number {
    Descriptor(RawFd),
    /// A closed socket's, mostly.
    Negative,
    /// More than a descriptor can be.
    TooLarge,
}

fn classify(py: Python<'_>, number: &Own) -> PyRes<Number> {
    match number.bound(py).extract::<RawFd>() {
        Ok(fd) if fd >= 0 => Ok(Number::Descriptor(fd)),
        Ok(_) => Ok(Number::Negative),
        Err(out_of_range) => {
            // Not dropped as a `PyErr`: PyO3 would park it until the loop sleeps.
            Raised::from(out_of_range).clear(py);
            match number.bound(py).lt(0)? {
                true => Ok(Number::Negative),
                false => Ok(Number::TooLarge),
            }
        }
    }
}

fn invalid_descriptor(py: Python<'_>, number: &Own) -> PyRes<Raised> {
    let text = format!("Invalid file descriptor: {}", number.bound(py).str()?);
    Ok(Raised::new::<PyValueError>(py, &text))
}

/// The checks, their order and their texts are asyncio's.
fn add(
    py: Python<'_>,
    this: &Own<Loop>,
    args: Args<'_>,
    function: &'static str,
    direction: Direction,
) -> PyRes<Own<Handle>> {
    let names = &[&names::FD, &names::CALLBACK];
    let ([file, callback], rest, []) = args.bind_varargs(py, function, names, &[])?;
    let number = number_of(py, file)?;
    let kind = classify(py, &number)?;
    if let Number::Descriptor(fd) = kind {
        this.check_no_transport(py, fd, Some(file))?;
    }
    this.check_open(py)?;
    let fd = match kind {
        Number::Negative => return Err(invalid_descriptor(py, &number)?),
        // Too large, or a bool, of which newer releases warn.
        _ => runtime::file_descriptor(py, &number)?,
    };
    let owner = this.as_any();
    let handle = Handle::new(py, owner, callback.clone(), rest, None)?;
    if this.is_debug() {
        handle.source_traceback.set(Some(extract_stack(py)?));
    }
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
    let number = number_of(py, file)?;
    if this.is_closed() {
        return Ok(false);
    }
    let fd = match classify(py, &number)? {
        Number::Descriptor(fd) => fd,
        Number::Negative => match this.watched_as(file) {
            Some(fd) => fd,
            None => return Err(invalid_descriptor(py, &number)?),
        },
        Number::TooLarge => return Ok(false),
    };
    if let Some(removed) = dispatch::remove_watcher_of_transport(py, this, fd, direction)? {
        return Ok(removed);
    }
    this.check_no_transport(py, fd, Some(file))?;
    Ok(cancel(Engine::unwatch(this, py, fd, direction)?))
}

pub(super) fn add_reader(py: Python<'_>, this: &Own<Loop>, args: Args<'_>) -> PyRes<()> {
    add(py, this, args, "add_reader", Direction::Read).map(drop)
}

pub(super) fn add_writer(py: Python<'_>, this: &Own<Loop>, args: Args<'_>) -> PyRes<()> {
    add(py, this, args, "add_writer", Direction::Write).map(drop)
}

/// asyncio's `_add_reader` and `_add_writer`, which libraries with transports of their own call, hand out the handle.
pub(super) fn add_reader_handle(
    py: Python<'_>,
    this: &Own<Loop>,
    args: Args<'_>,
) -> PyRes<Own<Handle>> {
    add(py, this, args, "_add_reader", Direction::Read)
}

pub(super) fn add_writer_handle(
    py: Python<'_>,
    this: &Own<Loop>,
    args: Args<'_>,
) -> PyRes<Own<Handle>> {
    add(py, this, args, "_add_writer", Direction::Write)
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
