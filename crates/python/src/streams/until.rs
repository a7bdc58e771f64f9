//! Reading up to a separator, within the limit.

use std::cell::Cell;

use ferrio_core::done::Done;
use ferrio_core::read_buffer::find;
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;

use super::{StreamReader, names};
use crate::ffi::{Immortal, Own, PyRes, Raised, buffer, call, exception, function};

/// What a search came to.
enum Search {
    /// The match begins here and ends there.
    Found(usize, usize),
    /// Not yet; so many bytes need no second look.
    Missing(usize),
    /// Fewer bytes than the shortest separator has.
    TooFew,
}

/// `bytes`, or since 3.13 a tuple of them; not empty ones. Others are the stdlib's to deal with, or to refuse.
pub(super) fn is_usual(separator: &Own) -> bool {
    let is_one = |object: &Own| buffer::exact_bytes(object).is_some_and(|bytes| !bytes.is_empty());
    match separator.tuple_items() {
        Some(items) => cfg!(Py_3_13) && !items.is_empty() && items.iter().all(is_one),
        None => is_one(separator),
    }
}

fn search(bytes: &[u8], separators: &[&[u8]], offset: usize) -> Search {
    let lengths = || separators.iter().map(|separator| separator.len());
    let shortest = lengths().min().unwrap_or(1);
    if bytes.len().saturating_sub(offset) < shortest {
        return Search::TooFew;
    }
    let mut best: Option<(usize, usize)> = None;
    for separator in separators {
        if let Some(at) = find(&bytes[offset..], separator) {
            let (start, end) = (offset + at, offset + at + separator.len());
            // The shortest result wins; of two that end alike, the shorter separator.
            if best.is_none_or(|(begins, ends)| end < ends || (end == ends && start > begins)) {
                best = Some((start, end));
            }
        }
    }
    match best {
        Some((start, end)) => Search::Found(start, end),
        // The last bytes may be the beginning of a separator.
        None => Search::Missing((bytes.len() + 1).saturating_sub(lengths().max().unwrap_or(1))),
    }
}

/// `readuntil(b"\n")`.
#[inline]
pub(super) fn newline(
    py: Python<'_>,
    offset: &Cell<usize>,
    reader: &StreamReader,
) -> PyRes<Option<Own>> {
    one_of(py, &[b"\n"], offset, reader)
}

/// `readuntil(separator)`, with a separator that is usual.
pub(super) fn separator(
    py: Python<'_>,
    separator: &Own,
    offset: &Cell<usize>,
    reader: &StreamReader,
) -> PyRes<Option<Own>> {
    match separator.tuple_items() {
        None => {
            let one = buffer::exact_bytes(separator).unwrap_or(b"\n");
            one_of(py, &[one], offset, reader)
        }
        Some(items) => {
            let several: Vec<&[u8]> = items.iter().filter_map(buffer::exact_bytes).collect();
            one_of(py, &several, offset, reader)
        }
    }
}

#[inline]
fn one_of(
    py: Python<'_>,
    separators: &[&[u8]],
    offset: &Cell<usize>,
    reader: &StreamReader,
) -> PyRes<Option<Own>> {
    let mut done = Done::new();
    let found =
        reader.with(|buffer| search(buffer.contiguous(&mut done), separators, offset.get()));
    drop(done);
    match found {
        Search::Found(start, _) if start > reader.limit() => {
            let text = "Separator is found, but chunk is longer than limit";
            return Err(overrun(py, text, start));
        }
        Search::Found(_, end) => {
            let chunk = reader.take(py, end)?;
            reader.maybe_resume(py)?;
            return Ok(Some(chunk));
        }
        Search::Missing(searched) => {
            offset.set(searched);
            if searched > reader.limit() {
                let text = "Separator is not found, and chunk exceed the limit";
                return Err(overrun(py, text, searched));
            }
        }
        Search::TooFew => {}
    }
    // Only now: the last bytes may have had the separator.
    if reader.eof.get() {
        let partial = reader.take(py, usize::MAX)?;
        return Err(incomplete(py, partial, Own::none(py)));
    }
    Ok(None)
}

fn error_class(py: Python<'_>, cell: &'static Immortal, name: &str) -> PyRes<&'static Own> {
    cell.get_or_init(py, || function::stock(py, "asyncio.exceptions", name))
}

fn incomplete_class(py: Python<'_>) -> PyRes<&'static Own> {
    static INCOMPLETE: Immortal = Immortal::empty();
    error_class(py, &INCOMPLETE, "IncompleteReadError")
}

fn overrun_class(py: Python<'_>) -> PyRes<&'static Own> {
    static OVERRUN: Immortal = Immortal::empty();
    error_class(py, &OVERRUN, "LimitOverrunError")
}

fn raised(py: Python<'_>, class: PyRes<&'static Own>, args: &[Own]) -> Raised {
    exception::raise_made(py, class.and_then(|class| call::call(py, class, args)))
}

/// `IncompleteReadError(partial, expected)`.
#[cold]
pub(super) fn incomplete(py: Python<'_>, partial: Own, expected: Own) -> Raised {
    raised(py, incomplete_class(py), &[partial, expected])
}

/// `LimitOverrunError(text, consumed)`.
#[cold]
fn overrun(py: Python<'_>, text: &str, consumed: usize) -> Raised {
    match Own::int(py, consumed as i64) {
        Ok(consumed) => raised(py, overrun_class(py), &[Own::str(py, text), consumed]),
        Err(error) => error,
    }
}

/// What `readline` makes of an error: the end of the stream ends the line; a line that is too long is dropped, with a ValueError.
pub(super) fn not_a_line(py: Python<'_>, reader: &StreamReader, error: Own) -> PyRes {
    if exception::matches(&error, incomplete_class(py)?) {
        return call::attribute(py, &error, &names::PARTIAL);
    }
    if !exception::matches(&error, overrun_class(py)?) {
        return Err(exception::restore(py, error));
    }
    let consumed = call::attribute(py, &error, &names::CONSUMED)?;
    let consumed = call::small_int(&consumed).and_then(|n| usize::try_from(n).ok());
    let mut done = Done::new();
    let (length, line) = reader.with(|buffer| {
        let bytes = buffer.contiguous(&mut done);
        let line = consumed.filter(|consumed| bytes.get(*consumed) == Some(&b'\n'));
        (bytes.len(), line)
    });
    drop(done);
    reader.skip(line.map_or(length, |line| line + 1));
    reader.maybe_resume(py)?;
    let text = error.bound(py).getattr("args")?.get_item(0)?;
    let refused = call::call1(
        py,
        &Own::from(py.get_type::<PyValueError>().into_any()),
        &Own::from(text),
    )?;
    exception::chain(&refused, &error);
    Err(exception::restore(py, refused))
}
