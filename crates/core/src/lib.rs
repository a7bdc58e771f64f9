//! ROOM    the thinking part: queues, heaps, budgets, protocol states
//! KNOWS   std                           NEVER   system calls, clocks (time is an argument), Python, unsafe code
//! IN      items of any type, times in ns, byte counts    OUT     items, outcomes as `#[must_use]` enums
//! PROOF   unit tests beside the code (`conn`, `datagrams`, `flow`, `hand_over`, `line`, `pace`, `read_buffer`, `write_delay`, `write_queue`); the rest at work in the tests of the Python crate
//! START   `ready.rs`, `timers.rs`, `conn.rs`
//!
//! No method drops an item that it was given: dropping a Python object can run any code, which may come back to the very
//! structure it is dropped from. What leaves is handed out, and the caller drops it when nothing is borrowed any more.

#![forbid(unsafe_code)]

pub mod budget;
pub mod busy_poll;
mod chunk;
pub mod conn;
pub mod datagrams;
pub mod done;
pub mod flow;
pub mod hand_over;
pub mod line;
pub mod pace;
pub mod read_buffer;
pub mod ready;
pub mod slab;
pub mod timers;
pub mod waiters;
pub mod write_delay;
pub mod write_queue;
