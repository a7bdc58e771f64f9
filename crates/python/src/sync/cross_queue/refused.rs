//! Why there is no item, or no room.

use pyo3::prelude::*;

use super::Side;
use crate::ffi::{Immortal, Raised, call, exception};

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Refused {
    NotNow,
    ShutDown,
}

impl From<bool> for Refused {
    fn from(shut_down: bool) -> Self {
        if shut_down {
            Self::ShutDown
        } else {
            Self::NotNow
        }
    }
}

/// `QueueEmpty`, `QueueFull` or `QueueShutDown`.
pub(super) fn refusal(py: Python<'_>, side: Side, refused: Refused) -> Raised {
    static EMPTY: Immortal = Immortal::empty();
    static FULL: Immortal = Immortal::empty();
    static SHUT_DOWN: Immortal = Immortal::empty();
    let class = match (refused, side) {
        (Refused::ShutDown, _) => SHUT_DOWN.import(py, "ferrio._cross_queue", "QueueShutDown"),
        (Refused::NotNow, Side::Getters) => EMPTY.import(py, "asyncio", "QueueEmpty"),
        (Refused::NotNow, _) => FULL.import(py, "asyncio", "QueueFull"),
    };
    exception::raise_made(py, class.and_then(|class| call::call0(py, class)))
}
