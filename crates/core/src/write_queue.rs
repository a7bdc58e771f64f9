//! Bytes that wait to be sent.

use std::collections::VecDeque;
use std::io::IoSlice;

use crate::chunk::Chunk;
use crate::done::Done;

/// A chunk shorter than this is copied behind the one that waits before it: that costs less than a slice of its own in `writev`.
const SMALL: usize = 512;
/// Copies are gathered in blocks of this size.
const BLOCK: usize = 4096;

/// Chunks in order, the first one perhaps sent in part.
#[derive(Debug)]
pub struct WriteQueue<B> {
    /// Nearly always all there is: it costs no memory of its own.
    first: Option<Chunk<B>>,
    rest: VecDeque<Chunk<B>>,
    /// How much of the first chunk has been sent.
    sent: usize,
    len: usize,
    /// `append` takes fewer bytes than this.
    room: usize,
}

impl<B: AsRef<[u8]>> WriteQueue<B> {
    /// One `writev` takes at most this many chunks; more than the kernel copies in one go anyway.
    pub const MAX_SLICES: usize = 64;

    /// An empty queue; allocates nothing.
    #[must_use]
    pub const fn new() -> Self {
        Self {
            first: None,
            rest: VecDeque::new(),
            sent: 0,
            len: 0,
            room: 0,
        }
    }

    /// Appends a chunk; hands back those whose bytes were copied.
    #[inline]
    #[must_use]
    pub fn push(&mut self, chunk: B) -> [Option<B>; 2] {
        let length = chunk.as_ref().len();
        self.len += length;
        self.room = 0;
        // The only chunk is not copied: a plain echo is one `send` of what was given.
        if self.first.is_none() {
            self.first = Some(Chunk::Given(chunk));
            return [None, None];
        }
        if length >= SMALL {
            self.rest.push_back(Chunk::Given(chunk));
            return [None, None];
        }
        [self.gather(chunk.as_ref()), Some(chunk)]
    }

    /// Copies a small chunk behind the last one; hands that back where it was small as well and is copied with it.
    fn gather(&mut self, bytes: &[u8]) -> Option<B> {
        match self.last_mut() {
            Some(Chunk::Gathered(block)) if block.len() + bytes.len() <= BLOCK => {
                block.extend_from_slice(bytes);
                None
            }
            Some(last @ Chunk::Given(_)) if last.as_ref().len() < SMALL => {
                let block = Self::block([last.as_ref(), bytes]);
                match std::mem::replace(last, block) {
                    Chunk::Given(copied) => Some(copied),
                    Chunk::Gathered(_) => None,
                }
            }
            _ => {
                self.rest.push_back(Self::block([&[], bytes]));
                None
            }
        }
    }

    fn block(pieces: [&[u8]; 2]) -> Chunk<B> {
        let mut block = Vec::with_capacity(BLOCK);
        for piece in pieces {
            block.extend_from_slice(piece);
        }
        Chunk::Gathered(block)
    }

    #[inline]
    fn last_mut(&mut self) -> Option<&mut Chunk<B>> {
        match self.rest.back_mut() {
            None => self.first.as_mut(),
            last => last,
        }
    }

    /// Lets `append` copy small chunks, in all fewer bytes than `most`, until the queue changes in any other way.
    #[inline]
    pub fn invite(&mut self, most: usize) {
        self.room = match self.last_mut() {
            Some(Chunk::Gathered(block)) => most.min(BLOCK + 1 - block.len()),
            _ => 0,
        };
    }

    /// Takes the invitation back.
    #[inline]
    pub fn uninvite(&mut self) {
        self.room = 0;
    }

    /// Copies a small chunk behind the last one, where that was allowed; false: nothing was done.
    #[inline]
    #[must_use]
    pub fn append(&mut self, bytes: &[u8]) -> bool {
        if bytes.len() >= self.room || bytes.len() >= SMALL {
            return false;
        }
        let Some(Chunk::Gathered(block)) = self.last_mut() else {
            return false;
        };
        block.extend_from_slice(bytes);
        self.len += bytes.len();
        self.room -= bytes.len();
        true
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
        self.first.is_none()
    }

    /// The bytes of the only chunk, where there is exactly one: then a plain `send` will do.
    #[inline]
    #[must_use]
    pub fn single(&self) -> Option<&[u8]> {
        match &self.first {
            Some(only) if self.rest.is_empty() => Some(&only.as_ref()[self.sent..]),
            _ => None,
        }
    }

    /// The next bytes to send, up to `MAX_SLICES` chunks, appended to `out`.
    pub fn slices<'a>(&'a self, out: &mut Vec<IoSlice<'a>>) {
        let mut skip = self.sent;
        for chunk in self.first.iter().chain(&self.rest).take(Self::MAX_SLICES) {
            out.push(IoSlice::new(&chunk.as_ref()[skip..]));
            skip = 0;
        }
    }

    /// What `single` has told of has been sent, all of it: hands it back, unless it was gathered here.
    #[inline]
    #[must_use]
    pub fn take_single(&mut self) -> Option<B> {
        debug_assert!(self.rest.is_empty(), "there is more than one");
        self.room = 0;
        self.len = 0;
        self.sent = 0;
        if self.rest.capacity() > 0 {
            self.forget_burst();
        }
        match self.first.take() {
            Some(Chunk::Given(chunk)) => Some(chunk),
            _ => None,
        }
    }

    /// An idle connection keeps no room for the burst it once had.
    #[cold]
    fn forget_burst(&mut self) {
        self.rest = VecDeque::new();
    }

    /// `bytes` have been sent; chunks that are through go to `done`.
    ///
    /// # Panics
    /// If more bytes were sent than wait.
    pub fn consume(&mut self, bytes: usize, done: &mut Done<B>) {
        assert!(bytes <= self.len, "sent more than there was");
        self.room = 0;
        self.len -= bytes;
        let mut left = bytes + self.sent;
        while let Some(first) = &self.first {
            let length = first.as_ref().len();
            if left < length {
                break;
            }
            left -= length;
            let next = self.rest.pop_front();
            if let Some(Chunk::Given(chunk)) = std::mem::replace(&mut self.first, next) {
                done.push(chunk);
            }
        }
        self.sent = left;
        if self.first.is_none() {
            self.forget_burst();
        }
    }

    /// Gives up on everything.
    pub fn clear(&mut self, dropped: &mut Done<B>) {
        for chunk in self.first.take().into_iter().chain(self.rest.drain(..)) {
            if let Chunk::Given(chunk) = chunk {
                dropped.push(chunk);
            }
        }
        self.sent = 0;
        self.len = 0;
        self.room = 0;
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
            let (mut sent, mut done) = (Vec::new(), Done::new());
            let mut waiting = data.iter().cloned();
            // Written to and sent from in turns.
            loop {
                if let Some(chunk) = waiting.next() {
                    queue.invite(300);
                    if !queue.append(&chunk) {
                        let copied = queue.push(chunk);
                        assert!(copied.iter().flatten().all(|chunk| chunk.len() < SMALL));
                    }
                }
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
        assert_eq!(queue.push(vec![1, 2, 3]), [None, None]);
        let mut done = Done::new();
        queue.consume(2, &mut done);
        assert_eq!(
            (queue.single(), queue.len_bytes(), done.len()),
            (Some(&[3_u8][..]), 1, 0)
        );
        queue.clear(&mut done);
        assert!(queue.is_empty() && done.len() == 1);
    }

    #[test]
    fn the_only_chunk_is_handed_back_whole() {
        let mut queue = WriteQueue::new();
        assert_eq!(queue.push(vec![1, 2, 3]), [None, None]);
        assert_eq!(queue.take_single(), Some(vec![1, 2, 3]));
        assert!(queue.is_empty() && queue.len_bytes() == 0);
        // After a part of it has been sent, too.
        let mut done = Done::new();
        let _ = queue.push(vec![4, 5, 6]);
        queue.consume(1, &mut done);
        assert_eq!(queue.take_single(), Some(vec![4, 5, 6]));
        let _ = queue.push(vec![7]);
        assert_eq!(queue.single(), Some(&[7_u8][..]));
        let _ = queue.push(vec![8]);
        queue.invite(100);
        assert_eq!(queue.take_single(), None, "gathered");
        assert!(queue.is_empty() && !queue.append(&[9]));
    }

    #[test]
    fn small_chunks_are_one_slice() {
        let mut queue = WriteQueue::new();
        for number in 0..100 {
            let [before, copied] = queue.push(vec![0; 32]);
            assert_eq!(
                (before.is_some(), copied.is_some()),
                (number == 1, number > 0)
            );
        }
        assert_eq!(queue.single().map(<[u8]>::len), Some(100 * 32));
    }

    #[test]
    fn appends_only_where_it_was_allowed() {
        let mut queue = WriteQueue::new();
        queue.invite(1000);
        assert!(!queue.append(&[1]), "nothing waits");
        let _ = queue.push(vec![1]);
        queue.invite(1000);
        assert!(!queue.append(&[2]), "what waits was given");
        let _ = queue.push(vec![2]);
        assert!(!queue.append(&[3]), "nobody has allowed it");
        queue.invite(3);
        assert!(!queue.append(&[3, 4, 5]));
        assert!(queue.append(&[3, 4]) && queue.append(&[]));
        assert!(!queue.append(&[5]));
        queue.invite(100_000);
        assert!(!queue.append(&[5; SMALL]), "not small");
        for _ in 0..BLOCK / 4 - 1 {
            assert!(queue.append(&[5; 4]));
        }
        assert!(!queue.append(&[5]), "the block is full");
        let mut done = Done::new();
        queue.consume(5, &mut done);
        assert!(!queue.append(&[]), "bytes have been sent");
        queue.invite(1);
        queue.uninvite();
        assert!(!queue.append(&[]));
        assert_eq!(queue.len_bytes(), BLOCK - 5);
        assert_eq!(queue.single().map(|bytes| bytes[0]), Some(5));
    }
}
