//! Threads for calls that block and cannot be waited for otherwise: name look-ups above all.
//!
//! At most so many threads; they start when a job finds none idle and end when they have been idle
//! for a while. Jobs start in the order they came in. All signals are blocked in them, so that a
//! signal is always taken by a thread of the program's own.
//!
//! # After a fork
//!
//! The child has the pool's memory but none of its threads, and its lock may be held by a thread
//! that does not exist there. So each generation has a crew of its own, and the child leaves
//! the parent's where it lies: not unlocked, not freed, its jobs not dropped.

use std::collections::VecDeque;
use std::error::Error;
use std::fmt;
use std::io;
use std::mem::{self, MaybeUninit};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::ptr;
use std::sync::atomic::{AtomicPtr, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Duration;

use crate::fork;

/// How long an idle thread waits for another job, unless told otherwise.
const IDLE_LIMIT: Duration = Duration::from_secs(5);

/// Something to run on a thread of the pool. A panic in it is reported by the panic hook, and ends
/// the job only.
pub type Job = Box<dyn FnOnce() + Send>;

/// A job that could not be taken: no thread could be started and there is none to wait for.
pub struct Refused {
    /// The job, not run.
    pub job: Job,
    /// Why: EAGAIN (a limit on threads), ENOMEM.
    pub error: io::Error,
}

impl fmt::Debug for Refused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Refused")
            .field("error", &self.error)
            .finish_non_exhaustive()
    }
}

impl fmt::Display for Refused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "cannot start a thread for a blocking call: {}",
            self.error
        )
    }
}

impl Error for Refused {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        Some(&self.error)
    }
}

/// A bounded pool of threads. Any thread may submit.
///
/// Dropping it blocks for nothing: jobs taken are still run, then the threads end by themselves.
#[derive(Debug)]
pub struct Pool {
    /// From `Box::into_raw`, never null; the one of this process once `crew()` has looked.
    current: AtomicPtr<Generation>,
    max_threads: usize,
    idle_limit: Duration,
}

/// A crew and the process it lives in.
struct Generation {
    number: u64,
    crew: Arc<Crew>,
}

impl Pool {
    /// A pool of at most `max_threads` (at least one), none of them started yet.
    #[must_use]
    pub fn new(max_threads: usize) -> Self {
        Self::with_idle_limit(max_threads, IDLE_LIMIT)
    }

    /// As [`new`](Self::new); threads end after `idle_limit` without a job.
    #[must_use]
    pub fn with_idle_limit(max_threads: usize, idle_limit: Duration) -> Self {
        let max_threads = max_threads.max(1);
        let first = Generation::new(max_threads, idle_limit);
        Self {
            current: AtomicPtr::new(Box::into_raw(first)),
            max_threads,
            idle_limit,
        }
    }

    /// Runs `job` on a thread of the pool, as soon as one is free.
    ///
    /// # Errors
    /// [`Refused`] gives the job back.
    pub fn submit(&self, job: Job) -> Result<(), Refused> {
        Crew::submit(self.crew(), job)
    }

    /// How many threads it has now.
    #[must_use]
    pub fn threads(&self) -> usize {
        self.crew().lock().threads
    }

    /// The crew of this process; in a forked child, a new one.
    fn crew(&self) -> &Arc<Crew> {
        let here = fork::generation();
        loop {
            let seen = self.current.load(Ordering::Acquire);
            // SAFETY: from `Box::into_raw`. Only `drop` frees one, which needs the pool for itself;
            // one that is replaced below is never freed.
            let generation = unsafe { &*seen };
            if generation.number == here {
                return &generation.crew;
            }
            self.replace(seen);
        }
    }

    /// Puts a new generation in the place of an inherited one, which is left alone for ever: no
    /// lock, no free, it may have been in the middle of anything.
    #[cold]
    fn replace(&self, inherited: *mut Generation) {
        let new = Box::into_raw(Generation::new(self.max_threads, self.idle_limit));
        let swap =
            self.current
                .compare_exchange(inherited, new, Ordering::AcqRel, Ordering::Relaxed);
        if swap.is_err() {
            // SAFETY: made two lines above, and nobody has seen it: another thread was quicker.
            drop(unsafe { Box::from_raw(new) });
        }
    }
}

impl Drop for Pool {
    fn drop(&mut self) {
        let current = *self.current.get_mut();
        // SAFETY: from `Box::into_raw`, not freed: only this frees it, once.
        let generation = unsafe { &*current };
        if generation.number == fork::generation() {
            generation.crew.dismiss();
            // SAFETY: as above; the reference is not used any more.
            drop(unsafe { Box::from_raw(current) });
        }
    }
}

impl Generation {
    fn new(max_threads: usize, idle_limit: Duration) -> Box<Self> {
        let roster = Roster {
            queue: VecDeque::new(),
            threads: 0,
            idle: 0,
            started: 0,
            dismissed: false,
        };
        let crew = Arc::new(Crew {
            roster: Mutex::new(roster),
            work: Condvar::new(),
            max_threads,
            idle_limit,
        });
        Box::new(Self {
            number: fork::generation(),
            crew,
        })
    }
}

/// What the threads of one process share.
struct Crew {
    roster: Mutex<Roster>,
    /// A job for an idle thread, or dismissal.
    work: Condvar,
    max_threads: usize,
    idle_limit: Duration,
}

struct Roster {
    /// Jobs no thread has taken. Never left behind: while there are any, there is a thread.
    queue: VecDeque<Job>,
    /// Threads that will look into the queue again before they end.
    threads: usize,
    /// Those of them that wait for `work`. One notified may not have noticed yet.
    idle: usize,
    /// Threads ever started: the N of their names.
    started: usize,
    dismissed: bool,
}

impl Crew {
    fn lock(&self) -> MutexGuard<'_, Roster> {
        // No job runs under the lock, so nothing is left half-done by a panic.
        self.roster.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn submit(this: &Arc<Self>, job: Job) -> Result<(), Refused> {
        let mut roster = this.lock();
        roster.queue.push_back(job);
        if roster.idle >= roster.queue.len() {
            this.work.notify_one();
            return Ok(());
        }
        if roster.threads == this.max_threads {
            return Ok(());
        }
        let name = format!("ferrio-blocking-{}", roster.started);
        match start_thread(name, Arc::clone(this)) {
            Ok(()) => {
                roster.threads += 1;
                roster.started += 1;
                Ok(())
            }
            // Those that are there will come to it.
            Err(_) if roster.threads > 0 => {
                this.work.notify_one();
                Ok(())
            }
            Err(error) => {
                let job = roster
                    .queue
                    .pop_back()
                    .expect("pushed above, under the same lock");
                Err(Refused { job, error })
            }
        }
    }

    fn dismiss(&self) {
        self.lock().dismissed = true;
        self.work.notify_all();
    }

    /// The life of one thread.
    fn work(&self) {
        let mut roster = self.lock();
        loop {
            if let Some(job) = roster.queue.pop_front() {
                drop(roster);
                run(job);
                roster = self.lock();
                continue;
            }
            if roster.dismissed {
                break;
            }
            roster.idle += 1;
            let (after, wait) = self
                .work
                .wait_timeout_while(roster, self.idle_limit, |roster| {
                    roster.queue.is_empty() && !roster.dismissed
                })
                .unwrap_or_else(PoisonError::into_inner);
            roster = after;
            roster.idle -= 1;
            if wait.timed_out() && roster.queue.is_empty() {
                break;
            }
        }
        // Under the lock that showed the queue empty: a job that comes now sees one thread less.
        roster.threads -= 1;
    }
}

/// Runs a job to its end, good or bad.
fn run(job: Job) {
    // The panic hook has spoken already; what remains is the payload, a value of any type, whose
    // own drop may panic too.
    if let Err(payload) = catch_unwind(AssertUnwindSafe(job)) {
        if let Err(again) = catch_unwind(AssertUnwindSafe(|| drop(payload))) {
            mem::forget(again);
        }
    }
}

/// Starts a thread that has all signals blocked from its first instruction on.
fn start_thread(name: String, crew: Arc<Crew>) -> io::Result<()> {
    // Linux keeps 15 bytes of a thread's name: there, all are "ferrio-blocking".
    let builder = thread::Builder::new().name(name);
    // A thread inherits the mask of the one that starts it (pthread_create(3)).
    let restore = BlockedSignals::new();
    let started = builder.spawn(move || crew.work());
    drop(restore);
    started.map(drop)
}

/// Blocks signals in the calling thread, until dropped.
struct BlockedSignals {
    before: libc::sigset_t,
}

impl BlockedSignals {
    fn new() -> Self {
        let mut all = MaybeUninit::uninit();
        let mut before = MaybeUninit::uninit();
        // SAFETY: sigfillset initialises `all`, sigdelset changes it, pthread_sigmask reads it and
        // initialises `before`. None of them can fail with these arguments.
        unsafe {
            libc::sigfillset(all.as_mut_ptr());
            // A fault is the thread's own, nobody else can take it: blocked, it would kill the
            // process before a handler (faulthandler's, say) could speak.
            for fault in [
                libc::SIGSEGV,
                libc::SIGBUS,
                libc::SIGFPE,
                libc::SIGILL,
                libc::SIGTRAP,
            ] {
                libc::sigdelset(all.as_mut_ptr(), fault);
            }
            libc::pthread_sigmask(libc::SIG_SETMASK, all.as_ptr(), before.as_mut_ptr());
            Self {
                before: before.assume_init(),
            }
        }
    }
}

impl Drop for BlockedSignals {
    fn drop(&mut self) {
        // SAFETY: `before` is the mask that pthread_sigmask gave us.
        unsafe {
            libc::pthread_sigmask(libc::SIG_SETMASK, &raw const self.before, ptr::null_mut())
        };
    }
}
