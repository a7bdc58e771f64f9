//! ROOM    floor 4: stream transports and listeners
//! KNOWS   floors 0–3, core::{conn, flow, write_queue}, reactor::net    NEVER   the event loop's class
//! IN      readiness from `dispatch`, calls from Python                 OUT     protocol callbacks, bytes to the kernel
//! PROOF   tests/behaviour/network, CPython's test_streams, test_buffered_proto
//! START   `stream/mod.rs`, then `stream/read.rs` and `stream/write.rs`

pub mod listener;
pub mod protocol;
pub mod socket;
pub mod stream;
