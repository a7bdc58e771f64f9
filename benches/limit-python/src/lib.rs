//! ROOM    the plain server, with one call into Python for each message: what a loop can reach at most
//! KNOWS   `ferrio_limit`, pyo3   NEVER   anything of ferrio itself
//! IN      a callable     OUT     nothing: it serves until it is killed
//! PROOF   benches/tests/test_net.py     START   `serve`

#![forbid(unsafe_code)]

use std::path::PathBuf;

use ferrio_limit::Answer;
use pyo3::prelude::*;
use pyo3::types::PyBytes;
use rustix::io::Errno;

/// Asks a callable, `bytes` to `bytes`.
struct Callback<'py> {
    callable: Bound<'py, PyAny>,
}

/// So that `?` may be used on both kinds of failure.
struct Failure(PyErr);

impl From<Errno> for Failure {
    fn from(errno: Errno) -> Self {
        Self(std::io::Error::from(errno).into())
    }
}

impl From<PyErr> for Failure {
    fn from(error: PyErr) -> Self {
        Self(error)
    }
}

impl Answer for Callback<'_> {
    type Error = Failure;

    fn answer(
        &mut self,
        message: &[u8],
        send: &mut dyn FnMut(&[u8]) -> Result<(), Errno>,
    ) -> Result<(), Failure> {
        let message = PyBytes::new(self.callable.py(), message);
        let reply = self.callable.call1((message,))?;
        send(reply.cast::<PyBytes>().map_err(PyErr::from)?.as_bytes())?;
        Ok(())
    }

    /// Others may run Python meanwhile, as with any loop.
    fn wait<R: Send>(&mut self, call: impl FnOnce() -> R + Send) -> R {
        self.callable.py().detach(call)
    }

    fn pause(&mut self) -> Result<(), Failure> {
        Ok(self.callable.py().check_signals()?)
    }
}

/// Listens on a free port of 127.0.0.1, or on the path `unix`, calls `ready` with a line of JSON that tells which, and serves
/// whoever connects, on the calling thread: what `callable` returns for the `bytes` of one read is sent back. Ends with an
/// exception only: of the callable, of a signal handler, or OSError.
#[pyfunction]
fn serve(
    callable: Bound<'_, PyAny>,
    ready: &Bound<'_, PyAny>,
    unix: Option<PathBuf>,
) -> PyResult<()> {
    let (listener, address) = ferrio_limit::listen(unix.as_deref())?;
    ready.call1((address,))?;
    ferrio_limit::serve(&listener, &mut Callback { callable }, false).map_err(|failure| failure.0)
}

#[pymodule]
fn _ferrio_limit(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add_function(wrap_pyfunction!(serve, module)?)
}
