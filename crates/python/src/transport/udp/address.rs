//! Addresses of internet sockets, between Python's tuples and the kernel's form.

use std::cell::Cell;
use std::net::{Ipv4Addr, Ipv6Addr};
use std::os::fd::RawFd;

use ferrio_reactor::net::{self, RawAddr, SockAddr};
use pyo3::prelude::*;
use pyo3::types::{PyInt, PyString};

use crate::convert;
use crate::ffi::{GuardedCell, Own, PyRes, Visit};

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

/// One address in both forms. The object is a tuple of text and numbers, so it stays what it is.
#[derive(Debug)]
struct Both {
    object: Own,
    raw: RawAddr,
}

/// Where datagrams came from: an endpoint hears from the same peers again and again, and for those nothing is converted.
#[derive(Debug)]
pub(super) struct Peers {
    /// None, one, or `MOST` places once there are several; each peer has its own, which it may share.
    known: GuardedCell<Vec<Option<Both>>>,
    /// Where the one that was asked for last stands.
    last: Cell<usize>,
}

impl Peers {
    /// A power of two.
    const MOST: usize = 64;

    pub(super) fn none() -> Self {
        Self {
            known: GuardedCell::new(Vec::new()),
            last: Cell::new(0),
        }
    }

    pub(super) fn traverse(&self, visit: &mut Visit) {
        let _ = self.known.look(|known| {
            let known = known.iter().flatten();
            known.for_each(|both| visit.own(&both.object));
        });
    }

    /// Python's form of an address.
    #[inline]
    pub(super) fn object_of(&self, py: Python<'_>, raw: &RawAddr) -> PyRes {
        let known = self.known.with(|known| {
            if known.is_empty() {
                return None;
            }
            let place = raw.place_among(known.len());
            self.last.set(place);
            let both = known[place].as_ref().filter(|both| both.raw == *raw)?;
            Some(both.object.clone())
        });
        match known {
            Some(known) => Ok(known),
            None => self.learn(py, raw),
        }
    }

    /// In the place of another one, or of all where there were too few places.
    #[cold]
    fn learn(&self, py: Python<'_>, raw: &RawAddr) -> PyRes {
        let object = convert::address_object(py, &raw.decode())?;
        let both = Both {
            object: object.clone(),
            raw: *raw,
        };
        let forgotten = self.known.with(|known| {
            let mut all = Vec::new();
            if known.len() < Self::MOST {
                let places = if known.is_empty() { 1 } else { Self::MOST };
                std::mem::swap(known, &mut all);
                known.resize_with(places, || None);
            }
            let place = raw.place_among(known.len());
            self.last.set(place);
            (all, known[place].replace(both))
        });
        drop(forgotten);
        Ok(object)
    }

    /// The kernel's form of the very object that `object_of` has given last.
    #[inline]
    pub(super) fn raw_of(&self, object: &Own) -> Option<RawAddr> {
        self.known.with(|known| {
            let both = known.get(self.last.get())?.as_ref()?;
            both.object.is(object).then_some(both.raw)
        })
    }
}

/// Where a datagram went that was no answer: one to the same address again is not converted again.
#[derive(Debug)]
pub(super) struct Known(GuardedCell<Option<Both>>);

impl Known {
    pub(super) fn nothing() -> Self {
        Self(GuardedCell::new(None))
    }

    pub(super) fn traverse(&self, visit: &mut Visit) {
        let known = |known: &Option<Both>| known.iter().for_each(|both| visit.own(&both.object));
        let _ = self.0.look(known);
    }

    /// The kernel's form of the very object that was converted last.
    #[inline]
    pub(super) fn raw_of(&self, object: &Own) -> Option<RawAddr> {
        self.0.with(|known| {
            let both = known.as_ref()?;
            both.object.is(object).then_some(both.raw)
        })
    }

    /// The same after converting it, if it can be converted without a look-up.
    pub(super) fn raw_after_parsing(
        &self,
        py: Python<'_>,
        family: Family,
        object: &Own,
    ) -> Option<RawAddr> {
        let raw = family.parse(py, object)?;
        let object = object.clone();
        let before = self.0.with(|known| known.replace(Both { object, raw }));
        drop(before);
        Some(raw)
    }
}
