//! A part of a stream that waits to be sent or read.

/// `B` owns the bytes of one that was given.
#[derive(Debug)]
pub(crate) enum Chunk<B> {
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
