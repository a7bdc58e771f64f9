//! ROOM    floor 5: what `TaskGroup` does for each of its tasks
//! KNOWS   ffi, names, engine, future, awaitable    NEVER   the event loop's class
//! IN      coroutines                               OUT     tasks that the group watches
//! PROOF   tests/behaviour/awaitables/test_task_group.py
//! START   `create_task`, then `told`
//!
//! `ferrio.TaskGroup` is a Python class of this one and of `asyncio.TaskGroup`. What happens once for a group (entering, leaving,
//! aborting, errors) is asyncio's own, of the running version. What happens for each task is here: it is watched, not called back.
//! A task that ends well, and is not the last, leaves the set of tasks without a call; for every other one asyncio's
//! `_on_task_done` is called, in the place where it would be. A task of the group:
//!
//! | state | what happens | next |
//! |---|---|---|
//! | in the set | it ends well, and others are in the set | out of it, without a call |
//! | in the set | it is the last, fails or is cancelled | calling: asyncio's `_on_task_done` is scheduled |
//! | calling | the call | out of it; the group may be aborted, who leaves it be woken |

use std::cell::Cell;
use std::ffi::CStr;

use pyo3::prelude::*;
use pyo3::types::PySet;

use crate::awaitable::native_future;
use crate::convert;
use crate::engine::Engine;
use crate::ffi::call::FunctionCell;
use crate::ffi::fields::reference;
use crate::ffi::{
    Args, Class, Immortal, Method, Own, Plain, PyRes, Slot, TypeBuilder, TypeSlot, Visit, call,
};
use crate::future::{self, Future, WatcherKind};
use crate::names;

/// The native base of `ferrio.TaskGroup`.
#[derive(Debug)]
pub struct TaskGroup {
    /// asyncio's attributes `_tasks` (the set of those whose end it does not know yet), `_loop`, `_entered`, `_exiting` and
    /// `_aborting`; empty before its `__init__`.
    tasks: Slot,
    loop_: Slot,
    entered: Slot,
    exiting: Slot,
    aborting: Slot,
    /// How many of those have ended, with a call on its way.
    calling: Cell<usize>,
    /// Does it have tasks that are called back, whose end we do not see?
    is_mixed: Cell<bool>,
}

static TASK_GROUP: TypeSlot = TypeSlot::new();

impl Class for TaskGroup {
    const NAME: &'static CStr = c"ferrio._ferrio.TaskGroup";
    const DOC: &'static CStr = c"Native base of ferrio.TaskGroup; not for direct use.";
    type Head = Plain;

    fn slot() -> &'static TypeSlot {
        &TASK_GROUP
    }

    fn uninitialised(_py: Python<'_>) -> PyRes<Option<Self>> {
        Ok(Some(Self {
            tasks: Slot::empty(),
            loop_: Slot::empty(),
            entered: Slot::empty(),
            exiting: Slot::empty(),
            aborting: Slot::empty(),
            calling: Cell::new(0),
            is_mixed: Cell::new(false),
        }))
    }

    fn traverse(&self, visit: &mut Visit) {
        visit.slot(&self.tasks);
        visit.slot(&self.loop_);
        visit.slot(&self.entered);
        visit.slot(&self.exiting);
        visit.slot(&self.aborting);
    }

    fn clear(&self, _py: Python<'_>) {
        self.tasks.set(None);
        self.loop_.set(None);
        self.entered.set(None);
        self.exiting.set(None);
        self.aborting.set(None);
    }
}

static KIND: WatcherKind = WatcherKind {
    tell: told,
    awaiter: |py, watcher| {
        let parent = call::attribute(py, watcher, &names::PARENT_TASK)?;
        Ok((!parent.is_none()).then_some(parent))
    },
};

/// A task of the group is done.
fn told(py: Python<'_>, watcher: &Own, task: &Own<Future>) -> PyRes<()> {
    let this = watcher
        .cast::<TaskGroup>()
        .expect("only a group watches as one");
    if let Some(tasks) = this.tasks.get().filter(|tasks| is_set(py, tasks)) {
        let tasks = convert::set(py, &tasks)?;
        // Somebody ends later, and will be called later.
        let others_run = tasks.len() > this.calling.get() + 1 && !this.is_mixed.get();
        if others_run && !task.has_exception() {
            tasks.discard(task.as_any().bound(py))?;
            return Ok(());
        }
    }
    let Some(engine) = task.engine() else {
        return Ok(());
    };
    this.calling.set(this.calling.get() + 1);
    let task = task.as_any().clone();
    Engine::call_soon(py, &engine, &calling(py, this)?, &[task], None).map(drop)
}

fn calling(py: Python<'_>, this: &Own<TaskGroup>) -> PyRes {
    static CALL: FunctionCell = FunctionCell::new(c"_on_task_done");
    let run = |py: Python<'_>, this: &Own<TaskGroup>, args: Args<'_>| -> PyRes<()> {
        this.calling.set(this.calling.get().saturating_sub(1));
        match args.positional() {
            [task] => call::method(py, this.as_any(), &names::ON_TASK_DONE, &[task]).map(drop),
            _ => Ok(()),
        }
    };
    call::bound_function(py, this, &CALL, run)
}

/// `ferrio.TaskGroup`.
fn class(py: Python<'_>) -> PyRes<&'static Own> {
    static CLASS: Immortal = Immortal::empty();
    CLASS.import(py, "ferrio._taskgroups", "TaskGroup")
}

/// `asyncio.TaskGroup.create_task`.
fn stock(py: Python<'_>) -> PyRes<&'static Own> {
    static STOCK: Immortal = Immortal::empty();
    STOCK.get_or_init(py, || {
        let class = py.import("asyncio.taskgroups")?.getattr("TaskGroup")?;
        Ok(Own::from(class.getattr("create_task")?))
    })
}

/// Does the running version treat a task that is done as soon as it is made (an eager one) at once?
fn finishes_eagerly(py: Python<'_>) -> PyRes<bool> {
    static ANSWER: Immortal = Immortal::empty();
    let answer = ANSWER.get_or_init(py, || {
        let code = stock(py)?.bound(py).getattr("__code__")?;
        Ok(Own::bool(py, code.getattr("co_names")?.contains("done")?))
    })?;
    call::truth(py, answer)
}

/// The set of tasks and the loop, where the group is open, is no class derived from ours, and its loop is ours.
fn open(py: Python<'_>, this: &Own<TaskGroup>) -> PyRes<Option<(Own, Own<Engine>)>> {
    let group = this.as_any();
    if !group.is_exactly(class(py)?) {
        return Ok(None);
    }
    if !is_set_to_true(py, &this.entered)?
        || is_set_to_true(py, &this.exiting)?
        || is_set_to_true(py, &this.aborting)?
    {
        return Ok(None);
    }
    let engine = this
        .loop_
        .get()
        .and_then(|loop_| loop_.cast::<Engine>().cloned());
    let tasks = this.tasks.get().filter(|tasks| is_set(py, tasks));
    Ok(tasks.zip(engine))
}

fn is_set_to_true(py: Python<'_>, flag: &Slot) -> PyRes<bool> {
    match flag.get() {
        Some(flag) => call::truth(py, &flag),
        None => Ok(false),
    }
}

fn is_set(py: Python<'_>, object: &Own) -> bool {
    object.bound(py).is_exact_instance_of::<PySet>()
}

fn create_task(py: Python<'_>, this: &Own<TaskGroup>, args: Args<'_>) -> PyRes {
    if let ([coro], true) = (args.positional(), are_known(py, args)) {
        if let Some((tasks, engine)) = open(py, this)? {
            let task = if args.has_keywords() {
                named(py, &engine, args)?
            } else {
                call::method(py, engine.as_any(), &names::CREATE_TASK, &[coro])?
            };
            return add(py, this, tasks, task);
        }
    }
    this.is_mixed.set(true);
    args.call_with_self(py, stock(py)?, this.as_any())
}

/// Keywords that the running version hands on to the loop.
fn are_known(py: Python<'_>, args: Args<'_>) -> bool {
    !args.has_keywords()
        || cfg!(Py_3_13)
            && args.keywords().all(|(keyword, _)| {
                keyword.is(names::NAME.get(py)) || keyword.is(names::CONTEXT.get(py))
            })
}

/// `loop.create_task(coro, name=…, context=…)`.
fn named(py: Python<'_>, engine: &Own<Engine>, args: Args<'_>) -> PyRes {
    let create = call::attribute(py, engine.as_any(), &names::CREATE_TASK)?;
    let mut keywords = Vec::new();
    for (keyword, value) in args.keywords() {
        if keyword.is(names::NAME.get(py)) {
            keywords.push((&names::NAME, value.clone()));
        } else if !value.is_none() || cfg!(Py_3_14) {
            keywords.push((&names::CONTEXT, value.clone()));
        }
    }
    call::call_with(py, &create, args.positional(), &keywords)
}

/// The group has a new task.
fn add(py: Python<'_>, this: &Own<TaskGroup>, tasks: Own, task: Own) -> PyRes {
    let group = this.as_any();
    let Some(native) = native_future(&task) else {
        return follow(py, this, &tasks, task);
    };
    if native.is_done() && finishes_eagerly(py)? {
        call::method(py, group, &names::ON_TASK_DONE, &[&task])?;
        return Ok(task);
    }
    convert::set(py, &tasks)?.add(task.bound(py))?;
    Future::watch(py, native, group, &KIND)?;
    Ok(task)
}

/// A task of another kind, which a task factory has made: called back.
#[cold]
fn follow(py: Python<'_>, this: &Own<TaskGroup>, tasks: &Own, task: Own) -> PyRes {
    this.is_mixed.set(true);
    let callback = call::attribute(py, this.as_any(), &names::ON_TASK_DONE)?;
    if cfg!(Py_3_14) {
        let parent = call::attribute(py, this.as_any(), &names::PARENT_TASK)?;
        future::add_to_awaited_by(py, &task, &parent)?;
    }
    let done = call::truth(py, &call::method(py, &task, &names::DONE, &[])?)?;
    if done && finishes_eagerly(py)? {
        call::call1(py, &callback, &task)?;
        return Ok(task);
    }
    convert::set(py, tasks)?.add(task.bound(py))?;
    call::method(py, &task, &names::ADD_DONE_CALLBACK, &[&callback])?;
    Ok(task)
}

/// Makes the type.
pub fn make_types(py: Python<'_>) -> PyRes<()> {
    // Kept from before anybody replaces it.
    stock(py)?;
    TypeBuilder::<TaskGroup>::new()
        .methods([Method::args(
            c"create_task",
            if cfg!(Py_3_14) {
                c"create_task($self, coro, **kwargs)\n--\n\n"
            } else {
                c"create_task($self, coro, *, name=None, context=None)\n--\n\n"
            },
            create_task,
        )])
        // asyncio's Python code sets them; `create_task` finds them without a look-up.
        .properties([
            reference!(TaskGroup, c"_tasks", tasks),
            reference!(TaskGroup, c"_loop", loop_),
            reference!(TaskGroup, c"_entered", entered),
            reference!(TaskGroup, c"_exiting", exiting),
            reference!(TaskGroup, c"_aborting", aborting),
        ])
        .docs_of(py, "asyncio.taskgroups", "TaskGroup")?
        .subclassable()
        .build(py)
        .map(drop)
}
