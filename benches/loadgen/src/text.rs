//! Bytes that never change, in memory that the kernel can hand on as it is.

use std::ops::Deref;

use memmap2::{Advice, MmapMut};

/// A huge page of the processor. Pages of 4 KiB cost the kernel as much each.
const HUGE_BYTES: usize = 2 << 20;

/// A text in huge pages, if the system has any to give.
#[derive(Debug)]
pub struct Text {
    map: MmapMut,
    begin: usize,
    len: usize,
}

impl Text {
    /// A copy of `bytes`.
    ///
    /// # Panics
    /// Without memory.
    #[must_use]
    pub fn new(bytes: &[u8]) -> Self {
        // Room to begin at a multiple of the page's size.
        let pages = bytes.len().div_ceil(HUGE_BYTES) + 1;
        let mut map = MmapMut::map_anon(pages * HUGE_BYTES).expect("memory for the text");
        // A kernel without them gives small ones.
        let _ = map.advise(Advice::HugePage);
        let begin = map.as_ptr().align_offset(HUGE_BYTES);
        map[begin..][..bytes.len()].copy_from_slice(bytes);
        Self {
            map,
            begin,
            len: bytes.len(),
        }
    }
}

impl Deref for Text {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        &self.map[self.begin..][..self.len]
    }
}

#[cfg(test)]
mod tests {
    use super::{HUGE_BYTES, Text};

    #[test]
    fn a_text_is_what_it_was_made_of() {
        for len in [0, 1, HUGE_BYTES - 1, HUGE_BYTES, HUGE_BYTES + 1] {
            let bytes: Vec<u8> = (0..len).map(|at| (at % 251) as u8).collect();
            let text = Text::new(&bytes);
            assert_eq!(&text[..], &bytes[..]);
            assert_eq!(text.as_ptr().align_offset(HUGE_BYTES), 0);
        }
    }
}
