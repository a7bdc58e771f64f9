"""ferrio: asyncio, implemented in Rust, for CPython.

Every public name of asyncio is here too: what is not native is asyncio's own. The names stand one by one, because type
checkers do not agree on what wins when a star import and a definition meet.

To a type checker `Future` and `Task` are asyncio's classes, not subclasses of them. A native task says so too: its
`__class__` is `asyncio.Task`. And a program under ``import ferrio as asyncio`` gets its tasks from functions and
classes that promise an `asyncio.Task`: ``task: asyncio.Task[int] = asyncio.create_task(f())`` must be right there too.
"""

import sys
from asyncio import (
    ALL_COMPLETED as ALL_COMPLETED,
    AbstractEventLoop as AbstractEventLoop,
    AbstractServer as AbstractServer,
    Barrier as Barrier,
    BaseEventLoop as BaseEventLoop,
    BaseProtocol as BaseProtocol,
    BaseTransport as BaseTransport,
    BoundedSemaphore as BoundedSemaphore,
    BrokenBarrierError as BrokenBarrierError,
    BufferedProtocol as BufferedProtocol,
    CancelledError as CancelledError,
    Condition as Condition,
    DatagramProtocol as DatagramProtocol,
    DatagramTransport as DatagramTransport,
    Event as Event,
    FIRST_COMPLETED as FIRST_COMPLETED,
    FIRST_EXCEPTION as FIRST_EXCEPTION,
    Future as Future,
    Handle as Handle,
    IncompleteReadError as IncompleteReadError,
    InvalidStateError as InvalidStateError,
    LifoQueue as LifoQueue,
    LimitOverrunError as LimitOverrunError,
    Lock as Lock,
    PriorityQueue as PriorityQueue,
    Protocol as Protocol,
    Queue as Queue,
    QueueEmpty as QueueEmpty,
    QueueFull as QueueFull,
    ReadTransport as ReadTransport,
    Runner as Runner,
    SelectorEventLoop as SelectorEventLoop,
    Semaphore as Semaphore,
    SendfileNotAvailableError as SendfileNotAvailableError,
    Server as Server,
    StreamReader as StreamReader,
    StreamReaderProtocol as StreamReaderProtocol,
    StreamWriter as StreamWriter,
    SubprocessProtocol as SubprocessProtocol,
    SubprocessTransport as SubprocessTransport,
    Task as Task,
    TaskGroup as TaskGroup,
    Timeout as Timeout,
    TimeoutError as TimeoutError,
    TimerHandle as TimerHandle,
    Transport as Transport,
    WriteTransport as WriteTransport,
    __all__ as __all__,
    _enter_task as _enter_task,
    _get_running_loop as _get_running_loop,
    _leave_task as _leave_task,
    _register_task as _register_task,
    _set_running_loop as _set_running_loop,
    _unregister_task as _unregister_task,
    all_tasks as all_tasks,
    as_completed as as_completed,
    base_futures as base_futures,
    base_subprocess as base_subprocess,
    base_tasks as base_tasks,
    constants as constants,
    create_subprocess_exec as create_subprocess_exec,
    create_subprocess_shell as create_subprocess_shell,
    create_task as create_task,
    current_task as current_task,
    ensure_future as ensure_future,
    format_helpers as format_helpers,
    gather as gather,
    get_event_loop as get_event_loop,
    get_event_loop_policy as get_event_loop_policy,
    get_running_loop as get_running_loop,
    iscoroutine as iscoroutine,
    iscoroutinefunction as iscoroutinefunction,
    isfuture as isfuture,
    log as log,
    mixins as mixins,
    open_connection as open_connection,
    open_unix_connection as open_unix_connection,
    run_coroutine_threadsafe as run_coroutine_threadsafe,
    selector_events as selector_events,
    set_event_loop as set_event_loop,
    set_event_loop_policy as set_event_loop_policy,
    shield as shield,
    sleep as sleep,
    sslproto as sslproto,
    staggered as staggered,
    start_server as start_server,
    start_unix_server as start_unix_server,
    timeout as timeout,
    timeout_at as timeout_at,
    to_thread as to_thread,
    trsock as trsock,
    wait as wait,
    wait_for as wait_for,
    wrap_future as wrap_future,
)

from . import (
    base_events as base_events,
    coroutines as coroutines,
    events as events,
    exceptions as exceptions,
    futures as futures,
    legacy as legacy,
    locks as locks,
    protocols as protocols,
    queues as queues,
    runners as runners,
    streams as streams,
    subprocess as subprocess,
    taskgroups as taskgroups,
    tasks as tasks,
    threads as threads,
    timeouts as timeouts,
    transports as transports,
    unix_events as unix_events,
)
from ._cross_queue import QueueShutDown as QueueShutDown
from ._ferrio import CrossQueue as CrossQueue, __version__ as __version__
from ._install import install as install, uninstall as uninstall
from ._nested import allow_nested as allow_nested, nested as nested
from ._loop import Loop as Loop, new_event_loop as new_event_loop
from ._run import run as run

# For IPython, which calls them with its shell: %load_ext ferrio, %unload_ext ferrio.
def load_ipython_extension(shell: object) -> None: ...
def unload_ipython_extension(shell: object) -> None: ...

__all__ += ("CrossQueue", "Loop", "allow_nested", "install", "nested", "uninstall")  # type: ignore[assignment]

if sys.version_info >= (3, 12):
    from asyncio import (
        create_eager_task_factory as create_eager_task_factory,
        eager_task_factory as eager_task_factory,
    )

if sys.version_info < (3, 13):
    __all__ += ("QueueShutDown",)  # type: ignore[assignment]

if sys.version_info >= (3, 13):
    from asyncio import EventLoop as EventLoop

if sys.version_info >= (3, 14):
    from asyncio import (
        FrameCallGraphEntry as FrameCallGraphEntry,
        FutureCallGraph as FutureCallGraph,
        capture_call_graph as capture_call_graph,
        format_call_graph as format_call_graph,
        future_add_to_awaited_by as future_add_to_awaited_by,
        future_discard_from_awaited_by as future_discard_from_awaited_by,
        print_call_graph as print_call_graph,
    )

    from . import graph as graph

if sys.version_info < (3, 14):
    from asyncio import (
        AbstractChildWatcher as AbstractChildWatcher,
        FastChildWatcher as FastChildWatcher,
        MultiLoopChildWatcher as MultiLoopChildWatcher,
        PidfdChildWatcher as PidfdChildWatcher,
        SafeChildWatcher as SafeChildWatcher,
        ThreadedChildWatcher as ThreadedChildWatcher,
        get_child_watcher as get_child_watcher,
        set_child_watcher as set_child_watcher,
    )

if sys.version_info < (3, 16):
    # Deprecated from 3.14 on, and no longer in `__all__`.
    from asyncio import (
        AbstractEventLoopPolicy as AbstractEventLoopPolicy,
        DefaultEventLoopPolicy as DefaultEventLoopPolicy,
    )

    from ._policy import EventLoopPolicy as EventLoopPolicy

    __all__ += ("EventLoopPolicy",)  # type: ignore[assignment]
