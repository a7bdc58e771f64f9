//! ROOM    the other end of the network benchmarks: asks, waits for the answer, checks every byte
//! KNOWS   rustix, the reactor's clock   NEVER   the reactor's poller or sockets: what is measured must not measure itself
//! IN      a `Plan` from the command line    OUT     a `Report`, or the first `Error`
//! PROOF   unit tests beside the code, `tests/` against small servers, honest and lying
//! START   `run.rs`, then `connection.rs` and `exchange.rs`
//!
//! The load is a closed loop: a connection sends its next message when an answer has come, so the
//! rate is what the server can do and the latency has no queue of ours in it. The generator never
//! sleeps (it polls with timeout 0): a halted processor takes tens of microseconds to come back,
//! which would be counted as the server's. It therefore wants a core for itself.

#![forbid(unsafe_code)]

pub mod connection;
pub mod error;
pub mod exchange;
pub mod http;
pub mod pattern;
pub mod plan;
pub mod report;
pub mod run;
pub mod server_cpu;
pub mod spliced;
pub mod text;
pub mod wire;

pub use error::Error;
pub use plan::{Args, Plan};
pub use report::Report;
pub use run::run;
