//! The life of one stream connection, as asyncio's transports live it.
//!
//! ```text
//! Starting ─ started ─► Open ─ close, data left ─► Closing ─ drained ─► Lost
//!                        └──── close with nothing left, or force ───────► Lost
//! ```
//! Reading and the two halves of closing are independent of the phase: reading may be paused by the user or ended by the
//! peer, writing ended by `write_eof`, sent once everything before it is.

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Phase {
    Starting,
    Open,
    Closing,
    Lost,
}

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Writing {
    Open,
    EofQueued,
    EofSent,
}

/// What the transport has to do after a transition.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[must_use]
pub enum Action {
    /// Nothing.
    Nothing,
    /// Wait for the kernel to have bytes.
    StartReading,
    /// Stop waiting for them.
    StopReading,
    /// `shutdown(SHUT_WR)`: everything before it has been sent.
    ShutdownWrite,
    /// Stop reading, then `connection_lost`.
    Lose,
}

/// The states of one connection.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Conn {
    phase: Phase,
    paused: bool,
    peer_eof: bool,
    writing: Writing,
}

impl Conn {
    /// Before `connection_made`.
    #[must_use]
    pub const fn new() -> Self {
        Self {
            phase: Phase::Starting,
            paused: false,
            peer_eof: false,
            writing: Writing::Open,
        }
    }

    /// `connection_made` has returned. It may have paused or closed already.
    pub fn started(&mut self) -> Action {
        if self.phase != Phase::Starting {
            return Action::Nothing;
        }
        self.phase = Phase::Open;
        if self.paused {
            Action::Nothing
        } else {
            Action::StartReading
        }
    }

    /// May bytes be read from the kernel now?
    #[inline]
    #[must_use]
    pub fn wants_bytes(&self) -> bool {
        self.phase == Phase::Open && !self.paused && !self.peer_eof
    }

    /// `is_reading()` as asyncio answers it: neither closing nor paused.
    #[must_use]
    pub fn is_reading(&self) -> bool {
        !self.is_closing() && !self.paused
    }

    /// `is_closing()`.
    #[inline]
    #[must_use]
    pub fn is_closing(&self) -> bool {
        matches!(self.phase, Phase::Closing | Phase::Lost)
    }

    /// Is `connection_lost` under way or over? Then written bytes are dropped.
    #[inline]
    #[must_use]
    pub fn is_lost(&self) -> bool {
        self.phase == Phase::Lost
    }

    /// Has `write_eof` been called?
    #[inline]
    #[must_use]
    pub fn has_written_eof(&self) -> bool {
        self.writing != Writing::Open
    }

    /// `pause_reading()`.
    pub fn pause(&mut self) -> Action {
        if !self.is_reading() {
            return Action::Nothing;
        }
        self.paused = true;
        if self.phase == Phase::Open {
            Action::StopReading
        } else {
            Action::Nothing
        }
    }

    /// `resume_reading()`.
    pub fn resume(&mut self) -> Action {
        if self.is_closing() || !self.paused {
            return Action::Nothing;
        }
        self.paused = false;
        if self.wants_bytes() {
            Action::StartReading
        } else {
            Action::Nothing
        }
    }

    /// The peer has ended its half; `keep_open` is what `eof_received()` said.
    pub fn peer_eof(&mut self, keep_open: bool, data_left: bool) -> Action {
        self.peer_eof = true;
        if keep_open {
            return if self.is_closing() {
                Action::Nothing
            } else {
                Action::StopReading
            };
        }
        self.close(data_left)
    }

    /// `write_eof()`.
    pub fn write_eof(&mut self, data_left: bool) -> Action {
        if self.is_closing() || self.writing != Writing::Open {
            return Action::Nothing;
        }
        self.writing = if data_left {
            Writing::EofQueued
        } else {
            Writing::EofSent
        };
        if data_left {
            Action::Nothing
        } else {
            Action::ShutdownWrite
        }
    }

    /// `close()`: at once where nothing is left to send.
    pub fn close(&mut self, data_left: bool) -> Action {
        if self.is_closing() {
            return Action::Nothing;
        }
        if data_left {
            self.phase = Phase::Closing;
            return Action::StopReading;
        }
        self.phase = Phase::Lost;
        Action::Lose
    }

    /// `abort()` and errors: at once, whatever is left.
    pub fn force(&mut self) -> Action {
        if self.phase == Phase::Lost {
            return Action::Nothing;
        }
        self.phase = Phase::Lost;
        Action::Lose
    }

    /// Everything written has been sent.
    #[inline]
    pub fn drained(&mut self) -> Action {
        if self.phase == Phase::Closing {
            self.phase = Phase::Lost;
            return Action::Lose;
        }
        if self.writing == Writing::EofQueued {
            self.writing = Writing::EofSent;
            return Action::ShutdownWrite;
        }
        Action::Nothing
    }
}

impl Default for Conn {
    fn default() -> Self {
        Self::new()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn open() -> Conn {
        let mut conn = Conn::new();
        assert_eq!(conn.started(), Action::StartReading);
        conn
    }

    #[test]
    fn is_lost_exactly_once() {
        let mut conn = open();
        assert_eq!(conn.close(true), Action::StopReading);
        assert_eq!(conn.close(true), Action::Nothing);
        assert_eq!(conn.drained(), Action::Lose);
        assert_eq!(conn.drained(), Action::Nothing);
        assert_eq!(conn.force(), Action::Nothing);
    }

    #[test]
    fn an_abort_does_not_wait_for_the_flush() {
        let mut conn = open();
        assert_eq!(conn.close(true), Action::StopReading);
        assert_eq!(conn.force(), Action::Lose);
        assert_eq!(conn.drained(), Action::Nothing);
    }

    #[test]
    fn eof_is_sent_behind_the_data() {
        let mut conn = open();
        assert_eq!(conn.write_eof(true), Action::Nothing);
        assert!(conn.has_written_eof());
        assert_eq!(conn.drained(), Action::ShutdownWrite);
        assert_eq!(conn.write_eof(false), Action::Nothing);
    }

    #[test]
    fn a_half_closed_connection_is_not_read_again() {
        let mut conn = open();
        assert_eq!(conn.peer_eof(true, false), Action::StopReading);
        assert!(!conn.wants_bytes() && !conn.is_closing());
        assert_eq!(conn.pause(), Action::StopReading);
        assert_eq!(conn.resume(), Action::Nothing);
        assert_eq!(conn.close(false), Action::Lose);
    }

    #[test]
    fn a_pause_in_connection_made_holds() {
        let mut conn = Conn::new();
        assert_eq!(conn.pause(), Action::Nothing);
        assert_eq!(conn.started(), Action::Nothing);
        assert!(!conn.wants_bytes());
        assert_eq!(conn.resume(), Action::StartReading);
    }
}
