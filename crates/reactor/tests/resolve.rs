//! Names become addresses; what needs no network is known beforehand.

use std::ffi::CString;

use ferrio_reactor::net::{SockAddr, UnixAddr};
use ferrio_reactor::resolve::{Query, getaddrinfo, getnameinfo, is_numeric};

const LOCALHOST: SockAddr = SockAddr::V4 {
    addr: [127, 0, 0, 1],
    port: 80,
};

fn query(host: Option<&str>, service: Option<&str>) -> Query {
    let text = |text: &str| CString::new(text).expect("no NUL");
    Query {
        host: host.map(text),
        service: service.map(text),
        socktype: libc::SOCK_STREAM,
        ..Query::default()
    }
}

fn v6(text: &str, port: u16) -> SockAddr {
    let addr: std::net::Ipv6Addr = text.parse().expect("an address");
    SockAddr::V6 {
        addr: addr.octets(),
        port,
        flowinfo: 0,
        scope_id: 0,
    }
}

#[test]
fn numbers_become_addresses() {
    for (host, addr) in [
        ("127.0.0.1", LOCALHOST),
        ("::1", v6("::1", 80)),
        ("2001:db8::7", v6("2001:db8::7", 80)),
    ] {
        let answers = getaddrinfo(&query(Some(host), Some("80"))).expect("a number");
        assert_eq!(answers.len(), 1, "{answers:?}");
        assert_eq!(answers[0].addr, addr);
        assert_eq!(answers[0].family, addr.family());
        assert_eq!(answers[0].socktype, libc::SOCK_STREAM);
        assert_eq!(answers[0].protocol, libc::IPPROTO_TCP);
        assert_eq!(answers[0].canonname, b"");
    }
}

#[test]
fn the_query_narrows_the_answers() {
    let any = Query {
        socktype: 0,
        ..query(Some("127.0.0.1"), Some("53"))
    };
    assert!(getaddrinfo(&any).expect("a number").len() > 1);
    let udp = Query {
        protocol: libc::IPPROTO_UDP,
        ..any.clone()
    };
    let answers = getaddrinfo(&udp).expect("a number");
    assert_eq!(answers.len(), 1);
    assert_eq!(answers[0].socktype, libc::SOCK_DGRAM);
    let v6_only = Query {
        family: libc::AF_INET6,
        ..any
    };
    let error = getaddrinfo(&v6_only).expect_err("not of that family");
    // glibc tells them apart by more than POSIX does: -9 is its EAI_ADDRFAMILY.
    assert!([-9, libc::EAI_NONAME].contains(&error.code), "{error:?}");
}

#[test]
fn localhost_is_known_without_a_network() {
    let query = Query {
        family: libc::AF_INET,
        ..query(Some("localhost"), Some("80"))
    };
    let answers = getaddrinfo(&query).expect("every machine knows it");
    assert!(
        answers.iter().any(|answer| answer.addr == LOCALHOST),
        "{answers:?}"
    );
}

#[test]
fn without_a_host_it_is_this_machine() {
    let v4 = Query {
        family: libc::AF_INET,
        ..query(None, Some("80"))
    };
    assert_eq!(getaddrinfo(&v4).expect("loopback")[0].addr, LOCALHOST);
    let passive = Query {
        flags: libc::AI_PASSIVE,
        ..v4
    };
    let any = SockAddr::V4 {
        addr: [0; 4],
        port: 80,
    };
    assert_eq!(getaddrinfo(&passive).expect("any address")[0].addr, any);
}

#[test]
fn the_canonical_name_comes_with_the_first_answer() {
    let query = Query {
        flags: libc::AI_CANONNAME | libc::AI_NUMERICHOST,
        ..query(Some("127.0.0.1"), None)
    };
    assert_eq!(
        getaddrinfo(&query).expect("a number")[0].canonname,
        b"127.0.0.1"
    );
}

#[test]
fn errors_have_a_code_and_the_c_librarys_words() {
    let numeric = Query {
        flags: libc::AI_NUMERICHOST,
        ..query(Some("no.number"), None)
    };
    for query in [numeric, query(None, None)] {
        let error = getaddrinfo(&query).expect_err("no such host");
        assert_eq!(error.code, libc::EAI_NONAME);
        assert_eq!(error.errno, None);
        assert!(!error.message.is_empty());
        assert_eq!(error.to_string(), error.message);
    }
    let error = getaddrinfo(&query(Some("::1"), Some("no-such-service"))).expect_err("a service");
    assert_eq!(error.code, libc::EAI_SERVICE);
    let family = Query {
        family: 12_345,
        ..query(Some("::1"), None)
    };
    assert_eq!(
        getaddrinfo(&family).expect_err("a family").code,
        libc::EAI_FAMILY
    );
}

#[test]
fn numeric_is_what_the_c_library_takes_as_a_number() {
    let numeric = [
        (Some("127.0.0.1"), Some("80")),
        (Some("255.255.255.255"), Some("0")),
        (Some("::"), None),
        (Some("::ffff:192.0.2.1"), Some("65535")),
        (Some("fe80::1%lo"), Some("1")),
        (Some("fe80::1%1"), None),
        (None, Some("443")),
    ];
    for (host, service) in numeric {
        let query = query(host, service);
        assert!(is_numeric(&query), "{query:?}");
        let strict = libc::AI_NUMERICHOST | libc::AI_NUMERICSERV;
        getaddrinfo(&Query {
            flags: strict,
            ..query
        })
        .expect("it is one for the C library");
    }
}

#[test]
fn everything_else_may_block() {
    let names = [
        (Some("localhost"), Some("80")),
        (Some("example.org"), None),
        (Some(""), None),
        (Some("127.0.0.1"), Some("http")),
        (Some("127.0.0.1"), Some("")),
        (Some("127.0.0.1"), Some("-1")),
        (None, Some("http")),
        (Some("1.2.3.4.5"), None),
        (Some("256.0.0.1"), None),
        (Some("::1%"), None),
        (Some("127.0.0.1%lo"), None),
        (Some("1::2::3"), None),
        (Some("127.1"), None),
    ];
    for (host, service) in names {
        assert!(!is_numeric(&query(host, service)), "{host:?} {service:?}");
    }
    let not_utf8 = Query {
        host: CString::new([0xff]).ok(),
        ..Query::default()
    };
    assert!(!is_numeric(&not_utf8));
}

#[test]
fn a_caller_that_allows_only_numbers_never_blocks() {
    let host = Query {
        flags: libc::AI_NUMERICHOST,
        ..query(Some("example.org"), Some("80"))
    };
    assert!(is_numeric(&host));
    let service = Query {
        flags: libc::AI_NUMERICSERV,
        ..query(Some("::1"), Some("http"))
    };
    assert!(is_numeric(&service));
    let only_host = Query {
        flags: libc::AI_NUMERICHOST,
        ..query(Some("::1"), Some("http"))
    };
    assert!(!is_numeric(&only_host));
}

#[test]
fn addresses_become_numbers_as_text() {
    let numeric = libc::NI_NUMERICHOST | libc::NI_NUMERICSERV;
    let text = |addr: &SockAddr| getnameinfo(addr, numeric).expect("numbers always work");
    assert_eq!(text(&LOCALHOST), ("127.0.0.1".to_owned(), "80".to_owned()));
    assert_eq!(
        text(&v6("2001:db8::7", 65_535)),
        ("2001:db8::7".to_owned(), "65535".to_owned())
    );
    let scoped = SockAddr::V6 {
        addr: std::net::Ipv6Addr::new(0xfe80, 0, 0, 0, 0, 0, 0, 1).octets(),
        port: 1,
        flowinfo: 0,
        scope_id: 1,
    };
    // Interface 1 is the loopback in every network namespace.
    assert_eq!(text(&scoped), ("fe80::1%lo".to_owned(), "1".to_owned()));
}

#[test]
fn what_is_no_internet_address_has_no_name() {
    let strange = SockAddr::Other {
        family: libc::AF_NETLINK,
        bytes: vec![0; 10],
    };
    assert_eq!(
        getnameinfo(&strange, 0).expect_err("no names").code,
        libc::EAI_FAMILY
    );
    let too_long = SockAddr::Unix(UnixAddr::Path(vec![b'p'; 200]));
    let error = getnameinfo(&too_long, 0).expect_err("no kernel form");
    assert_eq!(
        (error.code, error.errno),
        (libc::EAI_SYSTEM, Some(libc::EINVAL))
    );
}
