//! `wait_for`, as it is since 3.12: `async with timeout(timeout): return await fut`. That of 3.11 stays the stdlib's.
//!
//! | state | what happens | next |
//! |---|---|---|
//! | start | no time left (0 or less) | awaits the stdlib's coroutine |
//! | start | otherwise | awaits `fut`, with a `Timeout` entered |
//! | awaits | a value | done: the timeout is left, the value |
//! | awaits | an exception, from within or thrown in | done: the timeout is left, which may make a `TimeoutError` of it |

use pyo3::prelude::*;

use super::{Timeout, deadline};
use crate::awaitable::{self, Awaitable, Coroutine, Next, Outcome};
use crate::ffi::{
    Args, Function, Own, Params, PyRes, Recycled, Slot, TypeSlot, Visit, call, exception, function,
};
use crate::names;

/// The coroutine of `wait_for(fut, timeout)`.
#[derive(Debug)]
pub struct WaitFor {
    stock: Slot,
    awaited: Slot,
    seconds: Slot,
    timeout: Slot<Timeout>,
}

static WAIT_FOR: TypeSlot = TypeSlot::new();

impl Awaitable for WaitFor {
    const TYPE_NAME: &'static std::ffi::CStr = c"ferrio._ferrio.WaitForCoroutine";
    const QUALNAME: &'static str = "wait_for";
    const RECYCLED: Option<Recycled> = Some(Recycled::pool(10));

    fn slot() -> &'static TypeSlot {
        &WAIT_FOR
    }

    fn start(py: Python<'_>, this: &Own<Coroutine<Self>>) -> PyRes<Next> {
        let awaited = this.awaited.take().unwrap_or_else(|| Own::none(py));
        let when = match this.seconds.take() {
            Some(seconds) => {
                if match call::number(&seconds) {
                    Some(seconds) => seconds <= 0.0,
                    None => seconds.bound(py).le(0)?,
                } {
                    let stock = this.stock.take().unwrap_or_else(|| Own::none(py));
                    return call::call(py, &stock, &[awaited, seconds]).map(Next::Await);
                }
                Some(deadline(py, &seconds)?)
            }
            None => None,
        };
        let timeout = Own::alloc(py, Timeout::until(when))?;
        let loop_ = timeout.enter(py)?;
        Timeout::start(py, &timeout, &loop_)?;
        this.timeout.set(Some(timeout));
        Ok(Next::Await(awaited))
    }

    fn resume(py: Python<'_>, this: &Own<Coroutine<Self>>, outcome: Outcome) -> PyRes<Next> {
        let Some(timeout) = this.timeout.take() else {
            return awaitable::pass_on(py, outcome);
        };
        match outcome {
            Ok(value) => {
                timeout.exit(py, None, None)?;
                Ok(Next::Return(Some(value)))
            }
            Err(error) => {
                let class = Own::from(error.type_object(py).into_any());
                timeout.exit(py, Some(&class), Some(&error))?;
                Err(exception::restore(py, error))
            }
        }
    }

    fn traverse(&self, visit: &mut Visit) {
        visit.slot(&self.stock);
        visit.slot(&self.awaited);
        visit.slot(&self.seconds);
        visit.slot(&self.timeout);
    }

    fn clear(&self) {
        self.stock.set(None);
        self.awaited.set(None);
        self.seconds.set(None);
        self.timeout.set(None);
    }
}

static PARAMS: Params<2> = Params {
    function: "wait_for",
    names: [&names::FUT, &names::TIMEOUT],
    positional: 2,
    required: 2,
};

fn wait_for(
    py: Python<'_>,
    this: &Own<Function>,
    args: Args<'_>,
) -> PyRes<Own<Coroutine<WaitFor>>> {
    let [awaited, seconds] = this.bind(py, args, &PARAMS)?;
    let states = WaitFor {
        stock: Slot::new(Some(this.stock().clone())),
        awaited: Slot::new(awaited.cloned()),
        seconds: Slot::new(seconds.filter(|seconds| !seconds.is_none()).cloned()),
        timeout: Slot::empty(),
    };
    awaitable::new(py, states)
}

/// Makes the type.
pub(super) fn make_type(py: Python<'_>) -> PyRes<()> {
    awaitable::make_type::<WaitFor>(py)
}

/// The function, where the running version's is made of a timeout.
pub(super) fn function(py: Python<'_>) -> PyRes<Option<(&'static str, Own<Function>)>> {
    if !cfg!(Py_3_12) {
        return Ok(None);
    }
    let stock = function::stock(py, "asyncio.tasks", "wait_for")?;
    Ok(Some(("wait_for", Function::new(py, stock, wait_for)?)))
}
