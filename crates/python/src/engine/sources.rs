//! The fd table: which source stands behind which descriptor. Indexed by descriptor; a key carries the generation of its
//! entry, so an event for a descriptor that was closed and reused in the same batch finds nobody.

use std::os::fd::RawFd;

use ferrio_reactor::{Interest, Key};

use super::entry::Source;

#[derive(Debug, Default)]
struct Row {
    generation: u32,
    registered: Option<Registered>,
}

/// One registered descriptor.
#[derive(Debug)]
pub struct Registered {
    /// Who is behind it.
    pub source: Source,
    /// What the poller was last told, and does not regard as done.
    pub interest: Interest,
}

/// All registered descriptors of one loop.
#[derive(Debug, Default)]
pub struct Sources {
    rows: Vec<Row>,
}

fn index(fd: RawFd) -> usize {
    usize::try_from(fd).unwrap_or(usize::MAX)
}

/// The descriptor, and which entry for it.
fn key(fd: RawFd, generation: u32) -> Key {
    Key(u64::from(generation) << 32 | u64::from(fd as u32))
}

impl Sources {
    /// The descriptor a key was made for.
    pub fn fd_of(key: Key) -> RawFd {
        (key.0 & u64::from(u32::MAX)) as RawFd
    }

    /// The key that `insert` will enter the descriptor under.
    pub fn next_key(&self, fd: RawFd) -> Key {
        let generation = self.rows.get(index(fd)).map_or(0, |row| row.generation);
        key(fd, generation.wrapping_add(1))
    }

    /// Enters a source for a descriptor that has none and that the kernel knows: the table is as long as the greatest number.
    pub fn insert(&mut self, fd: RawFd, source: Source, interest: Interest) -> Key {
        let index = index(fd);
        if index >= self.rows.len() {
            self.rows.resize_with(index + 1, Row::default);
        }
        let row = &mut self.rows[index];
        row.generation = row.generation.wrapping_add(1);
        debug_assert!(row.registered.is_none(), "descriptor entered twice");
        row.registered = Some(Registered { source, interest });
        key(fd, row.generation)
    }

    /// Gives a registered descriptor a new key; events for the old one find nobody.
    pub fn renumber(&mut self, key: Key) -> Key {
        let fd = Self::fd_of(key);
        let renumbered = self.next_key(fd);
        if let Some(row) = self.rows.get_mut(index(fd)) {
            row.generation = row.generation.wrapping_add(1);
        }
        renumbered
    }

    /// The source for a key, unless it is stale.
    pub fn by_key(&mut self, key: Key) -> Option<&mut Registered> {
        let row = self.rows.get_mut(index(Self::fd_of(key)))?;
        (u64::from(row.generation) == key.0 >> 32).then_some(row.registered.as_mut()?)
    }

    /// The source behind a descriptor, with its key.
    pub fn by_fd(&mut self, fd: RawFd) -> Option<(Key, &mut Registered)> {
        let row = self.rows.get_mut(index(fd))?;
        let key = key(fd, row.generation);
        row.registered.as_mut().map(|registered| (key, registered))
    }

    /// Takes the source out; its key is stale from now on.
    pub fn remove(&mut self, key: Key) -> Option<Registered> {
        self.by_key(key)?;
        self.rows[index(Self::fd_of(key))].registered.take()
    }

    /// Takes everything out.
    pub fn drain(&mut self) -> Vec<(RawFd, Registered)> {
        let rows = self.rows.iter_mut().enumerate();
        rows.filter_map(|(fd, row)| Some((fd as RawFd, row.registered.take()?)))
            .collect()
    }

    /// All registered sources, with their keys.
    pub fn iter_with_keys(&self) -> impl Iterator<Item = (Key, &Registered)> {
        let rows = self.rows.iter().enumerate();
        rows.filter_map(|(fd, row)| {
            let key = key(fd as RawFd, row.generation);
            Some((key, row.registered.as_ref()?))
        })
    }

    /// All registered sources, with their descriptors.
    pub fn iter(&self) -> impl Iterator<Item = (RawFd, &Registered)> {
        let rows = self.rows.iter().enumerate();
        rows.filter_map(|(fd, row)| Some((fd as RawFd, row.registered.as_ref()?)))
    }
}
