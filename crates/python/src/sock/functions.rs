//! The methods, in the places of coroutine functions with their signatures.

use std::cell::Cell;

use pyo3::exceptions::PyTypeError;
use pyo3::prelude::*;

use super::{SockOperation, Wish, call};
use crate::engine::Engine;
use crate::ffi::{Args, Function, Name, Own, Params, PyRes, Raised, Slot};
use crate::names;

const fn params<const N: usize>(
    function: &'static str,
    names: [&'static Name; N],
    required: usize,
) -> Params<N> {
    Params {
        function,
        names,
        positional: N,
        required,
    }
}

/// One parameter after `self` and `sock`, that must be given.
const fn one(function: &'static str, name: &'static Name) -> Params<3> {
    params(function, [&names::SELF, &names::SOCK, name], 3)
}

static RECV: Params<3> = one("sock_recv", &names::NBYTES);
static RECV_INTO: Params<3> = one("sock_recv_into", &names::BUF);
static SENDALL: Params<3> = one("sock_sendall", &names::DATA);
static RECVFROM: Params<3> = one("sock_recvfrom", &names::BUFSIZE);
static RECVFROM_INTO: Params<4> = params(
    "sock_recvfrom_into",
    [&names::SELF, &names::SOCK, &names::BUF, &names::NBYTES],
    3,
);
static SENDTO: Params<4> = params(
    "sock_sendto",
    [&names::SELF, &names::SOCK, &names::DATA, &names::ADDRESS],
    4,
);
static ACCEPT: Params<2> = params("sock_accept", [&names::SELF, &names::SOCK], 2);

/// A coroutine of what is wished of the second argument by a loop, the first; `wish` gets the others.
#[inline]
fn begin<const N: usize, const M: usize>(
    py: Python<'_>,
    this: &Own<Function>,
    args: Args<'_>,
    params: &Params<N>,
    wish: impl FnOnce([Slot; M]) -> Wish,
) -> PyRes<Own<SockOperation>> {
    let bound = this.bind(py, args, params)?;
    let others = std::array::from_fn(|index| Slot::new(bound[N - M + index].cloned()));
    match (
        bound[0].and_then(|object| object.cast::<Engine>()),
        bound[1],
    ) {
        (Some(engine), Some(socket)) => call(py, engine, socket, wish(others)),
        _ => {
            let text = format!("{}() is a method of ferrio's loops", params.function);
            Err(Raised::new::<PyTypeError>(py, text))
        }
    }
}

/// `stock.__name__` of a loop, native; `None` for a method that is none of `sock_*`.
pub fn native(py: Python<'_>, name: &str, stock: Own) -> PyRes<Option<Own<Function>>> {
    type Fun = Own<Function>;
    let native = match name {
        "sock_recv" => Function::new(py, stock, |py: Python<'_>, this: &Fun, args: Args<'_>| {
            begin(py, this, args, &RECV, |[most]| Wish::Recv(most))
        }),
        "sock_recv_into" => {
            Function::new(py, stock, |py: Python<'_>, this: &Fun, args: Args<'_>| {
                begin(py, this, args, &RECV_INTO, |[buf]| Wish::RecvInto(buf))
            })
        }
        "sock_sendall" => Function::new(py, stock, |py: Python<'_>, this: &Fun, args: Args<'_>| {
            begin(py, this, args, &SENDALL, |[data]| {
                Wish::SendAll(data, Cell::new(0))
            })
        }),
        "sock_recvfrom" => {
            Function::new(py, stock, |py: Python<'_>, this: &Fun, args: Args<'_>| {
                begin(py, this, args, &RECVFROM, |[most]| Wish::RecvFrom(most))
            })
        }
        "sock_recvfrom_into" => {
            Function::new(py, stock, |py: Python<'_>, this: &Fun, args: Args<'_>| {
                begin(py, this, args, &RECVFROM_INTO, |[buf, most]| {
                    Wish::RecvFromInto(buf, most)
                })
            })
        }
        "sock_sendto" => Function::new(py, stock, |py: Python<'_>, this: &Fun, args: Args<'_>| {
            begin(py, this, args, &SENDTO, |[data, address]| {
                Wish::SendTo(data, address)
            })
        }),
        "sock_accept" => Function::new(py, stock, |py: Python<'_>, this: &Fun, args: Args<'_>| {
            begin(py, this, args, &ACCEPT, |[]| Wish::Accept)
        }),
        _ => return Ok(None),
    };
    native.map(Some)
}
