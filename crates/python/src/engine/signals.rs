//! The descriptor that CPython's signal handler writes to.

use ferrio_reactor::{Interest, SignalPipe};
use pyo3::prelude::*;

use super::{Engine, Source};
use crate::error;
use crate::ffi::PyRes;

impl Engine {
    /// Makes the descriptor for CPython's signal handler, so that it is there before the program counts its own.
    pub fn make_signal_fd(&self, py: Python<'_>) -> PyRes<()> {
        if self.made_signal_fd().is_none() {
            let pipe = SignalPipe::new().map_err(|e| error::os_error(py, &e))?;
            self.signals.with(|place| *place = Some(pipe));
        }
        Ok(())
    }

    /// The descriptor for CPython's signal handler; made and registered at its first use.
    pub fn signal_fd(&self, py: Python<'_>) -> PyRes<i32> {
        self.make_signal_fd(py)?;
        let fds = self
            .signals
            .with(|pipe| pipe.as_ref().map(|pipe| (pipe.read_fd(), pipe.write_fd())));
        let (read, write) = fds.expect("it has just been made");
        if !self.signals_watched.get() {
            self.register(py, read, Source::Signals, Interest::READ)?;
            self.signals_watched.set(true);
        }
        Ok(write)
    }

    /// The same where it has been made already.
    pub fn made_signal_fd(&self) -> Option<i32> {
        self.signals
            .with(|pipe| pipe.as_ref().map(SignalPipe::write_fd))
    }

    /// The numbers that have arrived.
    pub fn drain_signals(&self) -> Vec<u8> {
        let mut numbers = Vec::new();
        self.signals.with(|pipe| {
            if let Some(pipe) = pipe {
                pipe.drain(&mut numbers);
            }
        });
        numbers
    }
}
