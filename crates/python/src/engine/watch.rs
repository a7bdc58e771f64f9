//! Registering descriptors, and `add_reader` / `add_writer` on top.

use std::os::fd::RawFd;

use ferrio_reactor::{Interest, Key};
use pyo3::exceptions::PyRuntimeError;
use pyo3::prelude::*;

use super::{Engine, Kernel, SinkRef, Source, Watcher};
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

impl Direction {
    fn interest(self, mut interest: Interest, on: bool) -> Interest {
        match self {
            Self::Read => interest.readable = on,
            Self::Write => interest.writable = on,
        }
        interest
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
        let stale = self
            .sources
            .with(|sources| sources.by_fd(fd).map(|(key, _)| key));
        if let Some(stale) = stale {
            self.deregister(stale);
        }
        let key = self.sources.with(|sources| sources.next_key(fd));
        // The kernel first: it refuses numbers that are no descriptors, which the table would have to be as long as.
        let added = match self.poller.borrow().as_ref() {
            Some(kernel) => kernel.poller.add(fd, key, interest),
            None => Ok(()),
        };
        added.map_err(|e| error::os_error(py, &e))?;
        Ok(self
            .sources
            .with(|sources| sources.insert(fd, source, interest)))
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

    /// `RuntimeError` where a transport owns the descriptor.
    pub fn check_no_transport(&self, py: Python<'_>, fd: RawFd) -> PyRes<()> {
        let owner = self
            .sources
            .with(|sources| match sources.by_fd(fd)?.1.source {
                Source::Stream(ref sink)
                | Source::ReadPipe(ref sink)
                | Source::WritePipe(ref sink)
                | Source::Datagram(ref sink) => Some(sink.clone()),
                _ => None,
            });
        match owner {
            None => Ok(()),
            Some(sink) => {
                let shown = sink.0.bound(py).repr()?;
                let text = format!("File descriptor {fd} is used by transport {shown}");
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
            matches!(row.source, Source::Watch { .. }).then_some((key, row.interest))
        });
        let Some((key, interest)) = known else {
            let (reader, writer) = match direction {
                Direction::Read => (Some(watcher), None),
                Direction::Write => (None, Some(watcher)),
            };
            let interest = direction.interest(Interest::NONE, true);
            self.register(py, fd, Source::Watch { reader, writer }, interest)?;
            return Ok(None);
        };
        let wanted = direction.interest(interest, true);
        if wanted == interest {
            // A watcher is replaced: what has happened already was its business, not the new one's. And if the descriptor was
            // closed and its number given out again, the poller has lost it.
            let key = self.sources.with(|sources| sources.renumber(key));
            self.renew(py, fd, key, wanted)?;
            return Ok(self.replace_watcher(key, direction, Some(watcher)));
        }
        self.set_interest(py, key, wanted)?;
        Ok(self.replace_watcher(key, direction, Some(watcher)))
    }

    fn renew(&self, py: Python<'_>, fd: RawFd, key: Key, interest: Interest) -> PyRes<()> {
        let poller = self.poller.borrow();
        let Some(Kernel { poller, .. }) = poller.as_ref() else {
            return Ok(());
        };
        let renewed = match poller.modify(fd, key, interest) {
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
                poller.add(fd, key, interest)
            }
            done => done,
        };
        renewed.map_err(|e| error::os_error(py, &e))
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
        let interest = direction.interest(interest, false);
        if interest == Interest::NONE {
            self.deregister(key);
        } else {
            self.set_interest(py, key, interest)?;
        }
        Ok(removed)
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
                                Watcher::Handle { .. } => None,
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
