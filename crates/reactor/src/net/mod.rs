//! ROOM    non-blocking socket calls, one thin function each
//! KNOWS   the socket API of the kernel  NEVER   buffers, retries after EAGAIN, who owns an fd
//! IN      fd, bytes, `SockAddr`         OUT     `io::Result` with errno kept
//! PROOF   `tests/net.rs`
//! START   `io.rs` and `datagram.rs` (receive and send), `file.rs`, `connect.rs` (accept and connect), `address.rs`
//!
//! Common to all: the caller's descriptors are non-blocking; "not now" is
//! [`WouldBlock`](std::io::ErrorKind::WouldBlock); a signal in the middle (EINTR) is never seen; no
//! call but `sendfile` raises SIGPIPE on a socket; descriptors made here are close-on-exec and non-blocking.

mod address;
mod connect;
mod datagram;
mod file;
mod io;
mod option;

pub use address::{RawAddr, SockAddr, UnixAddr};
pub use connect::{
    Connect, accept, accept_with_peer, bind, connect, listen, local_addr, peer_addr, queued,
    shutdown_write, socket,
};
pub use datagram::{AT_ONCE, recv_from, send_many, send_to};
pub use file::sendfile;
pub use io::{read, recv, recv_pieces, recv_uninit, send, send_vectored};
pub use option::{
    is_byte_stream, is_nodelay, is_stream, set_nodelay, set_nonblocking, socket_family,
    socket_protocol, socket_type, take_error,
};
