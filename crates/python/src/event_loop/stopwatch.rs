//! Debug mode's stopwatch: slow callbacks are named.

use ferrio_reactor::clock;
use pyo3::prelude::*;

use super::Loop;
use crate::ffi::{Own, PyRes};
use crate::names;

/// Says, if that takes long, what has taken so long.
pub(super) fn watched(
    py: Python<'_>,
    this: &Own<Loop>,
    shown: Option<Own>,
    f: impl FnOnce() -> PyRes<()>,
) -> PyRes<()> {
    let before = clock::now_ns();
    f()?;
    let seconds = clock::now_ns().saturating_sub(before) as f64 / 1e9;
    if let Some(shown) = shown.filter(|_| seconds >= this.slow_callback_duration.get()) {
        warn_slow(py, &shown.bound(py).repr()?.to_string(), seconds)?;
    }
    Ok(())
}

fn warn_slow(py: Python<'_>, what: &str, seconds: f64) -> PyRes<()> {
    let logger = py.import("asyncio.log")?.getattr("logger")?;
    let format = "Executing %s took %.3f seconds";
    logger.call_method1(names::WARNING.text(), (format, what, seconds))?;
    Ok(())
}
