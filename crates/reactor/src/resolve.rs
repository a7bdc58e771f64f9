//! Names to addresses and back, by the C library: `/etc/hosts`, DNS, whatever nsswitch.conf(5)
//! says. It blocks for as long as DNS does, so it belongs on the [pool](crate::pool), except where
//! [`is_numeric`] holds.

use std::error::Error;
use std::ffi::{CStr, CString};
use std::fmt;
use std::io;
use std::mem::zeroed;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::ptr;

use crate::net::{RawAddr, SockAddr};

/// One answer of [`getaddrinfo`].
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct AddrInfo {
    /// AF_ number.
    pub family: i32,
    /// SOCK_ number.
    pub socktype: i32,
    /// IPPROTO_ number.
    pub protocol: i32,
    /// The canonical name, in the first answer only and only with AI_CANONNAME; otherwise empty.
    pub canonname: Vec<u8>,
    /// The address.
    pub addr: SockAddr,
}

/// Flag of `Query`: the host is a number, do not ask anybody.
pub const AI_NUMERICHOST: i32 = libc::AI_NUMERICHOST;
/// Socket type of `Query`: datagrams.
pub const SOCK_DGRAM: i32 = libc::SOCK_DGRAM;

/// Why a look-up failed.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct ResolveError {
    /// EAI_ number.
    pub code: i32,
    /// gai_strerror(3) of it, which is what Python's `socket.gaierror` shows.
    pub message: String,
    /// With EAI_SYSTEM, what really went wrong.
    pub errno: Option<i32>,
}

impl ResolveError {
    fn new(code: i32) -> Self {
        let errno = io::Error::last_os_error().raw_os_error();
        // SAFETY: it returns a static string for every number.
        let message = unsafe { CStr::from_ptr(libc::gai_strerror(code)) };
        Self {
            code,
            message: message.to_string_lossy().into_owned(),
            errno: errno.filter(|_| code == libc::EAI_SYSTEM),
        }
    }
}

impl fmt::Display for ResolveError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.errno {
            Some(errno) => write!(
                f,
                "{}: {}",
                self.message,
                io::Error::from_raw_os_error(errno)
            ),
            None => f.write_str(&self.message),
        }
    }
}

impl Error for ResolveError {}

/// What to look up: the arguments of getaddrinfo(3); 0 means any.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Query {
    /// Name or number of a host; `None` for this machine (any address with AI_PASSIVE).
    pub host: Option<CString>,
    /// Name or number of a port; `None` for 0. Not both `None`.
    pub service: Option<CString>,
    /// What the answers must be like.
    pub hints: Hints,
}

/// What the answers to a [`Query`] must be like; 0 means any.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Hints {
    /// AF_ number.
    pub family: i32,
    /// SOCK_ number.
    pub socktype: i32,
    /// IPPROTO_ number.
    pub protocol: i32,
    /// AI_ bits.
    pub flags: i32,
}

/// The list made by the C library, given back to it at the end.
struct AnswerList(*mut libc::addrinfo);

impl Drop for AnswerList {
    fn drop(&mut self) {
        if !self.0.is_null() {
            // SAFETY: made by getaddrinfo, not freed yet, no reference into it is left.
            unsafe { libc::freeaddrinfo(self.0) };
        }
    }
}

/// All addresses for `query`, in the order to try them (RFC 6724). May block for long.
///
/// # Errors
/// EAI_NONAME and its like, as a typed error.
pub fn getaddrinfo(query: &Query) -> Result<Vec<AddrInfo>, ResolveError> {
    // SAFETY: plain numbers and pointers; zero and null mean "any".
    let mut hints: libc::addrinfo = unsafe { zeroed() };
    hints.ai_family = query.hints.family;
    hints.ai_socktype = query.hints.socktype;
    hints.ai_protocol = query.hints.protocol;
    hints.ai_flags = query.hints.flags;
    let text = |given: &Option<CString>| given.as_ref().map_or(ptr::null(), |text| text.as_ptr());

    let mut list = AnswerList(ptr::null_mut());
    // SAFETY: the strings are NUL-terminated or null, `hints` is a valid addrinfo, and all of them
    // outlive the call; the list it makes is owned by `list`.
    let code = unsafe {
        libc::getaddrinfo(
            text(&query.host),
            text(&query.service),
            &raw const hints,
            &raw mut list.0,
        )
    };
    if code != 0 {
        return Err(ResolveError::new(code));
    }

    let mut answers = Vec::new();
    let mut next = list.0;
    // SAFETY: each node of the list is null or valid until `list` is dropped.
    while let Some(node) = unsafe { next.as_ref() } {
        next = node.ai_next;
        // SAFETY: the node's address has `ai_addrlen` bytes, its name is a C string or null.
        answers.extend(unsafe { own(node) });
    }
    Ok(answers)
}

/// A node as our own data; `None` if it has no address that we could hold.
///
/// # Safety
/// The node comes from getaddrinfo(3) and has not been freed.
unsafe fn own(node: &libc::addrinfo) -> Option<AddrInfo> {
    if node.ai_addr.is_null() {
        return None;
    }
    // SAFETY: the caller vouches for the node, so for the length of its address.
    let addr = unsafe { RawAddr::copied(node.ai_addr, node.ai_addrlen) }?;
    let canonname = if node.ai_canonname.is_null() {
        Vec::new()
    } else {
        // SAFETY: the caller vouches for the node, so for its name.
        unsafe { CStr::from_ptr(node.ai_canonname) }
            .to_bytes()
            .to_vec()
    };
    Some(AddrInfo {
        family: node.ai_family,
        socktype: node.ai_socktype,
        protocol: node.ai_protocol,
        canonname,
        addr: addr.decode(),
    })
}

/// Host and service names of an address (`flags`: NI_ bits). Blocks, unless NI_NUMERICHOST and
/// NI_NUMERICSERV are both set.
///
/// # Errors
/// EAI_NONAME with NI_NAMEREQD, EAI_FAMILY for a family it does not know, EAI_SYSTEM with EINVAL
/// for an address that has no kernel form.
pub fn getnameinfo(addr: &SockAddr, flags: i32) -> Result<(String, String), ResolveError> {
    let raw = addr.to_raw().map_err(|_| ResolveError {
        errno: Some(libc::EINVAL),
        ..ResolveError::new(libc::EAI_SYSTEM)
    })?;
    // NI_MAXHOST and NI_MAXSERV of <netdb.h>.
    let mut host = [0_u8; 1025];
    let mut service = [0_u8; 32];
    // SAFETY: `raw` says its true length, as do the two buffers, which it fills with C strings.
    let code = unsafe {
        libc::getnameinfo(
            raw.as_ptr(),
            raw.len(),
            host.as_mut_ptr().cast(),
            host.len() as libc::socklen_t,
            service.as_mut_ptr().cast(),
            service.len() as libc::socklen_t,
            flags,
        )
    };
    if code != 0 {
        return Err(ResolveError::new(code));
    }
    Ok((until_nul(&host), until_nul(&service)))
}

fn until_nul(bytes: &[u8]) -> String {
    let text = bytes.split(|&byte| byte == 0).next().unwrap_or(bytes);
    String::from_utf8_lossy(text).into_owned()
}

/// Whether [`getaddrinfo`] needs nobody's help for this query: no DNS server, no file, no daemon.
/// Then it is quick and may run on the loop's own thread.
///
/// "No" is always a safe answer; forms that only inet_aton(3) knows (`127.1`) get it.
#[must_use]
pub fn is_numeric(query: &Query) -> bool {
    let host_known = query.hints.flags & libc::AI_NUMERICHOST != 0
        || query
            .host
            .as_ref()
            .is_none_or(|host| is_numeric_host(host.to_bytes()));
    let service_known = query.hints.flags & libc::AI_NUMERICSERV != 0
        || query
            .service
            .as_ref()
            .is_none_or(|service| is_number(service.to_bytes()));
    host_known && service_known
}

fn is_numeric_host(host: &[u8]) -> bool {
    let Ok(host) = std::str::from_utf8(host) else {
        return false;
    };
    if host.parse::<Ipv4Addr>().is_ok() {
        return true;
    }
    // `fe80::1%eth0`: what follows is an interface, which the kernel knows (RFC 4007 §11).
    let (address, scope) = host.split_once('%').unwrap_or((host, "0"));
    !scope.is_empty() && address.parse::<Ipv6Addr>().is_ok()
}

/// What [`known`] gives: one address for each kind of socket.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Known {
    /// The address, with the port.
    pub addr: SockAddr,
    /// SOCK_ and IPPROTO_ numbers, in the C library's order.
    pub kinds: &'static [(i32, i32)],
}

const STREAM: (i32, i32) = (libc::SOCK_STREAM, libc::IPPROTO_TCP);
const DATAGRAM: (i32, i32) = (libc::SOCK_DGRAM, libc::IPPROTO_UDP);
const RAW: (i32, i32) = (libc::SOCK_RAW, libc::IPPROTO_IP);

/// What [`getaddrinfo`] would answer for a host and a port that are numbers, without asking it; `hints` holds the rest of
/// the question. `None` where that takes more than reading the number: names, scopes, mapped addresses, mistakes.
#[must_use]
pub fn known(host: &str, port: u16, hints: &Hints) -> Option<Known> {
    // These say where an answer may come from, not what it is.
    const HARMLESS: i32 = libc::AI_PASSIVE | libc::AI_NUMERICHOST | libc::AI_NUMERICSERV;
    if hints.flags & !HARMLESS != 0 {
        return None;
    }
    let kinds: &[_] = match (hints.socktype, hints.protocol) {
        (libc::SOCK_STREAM, 0 | libc::IPPROTO_TCP) | (0, libc::IPPROTO_TCP) => &[STREAM],
        (libc::SOCK_DGRAM, 0 | libc::IPPROTO_UDP) | (0, libc::IPPROTO_UDP) => &[DATAGRAM],
        // musl knows two kinds.
        (0, 0) if cfg!(target_env = "gnu") => &[STREAM, DATAGRAM, RAW],
        _ => return None,
    };
    let addr = match hints.family {
        libc::AF_INET => IpAddr::V4(host.parse().ok()?),
        libc::AF_INET6 => IpAddr::V6(host.parse().ok()?),
        libc::AF_UNSPEC => host.parse().ok()?,
        _ => return None,
    };
    let addr = match addr {
        IpAddr::V4(addr) => SockAddr::V4 {
            addr: addr.octets(),
            port,
        },
        IpAddr::V6(addr) => SockAddr::V6 {
            addr: addr.octets(),
            port,
            flowinfo: 0,
            scope_id: 0,
        },
    };
    Some(Known { addr, kinds })
}

fn is_number(service: &[u8]) -> bool {
    !service.is_empty() && service.iter().all(u8::is_ascii_digit)
}
