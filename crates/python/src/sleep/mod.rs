//! ROOM    floor 3: `sleep`
//! KNOWS   ffi, names, handle, engine, future, awaitable    NEVER   tasks, the event loop's class
//! IN      a delay in seconds, a result                     OUT     the result, later
//! PROOF   tests/behaviour/awaitables/test_sleep.py
//! START   `Sleep`
//!
//! | state | what happens | next |
//! |---|---|---|
//! | start | no delay | yields: no future, no timer |
//! | start | a delay | waits for a future that a timer fills |
//! | start | NaN (3.13), or nothing runs | done: `ValueError`, `RuntimeError` |
//! | yields | the next turn | done: the result |
//! | waits | the timer | done: the result |
//! | waits, yields | an exception is thrown in | done: it comes out, the timer is cancelled |

use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;

use crate::awaitable::{self, Awaitable, Coroutine, Next, Outcome};
use crate::engine::Engine;
use crate::ffi::{
    Args, Function, Immortal, Own, Params, PyRes, Raised, Recycled, Slot, TypeSlot, Visit, call,
    exception, function, runtime,
};
use crate::future::Future;
use crate::handle;
use crate::names;

/// The coroutine of `sleep(delay, result)`.
#[derive(Debug)]
pub struct Sleep {
    /// Empty for 0.
    delay: Slot,
    /// Empty for None.
    result: Slot,
    /// The handle of the timer, while it waits for one.
    timer: Slot,
}

static SLEEP: TypeSlot = TypeSlot::new();

impl Awaitable for Sleep {
    const TYPE_NAME: &'static std::ffi::CStr = c"ferrio._ferrio.SleepCoroutine";
    const QUALNAME: &'static str = "sleep";
    const RECYCLED: Option<Recycled> = Some(Recycled::pool(6));
    const FOLLOWED_LATE: bool = true;

    fn slot() -> &'static TypeSlot {
        &SLEEP
    }

    #[inline]
    fn refers_to_something(&self) -> bool {
        !self.delay.is_empty() || !self.result.is_empty()
    }

    #[inline]
    fn start(py: Python<'_>, this: &Own<Coroutine<Self>>) -> PyRes<Next> {
        let Some(delay) = this.delay.get() else {
            return Ok(Next::Yield);
        };
        let number = call::number(&delay);
        if match number {
            Some(number) => number <= 0.0,
            None => delay.bound(py).le(0)?,
        } {
            return Ok(Next::Yield);
        }
        if cfg!(Py_3_13) && seconds(py, number, &delay)?.is_nan() {
            let text = "Invalid delay: NaN (not a number)";
            return Err(Raised::new::<PyValueError>(py, text));
        }
        let loop_ = runtime::running_loop(py)?;
        let future = match loop_.cast::<Engine>() {
            Some(engine) if !engine.has_own_timing() => {
                let when = Engine::seconds() + seconds(py, number, &delay)?;
                this.wait_on_engine(py, engine, when)?
            }
            _ => this.wait_through_loop(py, &loop_, delay)?,
        };
        Ok(Next::Await(future))
    }

    #[inline]
    fn resume(py: Python<'_>, this: &Own<Coroutine<Self>>, outcome: Outcome) -> PyRes<Next> {
        let Some(timer) = this.timer.take() else {
            // The bare yield of `sleep(0)`.
            return match outcome {
                Ok(_none) => Ok(Next::Return(this.result.take())),
                Err(error) => Err(exception::restore(py, error)),
            };
        };
        // `finally: h.cancel()`
        let cancelled = handle::cancel_any(py, &timer);
        exception::after_finally(py, outcome, cancelled).map(|result| Next::Return(Some(result)))
    }

    fn traverse(&self, visit: &mut Visit) {
        visit.slot(&self.delay);
        visit.slot(&self.result);
        visit.slot(&self.timer);
    }

    #[inline]
    fn clear(&self) {
        self.delay.set(None);
        self.result.set(None);
        self.timer.set(None);
    }
}

fn seconds(py: Python<'_>, number: Option<f64>, delay: &Own) -> PyRes<f64> {
    match number {
        Some(number) => Ok(number),
        None => Ok(delay.bound(py).extract()?),
    }
}

impl Sleep {
    fn wait_on_engine(&self, py: Python<'_>, engine: &Own<Engine>, when: f64) -> PyRes {
        let future = Future::new_pending(py, engine)?.into_any();
        let mut args = [future, Own::none(py)];
        if let Some(result) = self.result.get() {
            args[1] = result;
        }
        let callback = set_result_unless_cancelled(py)?;
        let timer = Engine::call_at(py, engine, "call_later", when, callback, &args, None)?;
        self.timer.set(Some(timer.into_any()));
        let [future, _result] = args;
        Ok(future)
    }

    /// As asyncio does it: on a foreign loop, and on one whose clock or timers are the program's.
    fn wait_through_loop(&self, py: Python<'_>, loop_: &Own, delay: Own) -> PyRes {
        let future = call::method(py, loop_, &names::CREATE_FUTURE, &[])?;
        let result = self.result.get().unwrap_or_else(|| Own::none(py));
        let callback = set_result_unless_cancelled(py)?;
        let args = [&delay, callback, &future, &result];
        let timer = call::method(py, loop_, &names::CALL_LATER, &args)?;
        self.timer.set(Some(timer));
        Ok(future)
    }
}

/// `asyncio.futures._set_result_unless_cancelled`, for our futures without Python.
fn set_result_unless_cancelled(py: Python<'_>) -> PyRes<&'static Own> {
    static NATIVE: Immortal = Immortal::empty();
    NATIVE.get_or_init(py, || {
        let stock = function::stock(py, "asyncio.futures", "_set_result_unless_cancelled")?;
        let native = |py: Python<'_>, this: &Own<Function>, args: Args<'_>| -> PyRes {
            if let [future, result] = args.positional() {
                if let Some(future) = future.exact::<Future>() {
                    if !future.is_cancelled() {
                        Future::set_result(py, future, result.clone())?;
                    }
                    return Ok(Own::none(py));
                }
            }
            this.call_stock(py, args)
        };
        Ok(Function::new(py, stock, native)?.into_any())
    })
}

static PARAMS: Params<2> = Params {
    function: "sleep",
    names: [&names::DELAY, &names::RESULT],
    positional: 2,
    required: 1,
};

fn sleep(py: Python<'_>, this: &Own<Function>, args: Args<'_>) -> PyRes<Own<Coroutine<Sleep>>> {
    let [delay, result] = this.bind(py, args, &PARAMS)?;
    let states = Sleep {
        delay: Slot::new(delay.filter(|delay| !call::is_zero(py, delay)).cloned()),
        result: Slot::new(result.filter(|result| !result.is_none()).cloned()),
        timer: Slot::empty(),
    };
    awaitable::new(py, states)
}

/// Makes the type.
pub fn make_types(py: Python<'_>) -> PyRes<()> {
    awaitable::make_type::<Sleep>(py)
}

/// Names and functions of this room.
pub fn functions(py: Python<'_>) -> PyRes<Vec<(&'static str, Own<Function>)>> {
    let stock = function::stock(py, "asyncio.tasks", "sleep")?;
    Ok(vec![("sleep", Function::new(py, stock, sleep)?)])
}
