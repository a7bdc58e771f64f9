//! ROOM    floor 3: `wait`
//! KNOWS   ffi, names, engine, future, awaitable    NEVER   the event loop's class
//! IN      a collection of futures, a timeout, when       OUT     two sets: done, pending
//! PROOF   tests/behaviour/awaitables/test_wait.py
//! START   `Wait`
//!
//! Native where the running loop is ours and all members are futures or tasks of ours on it; everything else, mistakes
//! included, is given to the stdlib's `wait`.
//!
//! | state | what happens | next |
//! |---|---|---|
//! | start | not all are ours, or a mistake | awaits the stdlib's coroutine |
//! | start | otherwise | waits: watches the members, has a timer; those that are done tell so at once |
//! | waits | a member ends that does not decide | waits |
//! | waits | one ends that decides (`return_when`), or the last; or the timer | released: the call that fills `waiter` is scheduled |
//! | released | the call | done: who is done now, and who is not |
//! | waits, released | an exception is thrown in | done: it comes out, the members go on |
//!
//! However it ends, it watches nothing any more and has no timer.

use std::cell::Cell;
use std::ffi::CStr;

use pyo3::prelude::*;
use pyo3::types::{PySet, PyString};

use crate::awaitable::{self, Awaitable, Coroutine, Next, Outcome, native_future};
use crate::convert;
use crate::engine::Engine;
use crate::ffi::{
    Args, Class, Function, Immortal, Name, Own, Params, Plain, PyRes, Slot, TypeBuilder, TypeSlot,
    Visit, call, current_task, exception, function,
};
use crate::future::{Future, WatcherKind};
use crate::handle::TimerHandle;
use crate::names;

/// What ends the wait.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum When {
    First,
    Failure,
    All,
}

/// The coroutine of `wait(fs, timeout=…, return_when=…)`.
#[derive(Debug)]
pub struct Wait {
    /// The stdlib's function, and the arguments.
    stock: Slot,
    members: Slot,
    timeout: Slot,
    return_when: Slot,
    when: Cell<When>,
    /// What the members tell; nothing where the stdlib's function does the work.
    watching: Slot<Watching>,
    timer: Slot<TimerHandle>,
}

/// What watches the members. An object of its own, so that an abandoned coroutine is not kept by what it waits for.
#[derive(Debug)]
pub struct Watching {
    when: When,
    left: Cell<usize>,
    decided: Cell<bool>,
    waiter: Slot<Future>,
    /// The task that waits, for call graphs; 3.14 and later.
    caller: Slot,
}

static WATCHING: TypeSlot = TypeSlot::new();

impl Class for Watching {
    const NAME: &'static CStr = c"ferrio._ferrio.Watching";
    const DOC: &'static CStr = c"What wait() is told by the futures it waits for.";
    type Head = Plain;

    fn slot() -> &'static TypeSlot {
        &WATCHING
    }

    fn traverse(&self, visit: &mut Visit) {
        visit.slot(&self.waiter);
        visit.slot(&self.caller);
    }

    fn clear(&self, _py: Python<'_>) {
        self.waiter.set(None);
        self.caller.set(None);
    }
}

static WAIT: TypeSlot = TypeSlot::new();

static KIND: WatcherKind = WatcherKind {
    tell: told,
    awaiter: |_py, watcher| Ok(watcher.exact::<Watching>().and_then(|own| own.caller.get())),
};

/// A member is done: does that end the wait? Then the waiter is released where asyncio's callback would do it.
fn told(py: Python<'_>, watcher: &Own, future: &Own<Future>) -> PyRes<()> {
    let this = watcher.exact::<Watching>().expect("only it watches as one");
    this.left.set(this.left.get().saturating_sub(1));
    let failed = future.has_exception();
    let ends = match this.when {
        _ if this.left.get() == 0 => true,
        When::First => true,
        When::Failure => failed,
        When::All => false,
    };
    if this.when == When::Failure && this.left.get() > 0 && failed {
        future.quiet();
    }
    if !ends || this.decided.replace(true) {
        return Ok(());
    }
    let Some(waiter) = this.waiter.get() else {
        return Ok(());
    };
    let Some(engine) = waiter.engine() else {
        return Ok(());
    };
    Engine::call_soon(py, &engine, release(py)?, &[waiter.into_any()], None).map(drop)
}

/// `asyncio.tasks._release_waiter`, for our futures without Python.
fn release(py: Python<'_>) -> PyRes<&'static Own> {
    static NATIVE: Immortal = Immortal::empty();
    NATIVE.get_or_init(py, || {
        let stock = function::stock(py, "asyncio.tasks", "_release_waiter")?;
        let native = |py: Python<'_>, this: &Own<Function>, args: Args<'_>| -> PyRes {
            match args.positional().first().and_then(Own::exact::<Future>) {
                Some(waiter) if waiter.is_done() => Ok(Own::none(py)),
                Some(waiter) => {
                    Future::set_result(py, waiter, Own::none(py))?;
                    Ok(Own::none(py))
                }
                None => this.call_stock(py, args),
            }
        };
        Ok(Function::new(py, stock, native)?.into_any())
    })
}

impl Awaitable for Wait {
    const TYPE_NAME: &'static CStr = c"ferrio._ferrio.WaitCoroutine";
    const QUALNAME: &'static str = "wait";

    fn slot() -> &'static TypeSlot {
        &WAIT
    }

    fn start(py: Python<'_>, this: &Own<Coroutine<Self>>) -> PyRes<Next> {
        let Some((engine, members)) = this.native_members(py)? else {
            return this.stock_coroutine(py).map(Next::Await);
        };
        let waiter = Future::new_pending(py, &engine)?;
        if let Some(timeout) = this.timeout.get() {
            let seconds: f64 = timeout.bound(py).extract()?;
            let args = [waiter.as_any().clone()];
            let when = Engine::seconds() + seconds;
            let timer =
                Engine::call_at(py, &engine, "call_later", when, release(py)?, &args, None)?;
            this.timer.set(Some(timer));
        }
        let futures: Vec<Own> = items(py, &members)?;
        this.members.set(Some(members));
        let watching = Watching {
            when: this.when.get(),
            left: Cell::new(futures.len()),
            decided: Cell::new(false),
            waiter: Slot::new(Some(waiter.clone())),
            caller: Slot::new(current_task::for_call_graph(py, engine.as_any())?),
        };
        let watching = Own::alloc(py, watching)?;
        this.watching.set(Some(watching.clone()));
        for future in &futures {
            let future = native_future(future).expect("they were looked at");
            Future::watch(py, future, watching.as_any(), &KIND)?;
        }
        Ok(Next::Await(waiter.into_any()))
    }

    fn resume(py: Python<'_>, this: &Own<Coroutine<Self>>, outcome: Outcome) -> PyRes<Next> {
        let Some(watching) = this.watching.take() else {
            return awaitable::pass_on(py, outcome);
        };
        let cancelled = match this.timer.take() {
            Some(timer) => TimerHandle::cancel(py, &timer),
            None => Ok(()),
        };
        let Some(members) = this.members.get() else {
            return Ok(Next::Return(None));
        };
        let futures = items(py, &members)?;
        for future in &futures {
            let future = native_future(future).expect("they were looked at");
            if !future.is_done() {
                Future::unwatch(future, watching.as_any());
            }
        }
        exception::after_finally(py, outcome, cancelled)?;
        let (done, pending) = (PySet::empty(py)?, PySet::empty(py)?);
        for future in &futures {
            let native = native_future(future).expect("they were looked at");
            let set = if native.is_done() { &done } else { &pending };
            set.add(future.bound(py))?;
        }
        let both = [Own::from(done.into_any()), Own::from(pending.into_any())];
        Ok(Next::Return(Some(Own::tuple(py, &both)?)))
    }

    fn traverse(&self, visit: &mut Visit) {
        for slot in self.slots() {
            visit.slot(slot);
        }
        visit.slot(&self.watching);
        visit.slot(&self.timer);
    }

    fn clear(&self) {
        for slot in self.slots() {
            slot.set(None);
        }
        self.watching.set(None);
        self.timer.set(None);
    }
}

fn items(py: Python<'_>, set: &Own) -> PyRes<Vec<Own>> {
    Ok(convert::set(py, set)?.iter().map(Own::from).collect())
}

impl Wait {
    fn slots(&self) -> [&Slot; 4] {
        [&self.stock, &self.members, &self.timeout, &self.return_when]
    }

    /// The running loop and a new set of the members, where all of it is ours and nothing is wrong.
    fn native_members(&self, py: Python<'_>) -> PyRes<Option<(Own<Engine>, Own)>> {
        let (Some(engine), Some(members)) = (Engine::running(py)?, self.members.get()) else {
            return Ok(None);
        };
        let Some(when) = self.when_of(py) else {
            return Ok(None);
        };
        self.when.set(when);
        // Anything that is read by iterating is left to the stdlib's, which reads it once.
        if !convert::is_plain_collection(py, &members) {
            return Ok(None);
        }
        let set = PySet::empty(py)?;
        for member in members.bound(py).try_iter()? {
            let member = Own::from(member?);
            match native_future(&member) {
                Some(future) if future.belongs_to(&engine) => set.add(member.bound(py))?,
                _ => return Ok(None),
            }
        }
        if set.is_empty() || (engine.has_own_timing() && !self.timeout.is_empty()) {
            return Ok(None);
        }
        Ok(Some((engine, Own::from(set.into_any()))))
    }

    fn when_of(&self, py: Python<'_>) -> Option<When> {
        let Some(given) = self.return_when.get() else {
            return Some(When::All);
        };
        let text = given.bound(py).cast_exact::<PyString>().ok()?;
        match text.to_str().ok()? {
            "FIRST_COMPLETED" => Some(When::First),
            "FIRST_EXCEPTION" => Some(When::Failure),
            "ALL_COMPLETED" => Some(When::All),
            _ => None,
        }
    }

    fn stock_coroutine(&self, py: Python<'_>) -> PyRes {
        let stock = self.stock.get().unwrap_or_else(|| Own::none(py));
        let members = self.members.take().unwrap_or_else(|| Own::none(py));
        let mut keywords = Vec::new();
        keywords.extend(self.timeout.get().map(|timeout| (&names::TIMEOUT, timeout)));
        keywords.extend(self.return_when.get().map(|when| (&RETURN_WHEN, when)));
        call::call_with(py, &stock, &[members], &keywords)
    }
}

static RETURN_WHEN: Name = Name::new("return_when");

static PARAMS: Params<3> = Params {
    function: "wait",
    names: [&names::FS, &names::TIMEOUT, &RETURN_WHEN],
    positional: 1,
    required: 1,
};

fn wait(py: Python<'_>, this: &Own<Function>, args: Args<'_>) -> PyRes<Own<Coroutine<Wait>>> {
    let [members, timeout, return_when] = this.bind(py, args, &PARAMS)?;
    let states = Wait {
        stock: Slot::new(Some(this.stock().clone())),
        members: Slot::new(members.cloned()),
        timeout: Slot::new(timeout.filter(|timeout| !timeout.is_none()).cloned()),
        return_when: Slot::new(return_when.cloned()),
        when: Cell::new(When::All),
        watching: Slot::empty(),
        timer: Slot::empty(),
    };
    awaitable::new(py, states)
}

/// Makes the type.
pub fn make_types(py: Python<'_>) -> PyRes<()> {
    TypeBuilder::<Watching>::new().build(py)?;
    awaitable::make_type::<Wait>(py)
}

/// Names and functions of this room.
pub fn functions(py: Python<'_>) -> PyRes<Vec<(&'static str, Own<Function>)>> {
    let stock = function::stock(py, "asyncio.tasks", "wait")?;
    Ok(vec![("wait", Function::new(py, stock, wait)?)])
}
