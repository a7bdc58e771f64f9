//! Bytes that wait to be sent.

use std::collections::VecDeque;
use std::io::IoSlice;

/// A chunk shorter than this is copied behind the one that waits before it: that costs less than a slice of its own in `writev`.
const SMALL: usize = 512;
/// Copies are gathered in blocks of this size.
const BLOCK: usize = 4096;

/// Part of the stream.
#[derive(Debug)]
enum Chunk<B> {
    /// As it was given.
    Given(B),
    /// Copies of small ones.
    Gathered(Vec<u8>),
}

impl<B: AsRef<[u8]>> AsRef<[u8]> for Chunk<B> {
    #[inline]
    fn as_ref(&self) -> &[u8] {
        match self {
            Self::Given(chunk) => chunk.as_ref(),
            Self::Gathered(block) => block,
        }
    }
}

/// Chunks in order, the first one perhaps sent in part.
#[derive(Debug)]
pub struct WriteQueue<B> {
    chunks: VecDeque<Chunk<B>>,
    /// How much of the first chunk has been sent.
    sent: usize,
    len: usize,
}

impl<B: AsRef<[u8]>> WriteQueue<B> {
    /// One `writev` takes at most this many chunks; more than the kernel copies in one go anyway.
    pub const MAX_SLICES: usize = 64;

    /// An empty queue; allocates nothing.
    #[must_use]
    pub const fn new() -> Self {
        Self {
            chunks: VecDeque::new(),
            sent: 0,
            len: 0,
        }
    }

    /// Appends a chunk; hands it back where its bytes were copied.
    #[inline]
    #[must_use]
    pub fn push(&mut self, chunk: B) -> Option<B> {
        let length = chunk.as_ref().len();
        self.len += length;
        // The only chunk is not copied: a plain echo is one `send` of what was given.
        if length < SMALL && !self.chunks.is_empty() {
            self.gather(chunk.as_ref());
            return Some(chunk);
        }
        self.chunks.push_back(Chunk::Given(chunk));
        None
    }

    fn gather(&mut self, bytes: &[u8]) {
        if let Some(Chunk::Gathered(block)) = self.chunks.back_mut() {
            if block.len() + bytes.len() <= BLOCK {
                block.extend_from_slice(bytes);
                return;
            }
        }
        let mut block = Vec::with_capacity(BLOCK);
        block.extend_from_slice(bytes);
        self.chunks.push_back(Chunk::Gathered(block));
    }

    /// How many bytes wait.
    #[inline]
    #[must_use]
    pub fn len_bytes(&self) -> usize {
        self.len
    }

    /// Does nothing wait?
    #[inline]
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.chunks.is_empty()
    }

    /// The bytes of the only chunk, where there is exactly one: then a plain `send` will do.
    #[inline]
    #[must_use]
    pub fn single(&self) -> Option<&[u8]> {
        match self.chunks.len() {
            1 => Some(&self.chunks[0].as_ref()[self.sent..]),
            _ => None,
        }
    }

    /// The next bytes to send, up to `MAX_SLICES` chunks, appended to `out`.
    pub fn slices<'a>(&'a self, out: &mut Vec<IoSlice<'a>>) {
        let mut skip = self.sent;
        for chunk in self.chunks.iter().take(Self::MAX_SLICES) {
            out.push(IoSlice::new(&chunk.as_ref()[skip..]));
            skip = 0;
        }
    }

    /// `bytes` have been sent; chunks that are through go to `done`.
    ///
    /// # Panics
    /// If more bytes were sent than wait.
    pub fn consume(&mut self, bytes: usize, done: &mut Vec<B>) {
        assert!(bytes <= self.len, "sent more than there was");
        self.len -= bytes;
        let mut left = bytes + self.sent;
        while let Some(first) = self.chunks.front() {
            let length = first.as_ref().len();
            if left < length {
                break;
            }
            left -= length;
            if let Some(Chunk::Given(chunk)) = self.chunks.pop_front() {
                done.push(chunk);
            }
        }
        self.sent = left;
        if self.chunks.is_empty() && self.chunks.capacity() > Self::MAX_SLICES {
            // An idle connection keeps no room for the burst it once had.
            self.chunks = VecDeque::new();
        }
    }

    /// Gives up on everything.
    pub fn clear(&mut self, dropped: &mut Vec<B>) {
        for chunk in self.chunks.drain(..) {
            if let Chunk::Given(chunk) = chunk {
                dropped.push(chunk);
            }
        }
        self.sent = 0;
        self.len = 0;
    }
}

impl<B: AsRef<[u8]>> Default for WriteQueue<B> {
    fn default() -> Self {
        Self::new()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sends_every_byte_once_and_in_order() {
        let lengths = [0, 1, 7, 2000, 3, SMALL, SMALL - 1, 9, 5000, 400, 400];
        let data: Vec<Vec<u8>> = (0_u8..44)
            .map(|n| vec![n; lengths[usize::from(n) % lengths.len()]])
            .collect();
        let expected: Vec<u8> = data.concat();
        for step in [7, 100, 4095, 4096, 70_000] {
            let mut queue = WriteQueue::new();
            let (mut sent, mut done) = (Vec::new(), Vec::new());
            let mut waiting = data.iter().cloned();
            // Written to and sent from in turns.
            loop {
                let copied = waiting.next().and_then(|chunk| queue.push(chunk));
                assert!(copied.is_none_or(|chunk| chunk.len() < SMALL));
                if queue.len_bytes() == 0 && waiting.len() == 0 {
                    break;
                }
                let mut slices = Vec::new();
                queue.slices(&mut slices);
                let bytes: Vec<u8> = slices.iter().flat_map(|slice| slice.to_vec()).collect();
                let n = step.min(bytes.len());
                sent.extend_from_slice(&bytes[..n]);
                queue.consume(n, &mut done);
            }
            assert_eq!(sent, expected);
        }
    }

    #[test]
    fn a_partly_sent_chunk_stays() {
        let mut queue = WriteQueue::new();
        assert_eq!(queue.push(vec![1, 2, 3]), None);
        let mut done = Vec::new();
        queue.consume(2, &mut done);
        assert_eq!(
            (queue.single(), queue.len_bytes(), done.len()),
            (Some(&[3_u8][..]), 1, 0)
        );
        queue.clear(&mut done);
        assert!(queue.is_empty() && done.len() == 1);
    }

    #[test]
    fn small_chunks_are_two_slices() {
        let mut queue = WriteQueue::new();
        for number in 0..100 {
            assert_eq!(queue.push(vec![0; 32]).is_some(), number > 0);
        }
        let mut slices = Vec::new();
        queue.slices(&mut slices);
        let lengths: Vec<usize> = slices.iter().map(|slice| slice.len()).collect();
        assert_eq!(lengths, [32, 99 * 32]);
    }
}
