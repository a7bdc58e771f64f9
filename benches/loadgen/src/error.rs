//! Every way a run can fail, with what was tried, on which connection, and what to do about it.

use std::fmt;

use rustix::io::Errno;

/// Why a run has no figures.
#[derive(Debug, PartialEq, Eq)]
pub enum Error {
    /// The address names no place to connect to.
    Address {
        /// As given.
        text: String,
        /// What the system says about it.
        reason: String,
    },
    /// The kernel refused a call that concerns no single connection.
    System {
        /// The call.
        operation: &'static str,
        /// Its error.
        errno: Errno,
    },
    /// The kernel refused a call on a connection.
    Io {
        /// What was tried.
        operation: &'static str,
        /// Number of the connection, from 0.
        connection: u32,
        /// Number of the message on that connection, from 0.
        message: u64,
        /// The kernel's error.
        errno: Errno,
    },
    /// The TLS configuration is of no use.
    Tls {
        /// What is wrong with it.
        reason: String,
    },
    /// What stands before an answer's body is not what HTTP wants.
    Head {
        /// Number of the connection, from 0.
        connection: u32,
        /// Number of the message on that connection, from 0.
        message: u64,
        /// What is wrong with it.
        reason: String,
    },
    /// An answer that is not the one that was asked for.
    WrongByte {
        /// Number of the connection, from 0.
        connection: u32,
        /// Number of the message on that connection, from 0.
        message: u64,
        /// Position in the answer, from 0.
        position: usize,
        /// The right byte.
        expected: u8,
        /// The byte that came.
        got: u8,
    },
    /// Bytes came though every question had its answer.
    Unasked {
        /// Number of the connection, from 0.
        connection: u32,
        /// How many answers had come before.
        answered: u64,
    },
    /// The server closed a connection that still waits for an answer.
    ClosedEarly {
        /// Number of the connection, from 0.
        connection: u32,
        /// Number of the message that has no whole answer.
        message: u64,
        /// How much of its answer had come.
        position: usize,
    },
    /// Nothing has come for a long time.
    Stalled {
        /// For how many nanoseconds.
        patience_ns: u64,
        /// Connections that were never established.
        unconnected: usize,
    },
    /// The measured time passed without one whole answer.
    NothingMeasured,
    /// `/proc` does not tell the processor time of the server.
    ServerCpu {
        /// The process asked about.
        pid: u32,
        /// What went wrong.
        reason: String,
    },
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Address { text, reason } => {
                write!(f, "cannot use the address {text:?}: {reason}")
            }
            Self::System { operation, errno } => write!(f, "{operation} failed: {errno}"),
            Self::Io {
                operation,
                connection,
                message,
                errno,
            } => {
                write!(
                    f,
                    "{operation} failed on connection {connection}, message {message}: {errno}"
                )?;
                write!(f, "{}", remedy(*errno))
            }
            Self::Tls { reason } => write!(f, "cannot use TLS: {reason}"),
            Self::Head {
                connection,
                message,
                reason,
            } => wrong_answer(f, *connection, *message, reason),
            Self::WrongByte {
                connection,
                message,
                position,
                expected,
                got,
            } => {
                let what = format_args!("byte {position} is {got:#04x}, must be {expected:#04x}");
                wrong_answer(f, *connection, *message, &what)
            }
            Self::Unasked {
                connection,
                answered,
            } => write!(
                f,
                "the server sent bytes nobody asked for on connection {connection}, after \
                 {answered} answers"
            ),
            Self::ClosedEarly {
                connection,
                message,
                position,
            } => write!(
                f,
                "the server closed connection {connection} in message {message}, {position} \
                 bytes into the answer"
            ),
            Self::Stalled {
                patience_ns,
                unconnected,
            } => stalled(f, *patience_ns, *unconnected),
            Self::NothingMeasured => {
                write!(
                    f,
                    "no whole answer came in the measured time: give a longer --duration"
                )
            }
            Self::ServerCpu { pid, reason } => {
                write!(
                    f,
                    "cannot read the processor time of process {pid}: {reason}"
                )
            }
        }
    }
}

impl std::error::Error for Error {}

fn wrong_answer(
    f: &mut fmt::Formatter<'_>,
    connection: u32,
    message: u64,
    what: &dyn fmt::Display,
) -> fmt::Result {
    write!(
        f,
        "wrong answer on connection {connection}, message {message}: {what}"
    )
}

fn stalled(f: &mut fmt::Formatter<'_>, patience_ns: u64, unconnected: usize) -> fmt::Result {
    let seconds = patience_ns as f64 / 1e9;
    write!(f, "nothing came for {seconds} s: the server hangs")?;
    match unconnected {
        0 => Ok(()),
        _ => write!(f, " or does not accept ({unconnected} not established)"),
    }
}

/// What helps against an errno that says more about the machine than about the server.
fn remedy(errno: Errno) -> &'static str {
    match errno {
        Errno::ADDRNOTAVAIL => {
            " (every local port is in use or in TIME_WAIT: run for a shorter time)"
        }
        Errno::AGAIN => " (the listening queue is full: use fewer connections)",
        Errno::MFILE => " (too many open files: raise `ulimit -n`)",
        _ => "",
    }
}
