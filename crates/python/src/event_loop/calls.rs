//! `call_soon` and its relatives, seen from Python.

use pyo3::exceptions::PyTypeError;
use pyo3::prelude::*;

use super::Loop;
use crate::engine::{Engine, Methods};
use crate::ffi::{Args, Own, PyRes, Raised, call};
use crate::handle::{Handle, TimerHandle};
use crate::names;

fn context_of(context: Option<&Own>) -> Option<&Own> {
    context.filter(|context| !context.is_none())
}

#[inline]
pub(super) fn call_soon(py: Python<'_>, this: &Own<Loop>, args: Args<'_>) -> PyRes<Own<Handle>> {
    let ([callback], rest, [context]) =
        args.bind_varargs(py, "call_soon", &[&names::CALLBACK], &[&names::CONTEXT])?;
    Engine::call_soon(py, this.base(), callback, rest, context_of(context))
}

pub(super) fn call_soon_threadsafe(
    py: Python<'_>,
    this: &Own<Loop>,
    args: Args<'_>,
) -> PyRes<Own<Handle>> {
    let names = &[&names::CONTEXT];
    let ([callback], rest, [context]) =
        args.bind_varargs(py, "call_soon_threadsafe", &[&names::CALLBACK], names)?;
    Engine::call_soon_threadsafe(py, this.base(), callback, rest, context_of(context))
}

fn seconds(py: Python<'_>, value: &Own) -> PyRes<f64> {
    Ok(value.bound(py).extract::<f64>()?)
}

pub(super) fn call_later(py: Python<'_>, this: &Own<Loop>, args: Args<'_>) -> PyRes {
    let fixed = &[&names::DELAY, &names::CALLBACK];
    let ([delay, callback], rest, [context]) =
        args.bind_varargs(py, "call_later", fixed, &[&names::CONTEXT])?;
    if delay.is_none() {
        return Err(Raised::new::<PyTypeError>(py, "delay must not be None"));
    }
    if this.replaces(Methods::TIME.and(Methods::CALL_AT)) {
        return call_later_through_object(py, this, delay, callback, rest, context);
    }
    let when = time(py, this) + seconds(py, delay)?;
    let context = context_of(context);
    let timer = Engine::call_at(py, this.base(), "call_later", when, callback, rest, context)?;
    Ok(timer.into_any())
}

/// As asyncio's: `self.call_at(self.time() + delay, callback, *args, context=context)`.
#[cold]
fn call_later_through_object(
    py: Python<'_>,
    this: &Own<Loop>,
    delay: &Own,
    callback: &Own,
    rest: &[Own],
    context: Option<&Own>,
) -> PyRes {
    let now = call::method(py, this.as_any(), &names::TIME, &[])?;
    let when = Own::from(now.bound(py).add(delay.bound(py))?);
    let call_at = call::attribute(py, this.as_any(), &names::CALL_AT)?;
    let args: Vec<Own> = [&when, callback].into_iter().chain(rest).cloned().collect();
    let context = context.cloned().unwrap_or_else(|| Own::none(py));
    call::call_with(py, &call_at, &args, &[(&names::CONTEXT, context)])
}

pub(super) fn call_at(py: Python<'_>, this: &Own<Loop>, args: Args<'_>) -> PyRes<Own<TimerHandle>> {
    let fixed = &[&names::WHEN, &names::CALLBACK];
    let ([when, callback], rest, [context]) =
        args.bind_varargs(py, "call_at", fixed, &[&names::CONTEXT])?;
    if when.is_none() {
        return Err(Raised::new::<PyTypeError>(py, "when cannot be None"));
    }
    let seconds = seconds(py, when)?;
    let context = context_of(context);
    let timer = Engine::call_at(py, this.base(), "call_at", seconds, callback, rest, context)?;
    // One that floats hold exactly.
    if call::small_int(when).is_some_and(|whole| whole.unsigned_abs() <= 1 << 53) {
        timer.is_whole.set(true);
    }
    Ok(timer)
}

/// The loop's clock: CLOCK_MONOTONIC in seconds, as `time.monotonic()`.
pub(super) fn time(_py: Python<'_>, _this: &Own<Loop>) -> f64 {
    Engine::seconds()
}
