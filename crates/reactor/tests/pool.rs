//! Jobs run, on few threads, whatever they do.

use std::mem::MaybeUninit;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc;
use std::sync::{Arc, Barrier};
use std::thread;
use std::time::Duration;

use ferrio_reactor::Pool;

/// Runs `job` on the pool and waits for what it returns.
fn ask<T: Send + 'static>(pool: &Pool, job: impl FnOnce() -> T + Send + 'static) -> T {
    let (answer, answers) = mpsc::channel();
    let job = Box::new(move || answer.send(job()).expect("somebody waits"));
    pool.submit(job).expect("a thread");
    answers.recv().expect("the job ran")
}

#[test]
fn threads_start_on_demand_and_have_names() {
    let pool = Pool::new(4);
    assert_eq!(pool.threads(), 0);
    let name = ask(&pool, || thread::current().name().map(str::to_owned));
    assert_eq!(name.as_deref(), Some("ferrio-blocking-0"));
    assert_eq!(pool.threads(), 1);
}

#[test]
fn as_many_at_once_as_allowed_and_no_more() {
    const MOST: usize = 3;
    let pool = Pool::new(MOST);
    let running = Arc::new(AtomicUsize::new(0));
    // Passing the barrier takes three jobs at the same time.
    let barrier = Arc::new(Barrier::new(MOST));
    let (done, dones) = mpsc::channel();
    for _ in 0..MOST * 20 {
        let (running, barrier, done) = (Arc::clone(&running), Arc::clone(&barrier), done.clone());
        let job = move || {
            let now = running.fetch_add(1, Ordering::SeqCst) + 1;
            barrier.wait();
            running.fetch_sub(1, Ordering::SeqCst);
            done.send(now).expect("somebody waits");
        };
        pool.submit(Box::new(job)).expect("a thread");
        assert!(pool.threads() <= MOST);
    }
    drop(done);
    let seen: Vec<usize> = dones.iter().collect();
    assert_eq!(seen.len(), MOST * 20);
    assert!(seen.iter().all(|&now| now <= MOST), "{seen:?}");
}

#[test]
fn no_threads_at_all_would_be_of_no_use() {
    assert_eq!(ask(&Pool::new(0), || 1), 1);
}

#[test]
fn one_thread_runs_jobs_in_order() {
    let pool = Pool::new(1);
    let (done, dones) = mpsc::channel();
    for number in 0..1_000 {
        let done = done.clone();
        pool.submit(Box::new(move || done.send(number).expect("somebody waits")))
            .expect("taken");
    }
    drop(done);
    assert!(dones.iter().eq(0..1_000));
    assert_eq!(pool.threads(), 1);
}

#[test]
fn jobs_submitted_from_everywhere_all_run() {
    let pool = Arc::new(Pool::with_idle_limit(3, Duration::from_micros(50)));
    let ran = Arc::new(AtomicUsize::new(0));
    let (done, dones) = mpsc::channel::<()>();
    let submitters: Vec<_> = (0..4)
        .map(|_| {
            let (pool, ran, done) = (Arc::clone(&pool), Arc::clone(&ran), done.clone());
            thread::spawn(move || {
                for round in 0..2_000 {
                    let (ran, done) = (Arc::clone(&ran), done.clone());
                    let job = move || {
                        ran.fetch_add(1, Ordering::Relaxed);
                        drop(done);
                    };
                    pool.submit(Box::new(job)).expect("a thread");
                    // Now and then, long enough for threads to be just about to end.
                    if round % 50 == 0 {
                        thread::sleep(Duration::from_micros(50));
                    }
                }
            })
        })
        .collect();
    drop(done);
    for submitter in submitters {
        submitter.join().expect("no panic");
    }
    // Ends when the last job has dropped its sender; a job left behind would keep it.
    assert_eq!(dones.recv(), Err(mpsc::RecvError));
    assert_eq!(ran.load(Ordering::Relaxed), 8_000);
}

struct Vicious;

impl Drop for Vicious {
    fn drop(&mut self) {
        panic!("on purpose: a panic's payload that panics");
    }
}

#[test]
fn a_panic_ends_the_job_only() {
    let pool = Pool::new(1);
    pool.submit(Box::new(|| panic!("on purpose")))
        .expect("a thread");
    pool.submit(Box::new(|| std::panic::panic_any(Vicious)))
        .expect("queued");
    assert_eq!(
        ask(&pool, || thread::current().name().map(str::to_owned)).as_deref(),
        {
            // Still the first thread.
            Some("ferrio-blocking-0")
        }
    );
    assert_eq!(pool.threads(), 1);
}

fn is_blocked(signal: libc::c_int) -> bool {
    let mut mask = MaybeUninit::uninit();
    // SAFETY: with no new mask, pthread_sigmask only stores the present one, into `mask`, which
    // sigismember then reads.
    unsafe {
        libc::pthread_sigmask(libc::SIG_SETMASK, std::ptr::null(), mask.as_mut_ptr());
        libc::sigismember(mask.as_ptr(), signal) == 1
    }
}

#[test]
fn signals_go_to_the_programs_own_threads() {
    const ORDINARY: [libc::c_int; 6] = [
        libc::SIGINT,
        libc::SIGTERM,
        libc::SIGCHLD,
        libc::SIGUSR1,
        libc::SIGHUP,
        libc::SIGPIPE,
    ];
    const FAULTS: [libc::c_int; 4] = [libc::SIGSEGV, libc::SIGBUS, libc::SIGFPE, libc::SIGILL];
    let before = ORDINARY.map(is_blocked);
    let pool = Pool::new(1);
    assert_eq!(ask(&pool, || ORDINARY.map(is_blocked)), [true; 6]);
    assert_eq!(ask(&pool, || FAULTS.map(is_blocked)), [false; 4]);
    // The thread that submits keeps its own mask.
    assert_eq!(ORDINARY.map(is_blocked), before);
}

#[test]
fn idle_threads_end_and_others_take_their_place() {
    let pool = Pool::with_idle_limit(2, Duration::from_millis(1));
    for round in 0..3 {
        let name = ask(&pool, || thread::current().name().map(str::to_owned));
        assert_eq!(name, Some(format!("ferrio-blocking-{round}")));
        while pool.threads() > 0 {
            thread::yield_now();
        }
    }
}

#[test]
fn dropping_the_pool_waits_for_nothing_and_loses_nothing() {
    let pool = Pool::new(1);
    let (release, released) = mpsc::channel::<()>();
    let (done, dones) = mpsc::channel();
    pool.submit(Box::new(move || released.recv().expect("released")))
        .expect("a thread");
    pool.submit(Box::new(move || done.send("ran").expect("somebody waits")))
        .expect("queued");
    // Would never return if it waited: the job is released only below.
    drop(pool);
    release.send(()).expect("the job waits");
    assert_eq!(dones.recv(), Ok("ran"));
}

#[test]
fn threads_of_a_dropped_pool_end() {
    struct Farewell(mpsc::Sender<()>);
    impl Drop for Farewell {
        fn drop(&mut self) {
            // Nobody may be listening any more.
            let _ = self.0.send(());
        }
    }
    thread_local!(static FAREWELL: std::cell::RefCell<Option<Farewell>> = const {
        std::cell::RefCell::new(None)
    });
    let pool = Pool::with_idle_limit(1, Duration::from_secs(1_000_000));
    let (gone, ends) = mpsc::channel();
    ask(&pool, move || FAREWELL.set(Some(Farewell(gone))));
    drop(pool);
    assert_eq!(ends.recv(), Ok(()));
}
