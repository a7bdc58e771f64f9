//! What Python sees: the class, the coroutines of `__aenter__` and `__aexit__`, the functions.

use pyo3::prelude::*;

use super::{State, Timeout, asyncio_timeout, deadline, wait_for};
use crate::awaitable::{self, Awaitable, Coroutine, Next, Outcome};
use crate::ffi::{
    Args, Class, Function, Immortal, Method, Own, Params, Property, PyRes, Recycled, Slot,
    TypeBuilder, TypeSlot, Visit, bound, call, function,
};
use crate::names;

/// The coroutine of `__aenter__`.
#[derive(Debug)]
pub struct Enter {
    timeout: Slot<Timeout>,
}

static ENTER: TypeSlot = TypeSlot::new();

impl Awaitable for Enter {
    const TYPE_NAME: &'static std::ffi::CStr = c"ferrio._ferrio.TimeoutEnterCoroutine";
    const QUALNAME: &'static str = "Timeout.__aenter__";
    const RECYCLED: Option<Recycled> = Some(Recycled::pool(8));

    fn slot() -> &'static TypeSlot {
        &ENTER
    }

    fn start(py: Python<'_>, this: &Own<Coroutine<Self>>) -> PyRes<Next> {
        let Some(timeout) = this.timeout.get() else {
            return Ok(Next::Return(None));
        };
        let loop_ = timeout.enter(py)?;
        if is_ours(py, &timeout)? {
            Timeout::start(py, &timeout, &loop_)?;
        } else {
            // A class derived from it may have its own.
            let when = timeout.when.get().unwrap_or_else(|| Own::none(py));
            call::method(py, timeout.as_any(), &names::RESCHEDULE, &[&when])?;
        }
        Ok(Next::Return(Some(timeout.into_any())))
    }

    fn resume(py: Python<'_>, _: &Own<Coroutine<Self>>, outcome: Outcome) -> PyRes<Next> {
        awaitable::pass_on(py, outcome)
    }

    fn traverse(&self, visit: &mut Visit) {
        visit.slot(&self.timeout);
    }

    fn clear(&self) {
        self.timeout.set(None);
    }
}

/// Is it of exactly the native class or of `ferrio.Timeout`, no class derived from those?
pub(super) fn is_ours(py: Python<'_>, timeout: &Own<Timeout>) -> PyRes<bool> {
    Ok(timeout.is_exact() || timeout.as_any().is_exactly(class(py)?))
}

/// `ferrio.Timeout`.
fn class(py: Python<'_>) -> PyRes<&'static Own> {
    static CLASS: Immortal = Immortal::empty();
    CLASS.get_or_init(py, || {
        let class = Own::from(py.import("ferrio._timeouts")?.getattr("Timeout")?);
        Own::<Timeout>::adopt(py, &class)?;
        Ok(class)
    })
}

/// The coroutine of `__aexit__`.
#[derive(Debug)]
pub struct Exit {
    timeout: Slot<Timeout>,
    class: Slot,
    error: Slot,
}

static EXIT: TypeSlot = TypeSlot::new();

impl Awaitable for Exit {
    const TYPE_NAME: &'static std::ffi::CStr = c"ferrio._ferrio.TimeoutExitCoroutine";
    const QUALNAME: &'static str = "Timeout.__aexit__";
    const RECYCLED: Option<Recycled> = Some(Recycled::pool(9));

    fn slot() -> &'static TypeSlot {
        &EXIT
    }

    fn start(py: Python<'_>, this: &Own<Coroutine<Self>>) -> PyRes<Next> {
        if let Some(timeout) = this.timeout.get() {
            let (class, error) = (this.class.get(), this.error.get());
            timeout.exit(py, class.as_ref(), error.as_ref())?;
        }
        Ok(Next::Return(None))
    }

    fn resume(py: Python<'_>, _: &Own<Coroutine<Self>>, outcome: Outcome) -> PyRes<Next> {
        awaitable::pass_on(py, outcome)
    }

    fn traverse(&self, visit: &mut Visit) {
        visit.slot(&self.timeout);
        visit.slot(&self.class);
        visit.slot(&self.error);
    }

    fn clear(&self) {
        self.timeout.set(None);
        self.class.set(None);
        self.error.set(None);
    }
}

fn given(argument: Option<&Own>) -> Option<Own> {
    argument.filter(|argument| !argument.is_none()).cloned()
}

static INIT: Params<1> = Params::one("Timeout.__init__", &names::WHEN);

fn init(py: Python<'_>, this: &Own<Timeout>, args: Args<'_>) -> PyRes<()> {
    let when = args.bind_one(py, &INIT)?;
    this.state.set(State::Created);
    this.when.set(given(Some(when)));
    this.task.set(None);
    this.timer.set(None);
    Ok(())
}

static RESCHEDULE: Params<1> = Params::one("Timeout.reschedule", &names::WHEN);

fn reschedule(py: Python<'_>, this: &Own<Timeout>, args: Args<'_>) -> PyRes<()> {
    let when = args.bind_one(py, &RESCHEDULE)?;
    Timeout::reschedule(py, this, given(Some(when)))
}

fn enter(py: Python<'_>, this: &Own<Timeout>) -> PyRes<Own<Coroutine<Enter>>> {
    let timeout = Slot::new(Some(this.clone()));
    awaitable::new(py, Enter { timeout })
}

static EXIT_PARAMS: Params<3> = Params {
    function: "Timeout.__aexit__",
    names: [&names::EXC_TYPE, &names::EXC_VAL, &names::EXC_TB],
    positional: 3,
    required: 3,
};

fn exit(py: Python<'_>, this: &Own<Timeout>, args: Args<'_>) -> PyRes<Own<Coroutine<Exit>>> {
    let [class, error, _traceback] = args.bind(py, &EXIT_PARAMS)?;
    let states = Exit {
        timeout: Slot::new(Some(this.clone())),
        class: Slot::new(given(class)),
        error: Slot::new(given(error)),
    };
    awaitable::new(py, states)
}

fn repr(py: Python<'_>, this: &Own<Timeout>) -> PyRes {
    let state = this.state.get();
    let mut text = format!("<Timeout [{}]", state.names().1);
    if state == State::Entered {
        let when = match this.when.get() {
            Some(when) => {
                let round = py.import("builtins")?.getattr("round")?;
                round.call1((when.bound(py), 3))?.str()?.to_string()
            }
            None => "None".to_owned(),
        };
        text += &format!(" when={when}");
    }
    Ok(Own::str(py, &(text + ">")))
}

fn state_object(py: Python<'_>, this: &Own<Timeout>) -> PyRes {
    let states = py.import("asyncio.timeouts")?.getattr("_State")?;
    Ok(Own::from(states.getattr(this.state.get().names().0)?))
}

fn methods() -> Vec<Method<Timeout>> {
    vec![
        Method::noargs(
            c"when",
            c"when($self, /)\n--\n\nThe deadline in seconds of the loop's clock, or None.",
            |_, this: &Own<Timeout>| this.when.get(),
        ),
        Method::args(
            c"reschedule",
            c"reschedule($self, when)\n--\n\nMove the deadline; RuntimeError unless it is entered and not over.",
            reschedule,
        ),
        Method::noargs(
            c"expired",
            c"expired($self, /)\n--\n\nIs the time over?",
            |_, this: &Own<Timeout>| {
                matches!(this.state.get(), State::Expiring | State::Expired)
            },
        ),
        Method::noargs(c"__aenter__", c"__aenter__($self, /)\n--\n\n", enter),
        Method::args(
            c"__aexit__",
            c"__aexit__($self, exc_type, exc_val, exc_tb)\n--\n\n",
            exit,
        ),
        Method::noargs(
            c"_on_timeout",
            c"_on_timeout($self, /)\n--\n\nThe time is over: cancel the task.",
            |py, this: &Own<Timeout>| this.expire(py),
        ),
    ]
}

fn properties() -> Vec<Property<Timeout>> {
    vec![
        Property::get(c"_state", state_object),
        Property::get(c"_when", |_, this: &Own<Timeout>| this.when.get()),
        Property::get(c"_task", |_, this: &Own<Timeout>| this.task.get()),
        Property::get(c"_cancelling", |_, this: &Own<Timeout>| {
            this.cancelling.get()
        }),
        Property::get(c"_timeout_handler", |_, this: &Own<Timeout>| {
            this.timer.get()
        }),
    ]
}

/// Makes the types.
pub fn make_types(py: Python<'_>) -> PyRes<()> {
    awaitable::make_type::<Enter>(py)?;
    awaitable::make_type::<Exit>(py)?;
    wait_for::make_type(py)?;
    TypeBuilder::<Timeout>::new()
        .init(init)
        .repr(repr)
        .methods(methods())
        .docs_of(py, "asyncio.timeouts", "Timeout")?
        .properties(properties())
        .subclassable()
        .build(py)?;
    let class = Timeout::slot().type_object(py);
    bound::called_once(py, &class, &["__aenter__", "__aexit__"])
}

static TIMEOUT: Params<1> = Params::one("timeout", &names::DELAY);
static TIMEOUT_AT: Params<1> = Params::one("timeout_at", &names::WHEN);

fn timeout(py: Python<'_>, this: &Own<Function>, args: Args<'_>) -> PyRes {
    let [delay] = this.bind(py, args, &TIMEOUT)?;
    let delay = delay.expect("bind checks what is required");
    if delay.is_none() {
        // Outside of a loop it is an error, also where it asks for no time.
        crate::ffi::runtime::running_loop(py)?;
        return until(py, delay);
    }
    until(py, &deadline(py, delay)?)
}

/// `ferrio.Timeout(when)`.
fn until(py: Python<'_>, when: &Own) -> PyRes {
    let class = class(py)?;
    let data = || Timeout::until(given(Some(when)));
    match Own::<Timeout>::alloc_derived(py, class, data)? {
        Some(timeout) => Ok(timeout.into_any()),
        None => call::call1(py, class, when),
    }
}

fn timeout_at(py: Python<'_>, this: &Own<Function>, args: Args<'_>) -> PyRes {
    let [when] = this.bind(py, args, &TIMEOUT_AT)?;
    until(py, when.expect("bind checks what is required"))
}

/// Names and functions of this room.
pub fn functions(py: Python<'_>) -> PyRes<Vec<(&'static str, Own<Function>)>> {
    // Kept from before anybody replaces it.
    asyncio_timeout(py)?;
    let stock = |name| function::stock(py, "asyncio.timeouts", name);
    let mut functions = vec![
        ("timeout", Function::new(py, stock("timeout")?, timeout)?),
        (
            "timeout_at",
            Function::new(py, stock("timeout_at")?, timeout_at)?,
        ),
    ];
    functions.extend(wait_for::function(py)?);
    Ok(functions)
}
