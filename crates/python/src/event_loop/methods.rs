//! The one list of what Python sees of the native loop. What is a coroutine in asyncio stands in `python/ferrio/_loop.py`,
//! on top of the underscored methods here.

use std::time::Duration;

use pyo3::prelude::*;

use super::{Loop, calls, dispatch, resolve, run, signals, spawn, transports, watchers};
use crate::engine::Engine;
use crate::ffi::{Method, Own, Property, PyRes, Raised, call};
use crate::transport::process;

pub(super) fn methods() -> Vec<Method<Loop>> {
    let mut methods = running();
    methods.extend(scheduling());
    methods.extend(descriptors());
    methods.extend(transports());
    methods.extend(socket_calls());
    methods
}

fn running() -> Vec<Method<Loop>> {
    vec![
        Method::noargs(
            c"run_forever",
            c"run_forever($self, /)\n--\n\nRun until stop() is called.",
            run::run_forever,
        ),
        Method::args(
            c"run_until_complete",
            c"run_until_complete($self, /, future)\n--\n\nRun until the future or coroutine is done; its result.",
            run::run_until_complete,
        ),
        Method::noargs(
            c"stop",
            c"stop($self, /)\n--\n\nLeave run_forever() after the current turn; before a run: run one turn.",
            run::stop,
        ),
        Method::noargs(
            c"_close",
            c"_close($self, /)\n--\n\nThe native part of close().",
            run::close,
        ),
        Method::noargs(
            c"is_running",
            c"is_running($self, /)\n--\n\nIs the loop running?",
            |_, this: &Own<Loop>| this.thread() != 0,
        ),
        Method::noargs(
            c"is_closed",
            c"is_closed($self, /)\n--\n\nHas close() been called?",
            |_, this: &Own<Loop>| this.is_closed(),
        ),
        Method::noargs(
            c"get_debug",
            c"get_debug($self, /)\n--\n\nIs debug mode on?",
            |_, this: &Own<Loop>| this.is_debug(),
        ),
        Method::one(
            c"_set_debug",
            c"_set_debug($self, enabled, /)\n--\n\nThe native part of set_debug().",
            |py, this: &Own<Loop>, on: &Own| -> PyRes<()> {
                this.set_debug(call::truth(py, on)?);
                Ok(())
            },
        ),
        Method::noargs(
            c"_check_closed",
            c"_check_closed($self, /)\n--\n\nRaise RuntimeError if closed.",
            |py, this: &Own<Loop>| this.check_open(py),
        ),
        Method::noargs(
            c"_compare_methods",
            c"_compare_methods($self, /)\n--\n\nFind out which methods the loop's class has replaced.",
            |py, this: &Own<Loop>| Engine::compare_methods(py, this.base()),
        ),
        Method::noargs(
            c"_flush_writes",
            c"_flush_writes($self, /)\n--\n\nSend now what the callbacks of this turn have written.",
            |py, this: &Own<Loop>| dispatch::flush(py, this),
        ),
        Method::noargs(
            c"_pending_tasks",
            c"_pending_tasks($self, /)\n--\n\nThe loop's own tasks that are not done.",
            |py, this: &Own<Loop>| Own::tuple(py, &this.listed_tasks(py)),
        ),
    ]
}

fn scheduling() -> Vec<Method<Loop>> {
    vec![
        Method::args(
            c"call_soon",
            c"call_soon($self, /, callback, *args, context=None)\n--\n\nCall callback(*args) in the next turn.",
            calls::call_soon,
        ),
        Method::args(
            c"call_soon_threadsafe",
            c"call_soon_threadsafe($self, /, callback, *args, context=None)\n--\n\nLike call_soon(), from any thread.",
            calls::call_soon_threadsafe,
        ),
        Method::args(
            c"call_later",
            c"call_later($self, /, delay, callback, *args, context=None)\n--\n\nCall callback(*args) after delay seconds, never early.",
            calls::call_later,
        ),
        Method::args(
            c"call_at",
            c"call_at($self, /, when, callback, *args, context=None)\n--\n\nCall callback(*args) at loop.time() == when seconds, never early.",
            calls::call_at,
        ),
        Method::noargs(
            c"time",
            c"time($self, /)\n--\n\nThe loop's clock: time.monotonic(), in seconds.",
            calls::time,
        ),
        Method::noargs(
            c"create_future",
            c"create_future($self, /)\n--\n\nA new ferrio.Future of this loop.",
            spawn::create_future,
        ),
        Method::args(
            c"create_task",
            c"create_task($self, /, coro, **kwargs)\n--\n\nA task that runs the coroutine; keywords as the running version's stock loop.",
            spawn::create_task,
        ),
        Method::args(
            c"set_task_factory",
            c"set_task_factory($self, /, factory)\n--\n\nSet what create_task() calls; None: ferrio.Task.",
            spawn::set_task_factory,
        ),
        Method::noargs(
            c"get_task_factory",
            c"get_task_factory($self, /)\n--\n\nThe task factory, or None.",
            |_, this: &Own<Loop>| this.task_factory.get(),
        ),
    ]
}

fn descriptors() -> Vec<Method<Loop>> {
    vec![
        Method::args(
            c"add_reader",
            c"add_reader($self, /, fd, callback, *args)\n--\n\nCall callback(*args) while fd can be read.",
            watchers::add_reader,
        ),
        Method::args(
            c"add_writer",
            c"add_writer($self, /, fd, callback, *args)\n--\n\nCall callback(*args) while fd can be written.",
            watchers::add_writer,
        ),
        Method::args(
            c"_add_reader",
            c"_add_reader($self, /, fd, callback, *args)\n--\n\nadd_reader, but hands out the handle.",
            watchers::add_reader_handle,
        ),
        Method::args(
            c"_add_writer",
            c"_add_writer($self, /, fd, callback, *args)\n--\n\nadd_writer, but hands out the handle.",
            watchers::add_writer_handle,
        ),
        Method::args(
            c"remove_reader",
            c"remove_reader($self, /, fd)\n--\n\nStop watching; was it watched?",
            watchers::remove_reader,
        ),
        Method::args(
            c"remove_writer",
            c"remove_writer($self, /, fd)\n--\n\nStop watching; was it watched?",
            watchers::remove_writer,
        ),
        Method::args(
            c"add_signal_handler",
            c"add_signal_handler($self, /, sig, callback, *args)\n--\n\nCall callback(*args) in the loop when the signal arrives.",
            signals::add_signal_handler,
        ),
        Method::args(
            c"remove_signal_handler",
            c"remove_signal_handler($self, /, sig)\n--\n\nRemove the handler; was there one?",
            signals::remove_signal_handler,
        ),
        Method::args(
            c"_getaddrinfo",
            c"_getaddrinfo($self, host, port, family=0, type=0, proto=0, flags=0)\n--\n\nA future of the address list.",
            resolve::getaddrinfo,
        ),
        Method::args(
            c"_getnameinfo",
            c"_getnameinfo($self, sockaddr, flags=0)\n--\n\nA future of (host, service).",
            resolve::getnameinfo,
        ),
    ]
}

/// What the coroutines of `python/ferrio` stand on.
fn transports() -> Vec<Method<Loop>> {
    vec![
        Method::args(
            c"_make_stream_transport",
            c"_make_stream_transport($self, sock, protocol, waiter=None, extra=None, server=None)\n--\n\nA transport over a connected socket.",
            transports::make_stream_transport,
        ),
        Method::args(
            c"_make_read_pipe_transport",
            c"_make_read_pipe_transport($self, pipe, protocol, waiter=None)\n--\n\nA transport over the reading end of a pipe.",
            transports::make_read_pipe_transport,
        ),
        Method::args(
            c"_make_write_pipe_transport",
            c"_make_write_pipe_transport($self, pipe, protocol, waiter, watches_peer)\n--\n\nA transport over the writing end of a pipe.",
            transports::make_write_pipe_transport,
        ),
        Method::one(
            c"_start_program",
            c"_start_program($self, program, /)\n--\n\nStart a child without waiting for its exec; None where that cannot be done.",
            |py, _: &Own<Loop>, program: &Own| process::start(py, program),
        ),
        Method::args(
            c"_make_datagram_transport",
            c"_make_datagram_transport($self, sock, protocol, address=None, waiter=None)\n--\n\nA transport over a datagram socket.",
            transports::make_datagram_transport,
        ),
        Method::args(
            c"_start_serving",
            c"_start_serving($self, protocol_factory, sock, server, backlog, /)\n--\n\nAccept connections.",
            transports::start_serving,
        ),
        Method::one(
            c"_stop_serving",
            c"_stop_serving($self, sock, /)\n--\n\nStop accepting and close the socket.",
            transports::stop_serving,
        ),
    ]
}

/// What `loop.sock_sendfile` and `sock_connect` stand on.
fn socket_calls() -> Vec<Method<Loop>> {
    vec![
        Method::args(
            c"_sock_sendfile",
            c"_sock_sendfile($self, sock, file, offset, count, /)\n--\n\nSend a piece of a file: bytes sent, 0 at its end; None: wait.",
            transports::sock_sendfile,
        ),
        Method::one(
            c"_sock_writable",
            c"_sock_writable($self, sock, /)\n--\n\nA coroutine that ends when the socket takes bytes.",
            transports::sock_writable,
        ),
        Method::args(
            c"_sock_connect",
            c"_sock_connect($self, sock, address, /)\n--\n\nA coroutine that ends when the socket is connected.",
            transports::sock_connect,
        ),
    ]
}

/// What an attribute is set to. Errors: `AttributeError` for one that is deleted.
fn given<'a>(py: Python<'_>, value: Option<&'a Own>, name: &str) -> PyRes<&'a Own> {
    value.ok_or_else(|| {
        let text = format!("cannot delete {name}");
        Raised::new::<pyo3::exceptions::PyAttributeError>(py, text)
    })
}

pub(super) fn properties() -> Vec<Property<Loop>> {
    vec![
        Property::get(c"slow_callback_duration", |_, this: &Own<Loop>| {
            this.slow_callback_duration.get()
        })
        .set(|py, this: &Own<Loop>, value| {
            let value = given(py, value, "slow_callback_duration")?;
            this.slow_callback_duration
                .set(value.bound(py).extract::<f64>()?);
            Ok(())
        }),
        Property::get(c"keep_tasks_alive", |_, this: &Own<Loop>| {
            this.keeps_tasks()
        })
        .set(|py, this: &Own<Loop>, value| {
            let value = given(py, value, "keep_tasks_alive")?;
            this.keep_tasks(py, call::truth(py, value)?);
            Ok(())
        }),
        Property::get(c"busy_poll_duration", |_, this: &Own<Loop>| {
            this.busy_poll_limit().as_secs_f64()
        })
        .set(|py, this: &Own<Loop>, value| {
            let seconds = given(py, value, "busy_poll_duration")?
                .bound(py)
                .extract::<f64>()?;
            if !(0.0..=1.0).contains(&seconds) {
                let text = format!("busy_poll_duration must be from 0 to 1 second, not {seconds}");
                return Err(Raised::new::<pyo3::exceptions::PyValueError>(py, text));
            }
            this.set_busy_poll_limit(Duration::from_secs_f64(seconds));
            Ok(())
        }),
        // Names that debug helpers and CPython's own functions read.
        Property::get(c"_debug", |_, this: &Own<Loop>| this.is_debug()),
        Property::get(c"_current_handle", |_, this: &Own<Loop>| {
            this.current_handle.get()
        }),
        Property::get(c"_closed", |_, this: &Own<Loop>| this.is_closed()),
        Property::get(
            c"_thread_id",
            |py, this: &Own<Loop>| -> PyRes<Option<Own>> {
                match this.thread() {
                    0 => Ok(None),
                    ident => Own::int(py, ident as i64).map(Some),
                }
            },
        ),
    ]
}
