//! Bytes that the kernel writes straight into the objects that `read` and `readexactly` return.
//!
//! They are in the reader's buffer all the time, so whatever comes between (the end, a cancellation, somebody who asks for `_buffer`)
//! finds them there. Only who awaits much is served so, and only while much comes: small pieces are copied faster than objects are cut.

use ferrio_core::done::Done;
use pyo3::prelude::*;

use super::StreamReader;
use crate::engine::Engine;
use crate::ffi::buffer;
use crate::ffi::growing::{self, Growing};
use crate::ffi::{Own, PyRes};
use crate::transport::protocol::{Receive, Received};

/// What asyncio receives at most at once, and so what its reader holds beyond twice its limit.
const MOST: usize = 256 * 1024;
/// In so many pieces.
const MOST_PIECES: usize = 8;
/// Who reads in smaller pieces gets copies.
const SMALLEST_PIECE: usize = 16 * 1024;
/// From here on `readexactly` has its bytes collected where they will stay.
pub(super) const COLLECTED: usize = 64 * 1024;
/// Nothing larger is allocated before bytes come for it; also, glibc would map it afresh each time.
const LARGEST_PIECE: usize = 1024 * 1024;

/// A chunk of a reader's buffer.
#[derive(Debug)]
pub(super) enum Piece {
    /// A `bytes` object.
    Whole(Own),
    /// One that may still get more.
    Growing(Growing),
}

impl Piece {
    /// As a `bytes` object.
    #[inline]
    pub(super) fn into_bytes(self, py: Python<'_>) -> PyRes {
        match self {
            Self::Whole(object) => Ok(object),
            Self::Growing(growing) => growing.into_bytes(py),
        }
    }

    #[inline]
    fn growing(&mut self) -> Option<&mut Growing> {
        match self {
            Self::Whole(_) => None,
            Self::Growing(growing) => Some(growing),
        }
    }
}

impl AsRef<[u8]> for Piece {
    #[inline]
    fn as_ref(&self) -> &[u8] {
        match self {
            Self::Whole(object) => buffer::exact_bytes(object).unwrap_or(&[]),
            Self::Growing(growing) => growing.as_ref(),
        }
    }
}

/// How much may be received at once, and the size of new pieces for it; none where copies serve better. The last receive brought
/// `before` bytes.
fn plan(reader: &StreamReader, before: usize) -> Option<(usize, usize)> {
    let asked = reader.asked.get();
    if reader.eof.get() {
        return None;
    }
    if !reader.exactly.get() {
        let most = MOST.min(2 * before);
        return match asked {
            0..SMALLEST_PIECE => None,
            SMALLEST_PIECE..Engine::RECEIVE_BYTES => Some((most, asked)),
            // One piece: two would have to be joined.
            _ => Some((most.min(Engine::RECEIVE_BYTES), Engine::RECEIVE_BYTES)),
        };
    }
    let missing = asked.saturating_sub(reader.len());
    (missing > 0 && collects(reader)).then_some((MOST.min(missing), missing.min(LARGEST_PIECE)))
}

/// Does somebody wait for so many bytes and no fewer that they are collected where they will stay?
fn collects(reader: &StreamReader) -> bool {
    reader.exactly.get() && reader.asked.get() >= COLLECTED && !reader.waiter.is_empty()
}

/// Receives into the reader's pieces; none where that is not for it.
pub(super) fn receive(
    py: Python<'_>,
    reader: &Own<StreamReader>,
    before: usize,
    receive: Receive<'_>,
) -> Received {
    let Some((most, piece)) = plan(reader, before) else {
        return Ok(None);
    };
    let mut room = reader.with(|buffer| {
        buffer.lend_last(|last| last.and_then(Piece::growing).map_or(0, |last| last.free()))
    });
    let mut fresh = Vec::with_capacity(MOST_PIECES);
    while room < most && fresh.len() < MOST_PIECES {
        fresh.push(Growing::new(py, piece)?);
        room += piece;
    }
    let received = reader.with(|buffer| {
        buffer.lend_last(|last| {
            let last = last.and_then(Piece::growing).filter(|last| last.free() > 0);
            growing::fill(last.into_iter().chain(&mut fresh), most, receive)
        })
    });
    for piece in fresh {
        if !piece.as_ref().is_empty() {
            reader.with(|buffer| buffer.push(Piece::Growing(piece)));
        }
    }
    Ok(Some(received))
}

/// Copies bytes behind the last ones, where there is room for them; `readexactly` gets room for all it waits for.
pub(super) fn collect(py: Python<'_>, reader: &StreamReader, bytes: &[u8]) -> PyRes<bool> {
    let fits = |last: &mut Growing| {
        let fits = last.free() >= bytes.len();
        if fits {
            last.extend(bytes);
        }
        fits
    };
    if reader
        .with(|buffer| buffer.lend_last(|last| last.and_then(Piece::growing).is_some_and(fits)))
    {
        return Ok(true);
    }
    let asked = reader.asked.get();
    let room = asked.min(LARGEST_PIECE);
    let begins = collects(reader) && bytes.len() <= room && reader.len() == 0;
    if begins {
        let mut piece = Growing::new(py, room)?;
        piece.extend(bytes);
        reader.with(|buffer| buffer.push(Piece::Growing(piece)));
    }
    Ok(begins)
}

/// `readexactly(n)` begins to wait: what is there already moves to where it will stay.
pub(super) fn gather(py: Python<'_>, reader: &StreamReader, n: usize) -> PyRes<()> {
    let (length, room) = (reader.len(), n.min(LARGEST_PIECE));
    if length == 0 || length >= room {
        return Ok(());
    }
    let mut piece = Growing::new(py, room)?;
    let mut done = Done::new();
    reader.with(|buffer| {
        for bytes in buffer.pieces(length) {
            piece.extend(bytes);
        }
        buffer.consume(length, &mut done);
        buffer.push(Piece::Growing(piece));
    });
    Ok(())
}
