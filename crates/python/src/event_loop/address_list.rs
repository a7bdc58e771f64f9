//! The list that `getaddrinfo` returns.

use ferrio_reactor::resolve::{AddrInfo, Known};
use pyo3::prelude::*;
use pyo3::types::PyList;

use crate::convert;
use crate::ffi::{Immortal, Own, PyRes};

/// The list for an answer that is known, with its address as Python shows it.
pub(super) fn rows(py: Python<'_>, known: &Known, address: &Own) -> PyRes {
    let family = known.addr.family();
    let mut rows = Vec::with_capacity(known.kinds.len());
    for &(socktype, protocol) in known.kinds {
        let row = row(py, [family, socktype, protocol], "", address.clone())?;
        rows.push(row.into_bound(py));
    }
    Ok(Own::from(PyList::new(py, rows)?.into_any()))
}

/// The list that `socket.getaddrinfo` returns.
pub(super) fn list_of(py: Python<'_>, found: &[AddrInfo]) -> PyRes {
    let list = PyList::empty(py);
    for info in found {
        let numbers = [info.family, info.socktype, info.protocol];
        let name = String::from_utf8_lossy(&info.canonname);
        let address = convert::address_object(py, &info.addr)?;
        list.append(row(py, numbers, &name, address)?.bound(py))?;
    }
    Ok(Own::from(list.into_any()))
}

/// `(family, type, proto, canonname, sockaddr)`
fn row(py: Python<'_>, numbers: [i32; 3], canonical_name: &str, address: Own) -> PyRes {
    static FAMILIES: Numbers = Numbers::of("AddressFamily");
    static KINDS: Numbers = Numbers::of("SocketKind");
    let [family, socktype, protocol] = numbers;
    Own::tuple(
        py,
        &[
            FAMILIES.named(py, family)?,
            KINDS.named(py, socktype)?,
            Own::int(py, i64::from(protocol))?,
            Own::str(py, canonical_name),
            address,
        ],
    )
}

/// An enumeration of the socket module, whose usual members are looked up once: the look-up runs Python code.
struct Numbers {
    class: &'static str,
    members: [Immortal; 32],
}

impl Numbers {
    const fn of(class: &'static str) -> Self {
        Self {
            class,
            members: [const { Immortal::empty() }; 32],
        }
    }

    /// The member; a number without a name stays a number, as in the socket module.
    fn named(&'static self, py: Python<'_>, value: i32) -> PyRes {
        let make = || -> PyRes {
            let class = py.import("socket")?.getattr(self.class)?;
            Ok(Own::from(class.call1((value,))?))
        };
        let place = usize::try_from(value).ok();
        let member = match place.and_then(|place| self.members.get(place)) {
            Some(member) => member.get_or_init(py, make).cloned(),
            None => make(),
        };
        member.or_else(|raised| {
            drop(raised.take(py));
            Own::int(py, i64::from(value))
        })
    }
}
