//! A loop that stood still when its process forked is run in the child, as a program does that makes its loop and then goes into the
//! background. What belongs to the parent is left to it: the child gets a poller, a waker and a signal pipe of its own, and watches
//! in that poller what the loop has watched.
//!
//! Blocking jobs in flight are not taken over, for their threads are not there.

use std::sync::Arc;

use ferrio_reactor::{Waker, fork};
use pyo3::prelude::*;

use super::{Engine, Kernel, Source, Sources};
use crate::error;
use crate::ffi::PyRes;

const EPERM: i32 = 1;
const EBADF: i32 = 9;

impl Engine {
    /// Makes the loop this process's. Before, CPython has to be told to forget the signal pipe; a new one is made when it is needed.
    /// Errors: `OSError`; then it can be tried again.
    pub fn adopt(&self, py: Python<'_>) -> PyRes<()> {
        let kernel = Kernel::new().map_err(|e| error::os_error(py, &e))?;
        let waker = Arc::clone(&kernel.waker);
        self.inbox.sleeps_on(&waker);
        drop(self.poller.replace(Some(kernel)));
        drop(self.signals.take());
        self.signals_watched.set(false);
        self.forget_own_sources();
        self.watch_anew(py)?;
        self.register(py, waker.fd(), Source::Waker, Waker::INTEREST)?;
        self.generation.set(fork::generation());
        Ok(())
    }

    fn forget_own_sources(&self) {
        self.sources.with(|sources| {
            let is_own = |source: &Source| matches!(source, Source::Waker | Source::Signals);
            let own: Vec<_> = sources
                .iter_with_keys()
                .filter(|(_, row)| is_own(&row.source))
                .map(|(key, _)| key)
                .collect();
            for key in own {
                drop(sources.remove(key));
            }
        });
    }

    /// Tells the poller all that is in the table of sources.
    fn watch_anew(&self, py: Python<'_>) -> PyRes<()> {
        let poller = self.poller.borrow();
        let Some(kernel) = poller.as_ref() else {
            return Ok(());
        };
        self.sources.with(|sources| {
            for (key, row) in sources.iter_with_keys() {
                match kernel.poller.add(Sources::fd_of(key), key, row.interest) {
                    // The program has closed it, and perhaps opened a file under its number.
                    Err(error) if matches!(error.raw_os_error(), Some(EBADF | EPERM)) => {}
                    done => done.map_err(|e| error::os_error(py, &e))?,
                }
            }
            Ok(())
        })
    }
}
