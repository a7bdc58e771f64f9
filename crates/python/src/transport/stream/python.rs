//! What Python sees of a stream transport.

use ferrio_core::conn::Conn;
use pyo3::prelude::*;

use super::{StreamTransport, close, engine_of, extra, file, loss, write};
use crate::ffi::{Args, Immortal, Method, Own, Params, Property, PyRes, TypeBuilder, call};
use crate::names;
use crate::transport::in_own_context;
use crate::transport::outgoing::{LIMITS, limits_object};
use crate::transport::protocol::SET_PROTOCOL;

static GET_EXTRA_INFO: Params<2> = Params {
    function: "get_extra_info",
    names: [&names::NAME, &names::DEFAULT],
    positional: 2,
    required: 1,
};

fn get_extra_info(py: Python<'_>, this: &Own<StreamTransport>, args: Args<'_>) -> PyRes {
    let [name, default] = args.bind(py, &GET_EXTRA_INFO)?;
    let default = default.cloned().unwrap_or_else(|| Own::none(py));
    extra::get(
        py,
        this,
        name.expect("bind checks what is required"),
        default,
    )
}

fn set_write_buffer_limits(
    py: Python<'_>,
    this: &Own<StreamTransport>,
    args: Args<'_>,
) -> PyRes<()> {
    let [high, low] = args.bind(py, &LIMITS)?;
    this.outgoing.set_limits(py, high, low)?;
    write::judge(py, this)
}

fn get_write_buffer_limits(py: Python<'_>, this: &Own<StreamTransport>) -> PyRes {
    limits_object(py, this.outgoing.limits())
}

fn get_write_buffer_size(py: Python<'_>, this: &Own<StreamTransport>) -> PyRes<i64> {
    write::flush(py, this)?;
    Ok(this.outgoing.len_bytes() as i64)
}

fn pause_reading(py: Python<'_>, this: &Own<StreamTransport>) -> PyRes<()> {
    let _interest_follows = this.change(Conn::pause);
    StreamTransport::update_interest(py, this)
}

fn set_protocol(py: Python<'_>, this: &Own<StreamTransport>, args: Args<'_>) -> PyRes<()> {
    this.protocol.set(py, args.bind_one(py, &SET_PROTOCOL)?)
}

fn force_close(py: Python<'_>, this: &Own<StreamTransport>, error: &Own) -> PyRes<()> {
    close::abort(py, this, (!error.is_none()).then(|| error.clone()))
}

static FATAL_ERROR: Params<2> = Params {
    function: "_fatal_error",
    names: [&names::EXC, &names::MESSAGE],
    positional: 2,
    required: 1,
};

fn fatal_error(py: Python<'_>, this: &Own<StreamTransport>, args: Args<'_>) -> PyRes<()> {
    let [exception, message] = args.bind(py, &FATAL_ERROR)?;
    let text = match message {
        Some(message) => message.bound(py).extract::<String>()?,
        None => "Fatal error on transport".to_owned(),
    };
    write::flush(py, this)?;
    loss::fatal(
        py,
        this,
        exception.expect("bind checks what is required").clone(),
        &text,
    )
}

/// asyncio's words for what its own socket transport shows.
fn repr(py: Python<'_>, this: &Own<StreamTransport>) -> PyRes {
    let conn = this.conn.get();
    let mut text = String::from("<_SelectorSocketTransport");
    let is_closed = this.fd.get() < 0;
    if is_closed {
        text.push_str(" closed");
    } else if conn.is_closing() {
        text.push_str(" closing");
    }
    text.push_str(&format!(" fd={}", this.number));
    let has_loop = this
        .engine
        .peek(|engine| engine.is_some_and(|engine| !engine.is_closed()));
    if !is_closed && has_loop {
        let reading = if conn.wants_bytes() && this.key.get().is_some() {
            "polling"
        } else {
            "idle"
        };
        let writing = if this.outgoing.is_blocked() {
            "polling"
        } else {
            "idle"
        };
        let waiting = this.outgoing.len_bytes();
        text.push_str(&format!(
            " read={reading} write=<{writing}, bufsize={waiting}>"
        ));
    }
    text.push('>');
    Ok(Own::str(py, &text))
}

fn writing() -> Vec<Method<StreamTransport>> {
    vec![
        Method::one(
            c"write",
            c"write($self, data, /)\n--\n\nQueue bytes; they are sent when the callback returns, or earlier. Never blocks.",
            write::write,
        ),
        Method::one(
            c"writelines",
            c"writelines($self, list_of_data, /)\n--\n\nQueue several pieces without joining them.",
            write::write_lines,
        ),
        Method::noargs(
            c"write_eof",
            c"write_eof($self, /)\n--\n\nEnd our half of the connection after everything written.",
            write::write_eof,
        ),
        Method::noargs(
            c"can_write_eof",
            c"can_write_eof($self, /)\n--\n\nTrue.",
            |_, _: &Own<StreamTransport>| true,
        ),
        Method::noargs(
            c"get_write_buffer_size",
            c"get_write_buffer_size($self, /)\n--\n\nBytes that the kernel has not taken.",
            get_write_buffer_size,
        ),
        Method::noargs(
            c"get_write_buffer_limits",
            c"get_write_buffer_limits($self, /)\n--\n\n(low, high) in bytes.",
            get_write_buffer_limits,
        ),
        Method::args(
            c"set_write_buffer_limits",
            c"set_write_buffer_limits($self, /, high=None, low=None)\n--\n\nSet when the protocol is paused and resumed, in bytes.",
            set_write_buffer_limits,
        ),
    ]
}

fn living() -> Vec<Method<StreamTransport>> {
    vec![
        Method::noargs(
            c"close",
            c"close($self, /)\n--\n\nClose when everything written has been sent.",
            close::close,
        ),
        Method::noargs(
            c"abort",
            c"abort($self, /)\n--\n\nClose at once; what the kernel has not taken is lost.",
            |py, this: &Own<StreamTransport>| close::abort(py, this, None),
        ),
        Method::noargs(
            c"is_closing",
            c"is_closing($self, /)\n--\n\nClosing or closed?",
            |_, this: &Own<StreamTransport>| this.conn.get().is_closing(),
        ),
        Method::noargs(
            c"is_reading",
            c"is_reading($self, /)\n--\n\nNeither paused nor closing?",
            |_, this: &Own<StreamTransport>| this.conn.get().is_reading(),
        ),
        Method::noargs(
            c"pause_reading",
            c"pause_reading($self, /)\n--\n\nNo data_received() until resume_reading(). Idempotent.",
            pause_reading,
        ),
        Method::noargs(
            c"resume_reading",
            c"resume_reading($self, /)\n--\n\nRead again. Idempotent.",
            StreamTransport::resume,
        ),
        Method::noargs(
            c"get_protocol",
            c"get_protocol($self, /)\n--\n\nThe protocol.",
            |_, this: &Own<StreamTransport>| this.protocol.object(),
        ),
        Method::args(
            c"set_protocol",
            c"set_protocol($self, /, protocol)\n--\n\nSwitch to another protocol.",
            set_protocol,
        ),
        Method::args(
            c"get_extra_info",
            c"get_extra_info($self, /, name, default=None)\n--\n\n'socket', 'peername', 'sockname', or what the maker added.",
            get_extra_info,
        ),
        Method::one(
            c"_in_context",
            c"_in_context($self, callback, /)\n--\n\nCall it as the protocol's callbacks are, from wherever.",
            |py, this: &Own<StreamTransport>, callback: &Own| {
                in_own_context(py, &this.context, || call::call0(py, callback))
            },
        ),
        Method::one(c"_force_close", c"_force_close($self, exc, /)\n--\n\n", force_close),
        Method::args(
            c"_fatal_error",
            c"_fatal_error($self, exc, message='Fatal error on transport', /)\n--\n\n",
            fatal_error,
        ),
    ]
}

/// `asyncio.constants._SendfileMode.TRY_NATIVE`, which is compared by identity.
fn sendfile_mode(py: Python<'_>, _: &Own<StreamTransport>) -> PyRes {
    static MODE: Immortal = Immortal::empty();
    let import = || {
        let modes = py.import("asyncio.constants")?.getattr("_SendfileMode")?;
        Ok(Own::from(modes.getattr("TRY_NATIVE")?))
    };
    MODE.get_or_init(py, import).cloned()
}

fn sending_files() -> Vec<Method<StreamTransport>> {
    vec![
        Method::noargs(
            c"_begin_sendfile",
            c"_begin_sendfile($self, /)\n--\n\nNo writes until _end_sendfile().",
            file::begin,
        ),
        Method::args(
            c"_sendfile",
            c"_sendfile($self, file, offset, count, /)\n--\n\nSend a piece: bytes sent, 0 at the end of the file; None: wait.",
            file::send,
        ),
        Method::noargs(
            c"_sendfile_ready",
            c"_sendfile_ready($self, /)\n--\n\nA future: when _sendfile() is worth a call.",
            file::when_ready,
        ),
        Method::noargs(
            c"_end_sendfile",
            c"_end_sendfile($self, /)\n--\n\nWrites are welcome again.",
            file::end,
        ),
    ]
}

fn properties() -> Vec<Property<StreamTransport>> {
    vec![
        Property::get(c"__class__", |py, _: &Own<StreamTransport>| {
            static TRANSPORT: Immortal = Immortal::empty();
            TRANSPORT
                .import(py, "asyncio.transports", "Transport")
                .cloned()
        }),
        Property::get(c"_loop", |py, this: &Own<StreamTransport>| {
            engine_of(py, this)
        }),
        Property::get(c"_protocol", |_, this: &Own<StreamTransport>| {
            this.protocol.object()
        }),
        Property::get(c"_sock", extra::python_socket),
        Property::get(c"_sock_fd", |_, this: &Own<StreamTransport>| {
            i64::from(this.fd.get())
        }),
        // asyncio.streams and sslproto ask for these.
        Property::get(c"_start_tls_compatible", |_, _: &Own<StreamTransport>| true),
        Property::get(c"_sendfile_compatible", sendfile_mode),
        Property::get(c"_protocol_paused", |_, this: &Own<StreamTransport>| {
            this.outgoing.is_paused()
        }),
        // `_tls.py` schedules the protocol's callbacks.
        Property::get(c"_context", |_, this: &Own<StreamTransport>| {
            this.context.get()
        }),
        // CPython's and uvloop's own tests look at it.
        Property::get(c"_paused", |_, this: &Own<StreamTransport>| {
            let conn = this.conn.get();
            !conn.is_reading() && !conn.is_closing()
        }),
        Property::get(c"_closing", |_, this: &Own<StreamTransport>| {
            this.conn.get().is_closing()
        }),
    ]
}

/// Makes the type.
pub fn make_types(py: Python<'_>) -> PyRes<()> {
    TypeBuilder::<StreamTransport>::new()
        .methods(writing())
        .methods(living())
        .methods(sending_files())
        .properties(properties())
        .repr(repr)
        .build(py)
        .map(drop)
}
