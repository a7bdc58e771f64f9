//! The command line, and what it means.

use std::net::{SocketAddr, ToSocketAddrs};
use std::path::PathBuf;
use std::time::Duration;

use clap::{ArgGroup, Parser, value_parser};
use rustix::io::Errno;
use rustix::net::SocketAddrUnix;
use rustix::thread::{CpuSet, sched_setaffinity};

use crate::error::Error;

/// Sends messages over many connections, checks every byte of the answers and tells the rate.
///
/// An option given twice has its last value.
#[derive(Debug, Clone, Parser)]
#[command(name = "ferrio-loadgen", version, args_override_self = true)]
#[command(group(ArgGroup::new("server").required(true).args(["addr", "udp", "unix"])))]
pub struct Args {
    /// Server to connect to over TCP.
    #[arg(long, value_name = "HOST:PORT")]
    pub addr: Option<String>,

    /// Server to send datagrams to: one for each message. A lost one is an error.
    #[arg(long, value_name = "HOST:PORT", conflicts_with_all = ["churn", "pipeline", "tls", "interval"])]
    pub udp: Option<String>,

    /// Server to connect to over a unix socket.
    #[arg(long, value_name = "PATH")]
    pub unix: Option<PathBuf>,

    /// Connections used at the same time.
    #[arg(long, default_value_t = 1, value_parser = value_parser!(u32).range(1..=60_000))]
    pub connections: u32,

    /// Encrypt; this file has the certificates of who may vouch for the server, "localhost".
    #[arg(long, value_name = "PEM FILE")]
    pub tls: Option<PathBuf>,

    /// Messages are lines: the last byte, and no other, is a newline.
    #[arg(long, conflicts_with = "http")]
    pub lines: bool,

    /// Messages are GET requests, answers of HTTP/1.1 with a body of --reply-bytes.
    #[arg(long, requires = "reply_bytes", conflicts_with = "size")]
    pub http: bool,

    /// Send a message on each connection in each so long a time, whether the one before has its
    /// answer or not, instead of as soon as it has.
    #[arg(long, value_name = "SECONDS", value_parser = positive_seconds)]
    #[arg(conflicts_with_all = ["churn", "pipeline"])]
    pub interval: Option<Duration>,

    /// Length of a message.
    #[arg(long, value_name = "BYTES", default_value_t = 1024)]
    #[arg(value_parser = value_parser!(u32).range(1..=1 << 30))]
    pub size: u32,

    /// Length of an answer. The same as --size: the server echoes. Another: byte n of the answer
    /// is 37v + n + n/32 modulo 256, where v is the first byte of the message modulo 8.
    #[arg(long, value_name = "BYTES", value_parser = value_parser!(u32).range(1..=1 << 26))]
    pub reply_bytes: Option<u32>,

    /// Measured time.
    #[arg(long, value_name = "SECONDS", default_value = "2", value_parser = positive_seconds)]
    pub duration: Duration,

    /// Time before it, with the same load, that does not count. It begins when all connections
    /// are established.
    #[arg(long, value_name = "SECONDS", default_value = "0.5", value_parser = seconds)]
    pub warmup: Duration,

    /// Messages that may wait for their answers on one connection.
    #[arg(long, value_name = "K", default_value_t = 1)]
    #[arg(value_parser = value_parser!(u32).range(1..=1024))]
    pub pipeline: u32,

    /// A connection for each message: connect, ask, check, shut down, wait for the server's end,
    /// close. The whole cycle is what is counted and timed.
    #[arg(long, conflicts_with = "pipeline")]
    pub churn: bool,

    /// Run on this processor only.
    #[arg(long, value_name = "NUMBER", value_parser = value_parser!(u32).range(..1024))]
    pub cpu: Option<u32>,

    /// Also tell the processor time that this process spends on a message.
    #[arg(long, value_name = "PID")]
    pub server_pid: Option<u32>,

    /// Give up when nothing has come on any connection for this long. SYNs that a full queue
    /// dropped are sent again after 1, 3 and 7 seconds.
    #[arg(long, value_name = "SECONDS", default_value = "10", value_parser = positive_seconds)]
    pub patience: Duration,

    /// Print the report as one line of JSON.
    #[arg(long)]
    pub json: bool,
}

/// With `--interval`, messages that may wait for their answers on one connection: as good as any
/// number.
const MOST_UNANSWERED: u32 = 100_000;

/// Where the server listens.
#[derive(Debug, Clone)]
pub enum Target {
    /// TCP over IPv4 or IPv6.
    Tcp(SocketAddr),
    /// UDP.
    Udp(SocketAddr),
    /// A stream socket in the file system.
    Unix(SocketAddrUnix),
}

/// What messages look like.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Form {
    /// Any bytes.
    Bytes,
    /// Lines.
    Lines,
    /// Requests and answers of HTTP/1.1.
    Http,
}

/// A checked command line.
#[derive(Debug, Clone)]
pub struct Plan {
    /// Where the server listens.
    pub target: Target,
    /// Who may vouch for the server, if the connections are encrypted.
    pub tls: Option<PathBuf>,
    /// What messages look like.
    pub form: Form,
    /// Connections used at the same time, at least 1.
    pub connections: u32,
    /// Bytes of a message, at least 1.
    pub size: usize,
    /// Bytes of an answer, at least 1; the same as `size` for an echo.
    pub reply_bytes: usize,
    /// Measured nanoseconds, more than 0.
    pub duration_ns: u64,
    /// Nanoseconds of load before.
    pub warmup_ns: u64,
    /// Messages that may wait on one connection, at least 1.
    pub pipeline: u32,
    /// Nanoseconds from one message to the next on a connection; `None`: as soon as it is answered.
    pub interval_ns: Option<u64>,
    /// Whether each message has its own connection.
    pub churn: bool,
    /// The one processor to run on.
    pub cpu: Option<u32>,
    /// The process whose processor time is told.
    pub server_pid: Option<u32>,
    /// Nanoseconds of silence, more than 0, after which the server counts as hanging.
    pub patience_ns: u64,
}

impl TryFrom<Args> for Plan {
    type Error = Error;

    /// Resolves the address; the first one that the system names is used.
    fn try_from(args: Args) -> Result<Self, Error> {
        let target = match (&args.addr, &args.udp, &args.unix) {
            (Some(text), ..) => Target::Tcp(resolve(text)?),
            (None, Some(text), _) => Target::Udp(resolve(text)?),
            (None, None, Some(path)) => Target::Unix(unix_address(path)?),
            (None, None, None) => return Err(address_error("", "give --addr, --udp or --unix")),
        };
        let form = match (args.lines, args.http) {
            (_, true) => Form::Http,
            (true, _) => Form::Lines,
            _ => Form::Bytes,
        };
        Ok(Self {
            target,
            tls: args.tls,
            form,
            connections: args.connections,
            size: args.size as usize,
            reply_bytes: args.reply_bytes.unwrap_or(args.size) as usize,
            duration_ns: nanoseconds(args.duration),
            warmup_ns: nanoseconds(args.warmup),
            pipeline: args.interval.map_or(args.pipeline, |_| MOST_UNANSWERED),
            interval_ns: args.interval.map(nanoseconds),
            churn: args.churn,
            cpu: args.cpu,
            server_pid: args.server_pid,
            patience_ns: nanoseconds(args.patience),
        })
    }
}

/// From this length on messages are handed to the kernel without a copy.
const SPLICED_BYTES: usize = 512 * 1024;

impl Plan {
    /// Whether messages are so long that copying them takes more than all else.
    #[must_use]
    pub fn splices(&self) -> bool {
        matches!(self.target, Target::Tcp(_)) && self.tls.is_none() && self.size >= SPLICED_BYTES
    }

    /// Ties the calling thread to the wanted processor, if any is wanted.
    ///
    /// # Errors
    /// The kernel's, when there is no such processor or it is not ours to use.
    pub fn pin(&self) -> Result<(), Error> {
        let Some(cpu) = self.cpu else { return Ok(()) };
        let mut set = CpuSet::new();
        set.set(cpu as usize);
        sched_setaffinity(None, &set).map_err(|errno| Error::System {
            operation: "pinning to the processor of --cpu",
            errno,
        })
    }
}

fn resolve(text: &str) -> Result<SocketAddr, Error> {
    let mut found = text
        .to_socket_addrs()
        .map_err(|error| address_error(text, error))?;
    found
        .next()
        .ok_or_else(|| address_error(text, "the name has no address"))
}

fn unix_address(path: &PathBuf) -> Result<SocketAddrUnix, Error> {
    SocketAddrUnix::new(path).map_err(|errno: Errno| address_error(&path.to_string_lossy(), errno))
}

fn address_error(text: &str, reason: impl ToString) -> Error {
    Error::Address {
        text: text.to_owned(),
        reason: reason.to_string(),
    }
}

fn seconds(text: &str) -> Result<Duration, String> {
    let number: f64 = text.parse().map_err(|_| "not a number".to_owned())?;
    let time = Duration::try_from_secs_f64(number).map_err(|error| error.to_string())?;
    match time <= Duration::from_secs(3600) {
        true => Ok(time),
        false => Err("more than an hour".to_owned()),
    }
}

fn positive_seconds(text: &str) -> Result<Duration, String> {
    match seconds(text)? {
        Duration::ZERO => Err("must be more than 0".to_owned()),
        time => Ok(time),
    }
}

/// `seconds` allows an hour at most: far less than 2^64 ns.
fn nanoseconds(time: Duration) -> u64 {
    u64::try_from(time.as_nanos()).expect("an hour has fewer than 2^64 ns")
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::{Args, Plan};

    fn plan(line: &str) -> Result<Plan, String> {
        let words = std::iter::once("ferrio-loadgen").chain(line.split_whitespace());
        let args = Args::try_parse_from(words).map_err(|error| error.to_string())?;
        Plan::try_from(args).map_err(|error| error.to_string())
    }

    #[test]
    fn an_answer_is_an_echo_unless_told_otherwise() {
        let echo = plan("--addr 127.0.0.1:9 --size 77").expect("complete");
        assert_eq!((echo.size, echo.reply_bytes), (77, 77));
        let long = plan("--addr 127.0.0.1:9 --size 1 --reply-bytes 3200").expect("complete");
        assert_eq!((long.size, long.reply_bytes), (1, 3200));
    }

    #[test]
    fn times_are_seconds_and_may_have_decimals() {
        let plan = plan("--unix /run/x --duration 0.25 --warmup 0").expect("complete");
        assert_eq!((plan.duration_ns, plan.warmup_ns), (250_000_000, 0));
    }

    #[test]
    fn nonsense_is_refused() {
        for line in [
            "--size 1",
            "--addr 127.0.0.1:9 --unix /run/x",
            "--addr 127.0.0.1",
            "--addr 127.0.0.1:9 --connections 0",
            "--addr 127.0.0.1:9 --size 0",
            "--addr 127.0.0.1:9 --duration 0",
            "--addr 127.0.0.1:9 --duration -1",
            "--addr 127.0.0.1:9 --duration nan",
            "--addr 127.0.0.1:9 --warmup 1e9",
            "--addr 127.0.0.1:9 --churn --pipeline 2",
            "--addr 127.0.0.1:9 --udp 127.0.0.1:9",
            "--udp 127.0.0.1:9 --pipeline 2",
            "--addr 127.0.0.1:9 --http",
            "--addr 127.0.0.1:9 --interval 1 --churn",
        ] {
            assert!(plan(line).is_err(), "accepted: {line}");
        }
    }
}
