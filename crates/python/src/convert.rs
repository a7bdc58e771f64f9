//! Floor 0: plain data of the rooms below ↔ Python objects.

use std::net::{Ipv4Addr, Ipv6Addr};

use ferrio_reactor::net::{SockAddr, UnixAddr};
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyFrozenSet, PyList, PySet, PyTuple};

use crate::ffi::{Own, PyRes, buffer};

/// A socket address as Python's `socket` module shows it: `(host, port)`, `(host, port, flowinfo, scope_id)`, a path, `(cid, port)`.
pub fn address_object(py: Python<'_>, address: &SockAddr) -> PyRes {
    match address {
        SockAddr::V4 { addr, port } => {
            let host = v4_object(py, *addr);
            Own::tuple(py, &[host, Own::int(py, i64::from(*port))?])
        }
        SockAddr::V6 {
            addr,
            port,
            flowinfo,
            scope_id,
        } => {
            let host = v6_text(*addr);
            let numbers = [i64::from(*port), i64::from(*flowinfo), i64::from(*scope_id)];
            let mut items = vec![Own::str(py, &host)];
            for number in numbers {
                items.push(Own::int(py, number)?);
            }
            Own::tuple(py, &items)
        }
        SockAddr::Unix(UnixAddr::Unnamed) => Ok(Own::str(py, "")),
        SockAddr::Unix(UnixAddr::Path(path)) => file_system_str(py, path),
        SockAddr::Unix(UnixAddr::Abstract(name)) => {
            let mut bytes = vec![0];
            bytes.extend_from_slice(name);
            buffer::new_bytes(py, &bytes)
        }
        SockAddr::Vsock { cid, port } => {
            let (cid, port) = (i64::from(*cid), i64::from(*port));
            Own::tuple(py, &[Own::int(py, cid)?, Own::int(py, port)?])
        }
        SockAddr::Other { family, bytes } => {
            let family = Own::int(py, i64::from(*family))?;
            Own::tuple(py, &[family, buffer::new_bytes(py, bytes)?])
        }
    }
}

/// The text of an IPv4 address, which comes with each datagram of a new peer: a fifth of what `fmt` takes for it.
fn v4_object(py: Python<'_>, addr: [u8; 4]) -> Own {
    let mut text = [b'.'; 15];
    let mut length = 0;
    for byte in addr {
        for (least, unit) in [(100, 100), (10, 10), (0, 1)] {
            if byte >= least {
                text[length] = b'0' + byte / unit % 10;
                length += 1;
            }
        }
        // The dot behind it stands there already.
        length += 1;
    }
    let text = std::str::from_utf8(&text[..length - 1]);
    Own::str(py, text.expect("digits and dots are ASCII"))
}

/// As inet_ntop(3) writes it: glibc's ends like an IPv4 address also where twelve zero bytes stand before one (RFC 4291 §2.5.5.1).
fn v6_text(addr: [u8; 16]) -> String {
    match addr {
        [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, a, b, c, d]
            if cfg!(target_env = "gnu") && (a, b) != (0, 0) =>
        {
            format!("::{}", Ipv4Addr::new(a, b, c, d))
        }
        _ => Ipv6Addr::from(addr).to_string(),
    }
}

/// `os.fsdecode`.
fn file_system_str(py: Python<'_>, path: &[u8]) -> PyRes {
    let bytes = buffer::new_bytes(py, path)?;
    Ok(Own::from(
        py.import("os")?
            .getattr("fsdecode")?
            .call1((bytes.bound(py),))?,
    ))
}

/// Is it exactly a list, tuple, set, frozenset or dict? Reading it runs no code of the program's, and it can be read twice.
pub fn is_plain_collection(py: Python<'_>, object: &Own) -> bool {
    let object = object.bound(py);
    object.is_exact_instance_of::<PyList>()
        || object.is_exact_instance_of::<PyTuple>()
        || object.is_exact_instance_of::<PySet>()
        || object.is_exact_instance_of::<PyFrozenSet>()
        || object.is_exact_instance_of::<PyDict>()
}

/// A set as PyO3 sees it. Errors: `TypeError` for what is none.
pub fn set<'a, 'py>(py: Python<'py>, object: &'a Own) -> PyRes<&'a Bound<'py, PySet>> {
    Ok(object.bound(py).cast::<PySet>().map_err(PyErr::from)?)
}
