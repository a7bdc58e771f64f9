//! One piece of a file on its way to a socket; which pieces there are is said in `python/ferrio/_sendfile.py`.

use std::io::ErrorKind;
use std::os::fd::RawFd;

use ferrio_reactor::net;
use pyo3::exceptions::PyTypeError;
use pyo3::prelude::*;

use super::socket::Socket;
use crate::error;
use crate::ffi::{Own, PyRes, Raised};

/// What is to be sent.
#[derive(Debug)]
pub struct Piece<'a> {
    /// An object with `fileno()`. It is asked for every piece: one that has been closed says so, while its number may belong
    /// to another file by now.
    file: &'a Own,
    offset: i64,
    count: usize,
}

impl<'a> Piece<'a> {
    /// `(file, offset, count)`, both numbers in bytes. Errors: `TypeError`, `OverflowError`.
    pub fn from_arguments(py: Python<'_>, arguments: &'a [Own]) -> PyRes<Self> {
        let [file, offset, count] = arguments else {
            let text = "a file, an offset and a count are expected";
            return Err(Raised::new::<PyTypeError>(py, text));
        };
        Ok(Self {
            file,
            offset: offset.bound(py).extract::<i64>()?,
            count: count.bound(py).extract::<usize>()?,
        })
    }

    /// Bytes sent, 0 at the end of the file, or nothing where the kernel takes none for now. Other threads may run meanwhile:
    /// the file may have to be read from a disk. Errors: `OSError`, and what `fileno()` raises.
    pub fn send(&self, py: Python<'_>, socket: RawFd) -> PyRes<Option<Own>> {
        let file = Socket::fd_of(py, self.file)?;
        let (offset, count) = (self.offset, self.count);
        match py.detach(|| net::sendfile(socket, file, offset, count)) {
            Ok(sent) => Own::int(py, sent as i64).map(Some),
            Err(error) if error.kind() == ErrorKind::WouldBlock => Ok(None),
            Err(error) => Err(error::os_error(py, &error)),
        }
    }
}
