//! When the machine has nothing left to give, nothing is lost and the cause is named.

#[path = "support/child.rs"]
mod child;

use std::net::{TcpListener, TcpStream};
use std::os::fd::AsRawFd;
use std::sync::mpsc;
use std::thread;

use child::in_child;
use ferrio_reactor::{Events, Interest, Key, Poller, Pool, SignalPipe, Wait, Waker, net};

/// Sets the soft limit only, so that it can be lifted again.
fn limit(resource: libc::__rlimit_resource_t, most: u64) {
    let mut limit = libc::rlimit {
        rlim_cur: 0,
        rlim_max: 0,
    };
    // SAFETY: `limit` is a valid place for the present limits.
    let status = unsafe { libc::getrlimit(resource, &raw mut limit) };
    assert_eq!(status, 0);
    limit.rlim_cur = most.min(limit.rlim_max);
    // SAFETY: `limit` is read only.
    let status = unsafe { libc::setrlimit(resource, &raw const limit) };
    assert_eq!(status, 0);
}

fn address_space_bytes() -> u64 {
    let text = std::fs::read_to_string("/proc/self/statm").expect("Linux has it");
    let pages: u64 = text
        .split(' ')
        .next()
        .and_then(|text| text.parse().ok())
        .expect("a number");
    // SAFETY: asks for a number.
    let page_bytes = unsafe { libc::sysconf(libc::_SC_PAGESIZE) };
    pages * u64::try_from(page_bytes).expect("a size")
}

#[test]
fn without_a_thread_the_job_comes_back() {
    assert!(in_child(|| {
        let (done, dones) = mpsc::channel();
        // Small things still fit, a new stack does not.
        limit(libc::RLIMIT_AS, address_space_bytes() + (1 << 20));
        // glibc keeps stacks of threads that ended (here: that the fork left behind) for new ones.
        // Use them up: each pool's only thread never comes back.
        let mut pools = Vec::new();
        let (pool, refused) = loop {
            let pool = Pool::new(1);
            let done = done.clone();
            let job = move || {
                done.send(()).expect("somebody waits");
                loop {
                    thread::park();
                }
            };
            match pool.submit(Box::new(job)) {
                Ok(()) => pools.push(pool),
                Err(refused) => break (pool, refused),
            }
        };
        assert_eq!(refused.error.raw_os_error(), Some(libc::EAGAIN));
        assert_eq!(pool.threads(), 0);
        for _ in &pools {
            dones.recv().expect("those that were taken run");
        }
        assert_eq!(dones.try_recv(), Err(mpsc::TryRecvError::Empty));
        limit(libc::RLIMIT_AS, libc::RLIM_INFINITY);
        pool.submit(refused.job).expect("there is room again");
        assert_eq!(dones.recv(), Ok(()));
    }));
}

#[test]
fn without_a_descriptor_a_connection_stays_in_the_queue() {
    let listener = TcpListener::bind("127.0.0.1:0").expect("loopback");
    listener.set_nonblocking(true).expect("a flag");
    let _client = TcpStream::connect(listener.local_addr().expect("bound")).expect("loopback");
    assert!(in_child(|| {
        let fd = listener.as_raw_fd();
        let poller = Poller::new().expect("a poller");
        poller.add(fd, Key(0), Interest::READ).expect("add");
        let mut events = Events::with_capacity(1);
        assert_eq!(
            poller.wait(&mut events, None).expect("a wait"),
            Wait::Events
        );

        limit(libc::RLIMIT_NOFILE, 0);
        for _ in 0..3 {
            let error = net::accept(fd).expect_err("no descriptor left");
            assert_eq!(error.raw_os_error(), Some(libc::EMFILE));
            assert_eq!(
                poller.wait(&mut events, Some(0)).expect("a look"),
                Wait::Events
            );
        }
        limit(libc::RLIMIT_NOFILE, 1024);
        net::accept(fd).expect("it is still there");
    }));
}

#[test]
fn without_a_descriptor_nothing_new_is_made() {
    assert!(in_child(|| {
        limit(libc::RLIMIT_NOFILE, 0);
        let errors = [
            Poller::new().map(drop),
            Waker::new().map(drop),
            SignalPipe::new().map(drop),
            net::socket(libc::AF_INET, libc::SOCK_STREAM, 0).map(drop),
        ];
        for error in errors {
            let error = error.expect_err("no descriptor left");
            assert_eq!(error.raw_os_error(), Some(libc::EMFILE));
        }
    }));
}
