//! `Clients`: the connections of a server, in the place of the `WeakSet` that asyncio's `Server` has for them since 3.13.
//!
//! Two weak references' worth of Python code for each connection would cost more than all the rest of its objects. A transport
//! leaves by itself when it dies, so nobody has to hold it weakly.
//!
//! Why a note never outlives its transport: only objects of exactly our class get in, whose `before_dealloc` drops the membership
//! before the memory goes, whatever way they die; and whoever drops a membership takes the note along. Why `copy` hands out none
//! that is dying: its count is zero (also while the interpreter has put it aside because the stack is deep; since 3.14 it does so
//! with any class), or its finalizer runs, whose own reference makes it a living one, and which is what removes it.
//! Nothing in here runs Python while the notes are borrowed.

use std::ffi::CStr;
use std::rc::Rc;

use ferrio_core::slab::{Slab, SlabKey};
use pyo3::exceptions::PyTypeError;
use pyo3::prelude::*;

use super::StreamTransport;
use crate::ffi::{
    Any, Class, GuardedCell, Method, Own, Plain, PyRes, Raised, TypeBuilder, TypeSlot, Unowned,
    call,
};
use crate::names;

type Members = Rc<GuardedCell<Slab<Unowned<Any>>>>;

/// The connections of one server: `add`, `discard`, `copy` and `len()` of a `WeakSet`.
#[derive(Debug)]
pub struct Clients {
    members: Members,
}

/// A transport's place among the connections of a server; dropped, it is free.
#[derive(Debug)]
pub struct Membership {
    members: Members,
    key: SlabKey,
}

impl Drop for Membership {
    fn drop(&mut self) {
        self.members.with(|members| members.remove(self.key));
    }
}

static CLIENTS: TypeSlot = TypeSlot::new();

impl Class for Clients {
    const NAME: &'static CStr = c"ferrio._ferrio.Clients";
    const DOC: &'static CStr = c"The connections of a server.";
    const GC: bool = false;
    type Head = Plain;

    fn slot() -> &'static TypeSlot {
        &CLIENTS
    }
}

/// Puts native ones in the place of a server's empty `WeakSet`. A server without one counts, or is not asyncio's.
pub fn install(py: Python<'_>, server: &Own) -> PyRes<()> {
    let Some(known) = call::optional_attribute(py, server, &names::CLIENTS)? else {
        return Ok(());
    };
    let weak_set = py.import("weakref")?.getattr("WeakSet")?;
    if !known.bound(py).get_type().is(&weak_set) || known.bound(py).len()? > 0 {
        return Ok(());
    }
    let members = Rc::new(GuardedCell::new(Slab::new()));
    let clients = Own::alloc(py, Clients { members })?;
    call::set_attribute(py, server, &names::CLIENTS, clients.as_any())
}

fn transport<'a>(py: Python<'_>, client: &'a Own) -> PyRes<&'a Own<StreamTransport>> {
    client.exact::<StreamTransport>().ok_or_else(|| {
        Raised::new::<PyTypeError>(py, "a server's connections are the loop's own transports")
    })
}

fn add(py: Python<'_>, this: &Own<Clients>, client: &Own) -> PyRes<()> {
    let place = transport(py, client)?.membership();
    if place.with(|member| is_in(this, member.as_ref())) {
        return Ok(());
    }
    let key = this
        .members
        .with(|members| members.insert(Unowned::note(client)));
    let members = this.members.clone();
    drop(place.with(|member| member.replace(Membership { members, key })));
    Ok(())
}

fn discard(py: Python<'_>, this: &Own<Clients>, client: &Own) -> PyRes<()> {
    let place = transport(py, client)?.membership();
    let member = place.with(|member| member.take_if(|member| is_in(this, Some(member))));
    drop(member);
    Ok(())
}

fn is_in(clients: &Clients, member: Option<&Membership>) -> bool {
    member.is_some_and(|member| Rc::ptr_eq(&member.members, &clients.members))
}

/// Those that live, as a tuple.
fn copy(py: Python<'_>, this: &Own<Clients>) -> PyRes {
    let living: Vec<Own> = this.members.with(|members| {
        let members = members.iter();
        members
            .filter_map(|(_, client)| client.upgrade(py))
            .collect()
    });
    Own::tuple(py, &living)
}

/// Makes the type.
pub fn make_types(py: Python<'_>) -> PyRes<()> {
    TypeBuilder::<Clients>::new()
        .methods([
            Method::one(
                c"add",
                c"add($self, transport, /)\n--\n\nA connection has come.",
                add,
            ),
            Method::one(
                c"discard",
                c"discard($self, transport, /)\n--\n\nA connection has gone.",
                discard,
            ),
            Method::noargs(
                c"copy",
                c"copy($self, /)\n--\n\nAll that there are now.",
                copy,
            ),
        ])
        .length(|_, this: &Own<Clients>| this.members.with(|members| members.len()))
        .build(py)
        .map(drop)
}
