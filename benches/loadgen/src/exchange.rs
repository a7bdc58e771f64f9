//! Questions and answers of one connection: what may be sent next, and whether what came is right.
//! It makes no system call and reads no clock.
//!
//! ```text
//! messages   0 ........ receiving ........ sending ........ receiving + pipeline ..... end
//!             answered             asked             may be asked              never asked
//! ```

use std::collections::VecDeque;
use std::io::IoSlice;

use crate::error::Error;
use crate::pattern::Pattern;

/// A place in the stream of one direction.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
struct Cursor {
    message: u64,
    byte: usize,
}

/// Both directions of one connection.
#[derive(Debug)]
pub struct Exchange {
    connection: u32,
    pipeline: u64,
    /// Number of the first message that must not be asked.
    end: u64,
    sending: Cursor,
    receiving: Cursor,
    /// When the unanswered questions were begun, the oldest first.
    started_ns: VecDeque<u64>,
}

impl Exchange {
    /// Nothing asked yet; up to `pipeline` questions may wait for their answers at a time.
    #[must_use]
    pub fn new(connection: u32, pipeline: u32) -> Self {
        Self {
            connection,
            pipeline: u64::from(pipeline),
            end: u64::MAX,
            sending: Cursor::default(),
            receiving: Cursor::default(),
            started_ns: VecDeque::with_capacity(pipeline as usize),
        }
    }

    /// From here on ask only `count` questions more than have been answered.
    pub fn allow(&mut self, count: u64) {
        self.end = self.receiving.message + count;
    }

    /// One question more than may be asked already.
    pub fn allow_another(&mut self) {
        self.end += 1;
    }

    /// Answers that have come whole.
    #[must_use]
    pub fn answered(&self) -> u64 {
        self.receiving.message
    }

    /// Whether every question that may be asked has its answer.
    #[must_use]
    pub fn is_finished(&self) -> bool {
        self.receiving.message == self.end
    }

    /// Fills `slices` with what may be sent now, in order, and returns how many it used.
    #[must_use]
    pub fn outgoing<'p>(&self, pattern: &'p Pattern, slices: &mut [IoSlice<'p>]) -> usize {
        let limit = self.end.min(self.receiving.message + self.pipeline);
        let mut used = 0;
        for (slice, message) in slices.iter_mut().zip(self.sending.message..limit) {
            let skip = if used == 0 { self.sending.byte } else { 0 };
            *slice = IoSlice::new(&pattern.request(self.connection, message)[skip..]);
            used += 1;
        }
        used
    }

    /// The kernel took the next `count` bytes of [`outgoing`](Self::outgoing) at `now_ns`.
    pub fn sent(&mut self, pattern: &Pattern, mut count: usize, now_ns: u64) {
        while count > 0 {
            if self.sending.byte == 0 {
                self.started_ns.push_back(now_ns);
            }
            let len = pattern.request(self.connection, self.sending.message).len();
            let taken = count.min(len - self.sending.byte);
            self.sending.advance(taken, len);
            count -= taken;
        }
    }

    /// Checks bytes that came at `now_ns`; `answered` is called with the nanoseconds from question
    /// to whole answer.
    ///
    /// # Errors
    /// The first byte that is wrong or that nobody asked for.
    pub fn received(
        &mut self,
        pattern: &Pattern,
        mut bytes: &[u8],
        now_ns: u64,
        mut answered: impl FnMut(u64),
    ) -> Result<(), Error> {
        while !bytes.is_empty() {
            let Some(&started_ns) = self.started_ns.front() else {
                return Err(self.unasked());
            };
            let reply = pattern.reply(self.connection, self.receiving.message);
            let expected = &reply[self.receiving.byte..];
            let (piece, rest) = bytes.split_at(bytes.len().min(expected.len()));
            if piece != &expected[..piece.len()] {
                return Err(self.wrong_byte(piece, expected));
            }
            self.receiving.advance(piece.len(), reply.len());
            if self.receiving.byte == 0 {
                self.started_ns.pop_front();
                answered(now_ns.saturating_sub(started_ns));
            }
            bytes = rest;
        }
        Ok(())
    }

    /// The error for bytes that came though every question has its answer.
    #[must_use]
    pub fn unasked(&self) -> Error {
        Error::Unasked {
            connection: self.connection,
            answered: self.answered(),
        }
    }

    /// The error for an end of the stream where an answer is due.
    #[must_use]
    pub fn closed_early(&self) -> Error {
        Error::ClosedEarly {
            connection: self.connection,
            message: self.receiving.message,
            position: self.receiving.byte,
        }
    }

    #[cold]
    fn wrong_byte(&self, piece: &[u8], expected: &[u8]) -> Error {
        let pairs = piece.iter().zip(expected);
        let at = pairs.take_while(|(got, right)| got == right).count();
        Error::WrongByte {
            connection: self.connection,
            message: self.receiving.message,
            position: self.receiving.byte + at,
            expected: expected[at],
            got: piece[at],
        }
    }
}

impl Cursor {
    /// `count` bytes further, within a message of `len` bytes.
    fn advance(&mut self, count: usize, len: usize) {
        self.byte += count;
        if self.byte == len {
            *self = Self {
                message: self.message + 1,
                byte: 0,
            };
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io::IoSlice;

    use super::Exchange;
    use crate::error::Error;
    use crate::pattern::Pattern;

    fn outgoing(exchange: &Exchange, pattern: &Pattern) -> Vec<Vec<u8>> {
        let mut slices = [IoSlice::new(&[]); 8];
        let used = exchange.outgoing(pattern, &mut slices);
        slices[..used].iter().map(|slice| slice.to_vec()).collect()
    }

    /// Sends all that may be sent and returns its bytes.
    fn send_all(exchange: &mut Exchange, pattern: &Pattern, now_ns: u64) -> Vec<u8> {
        let bytes = outgoing(exchange, pattern).concat();
        exchange.sent(pattern, bytes.len(), now_ns);
        bytes
    }

    #[test]
    fn one_question_waits_for_its_answer() {
        let pattern = Pattern::new(10, 10);
        let mut exchange = Exchange::new(2, 1);
        let question = send_all(&mut exchange, &pattern, 100);
        assert_eq!(question, pattern.request(2, 0));
        assert!(outgoing(&exchange, &pattern).is_empty());

        let mut latencies = Vec::new();
        for (at, byte) in question.chunks(3).enumerate() {
            exchange
                .received(&pattern, byte, 200 + at as u64, |ns| latencies.push(ns))
                .expect("the right bytes");
        }
        assert_eq!((latencies, exchange.answered()), (vec![103], 1));
        assert_eq!(outgoing(&exchange, &pattern), [pattern.request(2, 1)]);
    }

    #[test]
    fn a_pipeline_fills_up_as_answers_come() {
        let pattern = Pattern::new(4, 4);
        let mut exchange = Exchange::new(0, 3);
        let asked = send_all(&mut exchange, &pattern, 0);
        assert_eq!(asked.len(), 12);
        let mut answers = 0;
        exchange
            .received(&pattern, &asked[..9], 1, |_| answers += 1)
            .expect("the right bytes");
        assert_eq!(answers, 2);
        assert_eq!(
            outgoing(&exchange, &pattern),
            [pattern.request(0, 3), pattern.request(0, 4)]
        );
    }

    #[test]
    fn a_partial_send_goes_on_where_it_stopped() {
        let pattern = Pattern::new(100, 100);
        let mut exchange = Exchange::new(0, 2);
        exchange.sent(&pattern, 130, 0);
        assert_eq!(
            outgoing(&exchange, &pattern),
            [&pattern.request(0, 1)[30..]]
        );
    }

    #[test]
    fn the_first_wrong_byte_is_named() {
        let pattern = Pattern::new(50, 50);
        let mut exchange = Exchange::new(4, 1);
        let mut answer = send_all(&mut exchange, &pattern, 0);
        let right = answer[33];
        answer[33] ^= 0x20;
        exchange
            .received(&pattern, &answer[..20], 0, |_| ())
            .expect("right so far");
        let error = exchange.received(&pattern, &answer[20..], 0, |_| ());
        assert_eq!(
            error,
            Err(Error::WrongByte {
                connection: 4,
                message: 0,
                position: 33,
                expected: right,
                got: right ^ 0x20
            })
        );
    }

    #[test]
    fn bytes_beyond_the_last_answer_are_an_error() {
        let pattern = Pattern::new(5, 5);
        let mut exchange = Exchange::new(1, 1);
        let mut answer = send_all(&mut exchange, &pattern, 0);
        answer.push(0);
        let error = exchange.received(&pattern, &answer, 0, |_| ());
        assert_eq!(
            error,
            Err(Error::Unasked {
                connection: 1,
                answered: 1
            })
        );
    }

    #[test]
    fn an_allowance_ends_the_questions() {
        let pattern = Pattern::new(5, 5);
        let mut exchange = Exchange::new(0, 4);
        exchange.allow(1);
        let answer = send_all(&mut exchange, &pattern, 0);
        assert_eq!(answer.len(), 5);
        assert!(!exchange.is_finished());
        exchange
            .received(&pattern, &answer, 0, |_| ())
            .expect("the right bytes");
        assert!(exchange.is_finished());
        exchange.allow(1);
        assert_eq!(send_all(&mut exchange, &pattern, 0), pattern.request(0, 1));
        exchange.allow_another();
        exchange.allow_another();
        let both = [pattern.request(0, 2), pattern.request(0, 3)].concat();
        assert_eq!(send_all(&mut exchange, &pattern, 0), both);
    }
}
