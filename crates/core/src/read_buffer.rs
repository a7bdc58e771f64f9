//! Bytes that have arrived and that nobody has read yet.
//!
//! What arrives is kept as it came: a reader that keeps up gets the very chunk back, without a copy. Small chunks behind others
//! are gathered into blocks. Only a search needs the bytes in one piece; it joins them, each byte a constant number of times
//! however the reads and the searches are mixed. Reading moves no byte.

use std::collections::VecDeque;

use crate::chunk::Chunk;
use crate::done::Done;

/// A smaller chunk that is not the only one is copied into a block.
const SMALL: usize = 2048;
/// A block that small chunks are gathered in.
const BLOCK: usize = 16 * 1024;

/// Chunks in order; `B` owns the bytes of one.
#[derive(Debug)]
pub struct ReadBuffer<B> {
    chunks: VecDeque<Chunk<B>>,
    /// So much of the first chunk has been read; less than its length.
    read: usize,
    len: usize,
}

impl<B: AsRef<[u8]>> ReadBuffer<B> {
    /// An empty buffer; allocates nothing.
    #[must_use]
    pub const fn new() -> Self {
        Self {
            chunks: VecDeque::new(),
            read: 0,
            len: 0,
        }
    }

    /// How many bytes wait.
    #[inline]
    #[must_use]
    pub fn len(&self) -> usize {
        self.len
    }

    /// Does nothing wait?
    #[inline]
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Appends a chunk, which is not empty.
    #[inline]
    pub fn push(&mut self, chunk: B) {
        debug_assert!(!chunk.as_ref().is_empty());
        self.len += chunk.as_ref().len();
        self.chunks.push_back(Chunk::Given(chunk));
    }

    /// Lends the last chunk, if it is one that was pushed, to be made longer.
    ///
    /// # Panics
    /// If it is shorter afterwards.
    #[inline]
    pub fn lend_last<R>(&mut self, f: impl FnOnce(Option<&mut B>) -> R) -> R {
        let Some(Chunk::Given(last)) = self.chunks.back_mut() else {
            return f(None);
        };
        let before = last.as_ref().len();
        let result = f(Some(last));
        let grown = last.as_ref().len().checked_sub(before);
        self.len += grown.expect("bytes that have arrived stay");
        result
    }

    /// Copies the bytes where that is better than a chunk of their own; false where it is not, and nothing is done.
    #[inline]
    #[must_use]
    pub fn gather(&mut self, bytes: &[u8]) -> bool {
        if bytes.len() >= SMALL || self.is_empty() {
            return false;
        }
        self.len += bytes.len();
        if let Some(Chunk::Gathered(block)) = self.chunks.back_mut() {
            if block.len() + bytes.len() <= block.capacity().max(BLOCK) {
                block.extend_from_slice(bytes);
                return true;
            }
        }
        let mut block = Vec::with_capacity(SMALL.max(bytes.len()));
        block.extend_from_slice(bytes);
        self.chunks.push_back(Chunk::Gathered(block));
        true
    }

    /// Moves everything from `other` to the end of this one. A chunk that was partly read is copied, and goes to `done`.
    pub fn append(&mut self, other: &mut Self, done: &mut Done<B>) {
        if self.is_empty() {
            std::mem::swap(self, other);
            return;
        }
        // Only the first chunk of all may be partly read.
        let read = std::mem::take(&mut other.read);
        if read > 0 {
            if let Some(chunk) = other.chunks.pop_front() {
                let left = chunk.as_ref()[read..].to_vec();
                self.chunks.push_back(Chunk::Gathered(left));
                if let Chunk::Given(chunk) = chunk {
                    done.push(chunk);
                }
            }
        }
        self.len += std::mem::take(&mut other.len);
        self.chunks.extend(other.chunks.drain(..));
    }

    /// Takes the first `n` bytes as they came, where they are exactly one whole chunk.
    #[inline]
    pub fn take_whole(&mut self, n: usize) -> Option<B> {
        if self.read != 0 {
            return None;
        }
        match self.chunks.front() {
            Some(Chunk::Given(chunk)) if chunk.as_ref().len() == n => {}
            _ => return None,
        }
        self.len -= n;
        match self.chunks.pop_front() {
            Some(Chunk::Given(chunk)) => Some(chunk),
            _ => None,
        }
    }

    /// The first `n` bytes (or all, where there are fewer), piece by piece.
    #[inline]
    pub fn pieces(&self, n: usize) -> impl Iterator<Item = &[u8]> {
        let (mut skip, mut left) = (self.read, n);
        self.chunks.iter().map_while(move |chunk| {
            if left == 0 {
                return None;
            }
            let bytes = &chunk.as_ref()[std::mem::take(&mut skip)..];
            let bytes = &bytes[..bytes.len().min(left)];
            left -= bytes.len();
            Some(bytes)
        })
    }

    /// `bytes` have been read; chunks that are through go to `done`.
    ///
    /// # Panics
    /// If more bytes were read than there are.
    #[inline]
    pub fn consume(&mut self, bytes: usize, done: &mut Done<B>) {
        assert!(bytes <= self.len, "read more than there was");
        self.len -= bytes;
        self.read += bytes;
        while let Some(first) = self.chunks.front() {
            let length = first.as_ref().len();
            if self.read < length {
                break;
            }
            self.read -= length;
            if let Some(Chunk::Given(chunk)) = self.chunks.pop_front() {
                done.push(chunk);
            }
        }
        if self.chunks.is_empty() && self.chunks.capacity() > 64 {
            // An idle connection keeps no room for the burst it once had.
            self.chunks = VecDeque::new();
        }
    }

    /// Everything in one piece; chunks that were joined go to `done`.
    #[inline]
    pub fn contiguous(&mut self, done: &mut Done<B>) -> &[u8] {
        if self.chunks.len() > 1 {
            self.join(done);
        }
        match self.chunks.front() {
            Some(chunk) => &chunk.as_ref()[self.read..],
            None => &[],
        }
    }

    fn join(&mut self, done: &mut Done<B>) {
        let mut block = match self.chunks.pop_front() {
            Some(Chunk::Gathered(mut block)) => {
                // Moves fewer bytes than have been read since the last time.
                if self.read > block.len() / 2 {
                    block.drain(..std::mem::take(&mut self.read));
                }
                block
            }
            Some(Chunk::Given(chunk)) => {
                let mut block = Vec::with_capacity(self.len.max(SMALL));
                block.extend_from_slice(&chunk.as_ref()[std::mem::take(&mut self.read)..]);
                done.push(chunk);
                block
            }
            None => return,
        };
        for chunk in self.chunks.drain(..) {
            block.extend_from_slice(chunk.as_ref());
            if let Chunk::Given(chunk) = chunk {
                done.push(chunk);
            }
        }
        self.chunks.push_back(Chunk::Gathered(block));
    }
}

impl<B: AsRef<[u8]>> Default for ReadBuffer<B> {
    fn default() -> Self {
        Self::new()
    }
}

/// Where `needle`, which is not empty, begins in `haystack`.
#[must_use]
pub fn find(haystack: &[u8], needle: &[u8]) -> Option<usize> {
    let (first, rest) = needle.split_first()?;
    let mut from = 0;
    while let Some(at) = position(&haystack[from..], *first) {
        let after = from + at + 1;
        if haystack[after..].starts_with(rest) {
            return Some(after - 1);
        }
        from = after;
    }
    None
}

/// Where the first `byte` stands: 64 at a time without a branch for each, which the compiler turns into vectors, and then by words.
#[inline]
fn position(haystack: &[u8], byte: u8) -> Option<usize> {
    const LANES: usize = 64;
    let mut from = 0;
    for block in haystack.chunks_exact(LANES) {
        if block.iter().fold(false, |any, each| any | (*each == byte)) {
            break;
        }
        from += LANES;
    }
    let mut rest = &haystack[from..];
    while let Some((word, after)) = rest.split_first_chunk() {
        if let Some(at) = position_in_word(*word, byte) {
            return Some(from + at);
        }
        from += word.len();
        rest = after;
    }
    let at = rest.iter().position(|each| *each == byte)?;
    Some(from + at)
}

/// A byte that is the one looked for becomes zero, and only a zero byte, or one above it, gets its highest bit from the subtraction.
#[inline]
fn position_in_word(word: [u8; 8], byte: u8) -> Option<usize> {
    const LOWEST_BITS: u64 = u64::MAX / 255;
    let differs = u64::from_le_bytes(word) ^ (LOWEST_BITS * u64::from(byte));
    let zero = differs.wrapping_sub(LOWEST_BITS) & !differs & (LOWEST_BITS << 7);
    (zero != 0).then(|| zero.trailing_zeros() as usize / 8)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Numbers that look random and are the same in every run.
    struct Numbers(u64);

    impl Numbers {
        fn below(&mut self, limit: usize) -> usize {
            self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005);
            self.0 = self.0.wrapping_add(1_442_695_040_888_963_407);
            (self.0 >> 33) as usize % limit
        }

        fn bytes(&mut self) -> Vec<u8> {
            let longest = [3, 40, 2 * SMALL, 3 * BLOCK][self.below(4)];
            let length = 1 + self.below(longest);
            (0..length).map(|_| b"abc\n"[self.below(4)]).collect()
        }
    }

    fn arrive(buffer: &mut ReadBuffer<Vec<u8>>, bytes: &[u8]) {
        if !buffer.gather(bytes) {
            buffer.push(bytes.to_vec());
        }
    }

    fn read(buffer: &mut ReadBuffer<Vec<u8>>, n: usize) -> Vec<u8> {
        if let Some(whole) = buffer.take_whole(n) {
            return whole;
        }
        let bytes: Vec<u8> = buffer.pieces(n).flatten().copied().collect();
        buffer.consume(bytes.len(), &mut Done::new());
        bytes
    }

    #[test]
    fn is_a_queue_of_bytes_whatever_is_done() {
        for seed in 0..200 {
            let mut numbers = Numbers(seed);
            let (mut buffer, mut model) = (ReadBuffer::new(), Vec::new());
            let mut other = (ReadBuffer::new(), Vec::new());
            for _ in 0..120 {
                match numbers.below(8) {
                    0..=2 => {
                        let bytes = numbers.bytes();
                        let in_place = numbers.below(3) == 0
                            && buffer.lend_last(|last| {
                                last.map(|last: &mut Vec<u8>| last.extend_from_slice(&bytes))
                                    .is_some()
                            });
                        if !in_place {
                            arrive(&mut buffer, &bytes);
                        }
                        model.extend_from_slice(&bytes);
                    }
                    3 | 4 => {
                        let n = numbers.below(model.len() + 2).min(model.len());
                        let expected: Vec<u8> = model.drain(..n).collect();
                        assert_eq!(read(&mut buffer, n), expected);
                    }
                    5 => assert_eq!(buffer.contiguous(&mut Done::new()), model),
                    6 => {
                        let first: usize = buffer.pieces(usize::MAX).take(1).map(<[u8]>::len).sum();
                        let expected: Vec<u8> = model.drain(..first).collect();
                        assert_eq!(read(&mut buffer, first), expected);
                    }
                    _ => {
                        other.0.append(&mut buffer, &mut Done::new());
                        other.1.append(&mut model);
                        assert!(buffer.is_empty() && buffer.pieces(1).next().is_none());
                        if numbers.below(3) == 0 {
                            std::mem::swap(&mut buffer, &mut other.0);
                            std::mem::swap(&mut model, &mut other.1);
                        }
                    }
                }
                assert_eq!((buffer.len(), other.0.len()), (model.len(), other.1.len()));
            }
            assert_eq!(buffer.contiguous(&mut Done::new()), model);
            assert_eq!(other.0.contiguous(&mut Done::new()), other.1);
        }
    }

    #[test]
    fn every_chunk_is_handed_out_once() {
        for seed in 0..50 {
            let mut numbers = Numbers(seed);
            let (mut buffer, mut done, mut pushed) = (ReadBuffer::new(), Done::new(), 0);
            for _ in 0..100 {
                match numbers.below(4) {
                    0 | 1 => {
                        let bytes = numbers.bytes();
                        if !buffer.gather(&bytes) {
                            buffer.push(bytes);
                            pushed += 1;
                        }
                    }
                    2 => drop(buffer.contiguous(&mut done).len()),
                    _ => buffer.consume(numbers.below(buffer.len() + 1), &mut done),
                }
            }
            buffer.consume(buffer.len(), &mut done);
            assert_eq!(done.len(), pushed);
        }
    }

    #[test]
    fn a_reader_that_keeps_up_gets_the_chunk_itself() {
        let mut buffer = ReadBuffer::new();
        let chunk = vec![7; 100];
        let place = chunk.as_ptr();
        buffer.push(chunk);
        let whole = buffer.take_whole(100).expect("exactly that is there");
        assert_eq!(whole.as_ptr(), place);
    }

    #[test]
    fn joining_copies_each_byte_a_few_times() {
        // A long line that arrives in small pieces, searched after each; the block grows, the pieces before stay where they are.
        let mut buffer = ReadBuffer::new();
        let mut moved = 0;
        for _ in 0..10_000 {
            arrive(&mut buffer, &[0; SMALL]);
            let before = buffer.contiguous(&mut Done::new()).as_ptr();
            arrive(&mut buffer, &[0; SMALL]);
            let after = buffer.contiguous(&mut Done::new());
            moved += usize::from(after.as_ptr() != before);
        }
        assert!(moved < 30, "the block moved {moved} times");
    }

    #[test]
    fn finds_what_the_naive_search_finds() {
        let mut numbers = Numbers(1);
        for _ in 0..2000 {
            let length = numbers.below(300);
            // Some that differ from others in the lowest or in the highest bit only.
            let bytes = [&[0, 1][..], &[0, 1, 128, 129, 254, 255]][numbers.below(2)];
            let haystack: Vec<u8> = (0..length)
                .map(|_| bytes[numbers.below(bytes.len())])
                .collect();
            let length = 1 + numbers.below(9);
            let needle: Vec<u8> = (0..length)
                .map(|_| bytes[numbers.below(bytes.len())])
                .collect();
            let naive = haystack
                .windows(needle.len())
                .position(|window| window == needle);
            assert_eq!(find(&haystack, &needle), naive);
        }
        assert_eq!(position(&[0; 200], 1), None);
    }
}
