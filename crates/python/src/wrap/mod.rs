//! ROOM    floor 3: `wrap_future`
//! KNOWS   ffi, names, engine, future, awaitable    NEVER   the event loop's class
//! IN      a `concurrent.futures.Future`            OUT     a future that ends as it does
//! PROOF   tests/behaviour/futures/test_wrapped_futures.py, CPython's test_futures with `--replace-from ferrio`
//! START   `wrap_future`, then `Chain`
//!
//! Native for exactly that class and a loop of ours; everything else is given to the stdlib's function. A `Chain`:
//!
//! | state | what happens | next |
//! |---|---|---|
//! | both pending | the source ends, in whatever thread | on the way: a call is posted to the loop, unless that is closed |
//! | both pending | the wrapping future is cancelled | the source is asked to cancel, which it may refuse |
//! | on the way | the call | done: result, exception or cancellation are copied, unless it was cancelled meanwhile |

use std::ffi::CStr;

use pyo3::prelude::*;

use crate::awaitable::native_future;
use crate::engine::Engine;
use crate::ffi::call::FunctionCell;
use crate::ffi::{
    Args, Class, Function, Immortal, Own, Params, Plain, PyRes, Slot, TypeBuilder, TypeSlot, Visit,
    call, function,
};
use crate::future::Future;
use crate::names;

/// A future of another thread and the one that wraps it.
#[derive(Debug)]
struct Chain {
    source: Slot,
    wrapping: Slot<Future>,
}

static CHAIN: TypeSlot = TypeSlot::new();

impl Class for Chain {
    const NAME: &'static CStr = c"ferrio._ferrio.Chain";
    const DOC: &'static CStr = c"";
    type Head = Plain;

    fn slot() -> &'static TypeSlot {
        &CHAIN
    }

    fn traverse(&self, visit: &mut Visit) {
        visit.slot(&self.source);
        visit.slot(&self.wrapping);
    }

    fn clear(&self, _py: Python<'_>) {
        self.source.set(None);
        self.wrapping.set(None);
    }
}

impl Chain {
    /// The wrapping future is done; cancelled, it cancels the source.
    fn wrapping_done(py: Python<'_>, this: &Own<Self>, _args: Args<'_>) -> PyRes<()> {
        if let (Some(source), Some(wrapping)) = (this.source.get(), this.wrapping.get()) {
            if wrapping.is_cancelled() {
                call::method(py, &source, &names::CANCEL, &[])?;
            }
        }
        Ok(())
    }

    /// The source is done; called by whoever has ended it.
    fn source_done(py: Python<'_>, this: &Own<Self>, _args: Args<'_>) -> PyRes<()> {
        static COPY: FunctionCell = FunctionCell::new(c"_set_state");
        let engine = this.wrapping.get().and_then(|wrapping| wrapping.engine());
        match engine {
            Some(engine) if !engine.is_closed() => {
                let copy = call::bound_function(py, this, &COPY, Self::copy)?;
                Engine::call_soon_threadsafe(py, &engine, &copy, &[], None).map(drop)
            }
            _ => Ok(()),
        }
    }

    /// In the loop: the source's end becomes that of the wrapping future. Nothing holds the two together after it.
    fn copy(py: Python<'_>, this: &Own<Self>, _args: Args<'_>) -> PyRes<()> {
        let (Some(source), Some(wrapping)) = (this.source.take(), this.wrapping.take()) else {
            return Ok(());
        };
        if wrapping.is_done() {
            return Ok(());
        }
        // It is done, so nobody changes it any more: no need for its lock.
        let state = call::attribute(py, &source, &names::UNDERSCORE_STATE)?;
        if state.bound(py).ne(names::FINISHED.get(py).bound(py))? {
            return Future::cancel(py, &wrapping, None).map(drop);
        }
        let error = call::attribute(py, &source, &names::UNDERSCORE_EXCEPTION)?;
        if error.is_none() {
            let result = call::attribute(py, &source, &names::UNDERSCORE_RESULT)?;
            return Future::set_result(py, &wrapping, result);
        }
        static CONVERT: Immortal = Immortal::empty();
        let convert = CONVERT.import(py, "asyncio.futures", "_convert_future_exc")?;
        Future::set_exception(py, &wrapping, call::call1(py, convert, &error)?)
    }
}

/// Is it of exactly the class whose fields we read?
fn is_plain(py: Python<'_>, source: &Own) -> PyRes<bool> {
    static CLASS: Immortal = Immortal::empty();
    Ok(source.is_exactly(CLASS.import(py, "concurrent.futures", "Future")?))
}

static PARAMS: Params<2> = Params {
    function: "wrap_future",
    names: [&names::FUTURE, &names::LOOP],
    positional: 1,
    required: 1,
};

fn wrap_future(py: Python<'_>, this: &Own<Function>, args: Args<'_>) -> PyRes {
    static WRAPPING_DONE: FunctionCell = FunctionCell::new(c"_call_check_cancel");
    static SOURCE_DONE: FunctionCell = FunctionCell::new(c"_call_set_state");
    let [source, loop_] = this.bind(py, args, &PARAMS)?;
    let source = source.expect("bind checks what is required");
    if native_future(source).is_some() {
        return Ok(source.clone());
    }
    let engine = match loop_.filter(|loop_| !loop_.is_none()) {
        Some(loop_) => loop_.cast::<Engine>().cloned(),
        None => Engine::running(py)?,
    };
    let (Some(engine), true) = (engine, is_plain(py, source)?) else {
        return this.call_stock(py, args);
    };
    let wrapping = Future::new_pending(py, &engine)?;
    let chain = Own::alloc(
        py,
        Chain {
            source: Slot::new(Some(source.clone())),
            wrapping: Slot::new(Some(wrapping.clone())),
        },
    )?;
    let done = call::bound_function(py, &chain, &WRAPPING_DONE, Chain::wrapping_done)?;
    call::method(py, wrapping.as_any(), &names::ADD_DONE_CALLBACK, &[&done])?;
    let done = call::bound_function(py, &chain, &SOURCE_DONE, Chain::source_done)?;
    call::method(py, source, &names::ADD_DONE_CALLBACK, &[&done])?;
    Ok(wrapping.into_any())
}

/// Makes the type.
pub fn make_types(py: Python<'_>) -> PyRes<()> {
    TypeBuilder::<Chain>::new().build(py).map(drop)
}

/// Names and functions of this room.
pub fn functions(py: Python<'_>) -> PyRes<Vec<(&'static str, Own<Function>)>> {
    let stock = function::stock(py, "asyncio.futures", "wrap_future")?;
    Ok(vec![(
        "wrap_future",
        Function::new(py, stock, wrap_future)?,
    )])
}
