//! `StreamWriter`: a transport, and when to go on writing to it.

use std::ffi::CStr;

use pyo3::exceptions::PyAssertionError;
use pyo3::prelude::*;

use super::{Methods, StreamReader, WRITER, create_future, drain, names, stock_class};
use crate::ffi::fields::reference;
use crate::ffi::{
    Args, Class, Function, Own, Params, Property, PyRes, Raised, Slot, TypeBuilder, TypeSlot,
    Visit, WithDict, call,
};
use crate::transport::stream::{self, StreamTransport};

/// Wraps a transport.
pub struct StreamWriter {
    transport: Slot,
    pub(super) protocol: Slot,
    /// None where it only writes.
    pub(super) reader: Slot,
    loop_: Slot,
    /// `_complete_fut`, made when somebody asks.
    complete: Slot,
}

static STREAM_WRITER: TypeSlot = TypeSlot::new();

impl Class for StreamWriter {
    const NAME: &'static CStr = c"ferrio._ferrio.StreamWriter";
    const DOC: &'static CStr = c"StreamWriter(transport, protocol, reader, loop)\n--\n\nNative base of ferrio.StreamWriter; not for direct use.";
    type Head = WithDict;

    fn slot() -> &'static TypeSlot {
        &STREAM_WRITER
    }

    fn uninitialised(_py: Python<'_>) -> PyRes<Option<Self>> {
        Ok(Some(Self {
            transport: Slot::empty(),
            protocol: Slot::empty(),
            reader: Slot::empty(),
            loop_: Slot::empty(),
            complete: Slot::empty(),
        }))
    }

    fn traverse(&self, visit: &mut Visit) {
        visit.slot(&self.transport);
        visit.slot(&self.protocol);
        visit.slot(&self.reader);
        visit.slot(&self.loop_);
        visit.slot(&self.complete);
    }

    fn clear(&self, _py: Python<'_>) {
        self.transport.set(None);
        self.protocol.set(None);
        self.reader.set(None);
        self.loop_.set(None);
        self.complete.set(None);
    }
}

impl StreamWriter {
    /// The transport.
    #[inline]
    pub(super) fn transport(&self, py: Python<'_>) -> Own {
        self.transport.get().unwrap_or_else(|| Own::none(py))
    }
}

static INIT: Params<4> = Params {
    function: "StreamWriter.__init__",
    names: [
        &names::TRANSPORT,
        &names::PROTOCOL,
        &names::READER,
        &names::LOOP,
    ],
    positional: 4,
    required: 4,
};

fn init(py: Python<'_>, this: &Own<StreamWriter>, args: Args<'_>) -> PyRes<()> {
    let [transport, protocol, reader, loop_] = args.bind(py, &INIT)?;
    this.transport.set(transport.cloned());
    this.protocol.set(protocol.cloned());
    if let Some(reader) = reader.filter(|reader| !reader.is_none()) {
        // drain() asks it for its exception.
        let is_one = reader.cast::<StreamReader>().is_some()
            || call::is_instance(py, reader, stock_class(py, "StreamReader")?)?;
        if !is_one {
            return Err(Raised::new_empty::<PyAssertionError>(py));
        }
    }
    this.reader.set(reader.cloned());
    this.loop_.set(loop_.cloned());
    this.complete.set(None);
    Ok(())
}

/// The writer and the argument of a method with one, if the writer is exactly ours.
#[inline]
fn with_one<'a>(args: Args<'a>) -> Option<(&'a Own<StreamWriter>, &'a Own)> {
    match args.positional() {
        [writer, argument] if !args.has_keywords() => {
            WRITER.shown(writer).map(|writer| (writer, argument))
        }
        _ => None,
    }
}

fn write(py: Python<'_>, this: &Own<Function>, args: Args<'_>) -> PyRes {
    let Some((writer, data)) = with_one(args) else {
        return this.call_stock(py, args);
    };
    let transport = writer.transport(py);
    match transport.exact::<StreamTransport>() {
        Some(stream) if !stream.has_attributes() => stream::write(py, stream, data)?,
        _ => drop(call::method(py, &transport, &names::WRITE, &[data])?),
    }
    Ok(Own::none(py))
}

fn write_lines(py: Python<'_>, this: &Own<Function>, args: Args<'_>) -> PyRes {
    let Some((writer, lines)) = with_one(args) else {
        return this.call_stock(py, args);
    };
    call::method(py, &writer.transport(py), &names::WRITELINES, &[lines])?;
    Ok(Own::none(py))
}

fn drain(py: Python<'_>, this: &Own<Function>, args: Args<'_>) -> PyRes {
    if let ([writer], false) = (args.positional(), args.has_keywords()) {
        if let Some(writer) = WRITER.shown::<StreamWriter>(writer) {
            return drain::coroutine(py, writer);
        }
    }
    this.call_stock(py, args)
}

/// The methods that stand in the stdlib's place.
pub(super) fn methods(py: Python<'_>) -> PyRes<Methods> {
    let class = stock_class(py, "StreamWriter")?;
    let stock = |name: &str| -> PyRes { Ok(Own::from(class.bound(py).getattr(name)?)) };
    Ok(vec![
        ("write", Function::new(py, stock("write")?, write)?),
        (
            "writelines",
            Function::new(py, stock("writelines")?, write_lines)?,
        ),
        ("drain", Function::new(py, stock("drain")?, drain)?),
    ])
}

/// A future that is done, with None.
fn complete(py: Python<'_>, this: &Own<StreamWriter>) -> PyRes {
    if let Some(future) = this.complete.get() {
        return Ok(future);
    }
    let future = create_future(py, &this.loop_)?;
    call::method(py, &future, &names::SET_RESULT, &[&Own::none(py)])?;
    this.complete.set(Some(future.clone()));
    Ok(future)
}

fn properties() -> [Property<StreamWriter>; 5] {
    [
        reference!(StreamWriter, c"_transport", transport),
        reference!(StreamWriter, c"_protocol", protocol),
        reference!(StreamWriter, c"_reader", reader),
        reference!(StreamWriter, c"_loop", loop_),
        Property::get(c"_complete_fut", complete).set(
            |_, this: &Own<StreamWriter>, value: Option<&Own>| {
                this.complete.set(value.cloned());
                Ok(())
            },
        ),
    ]
}

/// Makes the type.
pub(super) fn make_type(py: Python<'_>) -> PyRes<()> {
    TypeBuilder::<StreamWriter>::new()
        .init(init)
        .properties(properties())
        .subclassable()
        .build(py)
        .map(drop)
}
