//! ROOM    what the kernel offers: readiness, clock, wake-up, signals, sockets, name look-up, threads, children
//! KNOWS   libc, std                     NEVER   Python, protocol states, callbacks of a loop
//! IN      file descriptors, deadlines   OUT     plain data: `Event`, `SockAddr`, `io::Result`
//! PROOF   `tests/`, one file per promise; unit tests beside what only they can reach
//! START   `poller/mod.rs` (the contract of waiting), then `waker.rs`
//!
//! Everything here takes file descriptors as plain numbers and never closes one it did not make:
//! who owns a descriptor is decided above. Descriptors made here are close-on-exec and
//! non-blocking. Errors are `io::Error` with the kernel's errno kept, so that the caller can map
//! it to the exception its users expect.

pub mod clock;
pub mod fork;
pub mod net;
pub mod poller;
pub mod pool;
pub mod processor;
pub mod resolve;
pub mod signal;
pub mod spawn;
mod sys;
pub mod waker;

pub use clock::now_ns;
pub use poller::{Event, Events, Interest, Key, Poller, Wait};
pub use pool::Pool;
pub use signal::{SignalPipe, die_of_interrupt};
pub use waker::Waker;
