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
    let [context] = args.bind_varargs(py, "call_soon", &[&names::CALLBACK], &[&names::CONTEXT])?;
    let (callback, rest) = args
        .positional()
        .split_first()
        .expect("bind_varargs has checked");
    Engine::call_soon(py, this.base(), callback, rest, context_of(context))
}

pub(super) fn call_soon_threadsafe(
    py: Python<'_>,
    this: &Own<Loop>,
    args: Args<'_>,
) -> PyRes<Own<Handle>> {
    let names = &[&names::CONTEXT];
    let [context] = args.bind_varargs(py, "call_soon_threadsafe", &[&names::CALLBACK], names)?;
    let (callback, rest) = args
        .positional()
        .split_first()
        .expect("bind_varargs has checked");
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
    let [context] = args.bind_varargs(py, "call_later", fixed, &[&names::CONTEXT])?;
    let items = args.positional();
    if items[0].is_none() {
        return Err(Raised::new::<PyTypeError>(py, "delay must not be None"));
    }
    let when = time(py, this) + seconds(py, &items[0])?;
    let context = context_of(context);
    Engine::call_at(
        py,
        this.base(),
        "call_later",
        when,
        &items[1],
        &items[2..],
        context,
    )
}

pub(super) fn call_at(py: Python<'_>, this: &Own<Loop>, args: Args<'_>) -> PyRes<Own<TimerHandle>> {
    let fixed = &[&names::WHEN, &names::CALLBACK];
    let [context] = args.bind_varargs(py, "call_at", fixed, &[&names::CONTEXT])?;
    let items = args.positional();
    if items[0].is_none() {
        return Err(Raised::new::<PyTypeError>(py, "when cannot be None"));
    }
    let when = seconds(py, &items[0])?;
    let context = context_of(context);
    Engine::call_at(
        py,
        this.base(),
        "call_at",
        when,
        &items[1],
        &items[2..],
        context,
    )
}

/// The loop's clock: CLOCK_MONOTONIC in seconds, as `time.monotonic()`.
pub(super) fn time(_py: Python<'_>, _this: &Own<Loop>) -> f64 {
    Engine::seconds()
}
