#!/usr/bin/env python3
"""Run CPython's own test.test_asyncio against any event loop / Task / Future.

  python cpython_suite.py --loop uvloop:new_event_loop --out r.json
  python cpython_suite.py --task-class pkg:Task --future-class pkg:Future --out r.json
  python cpython_suite.py --loop pkg:new_event_loop --replace-from pkg   # own gather/Queue/...

Run it with the interpreter (venv) that has the loop installed, or give --python.
"""
import argparse
import os
import sys
import time

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, HERE)
import confrun  # noqa: E402

STRIP = 'test.test_asyncio.'
LUT_MODULES_TESTLOOP = {'test_futures', 'test_futures2', 'test_tasks', 'test_eager_task_factory',
                        'test_locks', 'test_queues', 'test_streams', 'test_waitfor',
                        'test_taskgroups', 'test_timeouts'}
TASK_FILES = ['test_futures', 'test_futures2', 'test_tasks', 'test_eager_task_factory']


# ------------------------------------------------------------------ child
def child(optfile):
    import json
    with open(optfile) as f:
        opts = json.load(f)
    sys.path[:0] = opts.get('path', [])
    confrun.child_main(lambda: load(opts), dict(opts, strip=STRIP))


def stock_loop_class():
    import asyncio
    return asyncio.unix_events._UnixSelectorEventLoop


def make_factory(spec, opts, counter):
    import asyncio
    real = stock_loop_class()
    if spec in ('asyncio', 'asyncio:new_event_loop', 'asyncio:SelectorEventLoop', 'asyncio:EventLoop'):
        base = real
    else:
        base = confrun.resolve(spec)
    Task = confrun.resolve(opts['task_class']) if opts.get('task_class') else None
    Future = confrun.resolve(opts['future_class']) if opts.get('future_class') else None
    install = opts.get('install_task_factory')

    def factory():
        counter[0] += 1
        loop = base()
        if install and Task is not None:
            loop.set_task_factory(lambda l, coro, **kw: Task(coro, loop=l, **kw))
        if install and Future is not None:
            loop.create_future = lambda: Future(loop=loop)
        return loop
    factory.__qualname__ = factory.__name__ = 'loop_under_test'
    return factory


def patch_asyncio(factory, stock):
    """Make every public way to get a loop return the loop under test."""
    import asyncio
    from asyncio import unix_events, events
    real = stock_loop_class()
    for polname in ('_UnixDefaultEventLoopPolicy', '_DefaultEventLoopPolicy', 'DefaultEventLoopPolicy'):
        pol = getattr(unix_events, polname, None)
        if pol is not None:
            pol._loop_factory = staticmethod(factory)
    if stock:
        # still count creations
        class Meta0(type(real)):
            def __call__(cls, *a, **k):
                if cls is proxy and not a and not k:
                    return factory()
                return super().__call__(*a, **k)

            def __instancecheck__(cls, inst):
                return isinstance(inst, real) if cls is proxy else super().__instancecheck__(inst)
        proxy = Meta0(real.__name__, (real,), {'__module__': real.__module__})
    else:
        lut = factory()
        luttype = type(lut)
        lut.close()

        class Meta(type(real)):
            def __call__(cls, *a, **k):
                if cls is proxy and not a and not k:
                    return factory()
                return super().__call__(*a, **k)

            def __instancecheck__(cls, inst):
                if cls is proxy:
                    return isinstance(inst, (real, luttype))
                return super().__instancecheck__(inst)
        proxy = Meta(real.__name__, (real,), {'__module__': real.__module__})
    for mod in (asyncio, unix_events):
        for name in ('SelectorEventLoop', 'EventLoop'):
            if getattr(mod, name, None) is real:
                setattr(mod, name, proxy)
    return proxy


def apply_replacements(opts):
    """--replace asyncio.gather=pkg:gather, --replace-from pkg"""
    import asyncio
    import importlib
    pairs = []
    for r in opts.get('replace') or ():
        dst, _, src = r.partition('=')
        pairs.append((dst.rpartition('.')[2], confrun.resolve(src)))
    for modname in opts.get('replace_from') or ():
        m = importlib.import_module(modname)
        for name in asyncio.__all__:
            if hasattr(m, name) and not name.endswith('Policy') and 'event_loop' not in name \
                    and getattr(m, name) is not getattr(asyncio, name):
                pairs.append((name, getattr(m, name)))
    for name, new in pairs:
        old = getattr(asyncio, name)
        for mn, mod in list(sys.modules.items()):
            if (mn == 'asyncio' or mn.startswith('asyncio.')) and getattr(mod, name, None) is old:
                setattr(mod, name, new)
    return [p[0] for p in pairs]


def patch_utils(factory, modname, opts, stock):
    from test.test_asyncio import utils as tu
    import asyncio
    orig_close = tu.TestCase.close_loop

    def close_loop(loop):
        if isinstance(loop, asyncio.BaseEventLoop):
            return orig_close(loop)
        if not loop.is_closed():
            try:
                loop.run_until_complete(loop.shutdown_default_executor())
            except (NotImplementedError, AttributeError):
                pass
        loop.close()
    tu.TestCase.close_loop = staticmethod(close_loop)

    if opts.get('test_loop', 'lut') == 'lut' and modname in LUT_MODULES_TESTLOOP:
        orig_new = tu.TestCase.new_test_loop

        def new_test_loop(self, gen=None):
            if gen is not None:            # simulated clock: only the suite's own TestLoop can
                return orig_new(self, gen)
            loop = factory()
            self.set_event_loop(loop)
            return loop
        tu.TestCase.new_test_loop = new_test_loop


def rebuild_loop_classes(mod, factory, removed):
    """One concrete class per create_event_loop()/new_loop() mixin, on the loop under test."""
    import unittest
    from test.test_asyncio import utils as tu
    cands = [(n, c) for n, c in vars(mod).items()
             if isinstance(c, type) and issubclass(c, unittest.TestCase)
             and 'create_event_loop' in vars(c) and c.__module__ == mod.__name__]
    if cands:
        base = dict(cands).get('SelectEventLoopTests') or cands[-1][1]
        bases = []
        for b in base.__bases__:
            if b.__name__ == 'UnixEventLoopTestsMixin':
                # its setUp installs a SafeChildWatcher (gone in 3.14): use the plain mixin,
                # the policy's default child watcher stays in force
                b = mod.EventLoopTestsMixin
            bases.append(b)
        new = type('LoopUnderTestTests', tuple(bases),
                   {'create_event_loop': lambda self: factory(), '__module__': mod.__name__,
                    '__qualname__': 'LoopUnderTestTests'})
        for n, c in cands:
            removed.append(c)     # one class per selector of SelectorEventLoop
        mod.LoopUnderTestTests = new
    if mod.__name__.endswith('test_subprocess'):
        watchers = [n for n, c in vars(mod).items() if isinstance(c, type) and issubclass(c, unittest.TestCase)
                    and n.startswith('Subprocess') and n.endswith(('WatcherTests',))]
        if hasattr(mod, 'SubprocessMixin') and watchers:
            for n in watchers:
                removed.append(getattr(mod, n))     # one class per child watcher

            def setUp(self):
                super(cls, self).setUp()
                self.loop = factory()
                self.set_event_loop(self.loop)
            cls = type('LoopUnderTestSubprocessTests', (mod.SubprocessMixin, tu.TestCase),
                       {'setUp': setUp, '__module__': mod.__name__,
                        '__qualname__': 'LoopUnderTestSubprocessTests'})
            mod.LoopUnderTestSubprocessTests = cls
    if mod.__name__.endswith('test_runners'):
        # its loops are BaseEventLoop() with a mock selector: use the loop under test instead, so that
        # Runner / asyncio.run / Ctrl-C are tested on it
        def new_loop(self):
            loop = factory()
            loop.shutdown_ag_run = False

            async def shutdown_asyncgens():
                loop.shutdown_ag_run = True
            loop.shutdown_asyncgens = shutdown_asyncgens
            return loop
        mod.BaseTest.new_loop = new_loop
    if mod.__name__.endswith('test_pep492'):
        def setUp(self):
            super(mod.BaseTest, self).setUp()
            self.loop = factory()
            self.set_event_loop(self.loop)
        mod.BaseTest.setUp = setUp
    if mod.__name__.endswith('test_tasks') and hasattr(mod, 'GatherTestsBase'):
        def _run_loop(self, loop):
            if hasattr(loop, '_ready'):
                while loop._ready:
                    tu.run_briefly(loop)
            else:
                for _ in range(10):
                    tu.run_briefly(loop)
        mod.GatherTestsBase._run_loop = _run_loop


def task_classes(mod, modname, opts):
    """Concrete classes of the parameterised bases for third-party Task/Future."""
    import asyncio
    from asyncio import futures, tasks
    from test.test_asyncio import utils as tu
    import unittest
    Task = confrun.resolve(opts['task_class']) if opts.get('task_class') else None
    Future = confrun.resolve(opts['future_class']) if opts.get('future_class') else None
    made = {}

    def mk(name, bases, ns, deco=None):
        c = type(name, bases, dict(ns, __module__=mod.__name__, __qualname__=name))
        if deco:
            c = deco(c)
        made[name] = c

    st = staticmethod
    if modname == 'test_futures' and Future:
        mk('LUTFutureTests', (mod.BaseFutureTests, tu.TestCase), {'cls': Future})
        try:
            Sub = type('LUTSubFuture', (Future,), {})
        except TypeError:
            Sub = None      # not subclassable: shows up in LUTFutureInheritanceTests
        if Sub:
            mk('LUTSubFutureTests', (mod.BaseFutureTests, tu.TestCase), {'cls': Sub})
            mk('LUTSubFutureDoneCallbackTests', (mod.BaseFutureDoneCallbackTests, tu.TestCase),
               {'_new_future': lambda self: Sub(loop=self.loop)})
        mk('LUTFutureDoneCallbackTests', (mod.BaseFutureDoneCallbackTests, tu.TestCase),
           {'_new_future': lambda self: Future(loop=self.loop)})
        mk('LUTFutureInheritanceTests', (mod.BaseFutureInheritanceTests, tu.TestCase),
           {'_get_future_cls': lambda self: Future})
    if modname == 'test_futures2' and Task:
        mk('LUTTaskTests2', (mod.FutureTests, unittest.IsolatedAsyncioTestCase), {'cls': Task})
    if modname == 'test_tasks':
        B = mod.BaseTaskTests
        extra = {}
        if hasattr(B, 'all_tasks') or True:
            extra = {'all_tasks': st(asyncio.all_tasks), 'current_task': st(asyncio.current_task)}
        CT, CF = getattr(tasks, '_CTask', None), getattr(futures, '_CFuture', None)
        if Task and Future:
            mk('LUTTask_LUTFuture_Tests', (B, mod.SetMethodsTest, tu.TestCase), dict(extra, Task=Task, Future=Future))
            try:
                mk('LUTTask_LUTFuture_SubclassTests', (B, tu.TestCase), dict(extra, Task=Task, Future=Future),
                   mod.add_subclass_tests)
            except TypeError as e:
                made.pop('LUTTask_LUTFuture_SubclassTests', None)
                print('cannot subclass:', e)
        if Task:
            mk('LUTTask_CFuture_Tests', (B, tu.TestCase), dict(extra, Task=Task, Future=CF))
            mk('LUTTask_PyFuture_Tests', (B, tu.TestCase), dict(extra, Task=Task, Future=futures._PyFuture))
            mk('LUTCurrentLoopTests', (mod.BaseCurrentLoopTests, tu.TestCase),
               {'current_task': st(asyncio.current_task),
                'new_task': lambda self, coro: Task(coro, loop=self.loop)})
        if Future:
            mk('CTask_LUTFuture_Tests', (B, tu.TestCase), dict(extra, Task=CT, Future=Future))
            # The pure-Python Task notes itself in registers of its own; since 3.14 the C functions do not read them.
            python = {'all_tasks': st(getattr(tasks, '_py_all_tasks', asyncio.all_tasks)),
                      'current_task': st(getattr(tasks, '_py_current_task', asyncio.current_task))}
            mk('PyTask_LUTFuture_Tests', (B, tu.TestCase), dict(python, Task=tasks._PyTask, Future=Future))
    if modname == 'test_eager_task_factory' and Task:
        x = {'Task': Task}
        mk('LUTEagerTaskFactoryLoopTests', (mod.EagerTaskFactoryLoopTests, tu.TestCase), x)
        if hasattr(mod, 'BaseNonEagerTaskFactoryTests'):
            mk('LUTNonEagerTests', (mod.BaseNonEagerTaskFactoryTests, tu.TestCase), x)
            mk('LUTEagerTests', (mod.BaseEagerTaskFactoryTests, tu.TestCase), x)
    return made


def source_of(cls, name):
    import inspect
    f = getattr(cls, name)
    f = inspect.unwrap(f)
    f = getattr(f, '__func__', f)
    try:
        return inspect.getsource(f)
    except (OSError, TypeError):
        return ''


def load(opts):
    import fnmatch
    import importlib
    import unittest
    import excl_cpython as ex
    modname = opts['module']
    counter = [0]
    import asyncio
    import test.support as support
    support.use_resources = ['cpu', 'subprocess', 'walltime', 'largefile']
    # give up by itself before the per-test time-out kills the child
    support.SHORT_TIMEOUT = min(support.SHORT_TIMEOUT, 10.0)
    support.LONG_TIMEOUT = min(support.LONG_TIMEOUT, max(10.0, opts.get('timeout', 30) - 5))
    apply_replacements(opts)
    stock = opts['loop'] in (None, 'asyncio', 'asyncio:new_event_loop')
    factory = make_factory(opts['loop'] or 'asyncio', opts, counter)
    if opts['loop']:
        patch_asyncio(factory, stock)
    mod = importlib.import_module(STRIP + modname)
    patch_utils(factory, modname, opts if opts['loop'] else dict(opts, test_loop='stdlib'), stock)
    removed = []
    if opts['loop']:
        rebuild_loop_classes(mod, factory, removed)
    made = {}
    if opts.get('task_class') or opts.get('future_class'):
        made = task_classes(mod, modname, opts)
        if not opts['loop'] or opts.get('only_lut_classes'):
            for n, c in list(vars(mod).items()):
                if isinstance(c, type) and issubclass(c, unittest.TestCase) and n not in made \
                        and c.__module__ == mod.__name__:
                    delattr(mod, n)
        for n, c in made.items():
            setattr(mod, n, c)
        mod.load_tests = None
        del mod.load_tests
    tests = []

    def flat(s):
        for t in s:
            if isinstance(t, unittest.TestSuite):
                flat(t)
            else:
                tests.append(t)
    flat(unittest.TestLoader().loadTestsFromModule(mod))
    tests = [t for t in tests if type(t) not in removed]
    if made and not opts['loop']:
        order = set(made.values())
        tests = [t for t in tests if type(t) in order]
    excluded = {}
    if not opts.get('no_exclude') and opts['loop']:
        for t in tests:
            i = t.id()
            i = i[len(STRIP):] if i.startswith(STRIP) else i
            for pat, reason, cat in ex.EXPLICIT:
                if fnmatch.fnmatchcase(i, pat):
                    excluded[i] = (reason, cat)
                    break
            else:
                if not opts['loop']:
                    continue
                if any(fnmatch.fnmatchcase(i, p) for p in ex.KEEP):
                    continue
                src = source_of(type(t), t._testMethodName)
                for rx, reason, cat in ex.AUTO:
                    m = rx.search(src)
                    if m:
                        excluded[i] = ((reason % m.group(0) if '%s' in reason else reason), cat)
                        break
    return tests, excluded, counter


# ----------------------------------------------------------------- parent
def main():
    if len(sys.argv) >= 3 and sys.argv[1] == '--child':
        return child(sys.argv[2])
    ap = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    ap.add_argument('--loop', help='module:callable returning a new loop; asyncio:new_event_loop = stock')
    ap.add_argument('--task-class')
    ap.add_argument('--future-class')
    ap.add_argument('--only-lut-classes', action='store_true')
    ap.add_argument('--install-task-factory', action='store_true',
                    help='every loop made by the factory uses --task-class/--future-class (create_task, create_future)')
    ap.add_argument('--replace', action='append', help='asyncio.NAME=module:attr')
    ap.add_argument('--replace-from', action='append', help='replace every asyncio.NAME that this module also has')
    ap.add_argument('--test-loop', choices=['lut', 'stdlib'], default='lut',
                    help="what new_test_loop() without a simulated clock returns in test_tasks/test_futures/... (default: the loop under test)")
    ap.add_argument('--python', default=sys.executable)
    ap.add_argument('--files', help='comma separated, e.g. test_events,test_streams')
    ap.add_argument('-k', action='append', help='substring or fnmatch on test ids')
    ap.add_argument('--timeout', type=float, default=30)
    ap.add_argument('--file-budget', type=float, default=0, help='seconds per test file')
    ap.add_argument('--budget', type=float, default=0, help='seconds for the whole run')
    ap.add_argument('--out')
    ap.add_argument('--log')
    ap.add_argument('--path', action='append', default=[], help='extra sys.path entry')
    ap.add_argument('--debug', action='store_true', help='PYTHONASYNCIODEBUG=1')
    ap.add_argument('--no-exclude', action='store_true')
    ap.add_argument('--known-failures', help='file with one test id (or fnmatch pattern) a line, # comments; other failures make the exit status 1, and so do listed tests that pass')
    ap.add_argument('--list', action='store_true')
    ap.add_argument('-v', action='store_true', help='list every test that did not pass')
    ap.add_argument('--check-exit', action='store_true', help='let each child finalise the interpreter; a crash or hang there counts')
    a = ap.parse_args()
    a.path = [os.path.abspath(p) for p in a.path]
    if not (a.loop or a.task_class or a.future_class):
        ap.error('--loop or --task-class/--future-class')
    import subprocess
    td = subprocess.check_output([a.python, '-c', 'import test.test_asyncio as t,sys;print(t.__path__[0]);print(sys.version)'],
                                 text=True).splitlines()
    import excl_cpython as ex
    allfiles = sorted(f[:-3] for f in os.listdir(td[0]) if f.startswith('test_') and f.endswith('.py'))
    if a.files:
        files = [f.strip().removesuffix('.py') for f in a.files.split(',')]
    elif not a.loop:
        files = [f for f in TASK_FILES if f in allfiles]
    else:
        files = [f for f in allfiles if a.no_exclude or f not in ex.FILES]
    env = dict(os.environ, PYTHONHASHSEED='0')
    env.pop('PYTHONASYNCIODEBUG', None)
    if a.debug:
        env['PYTHONASYNCIODEBUG'] = '1'
    logf = a.log or (os.path.splitext(a.out)[0] + '.log' if a.out else os.devnull)
    if a.out:
        os.makedirs(os.path.dirname(os.path.abspath(a.out)), exist_ok=True)
    t0 = time.monotonic()
    deadline = t0 + a.budget if a.budget else None
    res, notes = {}, {}
    with open(logf, 'wb') as log:
        for f in files:
            co = dict(module=f, loop=a.loop, task_class=a.task_class, future_class=a.future_class,
                      replace=a.replace, replace_from=a.replace_from, only=a.k, list=a.list,
                      path=a.path, test_loop=a.test_loop, no_exclude=a.no_exclude, check_exit=a.check_exit,
                      timeout=a.timeout, install_task_factory=a.install_task_factory, only_lut_classes=a.only_lut_classes)
            t1 = time.monotonic()
            r, n = confrun.run_file(f, [a.python, '-X', 'faulthandler', os.path.abspath(__file__), '--child'],
                                    env, a.timeout, log,
                                    min([d for d in (deadline, a.file_budget and t1 + a.file_budget) if d], default=None), child_opts=co)
            res[f] = r
            if n:
                notes[f] = n
            if a.list:
                for i, rec in r.items():
                    print(i, '[excluded: %s]' % rec['reason'] if rec['outcome'] == 'excluded' else '')
                continue
            print(confrun.summary_line(f, r.values()) + '  %.0fs' % (time.monotonic() - t1), flush=True)
            for x in n:
                print('    note:', x.strip().splitlines()[-1][:200], flush=True)
            if a.v:
                for i, rec in r.items():
                    if rec['outcome'] in ('fail', 'error', 'timeout', 'crash'):
                        print('    %-8s %s: %s' % (rec['outcome'], i, rec['reason'][:160]), flush=True)
    if a.list:
        return 0
    meta = dict(suite='cpython test.test_asyncio', python=td[1], argv=sys.argv[1:], loop=a.loop,
                task=a.task_class, future=a.future_class, seconds=round(time.monotonic() - t0, 1),
                timeout=a.timeout, excluded_files={k: v for k, v in ex.FILES.items() if k in allfiles})
    return confrun.finish(meta, res, a.out, notes, a.known_failures)


if __name__ == '__main__':
    sys.exit(main())
