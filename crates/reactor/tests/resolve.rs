//! Names become addresses; what needs no network is known beforehand.

use std::ffi::CString;

use ferrio_reactor::net::{SockAddr, UnixAddr};
use ferrio_reactor::resolve::{Hints, Query, getaddrinfo, getnameinfo, is_numeric, known};

const LOCALHOST: SockAddr = SockAddr::V4 {
    addr: [127, 0, 0, 1],
    port: 80,
};

const STREAM: Hints = Hints {
    family: 0,
    socktype: libc::SOCK_STREAM,
    protocol: 0,
    flags: 0,
};

fn query(host: Option<&str>, service: Option<&str>) -> Query {
    let text = |text: &str| CString::new(text).expect("no NUL");
    Query {
        host: host.map(text),
        service: service.map(text),
        hints: STREAM,
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
        hints: Hints {
            socktype: 0,
            ..STREAM
        },
        ..query(Some("127.0.0.1"), Some("53"))
    };
    assert!(getaddrinfo(&any).expect("a number").len() > 1);
    let udp = Query {
        hints: Hints {
            protocol: libc::IPPROTO_UDP,
            ..any.hints
        },
        ..any.clone()
    };
    let answers = getaddrinfo(&udp).expect("a number");
    assert_eq!(answers.len(), 1);
    assert_eq!(answers[0].socktype, libc::SOCK_DGRAM);
    let v6_only = Query {
        hints: Hints {
            family: libc::AF_INET6,
            ..any.hints
        },
        ..any
    };
    let error = getaddrinfo(&v6_only).expect_err("not of that family");
    // glibc tells them apart by more than POSIX does: -9 is its EAI_ADDRFAMILY.
    assert!([-9, libc::EAI_NONAME].contains(&error.code), "{error:?}");
}

#[test]
fn localhost_is_known_without_a_network() {
    let query = Query {
        hints: Hints {
            family: libc::AF_INET,
            ..STREAM
        },
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
        hints: Hints {
            family: libc::AF_INET,
            ..STREAM
        },
        ..query(None, Some("80"))
    };
    assert_eq!(getaddrinfo(&v4).expect("loopback")[0].addr, LOCALHOST);
    let passive = Query {
        hints: Hints {
            flags: libc::AI_PASSIVE,
            ..v4.hints
        },
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
        hints: Hints {
            flags: libc::AI_CANONNAME | libc::AI_NUMERICHOST,
            ..STREAM
        },
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
        hints: Hints {
            flags: libc::AI_NUMERICHOST,
            ..STREAM
        },
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
        hints: Hints {
            family: 12_345,
            ..STREAM
        },
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
            hints: Hints {
                flags: strict,
                ..query.hints
            },
            ..query
        })
        .expect("it is one for the C library");
    }
}

#[test]
fn what_is_known_is_what_the_c_library_answers() {
    let hosts = [
        "127.0.0.1",
        "0.0.0.0",
        "255.255.255.255",
        "1.2.3.4",
        "::",
        "::1",
        "::2",
        "::1:0",
        "::1.2.3.4",
        "::ffff:1.2.3.4",
        "::ffff:0:1.2.3.4",
        "64:ff9b::192.0.2.33",
        "fe80::1",
        "2001:DB8::a",
        "1:2:3:4:5:6:7:8",
        "1:2:3:4:5:6:7::",
        "::2:3:4:5:6:7:8",
        "0:0:0:0:0:0:0:0",
        "1:0:0:2:0:0:0:3",
        "001::0001",
        "ff02::1",
    ];
    let mut answered = 0;
    for host in hosts {
        for family in [
            libc::AF_UNSPEC,
            libc::AF_INET,
            libc::AF_INET6,
            libc::AF_UNIX,
        ] {
            for socktype in [
                0,
                libc::SOCK_STREAM,
                libc::SOCK_DGRAM,
                libc::SOCK_RAW,
                libc::SOCK_SEQPACKET,
            ] {
                for protocol in [
                    0,
                    libc::IPPROTO_TCP,
                    libc::IPPROTO_UDP,
                    libc::IPPROTO_ICMP,
                    libc::IPPROTO_SCTP,
                ] {
                    let numeric = libc::AI_NUMERICHOST | libc::AI_NUMERICSERV;
                    for flags in [
                        0,
                        libc::AI_PASSIVE,
                        numeric,
                        numeric | libc::AI_PASSIVE,
                        libc::AI_CANONNAME,
                    ] {
                        let hints = Hints {
                            family,
                            socktype,
                            protocol,
                            flags,
                        };
                        answered += usize::from(agrees(host, hints));
                    }
                }
            }
        }
    }
    // 21 hosts, 2 families that fit, 7 pairs of type and protocol (of which musl answers 6), 4 sets of flags.
    assert!(answered >= 21 * 2 * 6 * 4, "{answered}");
}

/// Is it known? Then the C library must say the same.
fn agrees(host: &str, hints: Hints) -> bool {
    for port in [0, 80, 65_535] {
        let Some(known) = known(host, port, &hints) else {
            return false;
        };
        let asked = Query {
            hints,
            ..query(Some(host), Some(&port.to_string()))
        };
        let found = getaddrinfo(&asked).unwrap_or_else(|error| panic!("{asked:?}: {error}"));
        let kinds: Vec<_> = found
            .iter()
            .map(|info| (info.socktype, info.protocol))
            .collect();
        assert_eq!(known.kinds, kinds, "{asked:?}");
        for info in &found {
            assert_eq!(
                (&info.addr, info.family),
                (&known.addr, known.addr.family()),
                "{asked:?}"
            );
            assert_eq!(info.canonname, b"", "{asked:?}");
        }
    }
    true
}

#[test]
fn what_is_no_plain_number_is_not_known() {
    for host in [
        "localhost",
        "",
        "127.1",
        "010.0.0.1",
        "1.2.3.4.",
        "1.2.3.4%lo",
        "fe80::1%lo",
        "fe80::1%1",
        "1::2::3",
        " ::1",
        "[::1]",
        "0x7f.0.0.1",
        "256.0.0.1",
        "::1.2.3",
        "12345::",
    ] {
        assert_eq!(known(host, 80, &Hints::default()), None, "{host:?}");
    }
    let mapped = Hints {
        family: libc::AF_INET6,
        flags: libc::AI_V4MAPPED,
        ..STREAM
    };
    assert_eq!(known("127.0.0.1", 80, &mapped), None);
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
        hints: Hints {
            flags: libc::AI_NUMERICHOST,
            ..STREAM
        },
        ..query(Some("example.org"), Some("80"))
    };
    assert!(is_numeric(&host));
    let service = Query {
        hints: Hints {
            flags: libc::AI_NUMERICSERV,
            ..STREAM
        },
        ..query(Some("::1"), Some("http"))
    };
    assert!(is_numeric(&service));
    let only_host = Query {
        hints: Hints {
            flags: libc::AI_NUMERICHOST,
            ..STREAM
        },
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
