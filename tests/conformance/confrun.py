"""Shared driver for the conformance runners (parent side and child side).

Parent: one subprocess per test file.  The child appends JSON lines to an event
file; the parent polls it.  When a test exceeds the per-test time-out the child
gets SIGABRT (faulthandler dumps all stacks into the log), then SIGKILL for its
whole process group, the test is recorded as `timeout`, and a new child
continues with the remaining tests.  The same for a crash.
"""
import collections
import fnmatch
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time

OUTCOMES = ('passed', 'failed', 'errors', 'skipped', 'timeouts', 'crashed')
KEY = {'pass': 'passed', 'fail': 'failed', 'error': 'errors', 'skip': 'skipped',
       'timeout': 'timeouts', 'crash': 'crashed', 'excluded': 'excluded',
       'notrun': 'notrun'}


# --------------------------------------------------------------------------- child
def child_main(load_tests_callable, opts):
    """load_tests_callable() -> (list_of_testcases, {id: (reason, category)}, counter)"""
    import traceback
    import unittest
    import faulthandler
    faulthandler.enable(all_threads=True)
    fd = os.open(opts['events'], os.O_WRONLY | os.O_APPEND | os.O_CREAT)
    mainpid = os.getpid()

    def emit(**kw):
        if os.getpid() != mainpid:      # forked test child
            return
        os.write(fd, (json.dumps(kw) + '\n').encode())

    try:
        tests, excluded, counter = load_tests_callable()
    except BaseException as e:
        emit(ev='load_error', detail=''.join(traceback.format_exception(e))[-3000:])
        raise SystemExit(3)
    strip = opts.get('strip', '')

    def tid(t):
        i = t.id()
        return i[len(strip):] if i.startswith(strip) else i

    skip_ids = set(opts.get('done', ()))
    if opts.get('only') is not None:
        only = opts['only']
    else:
        only = None
    run, plan = [], []
    for t in tests:
        i = tid(t)
        if only and not any(fnmatch.fnmatchcase(i, p) or p in i for p in only):
            continue
        plan.append(i)
        if i in excluded or i in skip_ids:
            continue
        run.append(t)
    emit(ev='plan', ids=plan, excluded={k: v for k, v in excluded.items() if k in set(plan)})
    if opts.get('list'):
        emit(ev='done')
        return

    class Result(unittest.TestResult):
        cur = None

        def startTest(self, test):
            super().startTest(test)
            self.cur = {'out': [], 'detail': '', 't0': time.monotonic(),
                        'n0': counter[0] if counter else 0}
            emit(ev='start', id=tid(test), t=time.monotonic())

        def _add(self, test, out, detail=''):
            if self.cur is None:
                if isinstance(test, unittest.TestCase):     # 3.12.1: class-level skip without startTest
                    emit(ev='end', id=tid(test), out=out, detail=detail, time=0, loops=0)
                    return
                emit(ev='fixture', id=str(test), out=out, detail=detail)
                return
            self.cur['out'].append(out)
            if detail and not self.cur['detail']:
                self.cur['detail'] = detail

        def _exc(self, err):
            try:
                s = ''.join(traceback.format_exception(*err))
            except BaseException as e:
                s = 'unformattable: %r' % (e,)
            return s

        def addSuccess(self, test): self._add(test, 'pass')
        def addFailure(self, test, err): self._add(test, 'fail', self._exc(err))
        def addError(self, test, err): self._add(test, 'error', self._exc(err))
        def addSkip(self, test, reason): self._add(test, 'skip', reason)
        def addExpectedFailure(self, test, err): self._add(test, 'pass')
        def addUnexpectedSuccess(self, test): self._add(test, 'fail', 'unexpected success')

        def addSubTest(self, test, sub, err):
            if err is not None:
                out = 'fail' if issubclass(err[0], test.failureException) else 'error'
                self._add(test, out, '%s\n%s' % (sub._subDescription(), self._exc(err)))

        def stopTest(self, test):
            super().stopTest(test)
            c, self.cur = self.cur, None
            if c is None:
                return
            outs = c['out']
            if 'error' in outs: out = 'error'
            elif 'fail' in outs: out = 'fail'
            elif 'pass' in outs: out = 'pass'
            elif 'skip' in outs: out = 'skip'
            else: out = 'pass'
            emit(ev='end', id=tid(test), out=out, detail=c['detail'][-2500:] if out != 'skip' else c['detail'],
                 time=round(time.monotonic() - c['t0'], 3),
                 loops=(counter[0] if counter else 0) - c['n0'])

    unittest.TestSuite(run).run(Result())
    emit(ev='done')
    sys.stdout.flush(); sys.stderr.flush()
    if opts.get('check_exit'):      # normal interpreter shutdown: a crash in finalisation counts
        return
    # leave without waiting for stray threads of a broken loop
    os._exit(0)


# -------------------------------------------------------------------------- parent
def last_line(detail):
    lines = [l for l in (detail or '').strip().splitlines() if l.strip()]
    for l in reversed(lines):
        if not l.startswith((' ', '\t')) and (':' in l or l.isidentifier()):
            return l[:300]
    return lines[-1][:300] if lines else ''


def _default_signals():
    # `nohup ... &` leaves SIGINT/SIGQUIT ignored; an ignored SIGINT is inherited and makes
    # every Ctrl-C test hang (test_runners.*interrupt*, uvloop's test_signals)
    for s in (signal.SIGINT, signal.SIGQUIT, signal.SIGHUP, signal.SIGTERM, signal.SIGALRM, signal.SIGCHLD,
              signal.SIGUSR1, signal.SIGUSR2, signal.SIGPIPE):
        signal.signal(s, signal.SIG_DFL)
    signal.pthread_sigmask(signal.SIG_SETMASK, [])


def run_file(name, cmd, env, timeout, log, deadline=None, load_timeout=60, max_restarts=80,
             child_opts=None):
    """Run one test file; returns dict id -> record."""
    tmp = tempfile.mkdtemp(prefix='conf-')
    results = collections.OrderedDict()
    plan = []
    excluded = {}
    done = []
    fixtures = []
    restarts = stuck = ndone = 0
    notes = []

    def synth(what, outcome, reason):
        results['%s.<%s>' % (name, what)] = {'outcome': outcome, 'time': 0, 'loop_used': True,
                                             'detail': '', 'reason': reason}
    try:
        while True:
            evf = os.path.join(tmp, 'ev%d.jsonl' % restarts)
            optf = os.path.join(tmp, 'opt%d.json' % restarts)
            open(evf, 'w').close()
            o = dict(child_opts or {}, events=evf, done=done)
            with open(optf, 'w') as f:
                json.dump(o, f)
            log.write(b'\n##### %s (child %d)\n' % (name.encode(), restarts)); log.flush()
            e = dict(env, TMPDIR=tmp)
            p = subprocess.Popen(cmd + [optf], stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                                 env=e, start_new_session=True, cwd=tmp, preexec_fn=_default_signals)
            running = None
            t_run = time.monotonic()
            finished = False
            pos = 0
            state = None
            with open(evf) as evs:
                buf = ''
                while True:
                    rc = p.poll()
                    buf += evs.read()
                    while '\n' in buf:
                        line, buf = buf.split('\n', 1)
                        ev = json.loads(line)
                        k = ev['ev']
                        if k == 'plan':
                            if not plan:
                                plan = ev['ids']; excluded = ev['excluded']
                            t_run = time.monotonic()
                        elif k == 'start':
                            running = ev['id']; t_run = time.monotonic()
                            log.write(b'### %s\n' % running.encode()); log.flush()
                        elif k == 'end':
                            results[ev['id']] = {
                                'outcome': ev['out'], 'time': ev['time'], 'loop_used': bool(ev['loops']),
                                'detail': ev['detail'] if ev['out'] in ('fail', 'error') else '',
                                'reason': ev['detail'] if ev['out'] == 'skip' else last_line(ev['detail'])}
                            done.append(ev['id']); running = None; t_run = time.monotonic()
                        elif k == 'fixture':
                            fixtures.append(ev)
                        elif k == 'load_error':
                            notes.append('load error: ' + ev['detail'])
                            synth('load', 'error', last_line(ev['detail']))
                        elif k == 'done':
                            finished = True
                            t_run = time.monotonic(); load_timeout = min(load_timeout, 15)
                    if rc is not None:
                        state = 'exit'
                        break
                    now = time.monotonic()
                    lim = timeout if running else load_timeout
                    if now - t_run > lim:
                        state = 'timeout'; break
                    if deadline and now > deadline:
                        state = 'deadline'; break
                    time.sleep(0.05)
            if state != 'exit':
                try:
                    os.kill(p.pid, signal.SIGABRT)
                except ProcessLookupError:
                    pass
                try:
                    p.wait(2)
                except subprocess.TimeoutExpired:
                    pass
            try:
                os.killpg(p.pid, signal.SIGKILL)
            except (ProcessLookupError, PermissionError):
                pass
            rc = p.wait()
            if state == 'deadline':
                notes.append('time budget used up')
                break
            if finished:
                if state == 'timeout':
                    notes.append('child hung after its last test')
                    synth('hang at interpreter exit', 'timeout', 'no exit within 15 s after the last test')
                elif rc not in (0,):
                    notes.append('child exit status %s after its last test' % rc)
                    synth('interpreter exit', 'crash', 'exit status %s' % rc)
                break
            if state == 'timeout':
                if running:
                    results[running] = {'outcome': 'timeout', 'time': timeout, 'loop_used': True,
                                        'detail': '', 'reason': 'no end within %ss' % timeout}
                    done.append(running)
                else:
                    notes.append('child hung outside a test (loading, fixture or between tests)')
                    synth('outside a test', 'timeout', notes[-1])
                    if restarts and not plan:
                        break
            else:
                sig = ''
                if rc < 0:
                    try: sig = signal.Signals(-rc).name
                    except ValueError: sig = str(rc)
                if running:
                    results[running] = {'outcome': 'crash', 'time': 0, 'loop_used': True, 'detail': '',
                                        'reason': 'process died: %s' % (sig or 'exit status %s' % rc)}
                    done.append(running)
                elif not plan:
                    notes.append('child died while loading: rc=%s' % rc)
                    if name + '.<load>' not in results:
                        synth('load', 'crash', notes[-1])
                    break
                else:
                    notes.append('child died outside a test: rc=%s %s' % (rc, sig))
                    synth('outside a test %d' % restarts, 'crash', notes[-1])
            restarts += 1
            stuck = stuck + 1 if len(done) == ndone else 0
            ndone = len(done)
            if stuck >= 2:
                notes.append('no progress after two restarts: gave up on this file')
                break
            if restarts > max_restarts:
                notes.append('too many restarts')
                break
            if all(i in results or i in excluded for i in plan):
                break
    finally:
        shutil.rmtree(tmp, ignore_errors=True)
    for i in plan:
        if i in results:
            continue
        if i in excluded:
            r, c = excluded[i]
            results[i] = {'outcome': 'excluded', 'category': c, 'reason': r, 'loop_used': None}
            continue
        fx = [f for f in fixtures]
        if fx and not any('budget' in n for n in notes):
            out = 'skip' if all(f['out'] == 'skip' for f in fx) else 'error'
            results[i] = {'outcome': out, 'reason': 'fixture: %s %s' % (fx[0]['id'], last_line(fx[0]['detail']) or fx[0]['detail']),
                          'detail': fx[0]['detail'], 'loop_used': False}
        else:
            results[i] = {'outcome': 'notrun', 'reason': '; '.join(n[:100] for n in notes), 'loop_used': False}
    ordered = collections.OrderedDict((i, results[i]) for i in plan if i in results)
    for i in results:
        ordered.setdefault(i, results[i])
    return ordered, notes


def counts(recs):
    c = collections.Counter(KEY[r['outcome']] for r in recs)
    return {k: c.get(k, 0) for k in OUTCOMES + ('excluded', 'notrun')}


def summary_line(label, recs):
    c = counts(recs)
    s = '%-28s ' % label + ', '.join('%d %s' % (c[k], k) for k in OUTCOMES)
    s += ' (%d excluded' % c['excluded']
    s += ', %d not run)' % c['notrun'] if c['notrun'] else ')'
    return s


def finish(meta, files, out, notes, known=None):
    allr = [r for f in files.values() for r in f.values()]
    used = [r for r in allr if r.get('loop_used') or r['outcome'] == 'excluded']
    print(summary_line('TOTAL', allr))
    print(summary_line('TOTAL on the loop under test', used))
    doc = {'meta': meta, 'totals': counts(allr),
           'totals_loop_used': counts([r for r in allr if r.get('loop_used')]),
           'notes': notes,
           'files': {f: {'counts': counts(t.values()), 'tests': t} for f, t in files.items()}}
    if out:
        os.makedirs(os.path.dirname(os.path.abspath(out)), exist_ok=True)
        with open(out, 'w') as f:
            json.dump(doc, f, indent=1)
    BAD = ('fail', 'error', 'timeout', 'crash', 'notrun')
    flat = {i: r for f in files.values() for i, r in f.items()}
    bad = [i for i, r in flat.items() if r['outcome'] in BAD]
    if known:
        kn = set()
        with open(known) as f:
            for line in f:
                line = line.split('#')[0].strip()
                if line:
                    kn.add(line)
        iskn = lambda i: any(fnmatch.fnmatchcase(i, k) for k in kn)
        new = [i for i in bad if not iskn(i)]
        fixed = [i for i, r in flat.items() if r['outcome'] == 'pass' and iskn(i)]
        for i in new:
            print('NOT IN %s: %s %s: %s' % (os.path.basename(known), flat[i]['outcome'], i, flat[i]['reason'][:160]))
        for i in fixed:
            print('listed as known failure, but passes: %s' % i)
        print('known failures (%s): %d' % (os.path.basename(known), len(bad) - len(new)))
        bad = new + fixed
    c = counts(allr)
    print('%d passed, %d failed, %d skipped' % (c['passed'], len(bad), c['skipped']))
    return 1 if bad else 0


def resolve(spec):
    import importlib
    mod, _, attr = spec.partition(':')
    o = importlib.import_module(mod)
    for a in attr.split('.'):
        o = getattr(o, a)
    return o
