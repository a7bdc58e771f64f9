//! Debug mode's stopwatch: slow callbacks are named.

use pyo3::prelude::*;

use super::Loop;
use crate::engine::Engine;
use crate::ffi::{Own, PyRes};
use crate::names;

/// Says, if that takes long, what has taken so long.
pub(super) fn watched(
    py: Python<'_>,
    this: &Own<Loop>,
    shown: Option<Own>,
    f: impl FnOnce() -> PyRes<()>,
) -> PyRes<()> {
    let before = now(py, this)?;
    f()?;
    let seconds = now(py, this)? - before;
    if let Some(shown) = shown.filter(|_| seconds >= this.slow_callback_duration.get()) {
        warn_slow(py, &shown.bound(py).repr()?.to_string(), seconds)?;
    }
    Ok(())
}

/// By the loop's clock, as asyncio.
fn now(py: Python<'_>, this: &Own<Loop>) -> PyRes<f64> {
    if this.has_own_clock() {
        return Engine::ask_time(py, this.base());
    }
    Ok(Engine::seconds())
}

fn warn_slow(py: Python<'_>, what: &str, seconds: f64) -> PyRes<()> {
    let logger = py.import("asyncio.log")?.getattr("logger")?;
    let format = "Executing %s took %.3f seconds";
    logger.call_method1(names::WARNING.text(), (format, what, seconds))?;
    Ok(())
}
