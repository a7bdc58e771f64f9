//! The native ground under `python/ferrio/_connect.py` and `_serve.py`.

use pyo3::exceptions::PyTypeError;
use pyo3::prelude::*;

use super::{Loop, dispatch};
use crate::ffi::{Args, Own, Params, PyRes, Raised, Slot, call};
use crate::future::Future;
use crate::names;
use crate::sock::{self, SockOperation, Wish};
use crate::transport::file::Piece;
use crate::transport::listener::{self, Listener};
use crate::transport::pipe::{read, read::ReadPipeTransport, write, write::WritePipeTransport};
use crate::transport::socket::Socket;
use crate::transport::stream::{Beginning, StreamTransport};
use crate::transport::udp::{self, DatagramTransport};

static MAKE_TRANSPORT: Params<5> = Params {
    function: "_make_stream_transport",
    names: [
        &names::SOCK,
        &names::PROTOCOL,
        &names::WAITER,
        &names::EXTRA,
        &names::SERVER,
    ],
    positional: 5,
    required: 2,
};

fn given(value: Option<&Own>) -> Option<Own> {
    value.filter(|value| !value.is_none()).cloned()
}

fn own_future(py: Python<'_>, waiter: Option<&Own>) -> PyRes<Option<Own<Future>>> {
    let Some(waiter) = given(waiter) else {
        return Ok(None);
    };
    match waiter.cast::<Future>() {
        Some(waiter) => Ok(Some(waiter.clone())),
        None => {
            let text = "waiter must be a future of this loop";
            Err(Raised::new::<PyTypeError>(py, text))
        }
    }
}

pub(super) fn make_stream_transport(
    py: Python<'_>,
    this: &Own<Loop>,
    args: Args<'_>,
) -> PyRes<Own<StreamTransport>> {
    let [sock, protocol, waiter, extra, server] = args.bind(py, &MAKE_TRANSPORT)?;
    let begin = Beginning {
        socket: Socket::Python(sock.expect("required").clone()),
        peer: None,
        protocol: protocol.expect("required").clone(),
        waiter: own_future(py, waiter)?,
        server: given(server),
        extra: given(extra),
        nodelay: false,
    };
    StreamTransport::start(py, this.base(), begin)
}

static MAKE_READ_PIPE: Params<3> = Params {
    function: "_make_read_pipe_transport",
    names: [&names::PIPE, &names::PROTOCOL, &names::WAITER],
    positional: 3,
    required: 2,
};

pub(super) fn make_read_pipe_transport(
    py: Python<'_>,
    this: &Own<Loop>,
    args: Args<'_>,
) -> PyRes<Own<ReadPipeTransport>> {
    let [pipe, protocol, waiter] = args.bind(py, &MAKE_READ_PIPE)?;
    let (pipe, protocol) = (pipe.expect("required"), protocol.expect("required"));
    read::start(py, this.base(), pipe, protocol, own_future(py, waiter)?)
}

static MAKE_WRITE_PIPE: Params<4> = Params {
    function: "_make_write_pipe_transport",
    names: [
        &names::PIPE,
        &names::PROTOCOL,
        &names::WAITER,
        &names::WATCHES_PEER,
    ],
    positional: 4,
    required: 4,
};

pub(super) fn make_write_pipe_transport(
    py: Python<'_>,
    this: &Own<Loop>,
    args: Args<'_>,
) -> PyRes<Own<WritePipeTransport>> {
    let [pipe, protocol, waiter, watches_peer] = args.bind(py, &MAKE_WRITE_PIPE)?;
    let (pipe, protocol) = (pipe.expect("required"), protocol.expect("required"));
    let watches_peer = call::truth(py, watches_peer.expect("required"))?;
    let waiter = own_future(py, waiter)?;
    write::start(py, this.base(), pipe, protocol, waiter, watches_peer)
}

static MAKE_DATAGRAM: Params<4> = Params {
    function: "_make_datagram_transport",
    names: [
        &names::SOCK,
        &names::PROTOCOL,
        &names::ADDRESS,
        &names::WAITER,
    ],
    positional: 4,
    required: 2,
};

pub(super) fn make_datagram_transport(
    py: Python<'_>,
    this: &Own<Loop>,
    args: Args<'_>,
) -> PyRes<Own<DatagramTransport>> {
    let [sock, protocol, address, waiter] = args.bind(py, &MAKE_DATAGRAM)?;
    let (sock, protocol) = (sock.expect("required"), protocol.expect("required"));
    let waiter = own_future(py, waiter)?;
    udp::start(py, this.base(), sock, protocol, given(address), waiter)
}

/// `(protocol_factory, sock, server, backlog)`.
pub(super) fn start_serving(
    py: Python<'_>,
    this: &Own<Loop>,
    args: Args<'_>,
) -> PyRes<Own<Listener>> {
    let [factory, sock, server, backlog] = args.positional() else {
        let text = "_start_serving(protocol_factory, sock, server, backlog)";
        return Err(Raised::new::<PyTypeError>(py, text));
    };
    let backlog = backlog.bound(py).extract::<i64>()?.max(1) as usize;
    listener::start(py, this.base(), sock, factory, server, backlog)
}

/// Stops accepting and closes the listening socket.
pub(super) fn stop_serving(py: Python<'_>, this: &Own<Loop>, sock: &Own) -> PyRes<()> {
    let fd = Socket::fd_of(py, sock)?;
    if let Some(listener) = dispatch::listener_of(this, fd) {
        listener::stop(py, &listener);
    }
    crate::ffi::call::method(py, sock, &names::CLOSE, &[]).map(drop)
}

/// `(sock, file, offset, count)`: one piece, now.
pub(super) fn sock_sendfile(
    py: Python<'_>,
    this: &Own<Loop>,
    args: Args<'_>,
) -> PyRes<Option<Own>> {
    let Some((sock, piece)) = args.positional().split_first() else {
        let text = "_sock_sendfile(sock, file, offset, count)";
        return Err(Raised::new::<PyTypeError>(py, text));
    };
    let fd = Socket::fd_of(py, sock)?;
    this.check_no_transport(py, fd, None)?;
    Piece::from_arguments(py, piece)?.send(py, fd)
}

pub(super) fn sock_writable(
    py: Python<'_>,
    this: &Own<Loop>,
    sock: &Own,
) -> PyRes<Own<SockOperation>> {
    let wish = Wish::Writable(std::cell::Cell::new(false));
    sock::call(py, this.base(), sock, wish)
}

pub(super) fn sock_connect(
    py: Python<'_>,
    this: &Own<Loop>,
    args: Args<'_>,
) -> PyRes<Own<SockOperation>> {
    let [sock, address] = args.positional() else {
        let text = "_sock_connect(sock, address)";
        return Err(Raised::new::<PyTypeError>(py, text));
    };
    let address = Slot::new(Some(address.clone()));
    let wish = Wish::Connect(address, std::cell::Cell::new(false));
    sock::call(py, this.base(), sock, wish)
}
