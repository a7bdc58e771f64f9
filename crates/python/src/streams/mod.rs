//! ROOM    floor 5: what `asyncio.streams` does for each piece of data: `StreamReader`, `StreamWriter`, `StreamReaderProtocol`
//! KNOWS   floors 0–4, core::read_buffer    NEVER   the event loop's class
//! IN      bytes from stream transports, or through `feed_data`; calls from Python    OUT     `bytes`, native coroutines
//! PROOF   tests/behaviour/streams, CPython's test_streams with `--replace-from ferrio`
//! START   `reader.rs` (what is kept), `feed.rs` (what comes in, `pieces.rs` if it is much), `read.rs` (what goes out)
//!
//! Native is what runs for each read and write, for objects of exactly our classes and for readers of subclasses that leave it
//! alone. All else is the stdlib's own code, which runs on our objects through the attributes it knows (`_buffer`, `_waiter` …):
//! whatever happens once in a connection's life, other subclasses, every instance with a method of its own, and unusual
//! arguments. The first look at `_buffer` makes it a `bytearray`, for good; from then on that reader, too, is the stdlib's.
//! `python/ferrio/_streams.py` puts the classes together.

mod drain;
mod feed;
mod names;
mod pieces;
mod protocol;
mod read;
mod reader;
mod until;
mod writer;

use pyo3::prelude::*;

use crate::engine::Engine;
use crate::ffi::{Face, Function, Immortal, Own, PyRes, Slot, call, function};
use crate::future::Future;

pub use protocol::StreamReaderProtocol;
pub use reader::StreamReader;
pub use writer::StreamWriter;

/// The Python classes that show ours.
static READER: Face = Face::of(&reader::METHODS, &reader::FIELDS);
static WRITER: Face = Face::new();
static PROTOCOL: Face = Face::new();

/// Tells which Python classes show ours: reader, writer, protocol.
pub fn set_faces(reader: Own, writer: Own, protocol: Own) {
    READER.set::<StreamReader>(reader);
    WRITER.set::<StreamWriter>(writer);
    PROTOCOL.set::<StreamReaderProtocol>(protocol);
}

/// The native methods of one class, in the stdlib's place, by name.
pub type Methods = Vec<(&'static str, Own<Function>)>;

/// The native methods of `StreamReader`, `StreamWriter`, `StreamReaderProtocol`.
pub fn methods(py: Python<'_>) -> PyRes<[(&'static str, Methods); 3]> {
    let mut of_reader = reader::methods(py)?;
    of_reader.extend(read::methods(py)?);
    Ok([
        ("StreamReader", of_reader),
        ("StreamWriter", writer::methods(py)?),
        ("StreamReaderProtocol", protocol::methods(py)?),
    ])
}

/// Makes the types.
pub fn make_types(py: Python<'_>) -> PyRes<()> {
    // Now, while asyncio still has the stdlib's.
    for class in ["StreamReader", "StreamWriter", "StreamReaderProtocol"] {
        stock_class(py, class)?;
    }
    reader::make_type(py)?;
    writer::make_type(py)?;
    protocol::make_type(py)?;
    read::make_types(py)?;
    drain::make_type(py)
}

/// The stdlib's own class.
fn stock_class(py: Python<'_>, name: &str) -> PyRes<&'static Own> {
    static CLASSES: [Immortal; 3] = [const { Immortal::empty() }; 3];
    let cell = match name {
        "StreamReader" => &CLASSES[0],
        "StreamWriter" => &CLASSES[1],
        _ => &CLASSES[2],
    };
    cell.get_or_init(py, || function::stock(py, "asyncio.streams", name))
}

/// The stdlib's own method.
fn stock_method(py: Python<'_>, class: &str, name: &'static crate::ffi::Name) -> PyRes {
    call::attribute(py, stock_class(py, class)?, name)
}

/// `loop.create_future()`.
#[inline]
fn create_future(py: Python<'_>, loop_: &Slot) -> PyRes {
    let loop_ = loop_.get().unwrap_or_else(|| Own::none(py));
    match loop_.cast::<Engine>() {
        Some(engine) => Future::new_pending(py, engine).map(Own::into_any),
        None => call::method(py, &loop_, &crate::names::CREATE_FUTURE, &[]),
    }
}

/// `loop.get_debug()`.
fn is_debug(py: Python<'_>, loop_: &Own) -> PyRes<bool> {
    match loop_.cast::<Engine>() {
        Some(engine) => Ok(engine.is_debug()),
        None => call::truth(py, &call::method(py, loop_, &crate::names::GET_DEBUG, &[])?),
    }
}
