//! The protocol side of a transport.

use std::cell::Cell;
use std::io;
use std::mem::MaybeUninit;
use std::sync::OnceLock;

use pyo3::prelude::*;

use crate::ffi::{Immortal, Own, Params, PyRes, Slot, Visit, call};
use crate::names;

/// The signature of `set_protocol`.
pub static SET_PROTOCOL: Params<1> = Params::one("set_protocol", &names::PROTOCOL);

/// How bytes reach a protocol of ours without a call of Python; told by the room above that has one.
#[derive(Debug)]
pub struct Direct {
    /// Is it such a protocol?
    pub serves: fn(&Own) -> bool,
    /// `data_received` with bytes that stay where they are for the call only; false where the method must be called.
    pub received: fn(Python<'_>, &Own, &[u8]) -> PyRes<bool>,
    /// Receives straight to where the bytes will stay, after a receive of so many; none where that is not for it.
    pub receive: fn(Python<'_>, &Own, usize, Receive<'_>) -> Received,
}

/// One receive into several places, the first one first; how many bytes came.
pub type Receive<'a> = &'a mut dyn FnMut(&mut [&mut [MaybeUninit<u8>]]) -> io::Result<usize>;
/// What the kernel said; none where it was not asked.
pub type Received = PyRes<Option<io::Result<usize>>>;

static DIRECT: OnceLock<Direct> = OnceLock::new();

/// Registers it.
pub fn set_direct(direct: Direct) {
    // A second import of the module registers the same functions.
    let _ = DIRECT.set(direct);
}

/// A protocol. Its methods are looked up at every call, as asyncio does: some protocols replace their own `data_received`.
#[derive(Debug, Default)]
pub struct Protocol {
    object: Slot,
    buffered: Cell<bool>,
    direct: Cell<bool>,
}

fn is_buffered(py: Python<'_>, protocol: &Own) -> PyRes<bool> {
    static BUFFERED: Immortal = Immortal::empty();
    if call::is_instance(
        py,
        protocol,
        BUFFERED.import(py, "asyncio.protocols", "BufferedProtocol")?,
    )? {
        return Ok(true);
    }
    // asyncio goes by the class alone and would miss `data_received` here; uvloop takes what has the methods.
    let has = |name| call::optional_attribute(py, protocol, name).map(|found| found.is_some());
    Ok(!has(&names::DATA_RECEIVED)? && has(&names::GET_BUFFER)? && has(&names::BUFFER_UPDATED)?)
}

impl Protocol {
    /// Puts a protocol in place. Methods it lacks are missed when they are needed, as in asyncio.
    pub fn set(&self, py: Python<'_>, protocol: &Own) -> PyRes<()> {
        let direct = DIRECT.get().is_some_and(|direct| (direct.serves)(protocol));
        self.direct.set(direct);
        self.buffered.set(!direct && is_buffered(py, protocol)?);
        self.object.set(Some(protocol.clone()));
        Ok(())
    }

    /// The protocol.
    pub fn object(&self) -> Option<Own> {
        self.object.get()
    }

    /// Lets go of it.
    pub fn release(&self) {
        self.object.set(None);
    }

    /// Shows the reference.
    pub fn traverse(&self, visit: &mut Visit) {
        visit.slot(&self.object);
    }

    /// Does it read into its own buffers?
    #[inline]
    pub fn is_buffered(&self) -> bool {
        self.buffered.get()
    }

    /// Does it get bytes without a call of Python?
    #[inline]
    pub fn is_direct(&self) -> bool {
        self.direct.get()
    }

    /// Hands it bytes where that needs no call of Python; false where `data_received` must be called.
    #[inline]
    pub fn received(&self, py: Python<'_>, bytes: &[u8]) -> PyRes<bool> {
        if !self.direct.get() {
            return Ok(false);
        }
        match (DIRECT.get(), self.object.get()) {
            (Some(direct), Some(protocol)) => (direct.received)(py, &protocol, bytes),
            _ => Ok(false),
        }
    }

    /// Has it receive where the bytes will stay, after a receive of so many; none where it takes them otherwise.
    #[inline]
    pub fn receive(&self, py: Python<'_>, before: usize, receive: Receive<'_>) -> Received {
        match (DIRECT.get(), self.object.get()) {
            (Some(direct), Some(protocol)) if self.direct.get() => {
                (direct.receive)(py, &protocol, before, receive)
            }
            _ => Ok(None),
        }
    }

    /// `data_received(data)`.
    #[inline]
    pub fn data_received(&self, py: Python<'_>, data: &Own) -> PyRes<()> {
        self.call(py, &names::DATA_RECEIVED, &[data]).map(drop)
    }

    /// `get_buffer(sizehint)`.
    #[inline]
    pub fn get_buffer(&self, py: Python<'_>) -> PyRes {
        self.call(py, &names::GET_BUFFER, &[&Own::int(py, -1)?])
    }

    /// `buffer_updated(nbytes)`.
    #[inline]
    pub fn buffer_updated(&self, py: Python<'_>, bytes: usize) -> PyRes<()> {
        let bytes = Own::int(py, bytes as i64)?;
        self.call(py, &names::BUFFER_UPDATED, &[&bytes]).map(drop)
    }

    /// What is reported when the callback has raised.
    pub fn failed_callback(
        &self,
        py: Python<'_>,
        name: &'static crate::ffi::Name,
    ) -> PyRes<String> {
        let protocol = self.object.get().unwrap_or_else(|| Own::none(py));
        let class = protocol.type_object(py).name()?;
        Ok(format!("Exception in callback {class}.{}()", name.text()))
    }

    /// Any method.
    #[inline]
    pub fn call(&self, py: Python<'_>, name: &'static crate::ffi::Name, args: &[&Own]) -> PyRes {
        let protocol = self.object.get().unwrap_or_else(|| Own::none(py));
        call::method(py, &protocol, name, args)
    }
}
