//! What a `sock_*` call wants of its socket.

use std::cell::Cell;

use pyo3::prelude::*;
use pyo3::types::PyMemoryView;

use crate::engine::Direction;
use crate::ffi::buffer::exact_bytes;
use crate::ffi::{Own, PyRes, Slot, Visit};

/// One call, with its arguments and how far it has come.
#[derive(Debug)]
pub enum Wish {
    /// `sock_recv(sock, nbytes)`.
    Recv(Slot),
    /// `sock_recv_into(sock, buf)`.
    RecvInto(Slot),
    /// `sock_sendall(sock, data)`, and how much of it is sent.
    SendAll(Slot, Cell<usize>),
    /// `sock_recvfrom(sock, bufsize)`.
    RecvFrom(Slot),
    /// `sock_recvfrom_into(sock, buf, nbytes)`.
    RecvFromInto(Slot, Slot),
    /// `sock_sendto(sock, data, address)`.
    SendTo(Slot, Slot),
    /// That it can be written to, at the next event: `sock_sendfile` tries its call itself.
    Writable(Cell<bool>),
    /// `sock_accept(sock)`.
    Accept,
    /// `sock_connect(sock, address)`, and whether the kernel is at it.
    Connect(Slot, Cell<bool>),
}

impl Wish {
    /// The method that was called, as a name in its class.
    pub(super) fn qualname(&self) -> &'static str {
        match self {
            Self::Recv(_) => "Loop.sock_recv",
            Self::RecvInto(_) => "Loop.sock_recv_into",
            Self::SendAll(..) => "Loop.sock_sendall",
            Self::RecvFrom(_) => "Loop.sock_recvfrom",
            Self::RecvFromInto(..) => "Loop.sock_recvfrom_into",
            Self::SendTo(..) => "Loop.sock_sendto",
            Self::Writable(_) => "Loop.sock_sendfile",
            Self::Accept => "Loop.sock_accept",
            Self::Connect(..) => "Loop.sock_connect",
        }
    }

    pub(super) fn direction(&self) -> Direction {
        match self {
            Self::Recv(_)
            | Self::RecvInto(_)
            | Self::RecvFrom(_)
            | Self::RecvFromInto(..)
            | Self::Accept => Direction::Read,
            Self::SendAll(..) | Self::SendTo(..) | Self::Writable(_) | Self::Connect(..) => {
                Direction::Write
            }
        }
    }

    /// The call is going to wait. What it sends may not change its size from now on, as in asyncio: a memoryview sees to that, until
    /// `clear`. `bytes` cannot change.
    pub(super) fn hold_data(&self, py: Python<'_>) -> PyRes<()> {
        if let Self::SendAll(data, _) = self
            && let Some(object) = data.get()
            && exact_bytes(&object).is_none()
        {
            let view = PyMemoryView::from(object.bound(py))?;
            data.set(Some(Own::from(view.into_any())));
        }
        Ok(())
    }

    fn arguments(&self) -> impl Iterator<Item = &Slot> {
        let (one, two) = match self {
            Self::Recv(one)
            | Self::RecvInto(one)
            | Self::RecvFrom(one)
            | Self::SendAll(one, _)
            | Self::Connect(one, _) => (Some(one), None),
            Self::RecvFromInto(one, two) | Self::SendTo(one, two) => (Some(one), Some(two)),
            Self::Writable(_) | Self::Accept => (None, None),
        };
        one.into_iter().chain(two)
    }

    pub(super) fn traverse(&self, visit: &mut Visit) {
        self.arguments().for_each(|argument| visit.slot(argument));
    }

    pub(super) fn clear(&self) {
        self.arguments().for_each(|argument| argument.set(None));
    }
}
