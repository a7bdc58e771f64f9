//! Registering descriptors, and `add_reader` / `add_writer` on top.

use std::io;
use std::os::fd::RawFd;

use ferrio_reactor::{Interest, Key};
use pyo3::exceptions::PyRuntimeError;
use pyo3::prelude::*;

use super::{Engine, Happened, Kernel, SinkRef, Source, Watcher};
use crate::error;
use crate::ffi::{Own, PyRes, Raised};

/// One direction of a descriptor.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Direction {
    /// Wait until it can be read.
    Read,
    /// Wait until it can be written.
    Write,
}

/// What a watched descriptor is waited for. A single `sock_*` call is told once: when it is over nothing needs to be taken back,
/// and the next call only asks again. asyncio's readers and writers are told as long as it is so, and two calls, because what
/// is said to one would be missed by the other.
fn wanted(source: &Source) -> Interest {
    let Source::Watch { reader, writer } = source else {
        return Interest::NONE;
    };
    Interest {
        readable: reader.is_some(),
        writable: writer.is_some(),
        once: matches!(
            (reader, writer),
            (Some(Watcher::Operation(_)), None) | (None, Some(Watcher::Operation(_)))
        ),
        edge: false,
    }
}

impl Engine {
    /// Registers a descriptor that has no source yet. Errors: `OSError` from the kernel (EPERM for a regular file).
    pub fn register(
        &self,
        py: Python<'_>,
        fd: RawFd,
        source: Source,
        interest: Interest,
    ) -> PyRes<Key> {
        // Whoever stood there has closed the descriptor without a word, and the kernel has given the number out again.
        // Or it is a `sock_*` call that is over; then the descriptor may well be the same.
        let stale = self.sources.with(|sources| {
            let (key, row) = sources.by_fd(fd)?;
            Some((key, row.source.is_left_behind()))
        });
        if let Some((stale, false)) = stale {
            self.deregister(stale);
        }
        let left_behind = stale.filter(|(_, left_behind)| *left_behind);
        let key = self.sources.with(|sources| sources.next_key(fd));
        // The kernel first: it refuses numbers that are no descriptors, which the table would have to be as long as.
        match self.poller.borrow().as_ref() {
            Some(kernel) if left_behind.is_some() => renew(kernel, fd, key, interest),
            Some(kernel) => kernel.poller.add(fd, key, interest),
            None => Ok(()),
        }
        .map_err(|e| error::os_error(py, &e))?;
        Ok(self.sources.with(|sources| {
            if let Some((stale, _)) = left_behind {
                drop(sources.remove(stale));
            }
            sources.insert(fd, source, interest)
        }))
    }

    /// Changes what is waited for; nothing happens where it is what the poller knows already.
    pub fn set_interest(&self, py: Python<'_>, key: Key, interest: Interest) -> PyRes<()> {
        let changed = self.sources.with(|sources| {
            let row = sources.by_key(key)?;
            (std::mem::replace(&mut row.interest, interest) != interest).then_some(())
        });
        if changed.is_none() {
            return Ok(());
        }
        match self.poller.borrow().as_ref() {
            Some(kernel) => kernel
                .poller
                .modify(super::Sources::fd_of(key), key, interest)
                .map_err(|e| error::os_error(py, &e)),
            None => Ok(()),
        }
    }

    /// Takes a registration back. The descriptor must still be open; call it before `close`.
    pub fn deregister(&self, key: Key) {
        let removed = self.sources.with(|sources| sources.remove(key));
        if removed.is_some() {
            if let Some(kernel) = self.poller.borrow().as_ref() {
                // A descriptor that its owner has closed already is no longer in the set: nothing to undo.
                let _ = kernel.poller.remove(super::Sources::fd_of(key));
            }
        }
        drop(removed);
    }

    /// `RuntimeError` where a transport owns the descriptor, which the text names as the caller did: by `file`, or by number. Errors
    /// of the transport's own `is_closing`, too.
    pub fn check_no_transport(&self, py: Python<'_>, fd: RawFd, file: Option<&Own>) -> PyRes<()> {
        let owner = self
            .sources
            .with(|sources| match sources.by_fd(fd)?.1.source {
                Source::Stream(ref sink) | Source::Datagram(ref sink) => Some(sink.0.clone()),
                _ => None,
            });
        let owner = match owner {
            Some(owner) => Some(owner),
            None => self.owner(py, fd)?,
        };
        match owner {
            None => Ok(()),
            Some(transport) => {
                let named = match file {
                    Some(file) => file.bound(py).repr()?.to_string(),
                    None => fd.to_string(),
                };
                let shown = transport.bound(py).repr()?;
                let text = format!("File descriptor {named} is used by transport {shown}");
                Err(Raised::new::<PyRuntimeError>(py, text))
            }
        }
    }

    /// Puts a watcher on one direction of a descriptor and hands out the one before.
    pub fn watch(
        &self,
        py: Python<'_>,
        fd: RawFd,
        direction: Direction,
        watcher: Watcher,
    ) -> PyRes<Option<Watcher>> {
        // Any other source (a listener) is displaced by `register`.
        let known = self.sources.with(|sources| {
            let (key, row) = sources.by_fd(fd)?;
            let Source::Watch { reader, writer } = &row.source else {
                return None;
            };
            let (here, there) = match direction {
                Direction::Read => (reader, writer),
                Direction::Write => (writer, reader),
            };
            Some((key, here.is_some() || there.is_none()))
        });
        let Some((key, anew)) = known else {
            let (reader, writer) = match direction {
                Direction::Read => (Some(watcher), None),
                Direction::Write => (None, Some(watcher)),
            };
            let source = Source::Watch { reader, writer };
            let interest = wanted(&source);
            self.register(py, fd, source, interest)?;
            return Ok(None);
        };
        // What has happened already is the business of the watcher that is replaced, or of a call that is over, not of the new
        // one. And if the descriptor was closed and its number given out again, the poller has lost it.
        let key = match anew {
            true => self.sources.with(|sources| sources.renumber(key)),
            false => key,
        };
        let replaced = self.replace_watcher(key, direction, Some(watcher));
        let told = if anew {
            self.ask_anew(py, key)
        } else {
            self.ask(py, key)
        };
        match told {
            Ok(()) => Ok(replaced),
            Err(error) => {
                let refused = self.replace_watcher(key, direction, replaced);
                drop(refused);
                Err(error)
            }
        }
    }

    /// Tells the poller what the watchers of a descriptor wait for, where it does not know yet.
    fn ask(&self, py: Python<'_>, key: Key) -> PyRes<()> {
        let interest = self
            .sources
            .with(|sources| sources.by_key(key).map(|row| wanted(&row.source)));
        match interest {
            Some(interest) => self.set_interest(py, key, interest),
            None => Ok(()),
        }
    }

    /// The same, of a descriptor that the poller may know under another key, or as another file, or not any more.
    fn ask_anew(&self, py: Python<'_>, key: Key) -> PyRes<()> {
        let interest = self.sources.with(|sources| {
            let row = sources.by_key(key)?;
            row.interest = wanted(&row.source);
            Some(row.interest)
        });
        match (interest, self.poller.borrow().as_ref()) {
            (Some(interest), Some(kernel)) => {
                renew(kernel, super::Sources::fd_of(key), key, interest)
                    .map_err(|e| error::os_error(py, &e))
            }
            _ => Ok(()),
        }
    }

    /// An event is going to be seen to, or dropped: what the poller says once it has said.
    pub fn note_said(&self, event: &Happened) {
        self.sources.with(|sources| {
            if let Some(row) = sources.by_key(event.key).filter(|row| row.interest.once) {
                row.interest = Interest::NONE;
            }
        });
    }

    /// An event has been seen to: whoever still waits wants to be told of the next one, and of those after it, for one was not
    /// enough. A descriptor that was closed meanwhile is silent, as it would be to a poller that repeats itself.
    pub fn ask_again(&self, event: &Happened) {
        let asked = self.sources.with(|sources| {
            let row = sources.by_key(event.key)?;
            if row.source.is_left_behind() || !row.interest.is_none() {
                return None;
            }
            row.interest = Interest {
                once: false,
                ..wanted(&row.source)
            };
            Some(row.interest)
        });
        if let (Some(interest), Some(kernel)) = (asked, self.poller.borrow().as_ref()) {
            let fd = super::Sources::fd_of(event.key);
            let _ = kernel.poller.modify(fd, event.key, interest);
        }
    }

    /// Takes the watcher off one direction; `None` where there was none.
    pub fn unwatch(
        &self,
        py: Python<'_>,
        fd: RawFd,
        direction: Direction,
    ) -> PyRes<Option<Watcher>> {
        let known = self.sources.with(|sources| {
            let (key, row) = sources.by_fd(fd)?;
            matches!(row.source, Source::Watch { .. }).then_some((key, row.interest))
        });
        let Some((key, interest)) = known else {
            return Ok(None);
        };
        let removed = self.replace_watcher(key, direction, None);
        let left_behind = self.sources.with(|sources| {
            let row = sources.by_key(key);
            row.is_some_and(|row| row.source.is_left_behind())
        });
        match left_behind {
            false => self.ask(py, key)?,
            // At most one more event comes, for nobody.
            true if interest.once || interest.is_none() => {}
            true => self.deregister(key),
        }
        Ok(removed)
    }

    /// Takes a pipe's transport off one direction, unless another watcher has come in its place.
    pub fn unwatch_pipe(
        &self,
        py: Python<'_>,
        fd: RawFd,
        direction: Direction,
        transport: &Own,
    ) -> PyRes<()> {
        let still_there = match self.source_behind(fd) {
            Some(Source::Watch { reader, writer }) => {
                let here = match direction {
                    Direction::Read => reader,
                    Direction::Write => writer,
                };
                matches!(here, Some(Watcher::Pipe(sink)) if sink.0.is(transport))
            }
            _ => false,
        };
        if still_there {
            drop(self.unwatch(py, fd, direction)?);
        }
        Ok(())
    }

    /// The `sock_*` call that waits for one direction of a descriptor.
    pub fn watched_by(&self, fd: RawFd, direction: Direction) -> Option<SinkRef> {
        match self.source_behind(fd)? {
            Source::Watch { reader, writer } => {
                match if direction == Direction::Read {
                    reader
                } else {
                    writer
                } {
                    Some(Watcher::Operation(sink)) => Some(sink),
                    _ => None,
                }
            }
            _ => None,
        }
    }

    /// Every `sock_*` call that waits.
    pub fn operations(&self) -> Vec<SinkRef> {
        let mut found = Vec::new();
        self.sources.with(|sources| {
            for (_, row) in sources.iter() {
                if let Source::Watch { reader, writer } = &row.source {
                    found.extend(
                        [reader, writer].into_iter().flatten().filter_map(
                            |watcher| match watcher {
                                Watcher::Operation(sink) => Some(sink.clone()),
                                Watcher::Handle { .. } | Watcher::Pipe(_) => None,
                            },
                        ),
                    );
                }
            }
        });
        found
    }

    /// The descriptor that is watched under this object; the object may have been closed since.
    pub fn watched_as(&self, object: &Own) -> Option<RawFd> {
        let is_it = |watcher: &Option<Watcher>| match watcher {
            Some(Watcher::Handle { file, .. }) => file.is(object),
            _ => false,
        };
        self.sources.with(|sources| {
            let found = sources.iter().find(|(_, row)| {
                matches!(&row.source, Source::Watch { reader, writer } if is_it(reader) || is_it(writer))
            });
            found.map(|(fd, _)| fd)
        })
    }

    /// Who is behind a descriptor.
    pub fn source_behind(&self, fd: RawFd) -> Option<Source> {
        self.sources
            .with(|sources| sources.by_fd(fd).map(|(_, row)| row.source.clone()))
    }

    fn replace_watcher(
        &self,
        key: Key,
        direction: Direction,
        watcher: Option<Watcher>,
    ) -> Option<Watcher> {
        self.sources
            .with(|sources| match &mut sources.by_key(key)?.source {
                Source::Watch { reader, writer } => {
                    let place = if direction == Direction::Read {
                        reader
                    } else {
                        writer
                    };
                    std::mem::replace(place, watcher)
                }
                _ => None,
            })
    }
}

/// Asks for a descriptor that the poller knows, if it is still that file; else for the new one.
fn renew(kernel: &Kernel, fd: RawFd, key: Key, interest: Interest) -> io::Result<()> {
    match kernel.poller.modify(fd, key, interest) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            kernel.poller.add(fd, key, interest)
        }
        done => done,
    }
}
