//! What Python sees of a queue.

use pyo3::exceptions::PyTypeError;
use pyo3::prelude::*;

use super::get::Get;
use super::join::Join;
use super::put::Put;
use super::{Kind, LIFO_QUEUE, OWN_INIT, PRIORITY_QUEUE, Queue, items};
use crate::awaitable;
use crate::ffi::{
    Args, Class, Function, Immortal, Own, Params, Property, PyRes, Raised, Slot, TypeBuilder, call,
};
use crate::names;
use crate::sync::bound;
use crate::sync::face::Face;
use crate::sync::state;
use crate::sync::waiters::Waiters;

static INIT: Params<2> = Params {
    function: "Queue.__init__",
    names: [&names::SELF, &names::MAXSIZE],
    positional: 2,
    required: 1,
};

fn init(py: Python<'_>, function: &Own<Function>, args: Args<'_>) -> PyRes<()> {
    let [this, maxsize] = function.bind(py, args, &INIT)?;
    let Some(this) = this.and_then(|this| this.cast::<Queue>()) else {
        return function.call_stock(py, args).map(drop);
    };
    let maxsize = match maxsize {
        Some(maxsize) => maxsize.clone(),
        None => Own::int(py, 0)?,
    };
    set_maxsize(this, &maxsize);
    this.getters.reset(false);
    this.putters.reset(false);
    this.unfinished.set(0);
    this.finished.set(None);
    this.is_finished.set(true);
    // A replaced `_init` may come to look before the rest is done, as it may in the stdlib's.
    if Queue::replaced_storage(py, this)? & OWN_INIT == 0 {
        this.items.begin(py, this.kind.get());
    } else {
        call::method(py, this.as_any(), &names::OWN_INIT, &[&maxsize])?;
    }
    this.is_shut_down.set(false);
    Ok(())
}

fn set_maxsize(this: &Own<Queue>, maxsize: &Own) {
    this.limit.set(call::small_int(maxsize));
    this.maxsize.set(Some(maxsize.clone()));
}

/// `_init(maxsize)` of each kind.
fn begin(py: Python<'_>, function: &Own<Function>, args: Args<'_>, kind: Kind) -> PyRes<()> {
    match args.positional() {
        [this, _maxsize] if !args.has_keywords() => match this.cast::<Queue>() {
            Some(this) => {
                this.kind.set(kind);
                this.items.begin(py, kind);
                Ok(())
            }
            None => function.call_stock(py, args).map(drop),
        },
        _ => function.call_stock(py, args).map(drop),
    }
}

/// `_put(item)` of each kind, for a subclass that calls it; what it is put into is `_queue`, whatever that is.
fn put_own(py: Python<'_>, function: &Own<Function>, args: Args<'_>, kind: Kind) -> PyRes<()> {
    match args.positional() {
        [this, item] if !args.has_keywords() => match this.cast::<Queue>() {
            Some(this) if this.items.is_set() => this.items.put(py, kind, item.clone()),
            _ => function.call_stock(py, args).map(drop),
        },
        _ => function.call_stock(py, args).map(drop),
    }
}

/// `_get()` of each kind, likewise.
fn get_own(py: Python<'_>, function: &Own<Function>, args: Args<'_>, kind: Kind) -> PyRes {
    match args.positional() {
        [this] if !args.has_keywords() => match this.cast::<Queue>() {
            Some(this) => this.items.get(py, kind, this.as_any()),
            None => function.call_stock(py, args),
        },
        _ => function.call_stock(py, args),
    }
}

static PUT: Params<2> = Params {
    function: "Queue.put",
    names: [&names::SELF, &names::ITEM],
    positional: 2,
    required: 2,
};

/// The arguments of `put(item)` and `put_nowait(item)`, where ours is to run.
#[inline]
fn item_to_put<'a>(
    py: Python<'_>,
    function: &Own<Function>,
    args: Args<'a>,
) -> PyRes<Option<(&'a Own<Queue>, &'a Own)>> {
    let (this, item) = match args.positional() {
        [this, item] if !args.has_keywords() => (Some(this), Some(item)),
        _ => {
            let [this, item] = function.bind(py, args, &PUT)?;
            (this, item)
        }
    };
    let (Some(this), Some(item)) = (this.and_then(|this| this.cast::<Queue>()), item) else {
        return Ok(None);
    };
    Ok(Queue::replaced(py, this)?.map(|_| (this, item)))
}

fn put(py: Python<'_>, function: &Own<Function>, args: Args<'_>) -> PyRes {
    match item_to_put(py, function, args)? {
        Some((this, item)) => Ok(awaitable::new(py, Put::new(this, item))?.into_any()),
        None => function.call_stock(py, args),
    }
}

fn put_nowait(py: Python<'_>, function: &Own<Function>, args: Args<'_>) -> PyRes {
    match item_to_put(py, function, args)? {
        Some((this, item)) => {
            Queue::put_nowait(py, this, item.clone())?;
            Ok(Own::none(py))
        }
        None => function.call_stock(py, args),
    }
}

fn get(py: Python<'_>, function: &Own<Function>, this: &Own<Queue>) -> PyRes {
    match Queue::replaced(py, this)? {
        Some(_) => Ok(awaitable::new(py, Get::new(this))?.into_any()),
        None => function.call_stock_on(py, this),
    }
}

fn get_nowait(py: Python<'_>, function: &Own<Function>, this: &Own<Queue>) -> PyRes {
    match Queue::replaced(py, this)? {
        Some(_) => Queue::get_nowait(py, this),
        None => function.call_stock_on(py, this),
    }
}

fn full(py: Python<'_>, function: &Own<Function>, this: &Own<Queue>) -> PyRes {
    match Queue::replaced(py, this)? {
        Some(_) => Ok(Own::bool(py, Queue::is_full(py, this)?)),
        None => function.call_stock_on(py, this),
    }
}

fn join(py: Python<'_>, _function: &Own<Function>, this: &Own<Queue>) -> PyRes {
    let states = Join(Slot::new(Some(this.clone())));
    Ok(awaitable::new(py, states)?.into_any())
}

/// An attribute that is a line.
fn line(name: &'static std::ffi::CStr, getters: bool) -> Property<Queue> {
    fn of(this: &Own<Queue>, getters: bool) -> &Waiters {
        if getters {
            &this.getters
        } else {
            &this.putters
        }
    }
    fn value<'a>(py: Python<'_>, value: Option<&'a Own>) -> PyRes<&'a Own> {
        value.ok_or_else(|| Raised::new::<PyTypeError>(py, "cannot delete attribute"))
    }
    if getters {
        Property::get(name, |py, this: &Own<Queue>| of(this, true).show(py)).set(
            |py, this: &Own<Queue>, new: Option<&Own>| {
                of(this, true).set(value(py, new)?);
                Ok(())
            },
        )
    } else {
        Property::get(name, |py, this: &Own<Queue>| of(this, false).show(py)).set(
            |py, this: &Own<Queue>, new: Option<&Own>| {
                of(this, false).set(value(py, new)?);
                Ok(())
            },
        )
    }
}

fn properties() -> Vec<Property<Queue>> {
    let mut properties = vec![
        bound::property(),
        Property::get(c"_maxsize", |_, this: &Own<Queue>| this.maxsize.get()).set(
            |py, this: &Own<Queue>, value: Option<&Own>| {
                set_maxsize(this, &value.cloned().unwrap_or_else(|| Own::none(py)));
                Ok(())
            },
        ),
        line(c"_getters", true),
        line(c"_putters", false),
        Property::get(c"_unfinished_tasks", |_, this: &Own<Queue>| {
            this.unfinished.get()
        })
        .set(|py, this: &Own<Queue>, value: Option<&Own>| {
            let count = value.map_or(Ok(0), |value| value.bound(py).extract::<i64>())?;
            this.unfinished.set(count);
            Ok(())
        }),
        Property::get(c"_finished", Queue::show_finished).set(
            |_, this: &Own<Queue>, value: Option<&Own>| {
                this.finished.set(value.cloned());
                Ok(())
            },
        ),
        Property::get(c"_queue", |py, this: &Own<Queue>| -> PyRes {
            let shown = this.items.show(py)?;
            shown.ok_or_else(|| items::missing(py, this.as_any()))
        })
        .set(|_, this: &Own<Queue>, value: Option<&Own>| {
            this.items.set(value);
            Ok(())
        }),
    ];
    if cfg!(Py_3_13) {
        properties.push(
            Property::get(c"_is_shutdown", |_, this: &Own<Queue>| {
                this.is_shut_down.get()
            })
            .set(|py, this: &Own<Queue>, value: Option<&Own>| {
                let value = value.map_or(Ok(false), |value| call::truth(py, value))?;
                this.is_shut_down.set(value);
                Ok(())
            }),
        );
    }
    properties
}

fn make_queue(py: Python<'_>) -> PyRes {
    let class = TypeBuilder::<Queue>::new()
        .methods(state::methods())
        .properties(properties())
        .subclassable()
        .build(py)?;
    let face = Face::new(py, class, "asyncio.queues", "Queue")?;
    face.args(py, "__init__", init)?;
    face.args(py, "_init", |py, function, args| {
        begin(py, function, args, Kind::Fifo)
    })?;
    face.args(py, "_put", |py, function, args| {
        put_own(py, function, args, Kind::Fifo)
    })?;
    face.args(py, "_get", |py, function, args| {
        get_own(py, function, args, Kind::Fifo)
    })?;
    face.args(py, "_wakeup_next", |py, function, args| {
        function.call_stock(py, args)
    })?;
    face.method(py, "qsize", |py, _, this: &Own<Queue>| -> PyRes<i64> {
        Ok(this.items.len(py, this.as_any())? as i64)
    })?;
    face.method(py, "empty", |py, _, this: &Own<Queue>| {
        Queue::is_empty(py, this)
    })?;
    face.method(py, "full", full)?;
    face.args(py, "put", put)?;
    face.args(py, "put_nowait", put_nowait)?;
    face.method(py, "get", get)?;
    face.method(py, "get_nowait", get_nowait)?;
    face.method(py, "task_done", |py, _, this: &Own<Queue>| {
        Queue::task_done(py, this)
    })?;
    face.method(py, "join", join)?;
    face.method(py, "_get_loop", bound::get_loop::<Queue>)?;
    Ok(face.class)
}

/// A class over `_Queue` with three methods of its own, which `add` gives it.
fn derive(
    py: Python<'_>,
    cell: &'static Immortal,
    name: &str,
    add: impl FnOnce(&Face) -> PyRes<()>,
) -> PyRes {
    let base = Queue::slot().type_object(py);
    let face = Face::derived(py, &base, "asyncio.queues", name)?;
    add(&face)?;
    Ok(cell.get_or_init(py, || Ok(face.class))?.clone())
}

fn make_priority_queue(py: Python<'_>) -> PyRes {
    derive(py, &PRIORITY_QUEUE, "PriorityQueue", |face| {
        face.args(py, "_init", |py, function, args| {
            begin(py, function, args, Kind::Heap)
        })?;
        face.args(py, "_put", |py, function, args| {
            put_own(py, function, args, Kind::Heap)
        })?;
        face.args(py, "_get", |py, function, args| {
            get_own(py, function, args, Kind::Heap)
        })
    })
}

fn make_lifo_queue(py: Python<'_>) -> PyRes {
    derive(py, &LIFO_QUEUE, "LifoQueue", |face| {
        face.args(py, "_init", |py, function, args| {
            begin(py, function, args, Kind::Lifo)
        })?;
        face.args(py, "_put", |py, function, args| {
            put_own(py, function, args, Kind::Lifo)
        })?;
        face.args(py, "_get", |py, function, args| {
            get_own(py, function, args, Kind::Lifo)
        })
    })
}

/// Makes the types.
pub(in crate::sync) fn make_types(py: Python<'_>) -> PyRes<Vec<(&'static str, Own)>> {
    awaitable::make_type::<Get>(py)?;
    awaitable::make_type::<Put>(py)?;
    awaitable::make_type::<Join>(py)?;
    Ok(vec![
        ("_Queue", make_queue(py)?),
        ("_PriorityQueue", make_priority_queue(py)?),
        ("_LifoQueue", make_lifo_queue(py)?),
    ])
}
