//! ROOM    the extension module `ferrio._ferrio`: asyncio's objects for CPython
//! KNOWS   core, reactor, pyo3           NEVER   `unsafe` outside `ffi`
//! IN      calls from CPython            OUT     the module's types and functions
//! PROOF   tests/behaviour, tests/conformance
//! START   `ffi/mod.rs` for the ground, `event_loop/turn.rs` for the story

mod as_completed;
mod awaitable;
mod convert;
mod engine;
mod error;
mod event_loop;
mod ffi;
mod future;
mod gather;
mod handle;
mod names;
mod shield;
mod sleep;
mod sock;
mod spawn;
mod streams;
mod sync;
mod task;
mod taskgroup;
mod timeout;
mod transport;
mod wait;
mod wrap;

use pyo3::exceptions::{PyImportError, PyRuntimeError, PyTypeError};
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyType};

use crate::ffi::{Class, Own, PyRes, runtime};

/// `ferrio._ferrio`: the native half of the package; its public names are re-exported by `ferrio`.
#[pymodule]
fn _ferrio(module: &Bound<'_, PyModule>) -> PyResult<()> {
    // Types, names and what is kept of asyncio are the process's, and belong to whoever comes first. CPython asks a module only in
    // some of its interpreters (from 3.12 on, those with "strict" checks).
    if !runtime::is_main_interpreter(module.py()) {
        let text = "ferrio works in the main interpreter only, not in a subinterpreter";
        return Err(PyImportError::new_err(text));
    }
    ffi::snapshot::find_fields(module.py())?;
    runtime::find_running_loop(module.py())?;
    make_types(module.py())?;
    module.add("__version__", env!("CARGO_PKG_VERSION"))?;
    module.add("__build__", env!("FERRIO_BUILD"))?;
    add::<event_loop::Loop>(module, "Loop")?;
    add::<future::Future>(module, "Future")?;
    add::<task::Task>(module, "Task")?;
    add_functions(module, sleep::functions(module.py())?)?;
    add_functions(module, gather::functions(module.py())?)?;
    add_functions(module, timeout::functions(module.py())?)?;
    add::<timeout::Timeout>(module, "Timeout")?;
    add::<taskgroup::TaskGroup>(module, "TaskGroup")?;
    add_functions(module, as_completed::functions(module.py())?)?;
    add_functions(module, shield::functions(module.py())?)?;
    add_functions(module, spawn::functions(module.py())?)?;
    add_functions(module, wrap::functions(module.py())?)?;
    add_functions(module, wait::functions(module.py())?)?;
    for (name, class) in sync::make_types(module.py())? {
        module.add(name, class.bound(module.py()))?;
    }
    add_streams(module)?;
    module.add_function(wrap_pyfunction!(_track_coroutine_origins, module)?)?;
    if cfg!(Py_3_14) {
        module.add_function(wrap_pyfunction!(future_add_to_awaited_by, module)?)?;
        module.add_function(wrap_pyfunction!(future_discard_from_awaited_by, module)?)?;
    }
    module.add_function(wrap_pyfunction!(_give_loop_methods_to, module)?)?;
    module.add_function(wrap_pyfunction!(_native_method, module)?)?;
    module.add_function(wrap_pyfunction!(_print_uncaught, module)?)?;
    module.add_function(wrap_pyfunction!(_die_of_interrupt_at_exit, module)?)
}

/// From the ground up: a derived class needs its base.
fn make_types(py: Python<'_>) -> PyRes<()> {
    handle::make_types(py)?;
    engine::make_types(py)?;
    future::make_types(py)?;
    task::make_types(py)?;
    ffi::function::make_type(py)?;
    ffi::bound::make_types(py)?;
    sleep::make_types(py)?;
    gather::make_types(py)?;
    wait::make_types(py)?;
    wrap::make_types(py)?;
    as_completed::make_types(py)?;
    timeout::make_types(py)?;
    taskgroup::make_types(py)?;
    transport::stream::clients::make_types(py)?;
    transport::stream::make_types(py)?;
    transport::listener::make_types(py)?;
    transport::pipe::make_types(py)?;
    transport::udp::make_types(py)?;
    transport::process::make_types(py)?;
    sock::make_types(py)?;
    streams::make_types(py)?;
    event_loop::make_types(py)
}

/// The native halves of the stream classes; `ferrio/_streams.py` puts them together with the stdlib's.
fn add_streams(module: &Bound<'_, PyModule>) -> PyResult<()> {
    let py = module.py();
    add::<streams::StreamReader>(module, "StreamReader")?;
    add::<streams::StreamWriter>(module, "StreamWriter")?;
    add::<streams::StreamReaderProtocol>(module, "StreamReaderProtocol")?;
    let all = PyDict::new(py);
    for (class, methods) in streams::methods(py)? {
        let of_class = PyDict::new(py);
        for (name, function) in methods {
            of_class.set_item(name, function.as_any().bound(py))?;
        }
        all.set_item(class, of_class)?;
    }
    module.add("_STREAM_METHODS", all)?;
    module.add_function(wrap_pyfunction!(_set_stream_classes, module)?)
}

/// Tells which Python classes show the native stream classes.
#[pyfunction]
fn _set_stream_classes(
    reader: Bound<'_, PyAny>,
    writer: Bound<'_, PyAny>,
    protocol: Bound<'_, PyAny>,
) {
    streams::set_faces(Own::from(reader), Own::from(writer), Own::from(protocol));
}

/// Records that `waiter` awaits `fut`, for `asyncio.capture_call_graph`; a part of asyncio since CPython 3.14.
#[pyfunction]
#[pyo3(signature = (fut, waiter, /))]
fn future_add_to_awaited_by(fut: Bound<'_, PyAny>, waiter: Bound<'_, PyAny>) -> PyResult<()> {
    let py = fut.py();
    Ok(future::add_to_awaited_by(
        py,
        &Own::from(fut),
        &Own::from(waiter),
    )?)
}

/// Takes back what `future_add_to_awaited_by` has recorded.
#[pyfunction]
#[pyo3(signature = (fut, waiter, /))]
fn future_discard_from_awaited_by(fut: Bound<'_, PyAny>, waiter: Bound<'_, PyAny>) -> PyResult<()> {
    let py = fut.py();
    Ok(future::discard_from_awaited_by(
        py,
        &Own::from(fut),
        &Own::from(waiter),
    )?)
}

/// Gives a class that derives from `Loop` the native methods as its own, which the interpreter calls on a shorter way.
#[pyfunction]
fn _give_loop_methods_to(class: &Bound<'_, PyType>) -> PyResult<()> {
    let (py, loop_) = (class.py(), event_loop::Loop::slot());
    if !class.is_subclass(loop_.type_object(py).bound(py))? {
        return Err(PyTypeError::new_err("not a subclass of Loop"));
    }
    let class = Own::from(class.clone().into_any());
    loop_.give_methods_to(py, &class)?;
    Ok(engine::Engine::remember_methods(py, &class)?)
}

/// A loop's native method in the place of the coroutine function given, which has its name and signature.
#[pyfunction]
#[pyo3(signature = (stock, /))]
fn _native_method(stock: Bound<'_, PyAny>) -> PyResult<Bound<'_, PyAny>> {
    let py = stock.py();
    let native = event_loop::native_method(py, Own::from(stock))?;
    Ok(native.into_any().into_bound(py))
}

/// A loop in debug mode begins to run, or ends: native coroutines note meanwhile where they are made.
#[pyfunction]
fn _track_coroutine_origins(enabled: bool) {
    ffi::coroutine::track_origins(enabled);
}

/// Prints an exception as the interpreter prints one that nobody caught (`sys.excepthook` and all).
#[pyfunction]
fn _print_uncaught(exception: &Bound<'_, PyAny>) {
    runtime::print_uncaught(exception);
}

/// Lets the process end by SIGINT after the interpreter's finalization. Raises RuntimeError if that cannot be arranged.
#[pyfunction]
fn _die_of_interrupt_at_exit(py: Python<'_>) -> PyResult<()> {
    runtime::die_of_interrupt_at_exit(py).map_err(PyRuntimeError::new_err)
}

fn add_functions(
    module: &Bound<'_, PyModule>,
    functions: Vec<(&'static str, Own<ffi::Function>)>,
) -> PyResult<()> {
    for (name, function) in functions {
        module.add(name, function.as_any().bound(module.py()))?;
    }
    Ok(())
}

fn add<T: Class>(module: &Bound<'_, PyModule>, name: &str) -> PyResult<()> {
    let class = T::slot().type_object(module.py());
    module.add(name, class.bound(module.py()))
}
