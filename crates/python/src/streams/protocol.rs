//! `StreamReaderProtocol`: what a transport tells, handed to a reader and to those who drain.

use std::cell::Cell;
use std::ffi::CStr;

use pyo3::exceptions::PyAssertionError;
use pyo3::prelude::*;
use pyo3::types::{PyWeakrefMethods, PyWeakrefReference};

use super::{
    Methods, PROTOCOL, StreamReader, create_future, feed, is_debug, names, stock_class,
    stock_method,
};
use crate::ffi::fields::{flag, optional, reference};
use crate::ffi::{
    Args, Class, Function, Immortal, Own, Params, Property, PyRes, Raised, Slot, TypeBuilder,
    TypeSlot, Visit, WithDict, call, function,
};
use crate::transport::protocol::{Direct, Receive, Received, set_direct};

/// Adapts a `StreamReader` to a transport.
pub struct StreamReaderProtocol {
    pub(super) loop_: Slot,
    /// Has the transport asked to write no more?
    pub(super) paused: Cell<bool>,
    pub(super) connection_lost: Cell<bool>,
    /// A deque of futures, made when somebody waits.
    drain_waiters: Slot,
    /// A weak reference, or None.
    reader: Slot,
    source_traceback: Slot,
    /// Of a server's connection, until its callback has run.
    strong_reader: Slot,
    reject_connection: Slot,
    task: Slot,
    transport: Slot,
    stream_writer: Slot,
    client_connected_cb: Slot,
    over_ssl: Slot,
    closed: Slot,
}

static STREAM_READER_PROTOCOL: TypeSlot = TypeSlot::new();

impl Class for StreamReaderProtocol {
    const NAME: &'static CStr = c"ferrio._ferrio.StreamReaderProtocol";
    const DOC: &'static CStr = c"StreamReaderProtocol(stream_reader, client_connected_cb=None, loop=None)\n--\n\nNative base of ferrio.StreamReaderProtocol; not for direct use.";
    type Head = WithDict;

    fn slot() -> &'static TypeSlot {
        &STREAM_READER_PROTOCOL
    }

    fn uninitialised(_py: Python<'_>) -> PyRes<Option<Self>> {
        Ok(Some(Self {
            loop_: Slot::empty(),
            paused: Cell::new(false),
            connection_lost: Cell::new(false),
            drain_waiters: Slot::empty(),
            reader: Slot::empty(),
            source_traceback: Slot::empty(),
            strong_reader: Slot::empty(),
            reject_connection: Slot::empty(),
            task: Slot::empty(),
            transport: Slot::empty(),
            stream_writer: Slot::empty(),
            client_connected_cb: Slot::empty(),
            over_ssl: Slot::empty(),
            closed: Slot::empty(),
        }))
    }

    fn traverse(&self, visit: &mut Visit) {
        for slot in self.slots() {
            visit.slot(slot);
        }
    }

    fn clear(&self, _py: Python<'_>) {
        for slot in self.slots() {
            slot.set(None);
        }
    }
}

impl StreamReaderProtocol {
    fn slots(&self) -> [&Slot; 12] {
        [
            &self.loop_,
            &self.drain_waiters,
            &self.reader,
            &self.source_traceback,
            &self.strong_reader,
            &self.reject_connection,
            &self.task,
            &self.transport,
            &self.stream_writer,
            &self.client_connected_cb,
            &self.over_ssl,
            &self.closed,
        ]
    }

    /// `_drain_waiters`.
    pub(super) fn drain_waiters(&self, py: Python<'_>) -> PyRes {
        static DEQUE: Immortal = Immortal::empty();
        if let Some(waiters) = self.drain_waiters.get() {
            return Ok(waiters);
        }
        let deque = DEQUE.get_or_init(py, || function::stock(py, "collections", "deque"))?;
        let waiters = call::call0(py, deque)?;
        self.drain_waiters.set(Some(waiters.clone()));
        Ok(waiters)
    }

    /// `_stream_reader`: the reader, if it still lives.
    #[inline]
    fn live_reader(&self, py: Python<'_>) -> PyRes<Option<Own>> {
        let Some(reference) = self.reader.get().filter(|reader| !reader.is_none()) else {
            return Ok(None);
        };
        if let Ok(reference) = reference.bound(py).cast_exact::<PyWeakrefReference>() {
            return Ok(reference.upgrade().map(Own::from));
        }
        let reader = call::call0(py, &reference)?;
        Ok((!reader.is_none()).then_some(reader))
    }
}

/// Bytes for a protocol and a reader that are both exactly ours.
#[inline]
fn received(py: Python<'_>, protocol: &Own, bytes: &[u8]) -> PyRes<bool> {
    let Some(protocol) = PROTOCOL.shown::<StreamReaderProtocol>(protocol) else {
        return Ok(false);
    };
    match protocol.live_reader(py)? {
        Some(reader) => match StreamReader::native(&reader) {
            Some(reader) => feed::bytes(py, reader, bytes).map(|()| true),
            None => Ok(false),
        },
        None => Ok(true),
    }
}

/// A receive for such a pair.
fn receive(py: Python<'_>, protocol: &Own, before: usize, receive: Receive<'_>) -> Received {
    let Some(protocol) = PROTOCOL.shown::<StreamReaderProtocol>(protocol) else {
        return Ok(None);
    };
    let reader = protocol.live_reader(py)?;
    match reader.as_ref().and_then(StreamReader::native) {
        Some(reader) => feed::receive(py, reader, before, receive),
        None => Ok(None),
    }
}

static INIT: Params<3> = Params {
    function: "StreamReaderProtocol.__init__",
    names: [
        &names::STREAM_READER,
        &names::CLIENT_CONNECTED_CB,
        &names::LOOP,
    ],
    positional: 3,
    required: 1,
};

fn init(py: Python<'_>, this: &Own<StreamReaderProtocol>, args: Args<'_>) -> PyRes<()> {
    let [reader, connected, loop_] = args.bind(py, &INIT)?;
    let Some(loop_) = loop_.filter(|loop_| !loop_.is_none()) else {
        // Which loop is the current one, and what to say about that, differs by version.
        let stock = stock_method(py, "StreamReaderProtocol", &names::DUNDER_INIT)?;
        return call::with_self(py, &stock, this.as_any(), args).map(drop);
    };
    let none = Own::none(py);
    this.loop_.set(Some(loop_.clone()));
    this.paused.set(false);
    this.connection_lost.set(false);
    this.drain_waiters.set(None);
    match reader.filter(|reader| !reader.is_none()) {
        Some(reader) => {
            let reference = PyWeakrefReference::new(reader.bound(py))?;
            this.reader.set(Some(Own::from(reference.into_any())));
            let traceback = call::attribute(py, reader, &names::SOURCE_TRACEBACK)?;
            this.source_traceback.set(Some(traceback));
        }
        None => this.reader.set(Some(none.clone())),
    }
    let connected = connected.unwrap_or(&none);
    if !connected.is_none() {
        this.strong_reader.set(reader.cloned());
    }
    let no = Own::bool(py, false);
    this.reject_connection.set(Some(no.clone()));
    if cfg!(not(Py_3_13)) {
        this.stream_writer.set(Some(none.clone()));
    }
    this.task.set(Some(none.clone()));
    this.transport.set(Some(none.clone()));
    this.client_connected_cb.set(Some(connected.clone()));
    this.over_ssl.set(Some(no));
    this.closed.set(Some(create_future(py, &this.loop_)?));
    Ok(())
}

/// The protocol of a method without arguments, where debug mode has nothing to log.
fn quiet<'a>(py: Python<'_>, args: Args<'a>) -> PyRes<Option<&'a Own<StreamReaderProtocol>>> {
    let protocol = match args.positional() {
        [protocol] if !args.has_keywords() => protocol.cast::<StreamReaderProtocol>(),
        _ => None,
    };
    let loop_ = protocol.and_then(|protocol| protocol.loop_.get());
    match loop_ {
        Some(loop_) if !is_debug(py, &loop_)? => Ok(protocol),
        _ => Ok(None),
    }
}

fn pause_writing(py: Python<'_>, this: &Own<Function>, args: Args<'_>) -> PyRes {
    match quiet(py, args)? {
        Some(protocol) => {
            if protocol.paused.replace(true) {
                return Err(Raised::new_empty::<PyAssertionError>(py));
            }
            Ok(Own::none(py))
        }
        None => this.call_stock(py, args),
    }
}

fn resume_writing(py: Python<'_>, this: &Own<Function>, args: Args<'_>) -> PyRes {
    match quiet(py, args)? {
        // Nobody has ever waited.
        Some(protocol) if protocol.drain_waiters.is_empty() && protocol.paused.get() => {
            protocol.paused.set(false);
            Ok(Own::none(py))
        }
        _ => this.call_stock(py, args),
    }
}

fn data_received(py: Python<'_>, this: &Own<Function>, args: Args<'_>) -> PyRes {
    if let ([protocol, data], false) = (args.positional(), args.has_keywords()) {
        if let Some(protocol) = PROTOCOL.shown::<StreamReaderProtocol>(protocol) {
            if let Some(reader) = protocol.live_reader(py)? {
                call::method(py, &reader, &names::FEED_DATA, &[data])?;
            }
            return Ok(Own::none(py));
        }
    }
    this.call_stock(py, args)
}

/// The methods that stand in the stdlib's place.
pub(super) fn methods(py: Python<'_>) -> PyRes<Methods> {
    let class = stock_class(py, "StreamReaderProtocol")?;
    let stock = |name: &str| -> PyRes { Ok(Own::from(class.bound(py).getattr(name)?)) };
    Ok(vec![
        (
            "pause_writing",
            Function::new(py, stock("pause_writing")?, pause_writing)?,
        ),
        (
            "resume_writing",
            Function::new(py, stock("resume_writing")?, resume_writing)?,
        ),
        (
            "data_received",
            Function::new(py, stock("data_received")?, data_received)?,
        ),
    ])
}

fn properties() -> Vec<Property<StreamReaderProtocol>> {
    type Protocol = StreamReaderProtocol;
    vec![
        reference!(Protocol, c"_loop", loop_),
        flag!(Protocol, c"_paused", paused),
        flag!(Protocol, c"_connection_lost", connection_lost),
        Property::get(c"_drain_waiters", |py, this: &Own<Protocol>| {
            this.drain_waiters(py)
        })
        .set(|_, this: &Own<Protocol>, value: Option<&Own>| {
            this.drain_waiters.set(value.cloned());
            Ok(())
        }),
        reference!(Protocol, c"_stream_reader_wr", reader),
        optional!(Protocol, c"_source_traceback", source_traceback),
        reference!(Protocol, c"_strong_reader", strong_reader),
        reference!(Protocol, c"_reject_connection", reject_connection),
        reference!(Protocol, c"_task", task),
        reference!(Protocol, c"_transport", transport),
        reference!(Protocol, c"_stream_writer", stream_writer),
        reference!(Protocol, c"_client_connected_cb", client_connected_cb),
        reference!(Protocol, c"_over_ssl", over_ssl),
        reference!(Protocol, c"_closed", closed),
    ]
}

/// Makes the type.
pub(super) fn make_type(py: Python<'_>) -> PyRes<()> {
    set_direct(Direct {
        serves: |object| PROTOCOL.shown::<StreamReaderProtocol>(object).is_some(),
        received,
        receive,
    });
    TypeBuilder::<StreamReaderProtocol>::new()
        .init(init)
        .properties(properties())
        .subclassable()
        .build(py)
        .map(drop)
}
