//! What goes out: the coroutines of `read`, `readexactly`, `readuntil`, `readline` and `async for`.
//!
//! States: Fresh → done at once where the bytes are there; else ⇄ Waiting (`_waiter` of the reader is the future awaited) until they
//! are. Stock: somebody has asked for `_buffer` meanwhile, and the stdlib's coroutine goes on in our place.

use std::cell::Cell;
use std::ffi::CStr;
use std::marker::PhantomData;

use ferrio_core::done::Done;
use ferrio_core::read_buffer::ReadBuffer;
use pyo3::exceptions::{PyRuntimeError, PyStopAsyncIteration};
use pyo3::prelude::*;

use super::pieces::{self, Piece};
use super::reader::{Buffer, take};
use super::until::{self, incomplete};
use super::{Methods, StreamReader, create_future, names, stock_class, stock_method};
use crate::awaitable::{self, Awaitable, Coroutine, Next, Outcome};
use crate::ffi::buffer::Payload;
use crate::ffi::{
    Args, Function, GuardedCell, Immortal, Name, Own, Params, PyRes, Raised, Recycled, Slot,
    TypeSlot, Visit, buffer, call, exception,
};

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Phase {
    Fresh,
    Waiting,
    Stock,
}

/// One call of a reading method.
struct Reading<K> {
    reader: Slot<StreamReader>,
    /// Of `read` and `readexactly`.
    n: Cell<i64>,
    /// Of `readuntil`: a `bytes` object, or a tuple of them.
    separator: Slot,
    /// So many bytes have been searched in vain.
    offset: Cell<usize>,
    phase: Cell<Phase>,
    /// What `read(-1)` has got so far.
    collected: GuardedCell<Buffer>,
    kind: PhantomData<K>,
}

/// What the methods differ in.
trait Kind: Sized + 'static {
    const TYPE_NAME: &'static CStr;
    const QUALNAME: &'static str;
    /// Who is said to wait, where two do.
    const WAITS_AS: &'static str;
    const POOL: Option<Recycled> = None;
    /// Is it for `n` bytes and no fewer?
    const EXACTLY: bool = false;

    fn slot() -> &'static TypeSlot;

    /// The method's name.
    fn method() -> &'static Name;

    /// The result, or nothing while bytes are missing.
    fn attempt(py: Python<'_>, this: &Reading<Self>, reader: &StreamReader) -> PyRes<Option<Own>>;

    /// An exception on its way out; what the method makes of it.
    fn caught(py: Python<'_>, _reader: &StreamReader, error: Own) -> PyRes {
        Err(exception::restore(py, error))
    }

    /// A result on its way out.
    fn finish(_py: Python<'_>, value: Own) -> PyRes {
        Ok(value)
    }
}

impl<K: Kind> Awaitable for Reading<K> {
    const TYPE_NAME: &'static CStr = K::TYPE_NAME;
    const QUALNAME: &'static str = K::QUALNAME;
    const RECYCLED: Option<Recycled> = K::POOL;

    fn slot() -> &'static TypeSlot {
        K::slot()
    }

    #[inline]
    fn start(py: Python<'_>, this: &Own<Coroutine<Self>>) -> PyRes<Next> {
        let Some(reader) = this.reader.get() else {
            return Ok(Next::Return(None));
        };
        if StreamReader::native(reader.as_any()).is_none() {
            return hand_over(py, this, &reader);
        }
        if let Some(error) = reader.exception.get() {
            return fail(py, this, &reader, exception::raise(py, &error));
        }
        go_on(py, this, &reader)
    }

    fn resume(py: Python<'_>, this: &Own<Coroutine<Self>>, outcome: Outcome) -> PyRes<Next> {
        let Some(reader) = this.reader.get() else {
            return Ok(Next::Return(None));
        };
        if this.phase.get() == Phase::Stock {
            return match outcome {
                Ok(value) => this
                    .with_collected(py, value)
                    .map(|value| Next::Return(Some(value))),
                Err(error) => Err(exception::restore(py, error)),
            };
        }
        // `finally: self._waiter = None`
        reader.waiter.set(None);
        match outcome {
            Err(error) => fail(py, this, &reader, exception::restore(py, error)),
            Ok(_none) if StreamReader::native(reader.as_any()).is_none() => {
                hand_over(py, this, &reader)
            }
            Ok(_none) => go_on(py, this, &reader),
        }
    }

    fn traverse(&self, visit: &mut Visit) {
        visit.slot(&self.reader);
        visit.slot(&self.separator);
    }

    fn clear(&self) {
        self.reader.set(None);
        self.separator.set(None);
        let empty = Buffer::Native(ReadBuffer::new());
        drop(
            self.collected
                .with(|collected| std::mem::replace(collected, empty)),
        );
    }
}

#[inline]
fn go_on<K: Kind>(
    py: Python<'_>,
    this: &Own<Coroutine<Reading<K>>>,
    reader: &Own<StreamReader>,
) -> PyRes<Next> {
    match K::attempt(py, this, reader) {
        Ok(Some(value)) => K::finish(py, value).map(|value| Next::Return(Some(value))),
        Ok(None) => wait(py, this, reader),
        Err(error) => fail(py, this, reader, error),
    }
}

#[cold]
fn fail<K: Kind>(
    py: Python<'_>,
    _this: &Own<Coroutine<Reading<K>>>,
    reader: &Own<StreamReader>,
    error: Raised,
) -> PyRes<Next> {
    let error = error.take(py);
    let value = K::caught(py, reader, error)?;
    K::finish(py, value).map(|value| Next::Return(Some(value)))
}

/// `await self._wait_for_data(…)`: to wait while paused would be to wait for ever.
fn wait<K: Kind>(
    py: Python<'_>,
    this: &Own<Coroutine<Reading<K>>>,
    reader: &Own<StreamReader>,
) -> PyRes<Next> {
    if !reader.waiter.is_empty() {
        let text = format!(
            "{}() called while another coroutine is already waiting for incoming data",
            K::WAITS_AS
        );
        return Err(Raised::new::<PyRuntimeError>(py, text));
    }
    if reader.paused.get() {
        reader.resume(py)?;
    }
    let asked = usize::try_from(this.n.get()).unwrap_or(0);
    reader.asked.set(asked);
    reader.exactly.set(K::EXACTLY);
    if K::EXACTLY && asked >= pieces::COLLECTED && this.phase.get() == Phase::Fresh {
        pieces::gather(py, reader, asked)?;
    }
    let waiter = create_future(py, &reader.loop_)?;
    reader.waiter.set(Some(waiter.clone()));
    this.phase.set(Phase::Waiting);
    Ok(Next::Await(waiter))
}

/// The reader has become the stdlib's: so has this call.
#[cold]
fn hand_over<K: Kind>(
    py: Python<'_>,
    this: &Own<Coroutine<Reading<K>>>,
    reader: &Own<StreamReader>,
) -> PyRes<Next> {
    static GO_ON: Immortal = Immortal::empty();
    let has_waited = this.phase.replace(Phase::Stock) == Phase::Waiting;
    let mut args = vec![reader.clone().into_any()];
    match this.separator.get() {
        Some(separator) => args.push(separator),
        None if matches!(
            K::QUALNAME,
            "StreamReader.read" | "StreamReader.readexactly"
        ) =>
        {
            args.push(Own::int(py, this.n.get())?);
        }
        None => {}
    }
    if has_waited {
        args.insert(1, K::method().get(py).clone());
        let go_on = GO_ON.import(py, "ferrio._streams", "go_on_reading")?;
        return call::call(py, go_on, &args).map(Next::Await);
    }
    let method = stock_method(py, "StreamReader", K::method())?;
    call::call(py, &method, &args).map(Next::Await)
}

macro_rules! kinds {
    ($($kind:ident $slot:ident $type_name:literal $method:ident $qualname:literal $waits_as:literal $pool:expr =>
        { $($body:item)* })*) => {
        $(
            struct $kind;
            static $slot: TypeSlot = TypeSlot::new();
            impl Kind for $kind {
                const TYPE_NAME: &'static CStr = $type_name;
                const QUALNAME: &'static str = $qualname;
                const WAITS_AS: &'static str = $waits_as;
                const POOL: Option<Recycled> = Some(Recycled::pool($pool));
                fn slot() -> &'static TypeSlot { &$slot }
                fn method() -> &'static Name { &names::$method }
                $($body)*
            }
        )*
        /// Makes the types.
        pub(super) fn make_types(py: Python<'_>) -> PyRes<()> {
            $(awaitable::make_type::<Reading<$kind>>(py)?;)*
            Ok(())
        }
    };
}

kinds! {
    Read READ c"ferrio._ferrio.ReadCoroutine" READ "StreamReader.read" "read" 13 => {
        #[inline]
        fn attempt(py: Python<'_>, this: &Reading<Self>, reader: &StreamReader) -> PyRes<Option<Own>> {
            match usize::try_from(this.n.get()) {
                Ok(0) => buffer::new_bytes(py, b"").map(Some),
                Ok(_) if this.must_wait(reader) => Ok(None),
                Ok(n) => {
                    let data = reader.take(py, n)?;
                    reader.maybe_resume(py)?;
                    Ok(Some(data))
                }
                Err(_negative) => read_all(py, this, reader),
            }
        }
    }
    ReadExactly READ_EXACTLY c"ferrio._ferrio.ReadExactlyCoroutine" READEXACTLY
        "StreamReader.readexactly" "readexactly" 14 => {
        const EXACTLY: bool = true;
        #[inline]
        fn attempt(py: Python<'_>, this: &Reading<Self>, reader: &StreamReader) -> PyRes<Option<Own>> {
            let n = this.n.get() as usize;
            if reader.len() < n {
                if !reader.eof.get() {
                    return Ok(None);
                }
                let partial = reader.take(py, n)?;
                return Err(incomplete(py, partial, Own::int(py, this.n.get())?));
            }
            if n == 0 {
                return buffer::new_bytes(py, b"").map(Some);
            }
            let data = reader.take(py, n)?;
            reader.maybe_resume(py)?;
            Ok(Some(data))
        }
    }
    ReadUntil READ_UNTIL c"ferrio._ferrio.ReadUntilCoroutine" READUNTIL
        "StreamReader.readuntil" "readuntil" 15 => {
        #[inline]
        fn attempt(py: Python<'_>, this: &Reading<Self>, reader: &StreamReader) -> PyRes<Option<Own>> {
            match this.separator.get() {
                Some(separator) => until::separator(py, &separator, &this.offset, reader),
                None => Ok(None),
            }
        }
    }
    ReadLine READ_LINE c"ferrio._ferrio.ReadLineCoroutine" READLINE
        "StreamReader.readline" "readuntil" 16 => {
        #[inline]
        fn attempt(py: Python<'_>, this: &Reading<Self>, reader: &StreamReader) -> PyRes<Option<Own>> {
            until::newline(py, &this.offset, reader)
        }
        fn caught(py: Python<'_>, reader: &StreamReader, error: Own) -> PyRes {
            until::not_a_line(py, reader, error)
        }
    }
    NextLine NEXT_LINE c"ferrio._ferrio.NextLineCoroutine" DUNDER_ANEXT
        "StreamReader.__anext__" "readuntil" 17 => {
        #[inline]
        fn attempt(py: Python<'_>, this: &Reading<Self>, reader: &StreamReader) -> PyRes<Option<Own>> {
            until::newline(py, &this.offset, reader)
        }
        fn caught(py: Python<'_>, reader: &StreamReader, error: Own) -> PyRes {
            until::not_a_line(py, reader, error)
        }
        fn finish(py: Python<'_>, value: Own) -> PyRes {
            match buffer::exact_bytes(&value) {
                Some(b"") => Err(Raised::new_empty::<PyStopAsyncIteration>(py)),
                _ => Ok(value),
            }
        }
    }
}

impl<K: Kind> Reading<K> {
    fn new(reader: &Own<StreamReader>, n: i64, separator: Option<Own>) -> Self {
        Self {
            reader: Slot::new(Some(reader.clone())),
            n: Cell::new(n),
            separator: Slot::new(separator),
            offset: Cell::new(0),
            phase: Cell::new(Phase::Fresh),
            collected: GuardedCell::new(Buffer::Native(ReadBuffer::new())),
            kind: PhantomData,
        }
    }

    /// What the stdlib's `read(-1)` has got, behind what ours got before.
    fn with_collected(&self, py: Python<'_>, value: Own) -> PyRes {
        let nothing_before = self.collected.with(|collected| match collected {
            Buffer::Native(collected) => collected.is_empty(),
            Buffer::Python(_) => true,
        });
        if nothing_before {
            return Ok(value);
        }
        let rest = Piece::Whole(Payload::from_object(py, &value)?.into_bytes(py)?);
        self.collected.with(|collected| {
            if let (Buffer::Native(collected), false) = (collected, rest.as_ref().is_empty()) {
                collected.push(rest);
            }
        });
        take(py, &self.collected, usize::MAX)
    }

    /// One wait is all that `read` does: woken, it takes what there is.
    #[inline]
    fn must_wait(&self, reader: &StreamReader) -> bool {
        let waited = self.phase.replace(Phase::Fresh) == Phase::Waiting;
        !waited && reader.len() == 0 && !reader.eof.get()
    }
}

/// `read(-1)`: whatever comes until the end. A round that gets nothing is the end, as for the stdlib.
fn read_all(py: Python<'_>, this: &Reading<Read>, reader: &StreamReader) -> PyRes<Option<Own>> {
    loop {
        if let Some(error) = reader.exception.get() {
            return Err(exception::raise(py, &error));
        }
        if this.must_wait(reader) {
            return Ok(None);
        }
        let mut done = Done::new();
        let got = reader.with(|fresh| {
            let length = fresh.len();
            this.collected.with(|collected| {
                if let Buffer::Native(collected) = collected {
                    collected.append(fresh, &mut done);
                }
            });
            length
        });
        drop(done);
        reader.maybe_resume(py)?;
        if got == 0 {
            return take(py, &this.collected, usize::MAX).map(Some);
        }
    }
}

static WITH_N: Params<2> = Params {
    function: "read",
    names: [&names::SELF, &names::N],
    positional: 2,
    required: 1,
};

static WITH_SEPARATOR: Params<2> = Params {
    function: "readuntil",
    names: [&names::SELF, &names::SEPARATOR],
    positional: 2,
    required: 1,
};

fn coroutine<K: Kind>(
    py: Python<'_>,
    reader: &Own<StreamReader>,
    n: i64,
    separator: Option<Own>,
) -> PyRes {
    awaitable::new(py, Reading::<K>::new(reader, n, separator)).map(Own::into_any)
}

/// The reader and the argument; bound the long way only where names or defaults are used.
#[inline]
fn reader_and_one<'a>(
    py: Python<'_>,
    this: &Own<Function>,
    args: Args<'a>,
    params: &Params<2>,
) -> PyRes<(Option<&'a Own<StreamReader>>, Option<&'a Own>)> {
    let [object, one] = match args.positional() {
        [object, one] if !args.has_keywords() => [Some(object), Some(one)],
        _ => this.bind(py, args, params)?,
    };
    Ok((object.and_then(StreamReader::native), one))
}

fn read(py: Python<'_>, this: &Own<Function>, args: Args<'_>) -> PyRes {
    let (reader, n) = reader_and_one(py, this, args, &WITH_N)?;
    match (reader, n.map_or(Some(-1), call::small_int)) {
        (Some(reader), Some(n)) => coroutine::<Read>(py, reader, n, None),
        _ => this.call_stock(py, args),
    }
}

fn read_exactly(py: Python<'_>, this: &Own<Function>, args: Args<'_>) -> PyRes {
    let (reader, n) = reader_and_one(py, this, args, &WITH_N)?;
    match (reader, n.and_then(call::small_int)) {
        (Some(reader), Some(n)) if n >= 0 => coroutine::<ReadExactly>(py, reader, n, None),
        _ => this.call_stock(py, args),
    }
}

fn read_until(py: Python<'_>, this: &Own<Function>, args: Args<'_>) -> PyRes {
    let (reader, separator) = reader_and_one(py, this, args, &WITH_SEPARATOR)?;
    let separator = match separator {
        Some(separator) => separator.clone(),
        None => buffer::new_bytes(py, b"\n")?,
    };
    match reader {
        Some(reader) if until::is_usual(&separator) => {
            coroutine::<ReadUntil>(py, reader, 0, Some(separator))
        }
        _ => this.call_stock(py, args),
    }
}

fn of_lines<K: Kind>(py: Python<'_>, this: &Own<Function>, args: Args<'_>) -> PyRes {
    if let ([object], false) = (args.positional(), args.has_keywords()) {
        if let Some(reader) = StreamReader::native(object) {
            return coroutine::<K>(py, reader, 0, None);
        }
    }
    this.call_stock(py, args)
}

/// The methods that stand in the stdlib's place.
pub(super) fn methods(py: Python<'_>) -> PyRes<Methods> {
    let class = stock_class(py, "StreamReader")?;
    let stock = |name: &str| -> PyRes { Ok(Own::from(class.bound(py).getattr(name)?)) };
    Ok(vec![
        ("read", Function::new(py, stock("read")?, read)?),
        (
            "readexactly",
            Function::new(py, stock("readexactly")?, read_exactly)?,
        ),
        (
            "readuntil",
            Function::new(py, stock("readuntil")?, read_until)?,
        ),
        (
            "readline",
            Function::new(py, stock("readline")?, of_lines::<ReadLine>)?,
        ),
        (
            "__anext__",
            Function::new(py, stock("__anext__")?, of_lines::<NextLine>)?,
        ),
    ])
}
