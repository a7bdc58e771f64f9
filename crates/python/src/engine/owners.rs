//! Which descriptors are transports'. The table of sources knows those that are waited for; a transport that is paused, half closed or
//! not yet started owns its descriptor as well, and nobody else may watch it.
//!
//! The notes keep nothing alive: a transport that everybody has forgotten is finalized, with a warning.

use std::os::fd::RawFd;

use pyo3::prelude::*;

use super::Engine;
use crate::ffi::{Any, Own, PyRes, Unowned, call};
use crate::names;

/// A transport's claim to its descriptor; needed to give it up, since somebody may have closed the descriptor and another transport
/// have got its number.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Claim(u64);

/// By descriptor: who owns it, under which claim.
#[derive(Debug, Default)]
pub(super) struct Owners {
    rows: Vec<Option<(Claim, Unowned<Any>)>>,
    last: u64,
}

impl Engine {
    /// A transport owns a descriptor from now on. It promises to `disown` it before it dies.
    pub fn own(&self, fd: RawFd, transport: &Own) -> Claim {
        self.owners.with(|owners| {
            owners.last += 1;
            let claim = Claim(owners.last);
            if let Ok(index) = usize::try_from(fd) {
                if index >= owners.rows.len() {
                    owners.rows.resize_with(index + 1, || None);
                }
                owners.rows[index] = Some((claim, Unowned::note(transport)));
            }
            claim
        })
    }

    /// It does no longer.
    pub fn disown(&self, fd: RawFd, claim: Claim) {
        self.owners.with(|owners| {
            let index = usize::try_from(fd).unwrap_or(usize::MAX);
            if let Some(row) = owners.rows.get_mut(index) {
                if row.as_ref().is_some_and(|(known, _)| *known == claim) {
                    *row = None;
                }
            }
        });
    }

    /// The transport that owns a descriptor, unless it is closing: then it has no more to fear.
    pub(super) fn owner(&self, py: Python<'_>, fd: RawFd) -> PyRes<Option<Own>> {
        let index = usize::try_from(fd).unwrap_or(usize::MAX);
        let owner = self.owners.with(|owners| {
            let (_, transport) = owners.rows.get(index)?.as_ref()?;
            transport.upgrade(py)
        });
        let Some(owner) = owner else {
            return Ok(None);
        };
        let closing = call::method(py, &owner, &names::IS_CLOSING, &[])?;
        Ok((!call::truth(py, &closing)?).then_some(owner))
    }
}
