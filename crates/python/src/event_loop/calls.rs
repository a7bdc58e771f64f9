//! `call_soon` and its relatives, seen from Python.

use pyo3::exceptions::PyTypeError;
use pyo3::prelude::*;

use super::Loop;
use crate::engine::Engine;
use crate::ffi::{Args, Own, PyRes, Raised};
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

pub(super) fn call_later(
    py: Python<'_>,
    this: &Own<Loop>,
    args: Args<'_>,
) -> PyRes<Own<TimerHandle>> {
    let fixed = &[&names::DELAY, &names::CALLBACK];
    let ([delay, callback], rest, [context]) =
        args.bind_varargs(py, "call_later", fixed, &[&names::CONTEXT])?;
    if delay.is_none() {
        return Err(Raised::new::<PyTypeError>(py, "delay must not be None"));
    }
    let when = time(py, this) + seconds(py, delay)?;
    let context = context_of(context);
    Engine::call_at(py, this.base(), "call_later", when, callback, rest, context)
}

pub(super) fn call_at(py: Python<'_>, this: &Own<Loop>, args: Args<'_>) -> PyRes<Own<TimerHandle>> {
    let fixed = &[&names::WHEN, &names::CALLBACK];
    let ([when, callback], rest, [context]) =
        args.bind_varargs(py, "call_at", fixed, &[&names::CONTEXT])?;
    if when.is_none() {
        return Err(Raised::new::<PyTypeError>(py, "when cannot be None"));
    }
    let when = seconds(py, when)?;
    let context = context_of(context);
    Engine::call_at(py, this.base(), "call_at", when, callback, rest, context)
}

/// The loop's clock: CLOCK_MONOTONIC in seconds, as `time.monotonic()`.
pub(super) fn time(_py: Python<'_>, _this: &Own<Loop>) -> f64 {
    Engine::seconds()
}
