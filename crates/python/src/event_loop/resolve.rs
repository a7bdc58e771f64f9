//! Name resolution by the C library: numeric hosts at once, names in the process's blocking pool.

use std::any::Any as StdAny;
use std::ffi::CString;
use std::sync::OnceLock;

use ferrio_reactor::Pool;
use ferrio_reactor::net::SockAddr;
use ferrio_reactor::resolve::{self, AddrInfo, Hints, Query, ResolveError};
use pyo3::exceptions::{PyOSError, PyOverflowError, PyTypeError};
use pyo3::prelude::*;
use pyo3::types::PyInt;

use super::{Loop, address_list};
use crate::engine::{Done, Engine, SinkRef};
use crate::error;
use crate::ffi::{Args, Immortal, Name, Own, Params, PyRes, Raised, call, exception, runtime};
use crate::future::Future;
use crate::names;

/// Threads for blocking look-ups, shared by all loops of the process. glibc's resolver waits up to 30 s for a dead name
/// server, so a few are not enough; more than asyncio's default executor has would be a surprise.
const MAX_THREADS: usize = 32;

fn pool() -> &'static Pool {
    static POOL: OnceLock<Pool> = OnceLock::new();
    POOL.get_or_init(|| Pool::new(MAX_THREADS))
}

enum Answer {
    Addresses(Result<Vec<AddrInfo>, ResolveError>),
    Names(Result<(String, String), ResolveError>),
    /// A tuple that does not go with the address family: `OSError` with this text.
    Unfit(&'static str),
}

/// A numeric address to be named, as `socket.getnameinfo` takes it apart.
struct Numeric {
    query: Query,
    flow_info: u32,
    scope_id: u32,
    /// Given as `(host, port)`?
    is_pair: bool,
}

const GREATEST_FLOW_INFO: u32 = 0xf_ffff;

static GETADDRINFO: Params<6> = Params {
    function: "getaddrinfo",
    names: [
        &names::HOST,
        &names::PORT,
        &names::FAMILY,
        &names::TYPE,
        &names::PROTO,
        &names::FLAGS,
    ],
    positional: 6,
    required: 2,
};

static GETNAMEINFO: Params<2> = Params {
    function: "getnameinfo",
    names: [&names::SOCKADDR, &names::FLAGS],
    positional: 2,
    required: 1,
};

fn number(py: Python<'_>, value: Option<&Own>) -> PyRes<i32> {
    value.map_or(Ok(0), |value| Ok(value.bound(py).extract::<i32>()?))
}

/// A string for C, which ends at its first NUL, as the one that CPython's `socket` hands over.
fn c_string(mut bytes: Vec<u8>) -> CString {
    bytes.truncate(
        bytes
            .iter()
            .position(|byte| *byte == 0)
            .unwrap_or(bytes.len()),
    );
    CString::new(bytes).expect("cut at the first NUL")
}

/// Does IDNA encoding leave the name as it is? Then it is not looked up: the codec's import needs descriptors, which a
/// program may be out of.
fn is_plain(name: &str) -> bool {
    let labels = name.strip_suffix('.').unwrap_or(name);
    name.is_ascii()
        && labels
            .split('.')
            .all(|label| (1..64).contains(&label.len()))
}

/// The host as `socket.getaddrinfo` takes it: `None`, text (IDNA-encoded) or bytes.
fn host_name(py: Python<'_>, host: &Own) -> PyRes<Option<CString>> {
    if host.is_none() {
        return Ok(None);
    }
    let host = host.bound(py);
    let bytes = if host.is_instance_of::<pyo3::types::PyString>() {
        let plain = host.extract::<String>().ok().filter(|name| is_plain(name));
        match plain {
            Some(name) => name.into_bytes(),
            None => host
                .call_method1("encode", ("idna",))?
                .extract::<Vec<u8>>()?,
        }
    } else if host.is_instance_of::<pyo3::types::PyBytes>() {
        host.extract::<Vec<u8>>()?
    } else {
        let text = "getaddrinfo() argument 1 must be string or None";
        return Err(Raised::new::<PyTypeError>(py, text));
    };
    Ok(Some(c_string(bytes)))
}

/// The service as `socket.getaddrinfo` takes it: a number, text or bytes.
fn service_name(py: Python<'_>, port: &Own) -> PyRes<Option<CString>> {
    if port.is_none() {
        return Ok(None);
    }
    let port = port.bound(py);
    // Before 3.14 no bool and no member of an enumeration is a port.
    let is_number = if cfg!(Py_3_14) {
        port.is_instance_of::<PyInt>()
    } else {
        port.is_exact_instance_of::<PyInt>()
    };
    let bytes = if is_number {
        if !cfg!(Py_3_12) {
            // 3.11 makes it a C long on the way.
            port.extract::<std::ffi::c_long>()?;
        }
        let digits = py.get_type::<PyInt>().call_method1("__repr__", (port,))?;
        digits.extract::<String>()?.into_bytes()
    } else if port.is_instance_of::<pyo3::types::PyString>() {
        port.call_method1("encode", ("utf-8",))?
            .extract::<Vec<u8>>()?
    } else if port.is_instance_of::<pyo3::types::PyBytes>() {
        port.extract::<Vec<u8>>()?
    } else {
        return Err(Raised::new::<PyOSError>(py, "Int or String expected"));
    };
    Ok(Some(c_string(bytes)))
}

/// The function of the socket module that a program has put in the place of the module's own, to choose the addresses itself
/// (tests, pinned names, IPv4 only).
fn replaced(py: Python<'_>, name: &'static Name, own: &Own) -> PyRes<Option<Own>> {
    static MODULE: Immortal = Immortal::empty();
    let module = MODULE.get_or_init(py, || Ok(Own::from(py.import("socket")?.into_any())))?;
    let function = call::attribute(py, module, name)?;
    Ok((!function.is(own)).then_some(function))
}

/// `socket.getaddrinfo` as the module has defined it; None where it was replaced before ferrio was imported.
fn own_getaddrinfo(py: Python<'_>) -> PyRes<&'static Own> {
    static OWN: Immortal = Immortal::empty();
    OWN.get_or_init(py, || {
        let module = py.import("socket")?;
        let function = module.getattr("getaddrinfo")?;
        let globals = function.getattr("__globals__");
        match globals.is_ok_and(|globals| globals.is(module.dict())) {
            true => Ok(Own::from(function)),
            false => Ok(Own::none(py)),
        }
    })
}

/// Notes which functions are the socket module's own.
pub(super) fn note_functions(py: Python<'_>) -> PyRes<()> {
    own_getaddrinfo(py).map(drop)
}

/// `run_in_executor(None, socket.getaddrinfo, …)`, as in asyncio, where the program has replaced the function.
pub(super) fn ask_replaced(
    py: Python<'_>,
    this: &Own<Loop>,
    host: &Own,
    port: &Own,
    numbers: [Option<&Own>; 4],
) -> PyRes<Option<Own>> {
    let Some(function) = replaced(py, &names::GETADDRINFO, own_getaddrinfo(py)?)? else {
        return Ok(None);
    };
    let zero = Own::int(py, 0)?;
    let [family, kind, proto, flags] = numbers.map(|number| number.unwrap_or(&zero));
    let question = [&function, host, port, family, kind, proto, flags];
    in_executor(py, this, question).map(Some)
}

/// `loop.run_in_executor(None, function, …)`
fn in_executor<const N: usize>(py: Python<'_>, this: &Own<Loop>, job: [&Own; N]) -> PyRes {
    let method = call::attribute(py, this.as_any(), &names::RUN_IN_EXECUTOR)?;
    let mut args = vec![Own::none(py)];
    args.extend(job.into_iter().cloned());
    call::call(py, &method, &args)
}

/// `_getaddrinfo(host, port, …)`: for debug mode, in which the look-up is logged.
pub(super) fn getaddrinfo(py: Python<'_>, this: &Own<Loop>, args: Args<'_>) -> PyRes {
    this.check_open(py)?;
    let [host, port, numbers @ ..] = args.bind(py, &GETADDRINFO)?;
    let (host, port) = (host.expect("required"), port.expect("required"));
    if let Some(future) = ask_replaced(py, this, host, port, numbers)? {
        return Ok(future);
    }
    look_up(py, this, host, port, hints(py, numbers)?).map(Own::into_any)
}

pub(super) fn hints(py: Python<'_>, numbers: [Option<&Own>; 4]) -> PyRes<Hints> {
    let [family, kind, proto, flags] = numbers;
    Ok(Hints {
        family: number(py, family)?,
        socktype: number(py, kind)?,
        protocol: number(py, proto)?,
        flags: number(py, flags)?,
    })
}

/// A future of the address list. What needs nobody's help is looked up at once.
pub(super) fn look_up(
    py: Python<'_>,
    this: &Own<Loop>,
    host: &Own,
    port: &Own,
    hints: Hints,
) -> PyRes<Own<Future>> {
    let query = Query {
        host: host_name(py, host)?,
        service: service_name(py, port)?,
        hints,
    };
    runtime::audit_getaddrinfo(
        py,
        host,
        port,
        [hints.family, hints.socktype, hints.protocol],
    )?;
    let future = Future::new_pending(py, this.base())?;
    if resolve::is_numeric(&query) {
        deliver(py, &future, Answer::Addresses(resolve::getaddrinfo(&query)))?;
    } else {
        let look_up = move || Answer::Addresses(resolve::getaddrinfo(&query));
        submit(py, this.base(), &future, look_up)?;
    }
    Ok(future)
}

/// `(host, port[, flowinfo[, scope_id]])` with a numeric host, as `socket.getnameinfo` takes it.
fn numeric_query(py: Python<'_>, address: &Own) -> PyRes<Numeric> {
    let Some(items) = address.tuple_items() else {
        let text = "getnameinfo() argument 1 must be a tuple";
        return Err(Raised::new::<PyTypeError>(py, text));
    };
    if !(2..=4).contains(&items.len()) {
        let text = "getnameinfo(): illegal sockaddr argument";
        return Err(Raised::new::<PyTypeError>(py, text));
    }
    let host = items[0].bound(py).extract::<String>()?;
    let port = items[1].bound(py).extract::<i32>()? as u16; // CPython cuts it to 16 bits
    // CPython cuts these to 32 bits.
    let extra = |index: usize| -> PyRes<u32> {
        items.get(index).map_or(Ok(0), |item| {
            let cut = item.bound(py).call_method1("__and__", (u32::MAX,))?;
            Ok(cut.extract::<u32>()?)
        })
    };
    let (flow_info, scope_id) = (extra(2)?, extra(3)?);
    if flow_info > GREATEST_FLOW_INFO {
        let text = "getnameinfo(): flowinfo must be 0-1048575.";
        return Err(Raised::new::<PyOverflowError>(py, text));
    }
    let query = Query {
        host: Some(c_string(host.into_bytes())),
        service: Some(c_string(port.to_string().into_bytes())),
        hints: Hints {
            socktype: resolve::SOCK_DGRAM,
            flags: resolve::AI_NUMERICHOST,
            ..Hints::default()
        },
    };
    Ok(Numeric {
        query,
        flow_info,
        scope_id,
        is_pair: items.len() == 2,
    })
}

pub(super) fn getnameinfo(py: Python<'_>, this: &Own<Loop>, args: Args<'_>) -> PyRes {
    static OWN: Immortal = Immortal::empty();
    let [address, flags] = args.bind(py, &GETNAMEINFO)?;
    let address = address.expect("required");
    let own = OWN.import(py, "_socket", "getnameinfo")?;
    if let Some(function) = replaced(py, &names::GETNAMEINFO, own)? {
        let zero = Own::int(py, 0)?;
        return in_executor(py, this, [&function, address, flags.unwrap_or(&zero)]);
    }
    let numeric = numeric_query(py, address)?;
    let flags = number(py, flags)?;
    let future = Future::new_pending(py, this.base())?;
    let look_up = move || {
        let mut found = match resolve::getaddrinfo(&numeric.query) {
            Ok(found) => found,
            Err(error) => return Answer::Names(Err(error)),
        };
        let mut address = found.swap_remove(0).addr;
        match &mut address {
            SockAddr::V6 {
                flowinfo, scope_id, ..
            } => (*flowinfo, *scope_id) = (numeric.flow_info, numeric.scope_id),
            SockAddr::V4 { .. } if !numeric.is_pair => {
                return Answer::Unfit("IPv4 sockaddr must be 2 tuple");
            }
            _ => {}
        }
        Answer::Names(resolve::getnameinfo(&address, flags))
    };
    submit(py, this.base(), &future, look_up)?;
    Ok(future.into_any())
}

fn submit(
    py: Python<'_>,
    engine: &Own<Engine>,
    future: &Own<Future>,
    look_up: impl FnOnce() -> Answer + Send + 'static,
) -> PyRes<()> {
    engine.check_open(py)?;
    let id = engine.expect_job(SinkRef(future.as_any().clone()));
    let inbox = engine.job_inbox();
    let job = Box::new(move || {
        let answer: Box<dyn StdAny + Send> = Box::new(look_up());
        // A loop closed meanwhile wants no answer.
        let _ = inbox.post_done(Done(id, answer));
    });
    pool().submit(job).map_err(|refused| {
        drop(engine.finish_job(id));
        error::os_error(py, &refused.error)
    })
}

/// The mail of a job that `future` waits for has arrived.
pub(super) fn finished(
    py: Python<'_>,
    future: &Own<Future>,
    outcome: Box<dyn StdAny + Send>,
) -> PyRes<()> {
    match outcome.downcast::<Answer>() {
        Ok(answer) => deliver(py, future, *answer),
        Err(_unknown) => Ok(()),
    }
}

fn deliver(py: Python<'_>, future: &Own<Future>, answer: Answer) -> PyRes<()> {
    if future.is_done() {
        // Cancelled while the look-up ran.
        return Ok(());
    }
    let result = match answer {
        Answer::Addresses(Ok(found)) => address_list::list_of(py, &found),
        Answer::Names(Ok((host, service))) => {
            Own::tuple(py, &[Own::str(py, &host), Own::str(py, &service)])
        }
        Answer::Addresses(Err(error)) | Answer::Names(Err(error)) => Err(gaierror(py, &error)),
        Answer::Unfit(text) => Err(Raised::new::<PyOSError>(py, text)),
    };
    match result {
        Ok(value) => Future::set_result(py, future, value),
        Err(error) => {
            let exception = error.take(py);
            Future::set_exception(py, future, exception)
        }
    }
}

/// `socket.gaierror(code, text)`; a system error behind EAI_SYSTEM becomes the `OSError` it is.
fn gaierror(py: Python<'_>, error: &ResolveError) -> Raised {
    if let Some(errno) = error.errno {
        return error::os_error(py, &std::io::Error::from_raw_os_error(errno));
    }
    let make = || -> PyRes {
        let class = Own::from(py.import("socket")?.getattr("gaierror")?);
        let code = Own::int(py, i64::from(error.code))?;
        call::call(py, &class, &[code, Own::str(py, &error.message)])
    };
    exception::raise_made(py, make())
}
