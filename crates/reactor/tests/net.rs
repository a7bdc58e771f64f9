//! Sockets: each call does what its page says, never blocks and never raises SIGPIPE.

#[path = "support/child.rs"]
mod child;
#[path = "support/pipe.rs"]
mod pipe;

use std::io::{self, ErrorKind, IoSlice};
use std::mem::MaybeUninit;
use std::net::{TcpListener, TcpStream};
use std::os::fd::{AsRawFd, OwnedFd, RawFd};
use std::os::unix::net::UnixStream;

use child::in_child;
use ferrio_reactor::net::{self, Connect, RawAddr, SockAddr, UnixAddr};
use ferrio_reactor::{Events, Interest, Key, Poller, Wait};
use pipe::pipe;

/// A connected pair, both non-blocking.
fn pair() -> (UnixStream, UnixStream) {
    let (near, far) = UnixStream::pair().expect("a socket pair");
    for end in [&near, &far] {
        net::set_nonblocking(end.as_raw_fd(), true).expect("a flag");
    }
    (near, far)
}

fn wait_until(fd: RawFd, interest: Interest) {
    let poller = Poller::new().expect("a poller");
    poller.add(fd, Key(0), interest).expect("add");
    while poller
        .wait(&mut Events::with_capacity(1), None)
        .expect("a wait")
        != Wait::Events
    {}
}

/// A TCP listener on a port of the kernel's choice, non-blocking.
fn listener() -> (TcpListener, SockAddr) {
    let listener = TcpListener::bind("127.0.0.1:0").expect("loopback");
    listener.set_nonblocking(true).expect("a flag");
    let addr = listener.local_addr().expect("it is bound").into();
    (listener, addr)
}

fn tcp_socket() -> OwnedFd {
    net::socket(libc::AF_INET, libc::SOCK_STREAM, 0).expect("a socket")
}

/// A client connected through our own calls, and the outcome of its accept.
fn connected() -> (OwnedFd, OwnedFd, SockAddr) {
    let (listener, addr) = listener();
    let client = tcp_socket();
    if net::connect(client.as_raw_fd(), &addr).expect("loopback") == Connect::InProgress {
        wait_until(client.as_raw_fd(), Interest::WRITE);
    }
    let outcome = net::take_error(client.as_raw_fd()).expect("a socket");
    assert!(outcome.is_none(), "{outcome:?}");
    wait_until(listener.as_raw_fd(), Interest::READ);
    let (server, peer) = net::accept_with_peer(listener.as_raw_fd()).expect("one is queued");
    (client, server, peer)
}

fn assert_fresh(fd: RawFd) {
    // SAFETY: F_GETFL and F_GETFD take no pointer.
    let (status, flags) = unsafe {
        (
            libc::fcntl(fd, libc::F_GETFL),
            libc::fcntl(fd, libc::F_GETFD),
        )
    };
    assert_ne!(status & libc::O_NONBLOCK, 0, "blocking");
    assert_ne!(flags & libc::FD_CLOEXEC, 0, "survives exec");
}

#[test]
fn connect_accept_and_the_addresses_of_both_ends() {
    let (client, server, peer) = connected();
    let (client, server) = (client.as_raw_fd(), server.as_raw_fd());
    assert_fresh(client);
    assert_fresh(server);
    assert_eq!(net::local_addr(client).expect("bound"), peer);
    assert_eq!(net::peer_addr(server).expect("connected"), peer);
    let there = net::local_addr(server).expect("bound");
    assert_eq!(net::peer_addr(client).expect("connected"), there);
    assert!(there.as_internet().expect("TCP").ip().is_loopback());
    let unconnected = net::peer_addr(tcp_socket().as_raw_fd()).expect_err("no peer");
    assert_eq!(unconnected.raw_os_error(), Some(libc::ENOTCONN));
}

#[test]
fn accept_never_blocks() {
    let (listener, addr) = listener();
    let fd = listener.as_raw_fd();
    assert_eq!(
        net::accept(fd).expect_err("none queued").kind(),
        ErrorKind::WouldBlock
    );
    assert_eq!(
        net::accept_with_peer(fd).expect_err("none").kind(),
        ErrorKind::WouldBlock
    );
    let queued = || (net::queued(fd, libc::IPPROTO_TCP), net::queued(fd, 0));
    assert_eq!(queued(), (0, 0));
    let connect = || TcpStream::connect(addr.as_internet().expect("TCP")).expect("loopback");
    let _clients = [connect(), connect(), connect()];
    wait_until(fd, Interest::READ);
    assert_eq!(queued(), (3, 1), "counted, and seen");
    for left in [(2, 1), (1, 1), (0, 0)] {
        assert_fresh(net::accept(fd).expect("one is queued").as_raw_fd());
        assert_eq!(queued(), left);
    }
    assert_eq!(
        net::accept(fd).expect_err("no other").kind(),
        ErrorKind::WouldBlock
    );
}

#[test]
fn a_refused_connection_says_so() {
    let bound = tcp_socket();
    let any_port = SockAddr::V4 {
        addr: [127, 0, 0, 1],
        port: 0,
    };
    net::bind(bound.as_raw_fd(), &any_port).expect("loopback");
    // Bound, so nobody else has the port; not listening, so it refuses.
    let addr = net::local_addr(bound.as_raw_fd()).expect("bound");
    let client = tcp_socket();
    let error = match net::connect(client.as_raw_fd(), &addr) {
        Ok(Connect::Done) => panic!("nobody listens"),
        Ok(Connect::InProgress) => {
            wait_until(client.as_raw_fd(), Interest::WRITE);
            let error = net::take_error(client.as_raw_fd()).expect("a socket");
            let asked_again = net::take_error(client.as_raw_fd()).expect("a socket");
            assert!(asked_again.is_none(), "asking clears it");
            error.expect("it failed")
        }
        Err(error) => error,
    };
    assert_eq!(error.kind(), ErrorKind::ConnectionRefused);
}

#[test]
fn bytes_go_through_and_end_of_file_is_zero() {
    let (near, far) = pair();
    let (near_fd, far_fd) = (near.as_raw_fd(), far.as_raw_fd());
    let mut buf = [0; 8];
    assert_eq!(
        net::recv(near_fd, &mut buf).expect_err("empty").kind(),
        ErrorKind::WouldBlock
    );
    assert_eq!(net::send(far_fd, b"hello").expect("room"), 5);
    assert_eq!(net::recv(near_fd, &mut buf[..2]).expect("data"), 2);
    assert_eq!(&buf[..2], b"he");
    let mut fresh = [MaybeUninit::<u8>::uninit(); 8];
    assert_eq!(net::recv_uninit(near_fd, &mut fresh).expect("data"), 3);
    // SAFETY: three bytes have been received.
    let received = fresh[..3].iter().map(|byte| unsafe { byte.assume_init() });
    assert!(received.eq(*b"llo"));

    assert_eq!(net::send(far_fd, b"in pieces").expect("room"), 9);
    let [mut first, mut second] = [[MaybeUninit::<u8>::new(b'-'); 3]; 2];
    let mut pieces = [&mut first[..], &mut second[..]];
    assert_eq!(net::recv_pieces(near_fd, &mut pieces).expect("data"), 6);
    assert_eq!(net::recv_pieces(near_fd, &mut pieces).expect("rest"), 3);
    let all = first.iter().chain(&second);
    // SAFETY: all were initialised.
    assert!(all.map(|byte| unsafe { byte.assume_init() }).eq(*b"cespie"));

    net::shutdown_write(far_fd).expect("connected");
    assert_eq!(net::recv(near_fd, &mut buf).expect("end of file"), 0);
    assert_eq!(net::send(near_fd, b"back").expect("half-closed only"), 4);
    assert_eq!(net::recv(far_fd, &mut buf).expect("data"), 4);
    let error = net::send(far_fd, b"no more").expect_err("shut down");
    assert_eq!(error.kind(), ErrorKind::BrokenPipe);
}

#[test]
fn a_full_socket_takes_a_part_and_then_nothing() {
    let (near, far) = pair();
    let data = vec![7; 1 << 20];
    let mut sent = net::send(near.as_raw_fd(), &data).expect("some room");
    assert!(sent < data.len());
    let full = loop {
        match net::send(near.as_raw_fd(), &data) {
            Ok(more) => sent += more,
            Err(error) => break error,
        }
    };
    assert_eq!(full.kind(), ErrorKind::WouldBlock);
    let mut buf = vec![0; 1 << 16];
    let mut received = 0;
    while received < sent {
        received += net::recv(far.as_raw_fd(), &mut buf).expect("it was sent");
    }
    assert_eq!(received, sent);
}

#[test]
fn several_slices_in_one_call() {
    let (near, far) = pair();
    let parts = [
        IoSlice::new(b"one "),
        IoSlice::new(b""),
        IoSlice::new(b"two"),
    ];
    assert_eq!(
        net::send_vectored(near.as_raw_fd(), &parts).expect("room"),
        7
    );
    let mut buf = [0; 4096];
    assert_eq!(net::recv(far.as_raw_fd(), &mut buf).expect("data"), 7);
    assert_eq!(&buf[..7], b"one two");
    // More than the kernel takes at once: the rest is for the next call.
    let many = [IoSlice::new(b"x"); 3000];
    assert_eq!(
        net::send_vectored(near.as_raw_fd(), &many).expect("room"),
        1024
    );
    assert_eq!(
        net::send_vectored(near.as_raw_fd(), &[]).expect("nothing to do"),
        0
    );
}

#[test]
fn what_is_no_socket_works_too() {
    let (reader, writer) = pipe();
    let (read_fd, write_fd) = (reader.as_raw_fd(), writer.as_raw_fd());
    net::set_nonblocking(read_fd, true).expect("a flag");
    let mut buf = [0; 4096];
    assert_eq!(
        net::recv(read_fd, &mut buf).expect_err("empty").kind(),
        ErrorKind::WouldBlock
    );
    assert_eq!(net::send(write_fd, b"ab").expect("room"), 2);
    let parts = [IoSlice::new(b"c"), IoSlice::new(b"d")];
    assert_eq!(net::send_vectored(write_fd, &parts).expect("room"), 2);
    assert_eq!(net::recv(read_fd, &mut buf[..1]).expect("data"), 1);
    assert_eq!(net::read(read_fd, &mut buf[1..]).expect("data"), 3);
    assert_eq!(&buf[..4], b"abcd");
    let many = [IoSlice::new(b"x"); 3000];
    assert_eq!(net::send_vectored(write_fd, &many).expect("room"), 1024);
    assert_eq!(net::recv(read_fd, &mut buf).expect("data"), 1024);
    assert_eq!(
        net::read(read_fd, &mut buf).expect_err("empty").kind(),
        ErrorKind::WouldBlock
    );
    drop(writer);
    assert_eq!(net::recv(read_fd, &mut buf).expect("end of file"), 0);
    assert_eq!(net::read(read_fd, &mut buf).expect("end of file"), 0);
}

#[test]
fn sending_to_nobody_is_an_error_and_no_signal() {
    assert!(in_child(|| {
        // Rust's runtime ignores SIGPIPE; here it may kill.
        // SAFETY: no handler is involved.
        unsafe { libc::signal(libc::SIGPIPE, libc::SIG_DFL) };
        let (near, far) = pair();
        drop(far);
        let fd = near.as_raw_fd();
        assert_eq!(
            net::send(fd, b"x").expect_err("nobody").kind(),
            ErrorKind::BrokenPipe
        );
        let sent = net::send_vectored(fd, &[IoSlice::new(b"x")]);
        assert_eq!(sent.expect_err("nobody").kind(), ErrorKind::BrokenPipe);
    }));
}

/// A listening unix socket at `addr`.
fn unix_listener(addr: &UnixAddr, backlog: i32) -> OwnedFd {
    let fd = net::socket(libc::AF_UNIX, libc::SOCK_STREAM, 0).expect("a socket");
    net::bind(fd.as_raw_fd(), &SockAddr::Unix(addr.clone())).expect("the name is free");
    net::listen(fd.as_raw_fd(), backlog).expect("bound");
    fd
}

fn unix_client(addr: &UnixAddr) -> io::Result<OwnedFd> {
    let fd = net::socket(libc::AF_UNIX, libc::SOCK_STREAM, 0).expect("a socket");
    let outcome = net::connect(fd.as_raw_fd(), &SockAddr::Unix(addr.clone()))?;
    assert_eq!(
        outcome,
        Connect::Done,
        "unix sockets connect at once or not at all"
    );
    Ok(fd)
}

#[test]
fn unix_sockets_by_path_by_abstract_name_and_without() {
    let id = std::process::id();
    let path = std::env::temp_dir().join(format!("ferrio-net-{id}.sock"));
    let names = [
        UnixAddr::Path(path.as_os_str().as_encoded_bytes().to_vec()),
        UnixAddr::Abstract(format!("ferrio\0net {id}").into_bytes()),
    ];
    for name in names {
        let listener = unix_listener(&name, 8);
        let client = unix_client(&name).expect("somebody listens");
        let (server, peer) = net::accept_with_peer(listener.as_raw_fd()).expect("one is queued");
        assert_fresh(server.as_raw_fd());
        let (unnamed, named) = (SockAddr::Unix(UnixAddr::Unnamed), SockAddr::Unix(name));
        assert_eq!(peer, unnamed);
        assert_eq!(
            net::local_addr(client.as_raw_fd()).expect("a socket"),
            unnamed
        );
        assert_eq!(
            net::peer_addr(client.as_raw_fd()).expect("connected"),
            named
        );
        assert_eq!(
            net::local_addr(server.as_raw_fd()).expect("a socket"),
            named
        );
    }
    std::fs::remove_file(&path).expect("bind made it");
    let nobody = unix_client(&UnixAddr::Path(
        path.as_os_str().as_encoded_bytes().to_vec(),
    ));
    assert_eq!(nobody.expect_err("removed").kind(), ErrorKind::NotFound);
}

#[test]
fn a_unix_listener_with_a_full_queue_means_later_and_not_in_progress() {
    let name = UnixAddr::Abstract(format!("ferrio full {}", std::process::id()).into_bytes());
    let _listener = unix_listener(&name, 0);
    let _queued = unix_client(&name).expect("room for one");
    assert_eq!(
        unix_client(&name).expect_err("full").kind(),
        ErrorKind::WouldBlock
    );
}

#[test]
fn internet_addresses_of_version_six() {
    let socket = match net::socket(libc::AF_INET6, libc::SOCK_DGRAM, 0) {
        Ok(socket) => socket,
        // A kernel without IPv6 has nothing to show here.
        Err(error) if error.raw_os_error() == Some(libc::EAFNOSUPPORT) => return,
        Err(error) => panic!("{error}"),
    };
    // The unspecified address is there even where no interface has one.
    let any = SockAddr::V6 {
        addr: [0; 16],
        port: 0,
        flowinfo: 0,
        scope_id: 0,
    };
    net::bind(socket.as_raw_fd(), &any).expect("a free port");
    match net::local_addr(socket.as_raw_fd()).expect("bound") {
        SockAddr::V6 { addr, port, .. } => assert!(addr == [0; 16] && port != 0),
        other => panic!("{other:?}"),
    }
}

#[test]
fn addresses_convert_from_and_to_the_standard_librarys() {
    for text in ["192.0.2.1:80", "[2001:db8::1]:443", "[fe80::1%7]:1"] {
        let standard: std::net::SocketAddr = text.parse().expect("an address");
        assert_eq!(SockAddr::from(standard).as_internet(), Some(standard));
    }
    assert_eq!(SockAddr::Unix(UnixAddr::Unnamed).as_internet(), None);
}

#[test]
fn what_kind_of_socket_it_is() {
    let tcp = tcp_socket();
    let fd = tcp.as_raw_fd();
    assert_eq!(net::socket_family(fd).expect("a socket"), libc::AF_INET);
    assert_eq!(net::socket_type(fd).expect("a socket"), libc::SOCK_STREAM);
    assert_eq!(
        net::socket_protocol(fd).expect("a socket"),
        libc::IPPROTO_TCP
    );
    assert!(net::is_stream(fd).expect("a socket"));
    let unix = net::socket(libc::AF_UNIX, libc::SOCK_DGRAM, 0).expect("a socket");
    assert_eq!(
        net::socket_family(unix.as_raw_fd()).expect("a socket"),
        libc::AF_UNIX
    );
    assert_eq!(net::socket_protocol(unix.as_raw_fd()).expect("a socket"), 0);
    assert!(!net::is_stream(unix.as_raw_fd()).expect("a socket"));
    let (reader, _writer) = pipe();
    let error = net::is_stream(reader.as_raw_fd()).expect_err("no socket");
    assert_eq!(error.raw_os_error(), Some(libc::ENOTSOCK));
    let error = net::take_error(reader.as_raw_fd()).expect_err("no socket");
    assert_eq!(error.raw_os_error(), Some(libc::ENOTSOCK));
}

#[test]
fn flags_and_options_are_set() {
    let (client, server, _) = connected();
    let stream = TcpStream::from(client);
    assert!(!stream.nodelay().expect("TCP"));
    assert!(!net::is_nodelay(stream.as_raw_fd()).expect("TCP"));
    net::set_nodelay(stream.as_raw_fd()).expect("TCP");
    assert!(net::is_nodelay(stream.as_raw_fd()).expect("TCP"));
    assert!(stream.nodelay().expect("TCP"));
    let (near, _far) = pair();
    net::set_nodelay(near.as_raw_fd()).expect_err("a unix socket has no such option");

    let nonblocking = |fd: RawFd| {
        // SAFETY: F_GETFL takes no pointer.
        unsafe { libc::fcntl(fd, libc::F_GETFL) & libc::O_NONBLOCK != 0 }
    };
    for on in [false, true, true, false] {
        net::set_nonblocking(server.as_raw_fd(), on).expect("a flag");
        assert_eq!(nonblocking(server.as_raw_fd()), on);
    }
    let closed = net::set_nonblocking(-1, true).expect_err("no descriptor");
    assert_eq!(closed.raw_os_error(), Some(libc::EBADF));
}

#[test]
fn a_reset_by_the_peer_is_reported() {
    let (client, server, _) = connected();
    let linger = libc::linger {
        l_onoff: 1,
        l_linger: 0,
    };
    // SAFETY: the kernel reads one `linger`.
    let status = unsafe {
        libc::setsockopt(
            client.as_raw_fd(),
            libc::SOL_SOCKET,
            libc::SO_LINGER,
            (&raw const linger).cast(),
            size_of::<libc::linger>() as libc::socklen_t,
        )
    };
    assert_eq!(status, 0);
    drop(client);
    wait_until(server.as_raw_fd(), Interest::READ);
    let error = net::recv(server.as_raw_fd(), &mut [0; 8]).expect_err("reset");
    assert_eq!(error.kind(), ErrorKind::ConnectionReset);
}

/// A bound UDP socket, and where it is.
fn datagram_socket() -> (OwnedFd, SockAddr) {
    let fd = net::socket(libc::AF_INET, libc::SOCK_DGRAM, 0).expect("a socket");
    let loopback = SockAddr::V4 {
        addr: [127, 0, 0, 1],
        port: 0,
    };
    net::bind(fd.as_raw_fd(), &loopback).expect("loopback");
    let addr = net::local_addr(fd.as_raw_fd()).expect("bound");
    (fd, addr)
}

#[test]
fn datagrams_come_whole_with_the_address_of_their_sender() {
    let ((near, here), (far, there)) = (datagram_socket(), datagram_socket());
    let (near, far) = (near.as_raw_fd(), far.as_raw_fd());
    let (mut buf, mut from) = ([0; 8], RawAddr::empty());
    let nothing = net::recv_from(far, &mut buf, &mut from).expect_err("nothing sent");
    assert_eq!(nothing.kind(), ErrorKind::WouldBlock);
    assert!(from.is_empty());
    let to = there.to_raw().expect("an address");
    for datagram in [&b"one"[..], b"", b"larger than the buffer", b"two"] {
        let sent = net::send_to(near, datagram, &to).expect("loopback");
        assert_eq!(sent, datagram.len());
        wait_until(far, Interest::READ);
        let received = net::recv_from(far, &mut buf, &mut from).expect("it was sent");
        let came = &datagram[..datagram.len().min(buf.len())];
        assert_eq!(&buf[..received], came, "and the rest is gone");
        assert_eq!(from, here.to_raw().expect("an address"));
        assert_eq!(from.decode(), here);
    }
    assert_ne!(from, to);
    let too_large = net::send_to(near, &vec![0; 70_000], &to).expect_err("no datagram is");
    assert_eq!(too_large.raw_os_error(), Some(libc::EMSGSIZE));
}

#[test]
fn many_datagrams_leave_in_one_call_up_to_one_that_cannot() {
    let ((near, here), (far, there)) = (datagram_socket(), datagram_socket());
    let (near, far) = (near.as_raw_fd(), far.as_raw_fd());
    let (to, large) = (there.to_raw().expect("an address"), vec![0; 70_000]);
    let all = [&b"one"[..], b"", b"three", &large, b"five"];
    let send =
        |from: usize| net::send_many(near, all[from..].iter().map(|data| (*data, Some(&to))));
    assert_eq!(send(0).expect("three can"), 3);
    assert_eq!(
        send(3).expect_err("no datagram is so large").raw_os_error(),
        Some(libc::EMSGSIZE)
    );
    assert_eq!(send(4).expect("the last can"), 1);
    let (mut buf, mut from) = ([0; 16], RawAddr::empty());
    for sent in [&b"one"[..], b"", b"three", b"five"] {
        let length = net::recv_from(far, &mut buf, &mut from).expect("sent");
        assert_eq!((&buf[..length], from.decode()), (sent, here.clone()));
    }
    let many = vec![(&b"x"[..], Some(&to)); net::AT_ONCE + 1];
    assert_eq!(
        net::send_many(near, many.into_iter()).expect("loopback"),
        net::AT_ONCE
    );
}

#[test]
fn a_datagram_nobody_wants_is_an_error_of_the_next_call() {
    let ((near, _), (far, there)) = (datagram_socket(), datagram_socket());
    drop(far);
    assert_eq!(
        net::connect(near.as_raw_fd(), &there).expect("an address"),
        Connect::Done
    );
    assert_eq!(net::send(near.as_raw_fd(), b"x").expect("sent"), 1);
    wait_until(near.as_raw_fd(), Interest::READ);
    let mut from = RawAddr::empty();
    let refused = net::recv_from(near.as_raw_fd(), &mut [0; 8], &mut from).expect_err("told");
    assert_eq!(refused.kind(), ErrorKind::ConnectionRefused);
    let told = net::recv_from(near.as_raw_fd(), &mut [0; 8], &mut from).expect_err("nothing");
    assert_eq!(told.kind(), ErrorKind::WouldBlock);
}

#[test]
fn the_sender_of_a_datagram_may_have_no_name() {
    let name = UnixAddr::Abstract(format!("ferrio datagrams {}", std::process::id()).into_bytes());
    let far = net::socket(libc::AF_UNIX, libc::SOCK_DGRAM, 0).expect("a socket");
    let there = SockAddr::Unix(name);
    net::bind(far.as_raw_fd(), &there).expect("the name is free");
    let near = net::socket(libc::AF_UNIX, libc::SOCK_DGRAM, 0).expect("a socket");
    let to = there.to_raw().expect("an address");
    // An address from before must not show through.
    let mut from = to;
    assert_eq!(
        net::send_to(near.as_raw_fd(), b"x", &to).expect("a reader"),
        1
    );
    assert_eq!(
        net::recv_from(far.as_raw_fd(), &mut [0; 8], &mut from).expect("sent"),
        1
    );
    assert!(from.is_empty());
    assert_ne!(from, to);
}

#[test]
fn a_file_is_sent_from_the_offset_to_its_end_and_keeps_its_position() {
    let path = std::env::current_exe().expect("the test itself is a file of some size");
    let content = std::fs::read(&path).expect("it can be read");
    let file = std::fs::File::open(&path).expect("it can be read");
    let (near, far) = pair();
    let (mut sent, mut got) = (1000, Vec::new());
    let mut room = vec![0; 1 << 16];
    let (mut blocked, mut ended) = (false, false);
    while !ended {
        match net::sendfile(near.as_raw_fd(), file.as_raw_fd(), sent as i64, 1 << 20) {
            Ok(0) => ended = true,
            Ok(bytes) => sent += bytes,
            Err(error) => {
                assert_eq!(error.kind(), ErrorKind::WouldBlock);
                blocked = true;
                let bytes = net::recv(far.as_raw_fd(), &mut room).expect("it is full");
                got.extend_from_slice(&room[..bytes]);
            }
        }
    }
    drop(near);
    while let Ok(bytes @ 1..) = net::recv(far.as_raw_fd(), &mut room) {
        got.extend_from_slice(&room[..bytes]);
    }
    assert!(blocked, "a socket holds less than this file");
    assert_eq!(sent, content.len());
    assert!(got == content[1000..]);
    let position = std::io::Seek::stream_position(&mut &file).expect("a position");
    assert_eq!(position, 0);
}

#[test]
fn no_more_of_a_file_is_sent_than_asked_for() {
    let file = std::fs::File::open(std::env::current_exe().expect("a path")).expect("a file");
    let (near, far) = pair();
    let sent = net::sendfile(near.as_raw_fd(), file.as_raw_fd(), 10, 20).expect("there is room");
    assert_eq!(sent, 20);
    let mut room = [0; 100];
    assert_eq!(net::recv(far.as_raw_fd(), &mut room).expect("bytes"), 20);
}

#[test]
fn what_is_no_file_and_a_peer_that_is_gone_are_errors_of_sendfile() {
    let (near, far) = pair();
    let (reading, _writing) = pipe();
    let refused = net::sendfile(near.as_raw_fd(), reading.as_raw_fd(), 0, 10);
    let number = refused.expect_err("a pipe has no offset").raw_os_error();
    assert!(matches!(number, Some(libc::ESPIPE | libc::EINVAL)));
    drop(far);
    let file = std::fs::File::open(std::env::current_exe().expect("a path")).expect("a file");
    let gone = net::sendfile(near.as_raw_fd(), file.as_raw_fd(), 0, 10).expect_err("nobody there");
    assert_eq!(gone.kind(), ErrorKind::BrokenPipe);
}
