//! Child processes that are started without waiting for their `exec`. What asyncio makes of them is `python/ferrio/_process.py`.

use std::cell::RefCell;
use std::ffi::{CStr, CString};
use std::os::fd::RawFd;

use ferrio_reactor::spawn::{self, Program, Starting};
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use pyo3::pybacked::PyBackedBytes;

use crate::error;
use crate::ffi::{Class, Method, Own, Plain, PyRes, Raised, TypeBuilder, TypeSlot, Visit};

/// A child that may not have got to its `exec`.
#[derive(Debug)]
pub struct StartingProcess {
    /// No Python runs while it is borrowed.
    starting: RefCell<Starting>,
}

static STARTING: TypeSlot = TypeSlot::new();

impl Class for StartingProcess {
    const NAME: &'static CStr = c"ferrio._ferrio.StartingProcess";
    const DOC: &'static CStr = c"A child that may not have got to its exec.";
    type Head = Plain;

    fn slot() -> &'static TypeSlot {
        &STARTING
    }

    fn traverse(&self, _visit: &mut Visit) {}

    fn clear(&self, _py: Python<'_>) {}
}

/// `argv`, candidates, environment, directory.
type Strings = (
    Vec<PyBackedBytes>,
    Vec<PyBackedBytes>,
    Option<Vec<PyBackedBytes>>,
    Option<PyBackedBytes>,
);
/// Whether to close the others, those to keep, 0 to 2, the parent's ends, the error pipe.
type Descriptors = (bool, Vec<RawFd>, [RawFd; 3], [RawFd; 4], RawFd);
/// `restore_signals`, new session, process group, umask.
type Attributes = (bool, bool, i32, i32);

/// Starts a program, given as `(strings, descriptors, attributes)`; None where this machine cannot do it without waiting.
pub fn start(py: Python<'_>, given: &Own) -> PyRes {
    if !spawn::is_possible() {
        return Ok(Own::none(py));
    }
    let (strings, descriptors, attributes): (Strings, Descriptors, Attributes) =
        given.bound(py).extract()?;
    let (argv, candidates, environment, directory) = strings;
    let (close_others, keep, standard, parents, errors) = descriptors;
    let (restore_signals, new_session, process_group, umask) = attributes;
    let program = Program {
        argv: c_strings(py, &argv)?,
        candidates: c_strings(py, &candidates)?,
        environment: environment
            .map(|entries| c_strings(py, &entries))
            .transpose()?,
        directory: directory.map(|path| c_string(py, &path)).transpose()?,
        close_others,
        keep,
        standard,
        parents,
        errors,
        restore_signals,
        new_session,
        process_group,
        umask,
    };
    let starting = spawn::start(program).map_err(|error| error::os_error(py, &error))?;
    let starting = RefCell::new(starting);
    Own::alloc(py, StartingProcess { starting }).map(Own::into_any)
}

fn c_strings(py: Python<'_>, texts: &[PyBackedBytes]) -> PyRes<Vec<CString>> {
    texts.iter().map(|text| c_string(py, text)).collect()
}

fn c_string(py: Python<'_>, text: &[u8]) -> PyRes<CString> {
    CString::new(text).map_err(|_nul| Raised::new::<PyValueError>(py, "embedded null byte"))
}

/// Makes the type.
pub fn make_types(py: Python<'_>) -> PyRes<()> {
    TypeBuilder::<StartingProcess>::new()
        .methods([
            Method::noargs(
                c"pid",
                c"pid($self, /)\n--\n\nIts process id.",
                |py, this: &Own<StartingProcess>| {
                    Own::int(py, i64::from(this.starting.borrow().pid()))
                },
            ),
            Method::noargs(
                c"over",
                c"over($self, /)\n--\n\nIt has called exec or is dead: free what it has used.",
                |_, this: &Own<StartingProcess>| this.starting.borrow_mut().over(),
            ),
        ])
        .build(py)
        .map(drop)
}
