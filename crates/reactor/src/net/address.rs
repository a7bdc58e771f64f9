//! Socket addresses: as plain data, and as the kernel writes them.

use std::fmt;
use std::io;
use std::mem::{MaybeUninit, offset_of, size_of};
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr, SocketAddrV4, SocketAddrV6};
use std::ptr;

use libc::{
    sockaddr, sockaddr_in, sockaddr_in6, sockaddr_storage, sockaddr_un, sockaddr_vm, socklen_t,
};

/// An address of a socket. Numbers are in host byte order, as in Python's address tuples.
#[derive(Clone, Debug, Eq, Hash, PartialEq)]
pub enum SockAddr {
    /// AF_INET.
    V4 {
        /// The four bytes in the order they are written.
        addr: [u8; 4],
        /// Port.
        port: u16,
    },
    /// AF_INET6.
    V6 {
        /// The sixteen bytes in the order they are written.
        addr: [u8; 16],
        /// Port.
        port: u16,
        /// Flow label and traffic class (RFC 3493 §3.3).
        flowinfo: u32,
        /// Index of the interface for a link-local address, or 0.
        scope_id: u32,
    },
    /// AF_UNIX.
    Unix(UnixAddr),
    /// AF_VSOCK: between a virtual machine and its host (vsock(7)).
    Vsock {
        /// Context id: which machine.
        cid: u32,
        /// Port.
        port: u32,
    },
    /// Any other family, undecoded.
    Other {
        /// AF_ number.
        family: i32,
        /// What follows the family (`sa_data`).
        bytes: Vec<u8>,
    },
}

/// The three kinds of unix(7) addresses.
#[derive(Clone, Debug, Eq, Hash, PartialEq)]
pub enum UnixAddr {
    /// Not bound. To bind to it asks the kernel for an abstract name.
    Unnamed,
    /// A path, without the final NUL.
    Path(Vec<u8>),
    /// A name outside the file system, without the leading NUL; may contain any byte.
    Abstract(Vec<u8>),
}

/// Where a unix address's name starts, and where the data of any other one does.
const UNIX_NAME: usize = offset_of!(sockaddr_un, sun_path);
const DATA: usize = size_of::<libc::sa_family_t>();
const UNIX_NAME_ROOM: usize = size_of::<sockaddr_un>() - UNIX_NAME;

impl SockAddr {
    /// AF_ number.
    #[must_use]
    pub fn family(&self) -> i32 {
        match self {
            Self::V4 { .. } => libc::AF_INET,
            Self::V6 { .. } => libc::AF_INET6,
            Self::Unix(_) => libc::AF_UNIX,
            Self::Vsock { .. } => libc::AF_VSOCK,
            Self::Other { family, .. } => *family,
        }
    }

    /// For a system call.
    ///
    /// # Errors
    /// EINVAL: a name too long for its structure, a unix path with a NUL inside (the kernel would
    /// cut it there, and a leading one would make it an abstract name).
    pub fn to_raw(&self) -> io::Result<RawAddr> {
        match self {
            Self::V4 { addr, port } => {
                // SAFETY: plain numbers; zero is valid, padding included.
                let mut raw: sockaddr_in = unsafe { MaybeUninit::zeroed().assume_init() };
                raw.sin_family = libc::AF_INET as libc::sa_family_t;
                raw.sin_port = port.to_be();
                raw.sin_addr.s_addr = u32::from_ne_bytes(*addr);
                Ok(RawAddr::of(&raw))
            }
            Self::V6 {
                addr,
                port,
                flowinfo,
                scope_id,
            } => {
                // SAFETY: plain numbers; zero is valid, padding included.
                let mut raw: sockaddr_in6 = unsafe { MaybeUninit::zeroed().assume_init() };
                raw.sin6_family = libc::AF_INET6 as libc::sa_family_t;
                raw.sin6_port = port.to_be();
                raw.sin6_flowinfo = flowinfo.to_be();
                raw.sin6_addr.s6_addr = *addr;
                raw.sin6_scope_id = *scope_id;
                Ok(RawAddr::of(&raw))
            }
            Self::Unix(name) => name.to_raw(),
            Self::Vsock { cid, port } => {
                // SAFETY: plain numbers; zero is valid, padding included.
                let mut raw: sockaddr_vm = unsafe { MaybeUninit::zeroed().assume_init() };
                raw.svm_family = libc::AF_VSOCK as libc::sa_family_t;
                raw.svm_cid = *cid;
                raw.svm_port = *port;
                Ok(RawAddr::of(&raw))
            }
            Self::Other { family, bytes } => RawAddr::build(*family, DATA, bytes),
        }
    }
}

impl UnixAddr {
    fn to_raw(&self) -> io::Result<RawAddr> {
        let name = match self {
            Self::Unnamed => Vec::new(),
            Self::Path(path) if path.contains(&0) => {
                return Err(invalid("unix socket path contains a NUL byte"));
            }
            Self::Path(path) => [path, &b"\0"[..]].concat(),
            Self::Abstract(name) => [&b"\0"[..], name].concat(),
        };
        // A path may fill the room and go without its NUL: the kernel adds one (unix(7), BUGS).
        let name = match self {
            Self::Path(_) if name.len() == UNIX_NAME_ROOM + 1 => &name[..UNIX_NAME_ROOM],
            _ => &name[..],
        };
        if name.len() > UNIX_NAME_ROOM {
            return Err(invalid("unix socket name is too long"));
        }
        RawAddr::build(libc::AF_UNIX, UNIX_NAME, name)
    }

    /// From what follows the family in an address as long as the kernel said.
    fn decode(name: &[u8]) -> Self {
        match name {
            [] => Self::Unnamed,
            [0, name @ ..] => Self::Abstract(name.to_vec()),
            // The length may or may not count the final NUL.
            path => Self::Path(
                path.split(|&byte| byte == 0)
                    .next()
                    .unwrap_or(path)
                    .to_vec(),
            ),
        }
    }
}

fn invalid(what: &str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidInput, what)
}

impl From<SocketAddr> for SockAddr {
    fn from(addr: SocketAddr) -> Self {
        match addr {
            SocketAddr::V4(v4) => Self::V4 {
                addr: v4.ip().octets(),
                port: v4.port(),
            },
            SocketAddr::V6(v6) => Self::V6 {
                addr: v6.ip().octets(),
                port: v6.port(),
                flowinfo: v6.flowinfo(),
                scope_id: v6.scope_id(),
            },
        }
    }
}

impl SockAddr {
    /// As an internet address, if it is one.
    #[must_use]
    pub fn as_internet(&self) -> Option<SocketAddr> {
        match *self {
            Self::V4 { addr, port } => Some(SocketAddrV4::new(Ipv4Addr::from(addr), port).into()),
            Self::V6 {
                addr,
                port,
                flowinfo,
                scope_id,
            } => Some(SocketAddrV6::new(Ipv6Addr::from(addr), port, flowinfo, scope_id).into()),
            Self::Unix(_) | Self::Vsock { .. } | Self::Other { .. } => None,
        }
    }
}

/// An address as the kernel writes it: the first `len` bytes of `storage`. Two are equal when these
/// bytes are: to compare is cheaper than to decode.
///
/// `sockaddr_storage` has room and alignment for every family (POSIX).
#[derive(Clone, Copy)]
pub struct RawAddr {
    storage: sockaddr_storage,
    len: socklen_t,
}

impl RawAddr {
    /// No address: of no family and no length.
    #[must_use]
    pub fn empty() -> Self {
        // SAFETY: plain numbers; zero is valid and means AF_UNSPEC.
        let storage = unsafe { MaybeUninit::zeroed().assume_init() };
        Self { storage, len: 0 }
    }

    /// A copy of a family's own struct, whole.
    fn of<T: Copy>(addr: &T) -> Self {
        const { assert!(size_of::<T>() <= size_of::<sockaddr_storage>()) };
        let mut raw = Self::empty();
        // SAFETY: `storage` is at least as large as `T` (asserted) and does not overlap `addr`.
        unsafe { ptr::copy_nonoverlapping(addr, (&raw mut raw.storage).cast::<T>(), 1) };
        raw.len = size_of::<T>() as socklen_t;
        raw
    }

    /// `family`, and `bytes` at `offset`.
    fn build(family: i32, offset: usize, bytes: &[u8]) -> io::Result<Self> {
        let mut raw = Self::empty();
        raw.storage.ss_family = libc::sa_family_t::try_from(family)
            .map_err(|_| invalid("address family is out of range"))?;
        let room = raw.bytes_mut().get_mut(offset..offset + bytes.len());
        room.ok_or_else(|| invalid("socket address is too long"))?
            .copy_from_slice(bytes);
        raw.len = (offset + bytes.len()) as socklen_t;
        Ok(raw)
    }

    /// A copy of `len` bytes at `addr`, or `None` when they are too many.
    ///
    /// # Safety
    /// `addr` is valid for reading `len` bytes.
    pub(crate) unsafe fn copied(addr: *const sockaddr, len: socklen_t) -> Option<Self> {
        let mut raw = Self::empty();
        let room = raw.bytes_mut().get_mut(..len as usize)?;
        // SAFETY: `room` has `len` bytes and is our own; the caller vouches for `addr`.
        unsafe { ptr::copy_nonoverlapping(addr.cast::<u8>(), room.as_mut_ptr(), room.len()) };
        raw.len = len;
        Some(raw)
    }

    /// Lets a call such as getsockname(2) write an address, whose pointer and length it gets.
    pub(super) fn filled_by<R>(
        call: impl FnOnce(*mut sockaddr, *mut socklen_t) -> io::Result<R>,
    ) -> io::Result<(R, Self)> {
        let mut raw = Self::empty();
        let result = raw.refilled_by(call)?;
        Ok((result, raw))
    }

    /// As `filled_by`, in the place of another address. Empty where the call fails.
    #[inline]
    pub(super) fn refilled_by<R>(
        &mut self,
        call: impl FnOnce(*mut sockaddr, *mut socklen_t) -> io::Result<R>,
    ) -> io::Result<R> {
        // The kernel may write nothing at all.
        self.storage.ss_family = 0;
        self.len = size_of::<sockaddr_storage>() as socklen_t;
        let result = call((&raw mut self.storage).cast(), &raw mut self.len);
        // The kernel tells the length the address has, which may be more than it had room for.
        self.len = match result {
            Ok(_) => self.len.min(size_of::<sockaddr_storage>() as socklen_t),
            Err(_) => 0,
        };
        result
    }

    pub(crate) fn as_ptr(&self) -> *const sockaddr {
        (&raw const self.storage).cast()
    }

    pub(crate) fn len(&self) -> socklen_t {
        self.len
    }

    /// A number below `count`, a power of two, for a place in a table: the same for the same address.
    #[inline]
    #[must_use]
    pub fn place_among(&self, count: usize) -> usize {
        debug_assert!(count.is_power_of_two());
        let words = self.used().chunks_exact(4);
        let mixed = words.fold(0_u32, |mixed, word| {
            let word = u32::from_ne_bytes([word[0], word[1], word[2], word[3]]);
            (mixed ^ word).wrapping_mul(0x9e37_79b1).rotate_right(15)
        });
        mixed as usize & (count - 1)
    }

    /// Is there none? The sender of a datagram from an unbound unix socket has none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// As plain data.
    #[must_use]
    pub fn decode(&self) -> SockAddr {
        let bytes = self.used();
        // A unix peer that is not bound has a length of 0 on some calls, and no family then.
        let family = i32::from(self.storage.ss_family);
        match family {
            libc::AF_INET if bytes.len() >= size_of::<sockaddr_in>() => self.decode_v4(),
            libc::AF_INET6 if bytes.len() >= size_of::<sockaddr_in6>() => self.decode_v6(),
            libc::AF_VSOCK if bytes.len() >= size_of::<sockaddr_vm>() => self.decode_vsock(),
            libc::AF_UNIX => {
                SockAddr::Unix(UnixAddr::decode(bytes.get(UNIX_NAME..).unwrap_or(&[])))
            }
            _ => SockAddr::Other {
                family,
                bytes: bytes.get(DATA..).unwrap_or(&[]).to_vec(),
            },
        }
    }

    fn decode_v4(&self) -> SockAddr {
        // SAFETY: `storage` is larger than, and aligned for, this struct of plain numbers.
        let raw = unsafe { &*(&raw const self.storage).cast::<sockaddr_in>() };
        SockAddr::V4 {
            addr: raw.sin_addr.s_addr.to_ne_bytes(),
            port: u16::from_be(raw.sin_port),
        }
    }

    fn decode_v6(&self) -> SockAddr {
        // SAFETY: `storage` is larger than, and aligned for, this struct of plain numbers.
        let raw = unsafe { &*(&raw const self.storage).cast::<sockaddr_in6>() };
        SockAddr::V6 {
            addr: raw.sin6_addr.s6_addr,
            port: u16::from_be(raw.sin6_port),
            flowinfo: u32::from_be(raw.sin6_flowinfo),
            scope_id: raw.sin6_scope_id,
        }
    }

    fn decode_vsock(&self) -> SockAddr {
        // SAFETY: `storage` is larger than, and aligned for, this struct of plain numbers.
        let raw = unsafe { &*(&raw const self.storage).cast::<sockaddr_vm>() };
        SockAddr::Vsock {
            cid: raw.svm_cid,
            port: raw.svm_port,
        }
    }

    fn used(&self) -> &[u8] {
        &self.bytes()[..self.len as usize]
    }

    fn bytes(&self) -> &[u8; size_of::<sockaddr_storage>()] {
        // SAFETY: every byte of `storage` is initialised: it starts as zero, and only whole bytes
        // are copied into it.
        unsafe { &*(&raw const self.storage).cast() }
    }

    fn bytes_mut(&mut self) -> &mut [u8; size_of::<sockaddr_storage>()] {
        // SAFETY: as for `bytes`; any bytes make a valid `sockaddr_storage`.
        unsafe { &mut *(&raw mut self.storage).cast() }
    }
}

impl PartialEq for RawAddr {
    #[inline]
    fn eq(&self, other: &Self) -> bool {
        self.used() == other.used()
    }
}

impl Eq for RawAddr {}

impl fmt::Debug for RawAddr {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.decode().fmt(f)
    }
}

#[cfg(test)]
mod tests {
    use super::{RawAddr, SockAddr, UNIX_NAME_ROOM, UnixAddr};

    fn unix(addr: UnixAddr) -> SockAddr {
        SockAddr::Unix(addr)
    }

    #[test]
    fn every_kind_survives_the_way_to_the_kernels_form_and_back() {
        let addresses = [
            SockAddr::V4 {
                addr: [192, 0, 2, 7],
                port: 0x1234,
            },
            SockAddr::V6 {
                addr: *b"0123456789abcdef",
                port: 65_535,
                flowinfo: 0x000a_bcde,
                scope_id: 3,
            },
            unix(UnixAddr::Unnamed),
            unix(UnixAddr::Path(b"/run/x.sock".to_vec())),
            unix(UnixAddr::Path(vec![b'p'; UNIX_NAME_ROOM])),
            unix(UnixAddr::Abstract(b"a\0b\0".to_vec())),
            unix(UnixAddr::Abstract(vec![0xff; UNIX_NAME_ROOM - 1])),
            unix(UnixAddr::Abstract(Vec::new())),
            SockAddr::Vsock {
                cid: libc::VMADDR_CID_ANY,
                port: 54_321,
            },
            SockAddr::Other {
                family: libc::AF_NETLINK,
                bytes: vec![0, 0, 1, 2, 3, 4, 5, 6, 7, 8],
            },
            SockAddr::Other {
                family: libc::AF_VSOCK,
                bytes: Vec::new(),
            },
        ];
        for address in addresses {
            let raw = address.to_raw().expect("it fits");
            assert_eq!(raw.decode(), address);
        }
    }

    #[test]
    fn addresses_have_their_places() {
        let raw = |port| {
            let addr = [127, 0, 0, 1];
            SockAddr::V4 { addr, port }.to_raw().expect("it fits")
        };
        for count in [1, 64] {
            let mut taken = vec![0; count];
            for port in 1..=640 {
                taken[raw(port).place_among(count)] += 1;
            }
            let (least, most) = (taken.iter().min(), taken.iter().max());
            assert!(
                least > Some(&0) && most <= Some(&(640 / count * 4)),
                "{taken:?}"
            );
        }
        assert_eq!(RawAddr::empty().place_among(64), 0);
    }

    #[test]
    fn what_has_no_kernel_form_is_refused() {
        let addresses = [
            unix(UnixAddr::Path(vec![b'p'; UNIX_NAME_ROOM + 1])),
            unix(UnixAddr::Path(b"a\0b".to_vec())),
            unix(UnixAddr::Path(b"\0a".to_vec())),
            unix(UnixAddr::Abstract(vec![b'a'; UNIX_NAME_ROOM])),
            SockAddr::Other {
                family: 40,
                bytes: vec![0; 127],
            },
            SockAddr::Other {
                family: -1,
                bytes: Vec::new(),
            },
        ];
        for address in addresses {
            let error = address
                .to_raw()
                .map(|_| ())
                .expect_err("it cannot be written down");
            assert_eq!(
                error.kind(),
                std::io::ErrorKind::InvalidInput,
                "{address:?}"
            );
        }
    }
}
