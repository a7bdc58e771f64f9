//! The native ground under `python/ferrio/_connect.py` and `_serve.py`.

use pyo3::exceptions::PyTypeError;
use pyo3::prelude::*;

use super::{Loop, dispatch};
use crate::engine::Engine;
use crate::ffi::{Args, Own, Params, PyRes, Raised, Slot, call};
use crate::future::Future;
use crate::names;
use crate::sock::{self, Wish};
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

fn three<'a>(py: Python<'_>, args: &Args<'a>, function: &str) -> PyRes<[&'a Own; 3]> {
    match args.positional() {
        [first, second, third] if !args.has_keywords() => Ok([first, second, third]),
        _ => {
            let text = format!("{function}() takes exactly three arguments");
            Err(Raised::new::<PyTypeError>(py, text))
        }
    }
}

fn two<'a>(py: Python<'_>, args: &Args<'a>, function: &str) -> PyRes<(&'a Own, &'a Own)> {
    match args.positional() {
        [first, second] if !args.has_keywords() => Ok((first, second)),
        _ => {
            let text = format!("{function}() takes exactly two arguments");
            Err(Raised::new::<PyTypeError>(py, text))
        }
    }
}

fn engine(this: &Own<Loop>) -> &Own<Engine> {
    this.base()
}

pub(super) fn sock_recv(py: Python<'_>, this: &Own<Loop>, args: Args<'_>) -> PyRes<Own<Future>> {
    let (sock, most) = two(py, &args, "sock_recv")?;
    let most = most.bound(py).extract::<usize>()?;
    sock::begin(py, engine(this), sock, Wish::Recv(most))
}

pub(super) fn sock_recv_into(
    py: Python<'_>,
    this: &Own<Loop>,
    args: Args<'_>,
) -> PyRes<Own<Future>> {
    let (sock, target) = two(py, &args, "sock_recv_into")?;
    sock::begin(
        py,
        engine(this),
        sock,
        Wish::RecvInto(Slot::new(Some(target.clone()))),
    )
}

pub(super) fn sock_sendall(py: Python<'_>, this: &Own<Loop>, args: Args<'_>) -> PyRes<Own<Future>> {
    let (sock, data) = two(py, &args, "sock_sendall")?;
    let wish = Wish::SendAll(Slot::new(Some(data.clone())), std::cell::Cell::new(0));
    sock::begin(py, engine(this), sock, wish)
}

pub(super) fn sock_recvfrom(
    py: Python<'_>,
    this: &Own<Loop>,
    args: Args<'_>,
) -> PyRes<Own<Future>> {
    let (sock, most) = two(py, &args, "sock_recvfrom")?;
    let wish = Wish::RecvFrom(Slot::new(Some(most.clone())));
    sock::begin(py, engine(this), sock, wish)
}

pub(super) fn sock_recvfrom_into(
    py: Python<'_>,
    this: &Own<Loop>,
    args: Args<'_>,
) -> PyRes<Own<Future>> {
    let [sock, target, most] = three(py, &args, "sock_recvfrom_into")?;
    let wish = Wish::RecvFromInto(
        Slot::new(Some(target.clone())),
        Slot::new(Some(most.clone())),
    );
    sock::begin(py, engine(this), sock, wish)
}

pub(super) fn sock_sendto(py: Python<'_>, this: &Own<Loop>, args: Args<'_>) -> PyRes<Own<Future>> {
    let [sock, data, address] = three(py, &args, "sock_sendto")?;
    let wish = Wish::SendTo(
        Slot::new(Some(data.clone())),
        Slot::new(Some(address.clone())),
    );
    sock::begin(py, engine(this), sock, wish)
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
    engine(this).check_no_transport(py, fd)?;
    Piece::from_arguments(py, piece)?.send(py, fd)
}

pub(super) fn sock_writable(py: Python<'_>, this: &Own<Loop>, sock: &Own) -> PyRes<Own<Future>> {
    let wish = Wish::Writable(std::cell::Cell::new(false));
    sock::begin(py, engine(this), sock, wish)
}

pub(super) fn sock_accept(py: Python<'_>, this: &Own<Loop>, sock: &Own) -> PyRes<Own<Future>> {
    sock::begin(py, engine(this), sock, Wish::Accept)
}

pub(super) fn sock_connect(py: Python<'_>, this: &Own<Loop>, args: Args<'_>) -> PyRes<Own<Future>> {
    let (sock, address) = two(py, &args, "sock_connect")?;
    let wish = Wish::Connect(
        Slot::new(Some(address.clone())),
        std::cell::Cell::new(false),
    );
    sock::begin(py, engine(this), sock, wish)
}
