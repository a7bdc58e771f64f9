//! Bytes that wait to be sent.

use std::collections::VecDeque;
use std::io::IoSlice;

/// Chunks in order, the first one perhaps sent in part.
#[derive(Debug)]
pub struct WriteQueue<B> {
    chunks: VecDeque<B>,
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

    /// Appends a chunk.
    #[inline]
    pub fn push(&mut self, chunk: B) {
        self.len += chunk.as_ref().len();
        self.chunks.push_back(chunk);
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
            done.extend(self.chunks.pop_front());
        }
        self.sent = left;
    }

    /// Gives up on everything.
    pub fn clear(&mut self, dropped: &mut Vec<B>) {
        dropped.extend(self.chunks.drain(..));
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
        let data: Vec<Vec<u8>> = (0_u8..40).map(|n| vec![n; usize::from(n % 7)]).collect();
        let expected: Vec<u8> = data.concat();
        for step in 1..9 {
            let mut queue = WriteQueue::new();
            data.iter().cloned().for_each(|chunk| queue.push(chunk));
            let (mut sent, mut done) = (Vec::new(), Vec::new());
            while queue.len_bytes() > 0 {
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
        queue.push(vec![1, 2, 3]);
        let mut done = Vec::new();
        queue.consume(2, &mut done);
        assert_eq!(
            (queue.single(), queue.len_bytes(), done.len()),
            (Some(&[3_u8][..]), 1, 0)
        );
        queue.clear(&mut done);
        assert!(queue.is_empty() && done.len() == 1);
    }
}
