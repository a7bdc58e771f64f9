//! `getaddrinfo`: the coroutine, which answers plain numbers itself and leaves the rest to `resolve`.

use ferrio_reactor::net::SockAddr;
use ferrio_reactor::resolve::{Hints, known};
use pyo3::prelude::*;
use pyo3::types::PyString;

use super::{Loop, address_list, resolve};
use crate::awaitable::{self, Awaitable, Coroutine, Next, Outcome};
use crate::ffi::{
    Args, Function, Own, Params, PyRes, Recycled, Slot, TypeSlot, Visit, call, runtime,
};
use crate::{convert, names};

/// The coroutine of `loop.getaddrinfo(host, port, …)`: a plain number is answered at the first step, without the loop.
#[derive(Debug)]
pub struct GetAddrInfo {
    loop_: Slot<Loop>,
    host: Slot,
    port: Slot,
    /// `family`, `type`, `proto`, `flags`.
    numbers: [Slot; 4],
}

static GET_ADDR_INFO: TypeSlot = TypeSlot::new();

impl Awaitable for GetAddrInfo {
    const TYPE_NAME: &'static std::ffi::CStr = c"ferrio._ferrio.GetAddrInfoCoroutine";
    const QUALNAME: &'static str = "Loop.getaddrinfo";
    const RECYCLED: Option<Recycled> = Some(Recycled::pool(32));

    fn slot() -> &'static TypeSlot {
        &GET_ADDR_INFO
    }

    fn start(py: Python<'_>, this: &Own<Coroutine<Self>>) -> PyRes<Next> {
        let (Some(loop_), Some(host), Some(port)) =
            (this.loop_.take(), this.host.take(), this.port.take())
        else {
            return Ok(Next::Return(None));
        };
        loop_.check_open(py)?;
        let numbers = this.numbers.each_ref().map(Slot::take);
        let numbers = numbers.each_ref().map(Option::as_ref);
        if let Some(future) = resolve::ask_replaced(py, &loop_, &host, &port, numbers)? {
            return Ok(Next::Await(future));
        }
        let hints = resolve::hints(py, numbers)?;
        if let Some(answer) = answer(py, &host, &port, &hints)? {
            return Ok(Next::Return(Some(answer)));
        }
        let future = resolve::look_up(py, &loop_, &host, &port, hints)?;
        Ok(Next::Await(future.into_any()))
    }

    fn resume(py: Python<'_>, _this: &Own<Coroutine<Self>>, outcome: Outcome) -> PyRes<Next> {
        awaitable::pass_on(py, outcome)
    }

    fn traverse(&self, visit: &mut Visit) {
        visit.slot(&self.loop_);
        visit.slot(&self.host);
        visit.slot(&self.port);
        self.numbers.iter().for_each(|number| visit.slot(number));
    }

    fn clear(&self) {
        self.loop_.set(None);
        self.host.set(None);
        self.port.set(None);
        self.numbers.iter().for_each(|number| number.set(None));
    }
}

/// The answer for a host and a port that are plain numbers; `None` for everything else.
fn answer(py: Python<'_>, host: &Own, port: &Own, hints: &Hints) -> PyRes<Option<Own>> {
    let (text, number) = (plain_text(py, host), port_number(py, port));
    let (Some(text), Some(number)) = (text, number) else {
        return Ok(None);
    };
    let Some(known) = known(text, number, hints) else {
        return Ok(None);
    };
    let kind = [hints.family, hints.socktype, hints.protocol];
    runtime::audit_getaddrinfo(py, host, port, kind)?;
    let address = match &known.addr {
        // There is one way to write it, and that is what we were given.
        SockAddr::V4 { .. } => Own::tuple(py, &[host.clone(), Own::int(py, i64::from(number))?])?,
        other => convert::address_object(py, other)?,
    };
    address_list::rows(py, &known, &address).map(Some)
}

/// The text of exactly a `str`, where it stands in the object.
fn plain_text<'a>(py: Python<'a>, object: &'a Own) -> Option<&'a str> {
    object
        .bound(py)
        .cast_exact::<PyString>()
        .ok()?
        .to_str()
        .ok()
}

/// A port as a number, as text of nothing but digits, or None for 0.
fn port_number(py: Python<'_>, port: &Own) -> Option<u16> {
    if port.is_none() {
        return Some(0);
    }
    if let Some(number) = call::small_int(port) {
        return u16::try_from(number).ok();
    }
    let digits = plain_text(py, port)?;
    let is_plain = digits.bytes().all(|byte| byte.is_ascii_digit());
    digits.parse().ok().filter(|_| is_plain)
}

static PARAMS: Params<7> = Params {
    function: "getaddrinfo",
    names: [
        &names::SELF,
        &names::HOST,
        &names::PORT,
        &names::FAMILY,
        &names::TYPE,
        &names::PROTO,
        &names::FLAGS,
    ],
    positional: 3,
    required: 3,
};

/// In debug mode the look-up is logged, which is left to the function in whose place this one stands.
fn getaddrinfo(py: Python<'_>, this: &Own<Function>, args: Args<'_>) -> PyRes {
    let [loop_, host, port, numbers @ ..] = this.bind(py, args, &PARAMS)?;
    match loop_.and_then(|object| object.cast::<Loop>()) {
        Some(loop_) if !loop_.is_debug() => {
            let states = GetAddrInfo {
                loop_: Slot::new(Some(loop_.clone())),
                host: Slot::new(host.cloned()),
                port: Slot::new(port.cloned()),
                numbers: numbers.map(|number| Slot::new(number.cloned())),
            };
            Ok(awaitable::new(py, states)?.into_any())
        }
        _ => this.call_stock(py, args),
    }
}

/// `getaddrinfo` in the place of a coroutine function of that signature.
pub(super) fn native(py: Python<'_>, stock: Own) -> PyRes<Own<Function>> {
    Function::new(py, stock, getaddrinfo)
}

/// Makes the type.
pub(super) fn make_types(py: Python<'_>) -> PyRes<()> {
    resolve::note_functions(py)?;
    awaitable::make_type::<GetAddrInfo>(py)
}
