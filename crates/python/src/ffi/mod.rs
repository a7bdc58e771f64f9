//! ROOM    floor 0: the only place of this crate that speaks to CPython's C API and uses `unsafe`
//! KNOWS   pyo3, pyo3-ffi                NEVER   loops, futures, sockets, any rule of asyncio
//! IN      safe functions and plain data OUT     type objects, owned references, `Raised`
//! PROOF   every Python test runs through it; `tests/stress/test_nothing_grows.py` for lifetimes
//! START   `class.rs` (what a native type is), then `own.rs`, `slot.rs`
//!
//! Invariants the rest of the crate relies on:
//! * `Own<T>` and `Slot<T>` are neither `Send` nor `Sync`; holding one means that the thread is attached.
//! * Dropping an `Own` can run any Python code. So nothing here drops one while a borrow is out.
//! * Every function that CPython calls goes through `guard::trampoline`, which turns a panic into a `SystemError`.

mod args;
mod awaitable;
pub mod bound;
pub mod buffer;
mod builder;
pub mod call;
mod class;
pub mod context;
pub mod coroutine;
pub mod current_task;
pub mod exception;
mod face;
pub mod fields;
pub mod function;
pub mod growing;
mod guard;
mod method;
mod own;
mod raised;
pub mod recycle;
mod running_loop;
pub mod runtime;
mod shared;
mod slot;
mod slots;
pub mod snapshot;
pub mod spare_bytes;
mod stop_iteration;
mod visit;

pub use args::{Args, Params};
pub use awaitable::Resume;
pub use builder::TypeBuilder;
pub(crate) use class::extends;
pub use class::{Class, Extends, Plain, TypeSlot, WithDict, WithWeakrefs};
pub use face::Face;
pub use function::Function;
pub use method::{Method, Property, Returns};
pub(crate) use own::names;
pub use own::{Any, Immortal, Name, Own, SendOwn, Unowned};
pub use raised::{PyRes, Raised};
pub use recycle::Recycled;
pub use slot::{GuardedCell, Slot};
pub use slots::Compare;
pub use stop_iteration::release as release_stop_iteration;
pub use visit::Visit;
