//! `StreamReader`: what it keeps, and what Python sees of it.

use std::cell::Cell;
use std::ffi::CStr;

use ferrio_core::done::Done;
use ferrio_core::read_buffer::ReadBuffer;
use pyo3::exceptions::PyTypeError;
use pyo3::prelude::*;
use pyo3::types::PyByteArray;

use super::pieces::Piece;
use super::{Methods, READER, feed, is_debug, names, stock_class, stock_method};
use crate::ffi::buffer::{self, Payload};
use crate::ffi::fields::{flag, optional, reference};
use crate::ffi::{
    Args, Class, Function, GuardedCell, Method, Name, Own, Params, Property, PyRes, Raised, Slot,
    TypeBuilder, TypeSlot, Visit, WithDict, call,
};
use crate::transport::stream::StreamTransport;

/// What a subclass leaves as it is where the native code may run for it: what that does itself and the stdlib's would look up.
pub(super) static METHODS: [&Name; 11] = [
    &names::AT_EOF,
    &names::DUNDER_ANEXT,
    &names::FEED_DATA,
    &names::MAYBE_RESUME_TRANSPORT,
    &names::READ,
    &names::READEXACTLY,
    &names::READLINE,
    &names::READUNTIL,
    &names::WAIT_FOR_DATA,
    &names::WAKEUP_WAITER,
    &crate::names::EXCEPTION,
];
pub(super) static FIELDS: [&Name; 8] = [
    &names::BUFFER_FIELD,
    &names::EOF_FIELD,
    &names::LIMIT_FIELD,
    &names::LOOP_FIELD,
    &names::PAUSED_FIELD,
    &names::TRANSPORT_FIELD,
    &names::WAITER_FIELD,
    &crate::names::UNDERSCORE_EXCEPTION,
];

/// asyncio's `_DEFAULT_LIMIT`, in bytes.
const DEFAULT_LIMIT: i64 = 64 * 1024;

/// What has arrived and has not been read.
pub(super) enum Buffer {
    Native(ReadBuffer<Piece>),
    /// What somebody has got or set as `_buffer`.
    Python(Own),
}

/// Bytes between a transport and the coroutines that read them.
pub struct StreamReader {
    /// As it was given.
    limit: Slot,
    /// In bytes; none where it is no usual number, which only the stdlib's code can deal with.
    pub(super) limit_bytes: Cell<Option<usize>>,
    pub(super) loop_: Slot,
    pub(super) buffer: GuardedCell<Buffer>,
    /// So many bytes wants the one who waits, or wanted the last one; 0 where it is no number.
    pub(super) asked: Cell<usize>,
    /// And no fewer will do.
    pub(super) exactly: Cell<bool>,
    pub(super) eof: Cell<bool>,
    /// The future of the one who waits for data.
    pub(super) waiter: Slot,
    pub(super) exception: Slot,
    pub(super) transport: Slot,
    /// Have we told the transport to pause?
    pub(super) paused: Cell<bool>,
    /// Where it was made; debug mode only.
    source_traceback: Slot,
}

static STREAM_READER: TypeSlot = TypeSlot::new();

impl Class for StreamReader {
    const NAME: &'static CStr = c"ferrio._ferrio.StreamReader";
    const DOC: &'static CStr =
        c"StreamReader(limit=65536, loop=None)\n--\n\nNative base of ferrio.StreamReader; not for direct use.";
    type Head = WithDict;

    fn slot() -> &'static TypeSlot {
        &STREAM_READER
    }

    fn uninitialised(_py: Python<'_>) -> PyRes<Option<Self>> {
        Ok(Some(Self {
            limit: Slot::empty(),
            limit_bytes: Cell::new(None),
            loop_: Slot::empty(),
            buffer: GuardedCell::new(Buffer::Native(ReadBuffer::new())),
            asked: Cell::new(0),
            exactly: Cell::new(false),
            eof: Cell::new(false),
            waiter: Slot::empty(),
            exception: Slot::empty(),
            transport: Slot::empty(),
            paused: Cell::new(false),
            source_traceback: Slot::empty(),
        }))
    }

    fn traverse(&self, visit: &mut Visit) {
        visit.slot(&self.limit);
        visit.slot(&self.loop_);
        // The native one holds nothing but `bytes`.
        let _ = self.buffer.look(|buffer| {
            if let Buffer::Python(object) = buffer {
                visit.own(object);
            }
        });
        visit.slot(&self.waiter);
        visit.slot(&self.exception);
        visit.slot(&self.transport);
        visit.slot(&self.source_traceback);
    }

    fn clear(&self, _py: Python<'_>) {
        self.loop_.set(None);
        self.waiter.set(None);
        self.exception.set(None);
        self.transport.set(None);
        self.source_traceback.set(None);
        self.begin_anew();
    }
}

impl StreamReader {
    /// The reader, if it behaves as ours and nobody has asked for its buffer.
    #[inline]
    pub fn native(object: &Own) -> Option<&Own<Self>> {
        READER
            .relative::<Self>(object)
            .filter(|reader| reader.is_native())
    }

    /// Is the buffer ours, and the limit a number?
    #[inline]
    fn is_native(&self) -> bool {
        self.limit_bytes.get().is_some()
            && self
                .buffer
                .with(|buffer| matches!(buffer, Buffer::Native(_)))
    }

    /// Lends the buffer. Only for readers that are `native`: for others it is an empty one.
    #[inline]
    pub(super) fn with<R>(&self, f: impl FnOnce(&mut ReadBuffer<Piece>) -> R) -> R {
        self.buffer.with(|buffer| match buffer {
            Buffer::Native(buffer) => f(buffer),
            Buffer::Python(_) => f(&mut ReadBuffer::new()),
        })
    }

    /// How many bytes wait.
    #[inline]
    pub(super) fn len(&self) -> usize {
        self.with(|buffer| buffer.len())
    }

    /// The limit in bytes.
    #[inline]
    pub(super) fn limit(&self) -> usize {
        self.limit_bytes.get().unwrap_or(0)
    }

    /// The first `n` bytes, or all where there are fewer, as a `bytes` object.
    #[inline]
    pub(super) fn take(&self, py: Python<'_>, n: usize) -> PyRes {
        take(py, &self.buffer, n)
    }

    /// Drops the first `n` bytes.
    pub(super) fn skip(&self, n: usize) {
        let mut done = Done::new();
        self.with(|buffer| buffer.consume(n, &mut done));
    }

    /// `_maybe_resume_transport()`.
    #[inline]
    pub(super) fn maybe_resume(&self, py: Python<'_>) -> PyRes<()> {
        if self.paused.get() && self.len() <= self.limit() {
            self.resume(py)
        } else {
            Ok(())
        }
    }

    /// The transport may go on.
    pub(super) fn resume(&self, py: Python<'_>) -> PyRes<()> {
        self.paused.set(false);
        let transport = self.transport.get().unwrap_or_else(|| Own::none(py));
        match transport.exact::<StreamTransport>() {
            Some(stream) if !stream.has_attributes() => StreamTransport::resume(py, stream),
            _ => call::method(py, &transport, &names::RESUME_READING, &[]).map(drop),
        }
    }

    /// An empty buffer of our own.
    fn begin_anew(&self) {
        let empty = Buffer::Native(ReadBuffer::new());
        drop(self.buffer.with(|buffer| std::mem::replace(buffer, empty)));
    }

    /// `_buffer`: from now on a `bytearray` that everybody shares.
    fn python_buffer(&self, py: Python<'_>) -> PyRes {
        let kept = self.buffer.with(|buffer| match buffer {
            Buffer::Python(object) => Some(object.clone()),
            Buffer::Native(_) => None,
        });
        if let Some(object) = kept {
            return Ok(object);
        }
        let length = self.len();
        let bytes = self.with(|buffer| buffer::join_bytes(py, length, buffer.pieces(length)))?;
        let shared = Own::from(PyByteArray::from(bytes.bound(py))?.into_any());
        self.set_python_buffer(shared.clone());
        Ok(shared)
    }

    /// Everything that waits, taken out: for who goes on reading the connection in the reader's place.
    fn take_all(py: Python<'_>, this: &Own<Self>) -> PyRes {
        let shared = this.buffer.with(|buffer| match buffer {
            Buffer::Python(object) => Some(object.clone()),
            Buffer::Native(_) => None,
        });
        let Some(shared) = shared else {
            return this.take(py, usize::MAX);
        };
        let bytes = Payload::from_object(py, &shared)?.into_bytes(py)?;
        call::method(py, &shared, &names::CLEAR, &[])?;
        Ok(bytes)
    }

    fn set_python_buffer(&self, object: Own) {
        let object = Buffer::Python(object);
        drop(self.buffer.with(|buffer| std::mem::replace(buffer, object)));
    }

    fn set_limit(&self, limit: Option<&Own>) {
        let bytes = limit.and_then(call::small_int);
        self.limit_bytes
            .set(bytes.and_then(|bytes| usize::try_from(bytes).ok()));
        self.limit.set(limit.cloned());
    }
}

/// The first `n` bytes of a native buffer; a whole chunk as it came.
pub(super) fn take(py: Python<'_>, buffer: &GuardedCell<Buffer>, n: usize) -> PyRes {
    let mut done = Done::new();
    let taken = buffer.with(|buffer| {
        let Buffer::Native(buffer) = buffer else {
            return Err(buffer::new_bytes(py, b""));
        };
        let n = n.min(buffer.len());
        if let Some(whole) = buffer.take_whole(n) {
            return Ok(whole);
        }
        let bytes = buffer::join_bytes(py, n, buffer.pieces(n));
        if bytes.is_ok() {
            buffer.consume(n, &mut done);
        }
        Err(bytes)
    });
    match taken {
        Ok(whole) => whole.into_bytes(py),
        Err(bytes) => bytes,
    }
}

static INIT: Params<2> = Params {
    function: "__init__",
    names: [&names::LIMIT, &names::LOOP],
    positional: 2,
    required: 0,
};

/// The usual case; everything else (the current loop, debug mode, a limit that is no number) is the stdlib's.
fn init(py: Python<'_>, this: &Own<StreamReader>, args: Args<'_>) -> PyRes<()> {
    if let Ok([limit, Some(loop_)]) = args.bind(py, &INIT).map_err(|error| error.clear(py)) {
        let limit = match limit {
            Some(limit) => limit.clone(),
            None => Own::int(py, DEFAULT_LIMIT)?,
        };
        let usual = call::small_int(&limit).is_some_and(|limit| limit > 0);
        if usual && !loop_.is_none() && !is_debug(py, loop_)? {
            this.set_limit(Some(&limit));
            this.loop_.set(Some(loop_.clone()));
            this.eof.set(false);
            this.waiter.set(None);
            this.exception.set(None);
            this.transport.set(None);
            this.paused.set(false);
            this.begin_anew();
            return Ok(());
        }
    }
    let stock = stock_method(py, "StreamReader", &names::DUNDER_INIT)?;
    call::with_self(py, &stock, this.as_any(), args)?;
    this.begin_anew();
    Ok(())
}

/// The reader of a method without arguments, if it is native.
fn alone<'a>(args: Args<'a>) -> Option<&'a Own<StreamReader>> {
    match args.positional() {
        [reader] if !args.has_keywords() => StreamReader::native(reader),
        _ => None,
    }
}

fn at_eof(py: Python<'_>, this: &Own<Function>, args: Args<'_>) -> PyRes {
    match alone(args) {
        Some(reader) => Ok(Own::bool(py, reader.eof.get() && reader.len() == 0)),
        None => this.call_stock(py, args),
    }
}

fn maybe_resume(py: Python<'_>, this: &Own<Function>, args: Args<'_>) -> PyRes {
    match alone(args) {
        Some(reader) => reader.maybe_resume(py).map(|()| Own::none(py)),
        None => this.call_stock(py, args),
    }
}

fn feed_data(py: Python<'_>, this: &Own<Function>, args: Args<'_>) -> PyRes {
    if let ([reader, data], false) = (args.positional(), args.has_keywords()) {
        if let (Some(reader), Some(bytes)) =
            (StreamReader::native(reader), buffer::exact_bytes(data))
        {
            feed::object(py, reader, data, bytes)?;
            return Ok(Own::none(py));
        }
    }
    this.call_stock(py, args)
}

/// In the stdlib's words.
fn repr(py: Python<'_>, this: &Own<Function>, args: Args<'_>) -> PyRes {
    let Some(reader) = alone(args) else {
        return this.call_stock(py, args);
    };
    let mut text = String::from("<StreamReader");
    if reader.len() > 0 {
        text.push_str(&format!(" {} bytes", reader.len()));
    }
    if reader.eof.get() {
        text.push_str(" eof");
    }
    if reader.limit() != DEFAULT_LIMIT as usize {
        text.push_str(&format!(" limit={}", reader.limit()));
    }
    let shown = [
        ("waiter", &reader.waiter),
        ("exception", &reader.exception),
        ("transport", &reader.transport),
    ];
    for (name, slot) in shown {
        if let Some(object) = slot.get() {
            if call::truth(py, &object)? {
                text.push_str(&format!(" {name}={}", object.bound(py).repr()?));
            }
        }
    }
    if reader.paused.get() {
        text.push_str(" paused");
    }
    text.push('>');
    Ok(Own::str(py, &text))
}

/// The methods that stand in the stdlib's place.
pub(super) fn methods(py: Python<'_>) -> PyRes<Methods> {
    let class = stock_class(py, "StreamReader")?;
    let stock = |name: &str| -> PyRes { Ok(Own::from(class.bound(py).getattr(name)?)) };
    Ok(vec![
        ("__repr__", Function::new(py, stock("__repr__")?, repr)?),
        ("at_eof", Function::new(py, stock("at_eof")?, at_eof)?),
        (
            "feed_data",
            Function::new(py, stock("feed_data")?, feed_data)?,
        ),
        (
            "_maybe_resume_transport",
            Function::new(py, stock("_maybe_resume_transport")?, maybe_resume)?,
        ),
    ])
}

fn set_buffer(py: Python<'_>, this: &Own<StreamReader>, value: Option<&Own>) -> PyRes<()> {
    match value {
        Some(value) => {
            this.set_python_buffer(value.clone());
            Ok(())
        }
        None => Err(Raised::new::<PyTypeError>(py, "_buffer cannot be deleted")),
    }
}

fn properties() -> [Property<StreamReader>; 9] {
    [
        Property::get(c"_buffer", |py, this: &Own<StreamReader>| {
            this.python_buffer(py)
        })
        .set(set_buffer),
        Property::get(c"_limit", |_, this: &Own<StreamReader>| this.limit.get()).set(
            |_, this, value| {
                this.set_limit(value);
                Ok(())
            },
        ),
        reference!(StreamReader, c"_loop", loop_),
        flag!(StreamReader, c"_eof", eof),
        optional!(StreamReader, c"_waiter", waiter),
        optional!(StreamReader, c"_exception", exception),
        optional!(StreamReader, c"_transport", transport),
        flag!(StreamReader, c"_paused", paused),
        optional!(StreamReader, c"_source_traceback", source_traceback),
    ]
}

/// Makes the type.
pub(super) fn make_type(py: Python<'_>) -> PyRes<()> {
    TypeBuilder::<StreamReader>::new()
        .init(init)
        .methods([Method::noargs(
            c"_take_buffered",
            c"_take_buffered($self, /)\n--\n\nEverything that waits to be read, taken out.",
            StreamReader::take_all,
        )])
        .properties(properties())
        .subclassable()
        .build(py)
        .map(drop)
}
