//! What Python sees of a datagram transport.

use ferrio_core::conn::Conn;
use pyo3::exceptions::{PyOSError, PyRuntimeError};
use pyo3::prelude::*;
use pyo3::types::PyDict;

use super::{DatagramTransport, Peer, abort, close, send};
use crate::ffi::{Args, Immortal, Method, Own, Params, Property, PyRes, Raised, TypeBuilder};
use crate::names;
use crate::transport::outgoing::{self, LIMITS, limits_object};
use crate::transport::protocol::SET_PROTOCOL;

/// The dict behind `get_extra_info`, and what is known of the socket's peer.
pub(super) fn make_extra(py: Python<'_>, socket: &Own) -> PyRes<(Own, Peer)> {
    let address = |method: &str| match socket.bound(py).call_method0(method) {
        Ok(address) => Ok(Some(address)),
        Err(error) if error.is_instance_of::<PyOSError>(py) => Ok(None),
        Err(error) => Err(error),
    };
    let class = py.import("asyncio.trsock")?.getattr("TransportSocket")?;
    let (sockname, peername) = (address("getsockname")?, address("getpeername")?);
    // asyncio asks for truth: an unnamed unix peer, '', is none.
    let peer = match &peername {
        Some(peername) if peername.is_truthy()? => Peer::Named,
        Some(_) => Peer::Nameless,
        None => Peer::None,
    };
    let extra = PyDict::new(py);
    extra.set_item("socket", class.call1((socket.bound(py),))?)?;
    extra.set_item("sockname", sockname)?;
    extra.set_item("peername", peername)?;
    Ok((Own::from(extra.into_any()), peer))
}

static GET_EXTRA_INFO: Params<2> = Params {
    function: "get_extra_info",
    names: [&names::NAME, &names::DEFAULT],
    positional: 2,
    required: 1,
};

fn get_extra_info(py: Python<'_>, this: &Own<DatagramTransport>, args: Args<'_>) -> PyRes {
    send::flush(py, this)?;
    let [name, default] = args.bind(py, &GET_EXTRA_INFO)?;
    let name = name.expect("bind checks what is required").bound(py);
    let known = match this.extra.get() {
        Some(extra) => extra
            .bound(py)
            .cast::<PyDict>()
            .map_err(PyErr::from)?
            .get_item(name)?,
        None => None,
    };
    let known = known.map(Own::from).or_else(|| default.cloned());
    Ok(known.unwrap_or_else(|| Own::none(py)))
}

static SEND_TO: Params<2> = Params {
    function: "sendto",
    names: [&names::DATA, &names::ADDR],
    positional: 2,
    required: 1,
};

fn send_to(py: Python<'_>, this: &Own<DatagramTransport>, args: Args<'_>) -> PyRes<()> {
    let [data, to] = args.bind(py, &SEND_TO)?;
    send::send_to(py, this, data.expect("bind checks what is required"), to)
}

fn set_write_buffer_limits(
    py: Python<'_>,
    this: &Own<DatagramTransport>,
    args: Args<'_>,
) -> PyRes<()> {
    let [high, low] = args.bind(py, &LIMITS)?;
    outgoing::set_limits(py, &this.marks, high, low)?;
    send::flush(py, this)?;
    send::judge(py, this)
}

fn get_write_buffer_limits(py: Python<'_>, this: &Own<DatagramTransport>) -> PyRes {
    limits_object(py, this.marks.get().limits())
}

fn len_bytes(this: &Own<DatagramTransport>) -> usize {
    this.waiting.with(|waiting| waiting.len_bytes())
}

fn pause_reading(py: Python<'_>, this: &Own<DatagramTransport>) -> PyRes<()> {
    let _interest_follows = this.change(Conn::pause);
    DatagramTransport::update_interest(py, this)
}

fn resume_reading(py: Python<'_>, this: &Own<DatagramTransport>) -> PyRes<()> {
    let _interest_follows = this.change(Conn::resume);
    DatagramTransport::update_interest(py, this)
}

/// asyncio's words for what its own datagram transport shows.
fn repr(py: Python<'_>, this: &Own<DatagramTransport>) -> PyRes {
    let conn = this.conn.get();
    let is_closed = this.fd.get() < 0;
    let mut text = String::from("<_SelectorDatagramTransport");
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
        let polling = |on: bool| if on { "polling" } else { "idle" };
        let reading = polling(conn.wants_bytes() && this.key.get().is_some());
        let writing = polling(this.blocked.get());
        let waiting = len_bytes(this);
        text.push_str(&format!(
            " read={reading} write=<{writing}, bufsize={waiting}>"
        ));
    }
    text.push('>');
    Ok(Own::str(py, &text))
}

fn sending() -> Vec<Method<DatagramTransport>> {
    vec![
        Method::args(
            c"sendto",
            c"sendto($self, /, data, addr=None)\n--\n\nSend a datagram; it waits only where the kernel takes no more. Never blocks.",
            send_to,
        ),
        Method::noargs(
            c"get_write_buffer_size",
            c"get_write_buffer_size($self, /)\n--\n\nBytes that the kernel has not taken.",
            |py, this: &Own<DatagramTransport>| -> PyRes<i64> {
                send::flush(py, this)?;
                Ok(len_bytes(this) as i64)
            },
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

fn living() -> Vec<Method<DatagramTransport>> {
    vec![
        Method::noargs(
            c"close",
            c"close($self, /)\n--\n\nClose when everything that waits has been sent.",
            close,
        ),
        Method::noargs(
            c"abort",
            c"abort($self, /)\n--\n\nClose at once; what waits is lost.",
            abort,
        ),
        Method::noargs(
            c"is_closing",
            c"is_closing($self, /)\n--\n\nClosing or closed?",
            |_, this: &Own<DatagramTransport>| this.conn.get().is_closing(),
        ),
        Method::noargs(
            c"is_reading",
            c"is_reading($self, /)\n--\n\nNeither paused nor closing?",
            |_, this: &Own<DatagramTransport>| this.conn.get().is_reading(),
        ),
        Method::noargs(
            c"pause_reading",
            c"pause_reading($self, /)\n--\n\nNo datagram_received() until resume_reading(). Idempotent.",
            pause_reading,
        ),
        Method::noargs(
            c"resume_reading",
            c"resume_reading($self, /)\n--\n\nReceive again. Idempotent.",
            resume_reading,
        ),
        Method::noargs(
            c"get_protocol",
            c"get_protocol($self, /)\n--\n\nThe protocol.",
            |_, this: &Own<DatagramTransport>| this.protocol.object(),
        ),
        Method::args(
            c"set_protocol",
            c"set_protocol($self, /, protocol)\n--\n\nSwitch to another protocol.",
            |py, this: &Own<DatagramTransport>, args: Args<'_>| {
                this.protocol.set(py, args.bind_one(py, &SET_PROTOCOL)?)
            },
        ),
        Method::args(
            c"get_extra_info",
            c"get_extra_info($self, /, name, default=None)\n--\n\n'socket', 'sockname', 'peername'.",
            get_extra_info,
        ),
    ]
}

fn properties() -> Vec<Property<DatagramTransport>> {
    vec![
        Property::get(c"__class__", |py, _: &Own<DatagramTransport>| {
            static TRANSPORT: Immortal = Immortal::empty();
            TRANSPORT
                .import(py, "ferrio._datagram", "DatagramTransport")
                .cloned()
        }),
        Property::get(c"_loop", |py, this: &Own<DatagramTransport>| {
            this.engine.get().ok_or_else(|| {
                Raised::new::<PyRuntimeError>(py, "the transport has no loop any more")
            })
        }),
        Property::get(c"_protocol", |_, this: &Own<DatagramTransport>| {
            this.protocol.object()
        }),
        Property::get(c"_sock", |_, this: &Own<DatagramTransport>| {
            this.socket.get()
        }),
        Property::get(c"_sock_fd", |_, this: &Own<DatagramTransport>| {
            i64::from(this.number)
        }),
        Property::get(c"_address", |_, this: &Own<DatagramTransport>| {
            this.remote.get()
        }),
        Property::get(c"_closing", |_, this: &Own<DatagramTransport>| {
            this.conn.get().is_closing()
        }),
    ]
}

/// Makes the type.
pub fn make_types(py: Python<'_>) -> PyRes<()> {
    TypeBuilder::<DatagramTransport>::new()
        .methods(sending())
        .methods(living())
        .properties(properties())
        .repr(repr)
        .build(py)
        .map(drop)
}
