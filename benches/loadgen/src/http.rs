//! The heads of HTTP/1.1 answers: read, judged and cut off, so that bodies remain to be compared.

/// Longest head that is taken for one.
const MAX_HEAD_BYTES: usize = 16 * 1024;

/// A piece of a body, and what follows it.
type Split<'b> = (&'b [u8], &'b [u8]);

/// Cuts a stream of answers, which may be cut anywhere itself.
#[derive(Debug)]
pub struct Heads {
    body_bytes: usize,
    /// What has come of a head that is not whole yet.
    partial: Vec<u8>,
    /// Bytes of the body that have not come yet.
    missing: usize,
}

impl Heads {
    /// Every answer must be a 200 with a body of `body_bytes`, at least 1.
    #[must_use]
    pub fn new(body_bytes: usize) -> Self {
        Self {
            body_bytes,
            partial: Vec::new(),
            missing: 0,
        }
    }

    /// The next piece of a body in `bytes`, and what is left of them; `None` when all are heads.
    ///
    /// # Errors
    /// What is wrong with a head.
    pub fn body<'b>(&mut self, bytes: &'b [u8]) -> Result<Option<Split<'b>>, String> {
        let mut rest = bytes;
        if self.missing == 0 {
            let Some(after) = self.head(bytes)? else {
                return Ok(None);
            };
            rest = after;
            self.missing = self.body_bytes;
        }
        if rest.is_empty() {
            return Ok(None);
        }
        let (body, rest) = rest.split_at(rest.len().min(self.missing));
        self.missing -= body.len();
        Ok(Some((body, rest)))
    }

    /// What follows the head, when it is whole.
    fn head<'b>(&mut self, bytes: &'b [u8]) -> Result<Option<&'b [u8]>, String> {
        let had = self.partial.len();
        self.partial.extend_from_slice(bytes);
        // The end may have begun in what came before.
        let from = had.saturating_sub(3);
        let end = self.partial[from..]
            .windows(4)
            .position(|four| four == b"\r\n\r\n");
        let Some(end) = end.map(|at| from + at + 4) else {
            return match self.partial.len() > MAX_HEAD_BYTES {
                true => Err(format!("a head of more than {MAX_HEAD_BYTES} bytes")),
                false => Ok(None),
            };
        };
        let head = String::from_utf8_lossy(&self.partial[..end]).into_owned();
        self.partial.clear();
        self.judge(&head)?;
        Ok(Some(&bytes[end - had..]))
    }

    fn judge(&self, head: &str) -> Result<(), String> {
        let mut lines = head.split("\r\n");
        let status = lines.next().unwrap_or_default();
        if status.split(' ').nth(1) != Some("200") {
            return Err(format!("status line {status:?}"));
        }
        let length = lines
            .filter_map(|line| line.split_once(':'))
            .find(|(name, _)| name.eq_ignore_ascii_case("content-length"))
            .map(|(_, value)| value.trim());
        match length {
            Some(text) if text.parse() == Ok(self.body_bytes) => Ok(()),
            Some(text) => Err(format!(
                "a body of {text} bytes, must be {}",
                self.body_bytes
            )),
            None => Err("no Content-Length".to_owned()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Heads;

    const ANSWER: &[u8] = b"HTTP/1.1 200 OK\r\ncontent-LENGTH: 5\r\nDate: x\r\n\r\nhello";

    /// The bodies in pieces of the stream, joined.
    fn bodies<'b>(pieces: impl Iterator<Item = &'b [u8]>) -> Result<Vec<u8>, String> {
        let mut heads = Heads::new(5);
        let mut all = Vec::new();
        for mut bytes in pieces {
            while let Some((body, rest)) = heads.body(bytes)? {
                all.extend_from_slice(body);
                bytes = rest;
                if bytes.is_empty() {
                    break;
                }
            }
        }
        Ok(all)
    }

    #[test]
    fn bodies_remain_wherever_the_stream_is_cut() {
        let stream = ANSWER.repeat(3);
        for size in 1..stream.len() {
            assert_eq!(
                bodies(stream.chunks(size)).as_deref(),
                Ok(&b"hellohellohello"[..]),
                "pieces of {size}"
            );
        }
    }

    #[test]
    fn other_answers_are_refused() {
        for head in [
            "HTTP/1.1 500 No\r\nContent-Length: 5\r\n\r\n",
            "HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\n",
            "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n",
            "\r\n\r\n",
        ] {
            let found = bodies(std::iter::once(head.as_bytes()));
            assert!(found.is_err(), "{head:?} gives {found:?}");
        }
        let endless = b"x".repeat(20_000);
        assert!(bodies(endless.chunks(1000)).is_err());
    }
}
