//! What goes over the wire and what must come back: a function of connection and message number, so
//! that an answer that is late, doubled, crossed with another connection or cut shows.

use crate::text::Text;

/// Messages start at one of this many places of one random text. Prime, so that the strides below
/// visit all of them, and small, so that the text stays in the processor's first cache.
const PLACES: u64 = 4093;

/// Strides between the places of neighbouring messages and connections.
const MESSAGE_STRIDE: u64 = 31;
const CONNECTION_STRIDE: u64 = 1009;

/// The same for lines, which begin where the one before ended: fewer, and prime too.
const LINE_PLACES: u64 = 251;

/// What is asked over HTTP, without connection or message in it: the answer is always the same.
const HTTP_REQUEST: &[u8] = b"GET / HTTP/1.1\r\nHost: localhost\r\nAccept: */*\r\n\r\n";

/// Number of different long answers; the first byte of the question chooses one.
pub const VARIANTS: usize = 8;

/// All questions of a run and their right answers.
#[derive(Debug)]
pub struct Pattern {
    size: usize,
    reply_bytes: usize,
    text: Text,
    /// Messages begin at this many places of the text, which are this many bytes apart.
    places: u64,
    unit: usize,
    /// The long answers, one after the other; empty when the server echoes.
    replies: Vec<u8>,
}

impl Pattern {
    /// Questions of `size` bytes, at least 1. The answer is the question itself if `reply_bytes` is
    /// the same number, otherwise [`reply_byte`] at each position.
    #[must_use]
    pub fn new(size: usize, reply_bytes: usize) -> Self {
        let echo = reply_bytes == size;
        let replies = if echo {
            Vec::new()
        } else {
            long_answers(reply_bytes)
        };
        Self {
            size,
            reply_bytes,
            text: Text::new(&random_text(PLACES as usize + size)),
            places: PLACES,
            unit: 1,
            replies,
        }
    }

    /// As [`new`](Self::new), but the last byte of each question, and no other, is a newline.
    #[must_use]
    pub fn lines(size: usize, reply_bytes: usize) -> Self {
        let mut text = random_text(LINE_PLACES as usize * size);
        for (at, byte) in text.iter_mut().enumerate() {
            match (at % size == size - 1, *byte) {
                (true, _) => *byte = b'\n',
                (false, b'\n') => *byte = b'-',
                _ => {}
            }
        }
        Self {
            text: Text::new(&text),
            places: LINE_PLACES,
            unit: size,
            ..Self::new(size, reply_bytes)
        }
    }

    /// A GET, whose answer has this body of `reply_bytes`; what stands before it is not part of
    /// the pattern.
    #[must_use]
    pub fn http(reply_bytes: usize) -> Self {
        Self {
            size: HTTP_REQUEST.len(),
            reply_bytes,
            text: Text::new(HTTP_REQUEST),
            places: 1,
            unit: 0,
            replies: long_answers(reply_bytes),
        }
    }

    /// The question with this number on this connection.
    #[must_use]
    pub fn request(&self, connection: u32, message: u64) -> &[u8] {
        // Both factors stay far below 2^64 / stride in any run; wrapping would do no harm either.
        let place = message.wrapping_mul(MESSAGE_STRIDE);
        let place = place.wrapping_add(u64::from(connection) * CONNECTION_STRIDE) % self.places;
        &self.text[place as usize * self.unit..][..self.size]
    }

    /// The right answer to [`request`](Self::request) of the same numbers.
    #[must_use]
    pub fn reply(&self, connection: u32, message: u64) -> &[u8] {
        let request = self.request(connection, message);
        if self.replies.is_empty() {
            return request;
        }
        let variant = usize::from(request[0]) % VARIANTS;
        &self.replies[variant * self.reply_bytes..][..self.reply_bytes]
    }

    /// Bytes of a question and its answer together.
    #[must_use]
    pub fn bytes_per_message(&self) -> usize {
        self.size + self.reply_bytes
    }
}

fn long_answers(reply_bytes: usize) -> Vec<u8> {
    (0..VARIANTS)
        .flat_map(|variant| (0..reply_bytes).map(move |at| reply_byte(variant, at)))
        .collect()
}

/// Byte `at` of the long answer to a question whose first byte is `variant` modulo [`VARIANTS`].
/// Servers compute the same. No two pieces of 32 bytes among 256 in a row are equal, so lost and
/// swapped writes show.
#[must_use]
pub fn reply_byte(variant: usize, at: usize) -> u8 {
    (variant * 37 + at + (at >> 5)) as u8
}

/// Marsaglia's xorshift64: the same text in every run, and no byte follows from its neighbours.
fn random_text(len: usize) -> Vec<u8> {
    let mut state = 0x9E37_79B9_7F4A_7C15_u64;
    std::iter::repeat_with(|| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        (state >> 32) as u8
    })
    .take(len)
    .collect()
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::{LINE_PLACES, PLACES, Pattern, VARIANTS, reply_byte};

    #[test]
    fn neighbouring_messages_and_connections_differ() {
        let pattern = Pattern::new(16, 16);
        let mut seen = HashSet::new();
        for message in 0..PLACES {
            assert!(
                seen.insert(pattern.request(3, message)),
                "message {message} repeats"
            );
        }
        assert_ne!(pattern.request(0, 5), pattern.request(1, 5));
    }

    #[test]
    fn a_line_ends_where_the_message_does() {
        let pattern = Pattern::lines(20, 20);
        let mut seen = HashSet::new();
        for message in 0..LINE_PLACES {
            let line = pattern.request(1, message);
            assert_eq!(line.iter().position(|&byte| byte == b'\n'), Some(19));
            assert!(seen.insert(line), "message {message} repeats");
        }
    }

    #[test]
    fn every_page_is_the_same() {
        let pattern = Pattern::http(100);
        assert!(pattern.request(3, 9).starts_with(b"GET / HTTP/1.1\r\n"));
        assert_eq!(pattern.request(3, 9), pattern.request(0, 0));
        let right: Vec<u8> = (0..100).map(|at| reply_byte(7, at)).collect();
        assert_eq!(pattern.reply(3, 9), right);
    }

    #[test]
    fn an_echo_is_the_question() {
        let pattern = Pattern::new(1000, 1000);
        assert_eq!(pattern.request(7, 99).len(), 1000);
        assert_eq!(pattern.reply(7, 99), pattern.request(7, 99));
    }

    #[test]
    fn a_long_answer_is_chosen_by_the_first_byte() {
        let pattern = Pattern::new(1, 3200);
        for message in 0..100 {
            let variant = usize::from(pattern.request(0, message)[0]) % VARIANTS;
            let right: Vec<u8> = (0..3200).map(|at| reply_byte(variant, at)).collect();
            assert_eq!(pattern.reply(0, message), right);
        }
    }

    #[test]
    fn no_two_pieces_of_a_long_answer_are_equal() {
        let answer: Vec<u8> = (0..3200).map(|at| reply_byte(5, at)).collect();
        let pieces: HashSet<&[u8]> = answer.chunks(32).collect();
        assert_eq!(pieces.len(), 100);
    }
}
