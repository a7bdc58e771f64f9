//! ROOM    the extension module `ferrio._ferrio`: asyncio's objects for CPython
//! KNOWS   core, reactor, pyo3           NEVER   `unsafe` outside `ffi`
//! IN      calls from CPython            OUT     the module's types and functions
//! PROOF   tests/behaviour, tests/conformance
//! START   `ffi/mod.rs` for the ground, `event_loop/turn.rs` for the story

mod convert;
mod engine;
mod error;
mod ffi;
mod handle;
mod names;
