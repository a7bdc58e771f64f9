//! A forked child cannot disturb its parent, and can start afresh.

#[path = "support/child.rs"]
mod child;

use std::io::Write;
use std::os::fd::AsRawFd;
use std::os::unix::net::UnixStream;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc;
use std::thread;

use child::in_child;
use ferrio_reactor::fork::{Inherited, generation};
use ferrio_reactor::{Events, Interest, Key, Poller, Pool, SignalPipe, Wait, Waker};

fn look(poller: &Poller) -> Wait {
    poller
        .wait(&mut Events::with_capacity(4), Some(0))
        .expect("a look")
}

fn assert_inherited<T>(result: std::io::Result<T>) {
    let error = result
        .map(|_| ())
        .expect_err("the parent's must not be used");
    let inner = error.get_ref().expect("a typed error");
    assert_eq!(inner.downcast_ref::<Inherited>(), Some(&Inherited));
}

#[test]
fn each_generation_differs_from_its_ancestors() {
    let parent = generation();
    assert_eq!(generation(), parent);
    assert!(in_child(|| {
        let child = generation();
        assert_ne!(child, parent);
        assert!(in_child(|| assert!(
            ![parent, child].contains(&generation())
        )));
        assert_eq!(generation(), child);
    }));
    assert_eq!(generation(), parent);
}

#[test]
fn a_child_that_removes_and_closes_everything_leaves_the_parents_set_alone() {
    let poller = Poller::new().expect("a poller");
    let (near, mut far) = UnixStream::pair().expect("a socket pair");
    let (other, _other_far) = UnixStream::pair().expect("a socket pair");
    poller
        .add(near.as_raw_fd(), Key(1), Interest::READ)
        .expect("add");
    assert!(in_child(|| {
        poller.remove(near.as_raw_fd()).expect("nothing to undo");
        assert_inherited(poller.modify(near.as_raw_fd(), Key(2), Interest::BOTH));
        assert_inherited(poller.add(other.as_raw_fd(), Key(3), Interest::BOTH));
        assert_inherited(poller.wait(&mut Events::with_capacity(1), Some(0)));
        for fd in [near.as_raw_fd(), poller.as_raw_fd()] {
            // SAFETY: the child's copy, which it does not use again.
            unsafe { libc::close(fd) };
        }
    }));
    // `other` was not added (it is writable), `near` is still there with its key.
    assert_eq!(look(&poller), Wait::TimedOut);
    far.write_all(b"x").expect("room");
    let mut events = Events::with_capacity(4);
    assert_eq!(
        poller.wait(&mut events, None).expect("a wait"),
        Wait::Events
    );
    assert_eq!(
        events.iter().map(|event| event.key).collect::<Vec<_>>(),
        [Key(1)]
    );
}

#[test]
fn a_child_can_have_a_poller_of_its_own() {
    let inherited = Poller::new().expect("a poller");
    assert!(in_child(|| {
        assert_inherited(inherited.wait(&mut Events::with_capacity(1), Some(0)));
        let own = Poller::new().expect("a poller");
        let (near, _far) = UnixStream::pair().expect("a socket pair");
        own.add(near.as_raw_fd(), Key(1), Interest::WRITE)
            .expect("add");
        assert_eq!(look(&own), Wait::Events);
    }));
}

#[test]
fn a_child_neither_rings_nor_silences_the_parents_bell() {
    let poller = Poller::new().expect("a poller");
    let waker = Waker::new().expect("a waker");
    poller
        .add(waker.fd(), Key(0), Waker::INTEREST)
        .expect("add");

    waker.prepare_sleep();
    assert!(in_child(|| waker.wake()));
    assert_eq!(look(&poller), Wait::TimedOut);

    waker.wake();
    assert!(in_child(|| waker.finish_sleep()));
    assert_eq!(look(&poller), Wait::Events);
    waker.finish_sleep();
    assert_eq!(look(&poller), Wait::TimedOut);
}

#[test]
fn a_child_does_not_take_the_parents_signals() {
    let pipe = SignalPipe::new().expect("a pipe");
    // SAFETY: one byte is read.
    let written = unsafe { libc::write(pipe.write_fd(), b"\x02".as_ptr().cast(), 1) };
    assert_eq!(written, 1);
    assert!(in_child(|| assert_eq!(pipe.drain(&mut Vec::new()), 0)));
    let mut numbers = Vec::new();
    assert_eq!((pipe.drain(&mut numbers), numbers), (1, vec![2]));
}

/// Submits a job and waits for it.
fn ask(pool: &Pool) -> u32 {
    let (answer, answers) = mpsc::channel();
    let job = Box::new(move || answer.send(42).expect("somebody waits"));
    pool.submit(job).expect("a thread");
    answers.recv().expect("the job ran")
}

#[test]
fn a_pool_works_in_a_child_whose_threads_are_gone() {
    let pool = Pool::new(1);
    let (release, released) = mpsc::channel::<()>();
    // The only thread is busy, and a job is queued: in the child both are dead.
    pool.submit(Box::new(move || released.recv().expect("released")))
        .expect("a thread");
    let (ran, runs) = mpsc::channel();
    pool.submit(Box::new(move || ran.send(()).expect("somebody waits")))
        .expect("queued");
    assert!(in_child(|| {
        assert_eq!(pool.threads(), 0);
        assert_eq!(ask(&pool), 42);
        assert!(in_child(|| assert_eq!(ask(&pool), 42)));
        assert_eq!(ask(&pool), 42);
        // The parent's queued job is not run here.
        assert_eq!(runs.try_recv(), Err(mpsc::TryRecvError::Empty));
    }));
    release.send(()).expect("the job waits");
    runs.recv().expect("the queued job ran");
    assert_eq!(ask(&pool), 42);
}

#[test]
fn a_pool_inherited_and_dropped_does_no_harm() {
    let mut pool = Some(Pool::new(2));
    assert_eq!(ask(pool.as_ref().expect("not dropped")), 42);
    assert!(in_child(|| drop(pool.take())));
    assert_eq!(ask(pool.as_ref().expect("the child's was a copy")), 42);
}

#[test]
fn a_pool_whose_lock_is_held_during_the_fork_does_not_hang_the_child() {
    let pool = Arc::new(Pool::new(1));
    let stop = Arc::new(AtomicBool::new(false));
    let hammers: Vec<_> = (0..2)
        .map(|_| {
            let (pool, stop) = (Arc::clone(&pool), Arc::clone(&stop));
            thread::spawn(move || {
                while !stop.load(Ordering::Relaxed) {
                    let _ = pool.threads();
                }
            })
        })
        .collect();
    for _ in 0..100 {
        assert!(in_child(|| assert_eq!(ask(&pool), 42)));
    }
    stop.store(true, Ordering::Relaxed);
    for hammer in hammers {
        hammer.join().expect("no panic");
    }
}
