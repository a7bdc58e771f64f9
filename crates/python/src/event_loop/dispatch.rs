//! The one match from an event to what it wakes.

use std::os::fd::RawFd;

use pyo3::prelude::*;

use super::{Loop, resolve, signals, stopwatch};
use crate::engine::{Direction, Done, Happened, SinkCall, SinkRef, Source, Watcher};
use crate::ffi::{Class, Own, PyRes, call};
use crate::future::Future;
use crate::handle::{self, Handle};
use crate::names;
use crate::sock::{self, SockOperation};
use crate::transport::pipe::{read, read::ReadPipeTransport, write, write::WritePipeTransport};
use crate::transport::stream::StreamTransport;
use crate::transport::udp::DatagramTransport;
use crate::transport::{listener, listener::Listener, stream, udp};

/// Finished jobs first (they only resolve futures), then the kernel's events. An error leaves the rest of the events
/// unseen: the kernel says them again, or is asked to (`Engine::put_back`).
pub(super) fn news(py: Python<'_>, this: &Own<Loop>) -> PyRes<()> {
    while let Some(Done(id, outcome)) = this.next_job() {
        if let Some(waiter) = this.finish_job(id) {
            resolve::finished(py, open::<Future>(&waiter), outcome)?;
        }
    }
    while let Some(event) = this.next_event() {
        if this.is_debug() {
            let shown = shown(py, this, &event)?;
            stopwatch::watched(py, this, shown, || to_source(py, this, &event))?;
        } else {
            to_source(py, this, &event)?;
        }
        flush_in_time(py, this)?;
    }
    Ok(())
}

#[inline]
fn to_source(py: Python<'_>, this: &Own<Loop>, event: &Happened) -> PyRes<()> {
    match this.stream_of(event) {
        Some(sink) => to_stream(py, &sink, event),
        None => to_other(py, this, event),
    }
}

/// Whose callbacks an event may call, for debug mode.
#[cold]
fn shown(py: Python<'_>, this: &Own<Loop>, event: &Happened) -> PyRes<Option<Own>> {
    match this.source_of(event) {
        Some(Source::Stream(sink) | Source::Listener(sink) | Source::Datagram(sink)) => {
            Ok(Some(sink.0))
        }
        Some(Source::Watch { reader, writer }) => {
            let watcher = if event.readable() { reader } else { writer };
            match watcher {
                Some(Watcher::Handle { handle, .. }) => handle::to_show(py, &handle).map(Some),
                Some(Watcher::Pipe(sink)) => Ok(Some(sink.0)),
                Some(Watcher::Operation(_)) | None => Ok(None),
            }
        }
        Some(Source::Waker | Source::Signals) | None => Ok(None),
    }
}

fn to_stream(py: Python<'_>, sink: &SinkRef, event: &Happened) -> PyRes<()> {
    let stream = open::<StreamTransport>(sink);
    stream::ready(py, stream, event.readable(), event.writable())
}

fn to_other(py: Python<'_>, this: &Own<Loop>, event: &Happened) -> PyRes<()> {
    // An earlier event of the batch may have closed this one.
    let Some(source) = this.source_of(event) else {
        return Ok(());
    };
    match source {
        Source::Waker => Ok(()),
        Source::Signals => signals::arrived(py, this),
        Source::Stream(sink) => to_stream(py, &sink, event),
        Source::Listener(sink) => listener::ready(py, open::<Listener>(&sink)),
        Source::Datagram(sink) => {
            let transport = open::<DatagramTransport>(&sink);
            udp::ready(py, transport, event.readable(), event.writable())
        }
        Source::Watch { reader, .. } => {
            this.note_said(event);
            let woken = wake_watchers(py, this, event, reader);
            this.ask_again(event);
            woken
        }
    }
}

fn wake_watchers(
    py: Python<'_>,
    this: &Own<Loop>,
    event: &Happened,
    reader: Option<Watcher>,
) -> PyRes<()> {
    if let (true, Some(reader)) = (event.readable(), reader) {
        wake(py, &reader, Direction::Read)?;
        flush_in_time(py, this)?;
    }
    if event.writable() {
        // The reader may have removed or replaced the writer.
        if let Some(Source::Watch {
            writer: Some(writer),
            ..
        }) = this.source_of(event)
        {
            wake(py, &writer, Direction::Write)?;
        }
    }
    Ok(())
}

fn wake(py: Python<'_>, watcher: &Watcher, direction: Direction) -> PyRes<()> {
    match watcher {
        Watcher::Pipe(sink) => match sink.0.exact::<WritePipeTransport>() {
            Some(pipe) => write::ready(py, pipe, direction),
            None => read::ready(py, open::<ReadPipeTransport>(sink)),
        },
        Watcher::Operation(sink) => sock::operation_ready(py, open::<SockOperation>(sink)),
        Watcher::Handle { handle, .. } => match Handle::run_again(py, handle) {
            Err(error) if !error.leaves_the_loop(py) => {
                let exception = error.take(py);
                handle::report(py, handle, exception)
            }
            done => done,
        },
    }
}

/// A deferred call that a transport asked for.
pub(super) fn sink_call(py: Python<'_>, sink: &SinkRef, call: SinkCall) -> PyRes<()> {
    if let Some(stream) = sink.0.exact::<StreamTransport>() {
        stream::call(py, stream, call)
    } else if let Some(pipe) = sink.0.exact::<WritePipeTransport>() {
        write::call(py, pipe, call)
    } else if let Some(datagrams) = sink.0.exact::<DatagramTransport>() {
        udp::call(py, datagrams, call)
    } else {
        read::call(py, open::<ReadPipeTransport>(sink), call)
    }
}

/// The loop is closed under `sock_*` calls.
pub(super) fn abandon(py: Python<'_>, calls: &[SinkRef]) -> PyRes<()> {
    let mut calls = calls.iter();
    calls.try_for_each(|call| sock::abandon(py, open::<SockOperation>(call)))
}

/// After a callback: what it wrote goes out with what the others of the turn write, so that a peer who sleeps is woken once for
/// all of it; but not when the first has waited for long.
#[inline]
pub(super) fn flush_in_time(py: Python<'_>, this: &Own<Loop>) -> PyRes<()> {
    match this.unflushed_len() {
        0 => Ok(()),
        _ if !this.has_waited_to_flush() => Ok(()),
        count => flush_all(py, this, count),
    }
}

/// Sends what waits.
#[inline]
pub(super) fn flush(py: Python<'_>, this: &Own<Loop>) -> PyRes<()> {
    match this.unflushed_len() {
        0 => Ok(()),
        count => flush_all(py, this, count),
    }
}

/// Those that have written by now. An error that leaves the loop leaves those behind it for the next flush.
fn flush_all(py: Python<'_>, this: &Own<Loop>, count: usize) -> PyRes<()> {
    this.end_write_delay();
    for _ in 0..count {
        let Some(sink) = this.next_unflushed() else {
            break;
        };
        if let Some(stream) = sink.0.exact::<StreamTransport>() {
            stream::flush(py, stream)?;
        } else if let Some(datagrams) = sink.0.exact::<DatagramTransport>() {
            udp::flush(py, datagrams)?;
        } else {
            write::flush(py, open::<WritePipeTransport>(&sink))?;
        }
    }
    Ok(())
}

/// `remove_reader` and `remove_writer` of a descriptor that a transport or listener owns, where asyncio allows it: whether
/// anything was removed.
pub(super) fn remove_watcher_of_transport(
    py: Python<'_>,
    this: &Own<Loop>,
    fd: RawFd,
    direction: Direction,
) -> PyRes<Option<bool>> {
    match this.source_behind(fd) {
        // A way to stop accepting.
        Some(Source::Listener(sink)) if direction == Direction::Read => {
            listener::stop(py, open::<Listener>(&sink));
            Ok(Some(true))
        }
        // A closing one has no more to fear.
        Some(Source::Stream(sink)) => {
            let closing = call::method(py, &sink.0, &names::IS_CLOSING, &[])?;
            Ok(call::truth(py, &closing)?.then_some(false))
        }
        _ => Ok(None),
    }
}

/// Who accepts on a descriptor, if anybody does.
pub(super) fn listener_of(this: &Own<Loop>, fd: RawFd) -> Option<Own<Listener>> {
    match this.source_behind(fd)? {
        Source::Listener(sink) => Some(open::<Listener>(&sink).clone()),
        _ => None,
    }
}

#[inline]
fn open<T: Class>(sink: &SinkRef) -> &Own<T> {
    sink.0
        .cast::<T>()
        .expect("in each place where one waits, only one class does")
}
