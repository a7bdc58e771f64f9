//! Addresses of internet sockets, between Python's tuples and the kernel's form.

use std::net::{Ipv4Addr, Ipv6Addr};
use std::os::fd::RawFd;

use ferrio_reactor::net::{self, RawAddr, SockAddr};
use pyo3::prelude::*;
use pyo3::types::{PyInt, PyString};

use crate::convert;
use crate::ffi::{GuardedCell, Own, PyRes, Slot, Visit};

/// Which addresses a socket has.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Family {
    /// AF_INET.
    V4,
    /// AF_INET6.
    V6,
    /// Any other: left to Python's socket object.
    Other,
}

impl Family {
    /// AF_ numbers of Linux.
    const INET: i32 = 2;
    const INET6: i32 = 10;

    /// The family of a socket.
    pub(super) fn of(fd: RawFd) -> Self {
        match net::socket_family(fd) {
            Ok(Self::INET) => Self::V4,
            Ok(Self::INET6) => Self::V6,
            _ => Self::Other,
        }
    }

    /// The kernel's form of `(host, port)` and `(host, port, flowinfo, scope_id)` with a numeric host. Nothing for what
    /// needs a look-up or is wrong: Python's socket object does the one and says the other.
    fn parse(self, py: Python<'_>, address: &Own) -> Option<RawAddr> {
        let items = address.tuple_items()?;
        let host = items.first()?.bound(py).cast_exact::<PyString>().ok()?;
        let host = host.to_str().ok()?;
        let number = |index: usize| match items.get(index) {
            Some(number) => {
                let number = number.bound(py).cast_exact::<PyInt>().ok()?;
                number.extract::<u32>().ok()
            }
            None => Some(0),
        };
        let port = u16::try_from(number(1)?).ok()?;
        let address = match (self, items.len()) {
            (Self::V4, 2) => SockAddr::V4 {
                addr: host.parse::<Ipv4Addr>().ok()?.octets(),
                port,
            },
            (Self::V6, 2..=4) => SockAddr::V6 {
                addr: host.parse::<Ipv6Addr>().ok()?.octets(),
                port,
                // 20 bits: RFC 3493 section 3.3.
                flowinfo: number(2).filter(|&flow| flow < 1 << 20)?,
                scope_id: number(3)?,
            },
            _ => return None,
        };
        address.to_raw().ok()
    }
}

/// One address in both forms: an endpoint speaks with the same peer again and again, and for that one nothing is converted.
#[derive(Debug)]
pub(super) struct Known {
    object: Slot,
    raw: GuardedCell<RawAddr>,
}

impl Known {
    pub(super) fn nothing() -> Self {
        Self {
            object: Slot::empty(),
            raw: GuardedCell::new(RawAddr::empty()),
        }
    }

    pub(super) fn traverse(&self, visit: &mut Visit) {
        visit.slot(&self.object);
    }

    /// Python's form of an address.
    #[inline]
    pub(super) fn object_of(&self, py: Python<'_>, raw: &RawAddr) -> PyRes {
        if self.raw.with(|known| known == raw) {
            if let Some(known) = self.object.get() {
                return Ok(known);
            }
        }
        let object = convert::address_object(py, &raw.decode())?;
        self.raw.with(|known| *known = *raw);
        self.object.set(Some(object.clone()));
        Ok(object)
    }

    /// The kernel's form of the very object that was converted last. The object is a tuple of text and numbers, so it has not changed.
    #[inline]
    pub(super) fn raw_of(&self, object: &Own) -> Option<RawAddr> {
        let same = self
            .object
            .peek(|known| known.is_some_and(|known| known.is(object)));
        same.then(|| self.raw.with(|raw| *raw))
    }

    /// The same after converting it, if it can be converted without a look-up.
    pub(super) fn raw_after_parsing(
        &self,
        py: Python<'_>,
        family: Family,
        object: &Own,
    ) -> Option<RawAddr> {
        let raw = family.parse(py, object)?;
        self.raw.with(|known| *known = raw);
        self.object.set(Some(object.clone()));
        Some(raw)
    }
}
