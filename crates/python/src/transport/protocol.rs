//! The protocol side of a transport: the callbacks, looked up once.

use pyo3::prelude::*;

use crate::ffi::{Immortal, Own, PyRes, Slot, Visit, call};
use crate::names;

/// A protocol and the bound methods that are called for every chunk of bytes.
#[derive(Debug, Default)]
pub struct Protocol {
    object: Slot,
    data_received: Slot,
    get_buffer: Slot,
    buffer_updated: Slot,
}

fn is_buffered(py: Python<'_>, protocol: &Own) -> PyRes<bool> {
    static BUFFERED: Immortal = Immortal::empty();
    let import = || {
        Ok(Own::from(
            py.import("asyncio.protocols")?
                .getattr("BufferedProtocol")?,
        ))
    };
    call::is_instance(py, protocol, BUFFERED.get_or_init(py, import)?)
}

impl Protocol {
    /// Puts a protocol in place. Methods it lacks are missed when they are needed, as in asyncio.
    pub fn set(&self, py: Python<'_>, protocol: &Own) -> PyRes<()> {
        let method = |name| call::optional_attribute(py, protocol, name);
        let (data, get, updated) = if is_buffered(py, protocol)? {
            (
                None,
                method(&names::GET_BUFFER)?,
                method(&names::BUFFER_UPDATED)?,
            )
        } else {
            (method(&names::DATA_RECEIVED)?, None, None)
        };
        self.object.set(Some(protocol.clone()));
        self.data_received.set(data);
        self.get_buffer.set(get);
        self.buffer_updated.set(updated);
        Ok(())
    }

    /// The protocol.
    pub fn object(&self) -> Option<Own> {
        self.object.get()
    }

    /// Lets go of everything.
    pub fn release(&self) {
        self.data_received.set(None);
        self.get_buffer.set(None);
        self.buffer_updated.set(None);
        self.object.set(None);
    }

    /// Shows the references.
    pub fn traverse(&self, visit: &mut Visit) {
        visit.slot(&self.object);
        visit.slot(&self.data_received);
        visit.slot(&self.get_buffer);
        visit.slot(&self.buffer_updated);
    }

    /// Does it read into its own buffers?
    #[inline]
    pub fn is_buffered(&self) -> bool {
        !self.get_buffer.is_empty()
    }

    /// `data_received(data)`.
    #[inline]
    pub fn data_received(&self, py: Python<'_>, data: &Own) -> PyRes<()> {
        match self.data_received.get() {
            Some(method) => call::call1(py, &method, data).map(drop),
            None => self.call(py, &names::DATA_RECEIVED, &[data]).map(drop),
        }
    }

    /// `get_buffer(sizehint)`.
    pub fn get_buffer(&self, py: Python<'_>) -> PyRes {
        let hint = Own::int(py, -1)?;
        match self.get_buffer.get() {
            Some(method) => call::call1(py, &method, &hint),
            None => self.call(py, &names::GET_BUFFER, &[&hint]),
        }
    }

    /// `buffer_updated(nbytes)`.
    pub fn buffer_updated(&self, py: Python<'_>, bytes: usize) -> PyRes<()> {
        let bytes = Own::int(py, bytes as i64)?;
        match self.buffer_updated.get() {
            Some(method) => call::call1(py, &method, &bytes).map(drop),
            None => self.call(py, &names::BUFFER_UPDATED, &[&bytes]).map(drop),
        }
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

    /// Any other method.
    pub fn call(&self, py: Python<'_>, name: &'static crate::ffi::Name, args: &[&Own]) -> PyRes {
        let protocol = self.object.get().unwrap_or_else(|| Own::none(py));
        call::method(py, &protocol, name, args)
    }
}
