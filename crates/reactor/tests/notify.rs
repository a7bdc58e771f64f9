//! No wake-up is lost, and few cost a system call.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;

use ferrio_reactor::{Events, Key, Poller, Wait, Waker};

fn woken(poller: &Poller) -> bool {
    poller
        .wait(&mut Events::with_capacity(1), Some(0))
        .expect("a look")
        == Wait::Events
}

fn poller_and_waker() -> (Poller, Arc<Waker>) {
    let poller = Poller::new().expect("a poller");
    let waker = Arc::new(Waker::new().expect("a waker"));
    poller
        .add(waker.fd(), Key(0), Waker::INTEREST)
        .expect("an eventfd can be watched");
    (poller, waker)
}

#[test]
fn a_loop_that_is_awake_is_not_written_to() {
    let (poller, waker) = poller_and_waker();
    for _ in 0..1_000 {
        waker.wake();
    }
    assert_eq!(waker.writes(), 0);
    assert!(!woken(&poller));
}

#[test]
fn a_loop_that_sleeps_is_written_to_once() {
    let (poller, waker) = poller_and_waker();
    for round in 1..=3 {
        waker.prepare_sleep();
        assert!(!woken(&poller));
        for _ in 0..1_000 {
            waker.wake();
        }
        assert_eq!(waker.writes(), round);
        assert!(woken(&poller));
        waker.finish_sleep();
        assert!(!woken(&poller));
    }
}

#[test]
fn a_sleep_that_nobody_ends_leaves_nothing_behind() {
    let (poller, waker) = poller_and_waker();
    waker.prepare_sleep();
    waker.finish_sleep();
    waker.wake();
    assert_eq!(waker.writes(), 0);
    assert!(!woken(&poller));
}

/// Work and sleep meet at every offset: either the loop sees the work before it waits, or the bell is
/// rung. (The work is a plain store, so that the fence of `wake` has to order it; with one missing,
/// a strongly ordered machine shows it too.)
#[test]
fn work_that_the_loop_does_not_see_rings_the_bell() {
    const ROUNDS: u64 = 100_000;
    let waker = Arc::new(Waker::new().expect("a waker"));
    let [begun, work, done] = [(); 3].map(|()| Arc::new(AtomicU64::new(0)));
    let wait_for = |value: &AtomicU64, round: u64| {
        let mut looks = 0_u32;
        while value.load(Ordering::Acquire) != round {
            looks += 1;
            // On one core the other side needs it.
            if looks % 1_024 == 0 {
                thread::yield_now()
            } else {
                std::hint::spin_loop()
            }
        }
    };
    let producer = thread::spawn({
        let (waker, begun) = (Arc::clone(&waker), Arc::clone(&begun));
        let (work, done) = (Arc::clone(&work), Arc::clone(&done));
        move || {
            for round in 1..=ROUNDS {
                wait_for(&begun, round);
                work.store(round, Ordering::Relaxed);
                waker.wake();
                done.store(round, Ordering::Release);
            }
        }
    });
    for round in 1..=ROUNDS {
        let writes_before = waker.writes();
        begun.store(round, Ordering::Release);
        for _ in 0..round % 64 {
            std::hint::spin_loop();
        }
        waker.prepare_sleep();
        let seen = work.load(Ordering::Relaxed) == round;
        wait_for(&done, round);
        assert!(
            seen || waker.writes() > writes_before,
            "round {round}: asleep for ever"
        );
        waker.finish_sleep();
    }
    producer.join().expect("no panic");
}

/// Producers count up an inbox and wake; the loop sleeps whenever it finds the inbox empty. A lost
/// wake-up leaves it asleep for ever.
fn stress(producers: u64, items_each: u64, pause_every: u64) {
    let (poller, waker) = poller_and_waker();
    let inbox = Arc::new(AtomicU64::new(0));
    let threads: Vec<_> = (0..producers)
        .map(|_| {
            let (waker, inbox) = (Arc::clone(&waker), Arc::clone(&inbox));
            thread::spawn(move || {
                for item in 1..=items_each {
                    // Relaxed: the waker's own fences must do.
                    inbox.fetch_add(1, Ordering::Relaxed);
                    waker.wake();
                    if item % pause_every == 0 {
                        thread::yield_now();
                    }
                }
            })
        })
        .collect();

    let mut events = Events::with_capacity(1);
    let (mut received, mut rounds, mut sleeps) = (0, 0, 0);
    while received < producers * items_each {
        received += inbox.swap(0, Ordering::Relaxed);
        rounds += 1;
        waker.prepare_sleep();
        if inbox.load(Ordering::Relaxed) == 0 && received < producers * items_each {
            sleeps += 1;
            let why = poller.wait(&mut events, None).expect("a wait");
            assert_ne!(why, Wait::TimedOut);
        }
        waker.finish_sleep();
    }
    for thread in threads {
        thread.join().expect("no panic");
    }
    assert_eq!(received, producers * items_each);
    // One claim at most between a `prepare_sleep` and its `finish_sleep`, waited or not.
    println!(
        "{received} wake-ups, {sleeps} sleeps, {} writes",
        waker.writes()
    );
    assert!(waker.writes() <= rounds);
    assert!(waker.writes() < received);

    // Whatever was under way has landed: it ends one more wait at most.
    let _late = woken(&poller);
    assert!(!woken(&poller));
}

#[test]
fn one_producer() {
    stress(1, 200_000, 16);
}

#[test]
fn several_producers() {
    stress(4, 100_000, 64);
}

#[test]
fn more_producers_than_cores_that_never_pause() {
    stress(16, 20_000, u64::MAX);
}

#[test]
fn one_wake_up_at_a_time_back_and_forth() {
    // Each side sleeps until the other has moved: every single wake-up counts.
    const ROUNDS: u64 = 20_000;
    let (here, there) = (poller_and_waker(), poller_and_waker());
    let turn = Arc::new(AtomicU64::new(0));
    let play = |(poller, waker): (Poller, Arc<Waker>), other: Arc<Waker>, first: u64| {
        let turn = Arc::clone(&turn);
        thread::spawn(move || {
            let mut events = Events::with_capacity(1);
            for round in 0..ROUNDS {
                let mine = round * 2 + first;
                while turn.load(Ordering::Relaxed) != mine {
                    waker.prepare_sleep();
                    if turn.load(Ordering::Relaxed) != mine {
                        let why = poller.wait(&mut events, None).expect("a wait");
                        assert_ne!(why, Wait::TimedOut);
                    }
                    waker.finish_sleep();
                }
                turn.store(mine + 1, Ordering::Relaxed);
                other.wake();
            }
        })
    };
    let (bell_here, bell_there) = (Arc::clone(&here.1), Arc::clone(&there.1));
    let players = [play(here, bell_there, 0), play(there, bell_here, 1)];
    for player in players {
        player.join().expect("no panic");
    }
    assert_eq!(turn.load(Ordering::Relaxed), 2 * ROUNDS);
}
