//! ROOM    floor 4: stream, datagram and pipe transports, listeners, starting children
//! KNOWS   floors 0–3, core::{conn, datagrams, flow, write_queue}, reactor::{net, spawn}    NEVER   the event loop's class
//! IN      readiness from `dispatch`, calls from Python                 OUT     protocol callbacks, bytes to the kernel
//! PROOF   tests/behaviour/network, CPython's test_streams, test_buffered_proto
//! START   `stream/mod.rs`, then `stream/read.rs` and `stream/write.rs`

use std::cell::Cell;

use ferrio_core::conn::{Action, Conn};
use pyo3::prelude::*;

use crate::engine::{Engine, Entry, SinkCall, SinkRef};
use crate::ffi::{Own, PyRes, Slot, call, context, exception};
use crate::names;

pub mod file;
pub mod listener;
mod outgoing;
pub mod pipe;
pub mod process;
pub mod protocol;
pub mod socket;
pub mod stream;
pub mod udp;

/// Makes one transition of a connection's life and says what it asks for.
fn change(conn: &Cell<Conn>, transition: impl FnOnce(&mut Conn) -> Action) -> Action {
    let mut changed = conn.get();
    let action = transition(&mut changed);
    conn.set(changed);
    action
}

/// Runs a protocol callback in the transport's context, which is gone once the connection is. A callback that runs the loop may be
/// called again meanwhile: it can wait for what comes next.
#[inline]
fn in_context<R>(py: Python<'_>, context: &Slot, f: impl FnOnce() -> PyRes<R>) -> PyRes<R> {
    match context.get() {
        Some(context) => context::run(py, &context, f),
        None => f(),
    }
}

/// The same for a callback that comes out of the program's own call, so in any context, which may be the transport's already.
/// asyncio stays in the caller's: what a protocol sees would depend on who has written.
fn in_own_context<R>(py: Python<'_>, context: &Slot, f: impl FnOnce() -> PyRes<R>) -> PyRes<R> {
    match context.get() {
        Some(context) => context::run_or_stay(py, &context, f),
        None => f(),
    }
}

/// `connection_made`, which `tell` calls, then the rest of the start: asyncio's order. A run of the loop inside `connection_made` has
/// done the rest already; after an interrupt in it the next run does.
fn begin(
    engine: &Slot<Engine>,
    transport: &Own,
    tell: impl FnOnce() -> PyRes<()>,
    started: impl FnOnce() -> PyRes<()>,
) -> PyRes<()> {
    let engine = engine.get();
    if let Some(engine) = &engine {
        engine.note_starting(SinkRef(transport.clone()));
    }
    let told = tell();
    let to_be_started = engine
        .as_ref()
        .is_none_or(|engine| engine.finish_starting(transport));
    match (told, to_be_started) {
        (Ok(()), true) => started(),
        (Err(interrupt), true) => {
            if let Some(engine) = engine {
                let sink = SinkRef(transport.clone());
                engine.schedule_quietly(Entry::sink(sink, SinkCall::Started));
            }
            Err(interrupt)
        }
        (told, false) => told,
    }
}

/// Is there an end of a turn at which bytes can be flushed? Outside of a run they are sent at once.
#[inline]
fn is_running(engine: &Slot<Engine>) -> bool {
    engine.peek(|engine| engine.is_some_and(|engine| engine.thread() != 0))
}

/// Tells the loop's exception handler of a transport's problem.
fn report(
    py: Python<'_>,
    engine: &Own<Engine>,
    transport: &Own,
    protocol: &protocol::Protocol,
    exception: &Own,
    text: &str,
) -> PyRes<()> {
    let protocol = protocol.object().unwrap_or_else(|| Own::none(py));
    let details = pyo3::types::PyDict::new(py);
    details.set_item("message", text)?;
    details.set_item("exception", exception.bound(py))?;
    details.set_item("transport", transport.bound(py))?;
    details.set_item("protocol", protocol.bound(py))?;
    let details = Own::from(details.into_any());
    exception::while_handled(py, exception, || {
        let name = &names::CALL_EXCEPTION_HANDLER;
        call::method(py, engine.as_any(), name, &[&details]).map(drop)
    })
}
