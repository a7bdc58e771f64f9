//! A child is started without waiting for its `exec`, and what it is to be comes true.

use std::ffi::CString;
use std::fs::File;
use std::io::Read;
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd, RawFd};

use ferrio_reactor::spawn::{self, Program};

fn pipe() -> (OwnedFd, OwnedFd) {
    let mut ends = [0; 2];
    // SAFETY: writes two descriptors, which nobody else owns.
    unsafe {
        assert_eq!(libc::pipe2(ends.as_mut_ptr(), libc::O_CLOEXEC), 0);
        (OwnedFd::from_raw_fd(ends[0]), OwnedFd::from_raw_fd(ends[1]))
    }
}

fn strings(texts: &[&str]) -> Vec<CString> {
    texts
        .iter()
        .map(|text| CString::new(*text).expect("no NUL"))
        .collect()
}

fn program(argv: &[&str], candidates: &[&str]) -> Program {
    Program {
        argv: strings(argv),
        candidates: strings(candidates),
        environment: None,
        directory: None,
        close_others: true,
        keep: Vec::new(),
        standard: [-1; 3],
        parents: [-1; 4],
        errors: -1,
        restore_signals: true,
        new_session: false,
        process_group: -1,
        umask: -1,
    }
}

/// What it says on descriptor 1, its error message, its status as waitpid(2) tells it.
fn run(mut program: Program) -> (String, String, i32) {
    let ((out, out_child), (errors, errors_child)) = (pipe(), pipe());
    program.standard[1] = out_child.as_raw_fd();
    program.errors = errors_child.as_raw_fd();
    program.keep.push(program.errors);
    program.keep.sort_unstable();
    program.parents = [out.as_raw_fd(), errors.as_raw_fd(), -1, -1];
    let mut starting = spawn::start(program).expect("a process");
    drop((out_child, errors_child));
    let (mut said, mut error, mut status) = (String::new(), String::new(), 0);
    File::from(errors).read_to_string(&mut error).expect("text");
    starting.over();
    File::from(out).read_to_string(&mut said).expect("text");
    // SAFETY: writes the status of our own child.
    let reaped = unsafe { libc::waitpid(starting.pid(), &mut status, 0) };
    assert_eq!(reaped, starting.pid());
    (said, error, status)
}

fn shell(command: &str) -> Program {
    program(&["sh", "-c", command], &["/bin/sh"])
}

#[test]
fn it_runs_and_ends() {
    if !spawn::is_possible() {
        return;
    }
    assert_eq!(run(shell("echo hello")), ("hello\n".into(), "".into(), 0));
    assert_eq!(run(shell("exit 7")), ("".into(), "".into(), 7 << 8));
}

#[test]
fn candidates_are_tried_in_turn() {
    if !spawn::is_possible() {
        return;
    }
    let echo = |candidates: &[&str]| run(program(&["echo", "hello"], candidates));
    let (said, error, _) = echo(&["/nonexistent/echo", "/etc/passwd/echo", "/bin/echo"]);
    assert_eq!((said.as_str(), error.as_str()), ("hello\n", ""));
    let (_, error, status) = echo(&["/nonexistent/echo"]);
    assert_eq!((error.as_str(), status), ("OSError:0002:", 255 << 8));
    // What could not be executed is told rather than what is not there.
    let (_, error, _) = echo(&["/etc/passwd", "/nonexistent/echo"]);
    assert_eq!(error, "OSError:000d:");
}

#[test]
fn surroundings() {
    if !spawn::is_possible() {
        return;
    }
    let mut child = shell("pwd; echo $COLOUR; umask; test $(ps -o sid= -p $$) = $$ && echo leads");
    child.directory = Some(CString::new("/usr").expect("no NUL"));
    child.environment = Some(strings(&["COLOUR=red", "PATH=/usr/bin:/bin"]));
    child.umask = 0o27;
    child.new_session = true;
    let (said, error, _) = run(child);
    assert_eq!(
        (said.as_str(), error.as_str()),
        ("/usr\nred\n0027\nleads\n", "")
    );
    let mut child = shell("true");
    child.directory = Some(CString::new("/nonexistent").expect("no NUL"));
    assert_eq!(run(child).1, "OSError:0002:noexec:chdir");
    let mut child = shell("true");
    child.process_group = 1;
    assert_eq!(run(child).1, "OSError:0001:noexec");
}

#[test]
fn descriptors() {
    if !spawn::is_possible() {
        return;
    }
    // With numbers that the shell does not use; the first would not survive by itself, the second would.
    let duplicate = |command: i32, least: RawFd| {
        // SAFETY: a new descriptor, which nobody else owns.
        unsafe { OwnedFd::from_raw_fd(libc::fcntl(2, command, least)) }
    };
    let kept = duplicate(libc::F_DUPFD_CLOEXEC, 100);
    let other = duplicate(libc::F_DUPFD, 200);
    let list = "for fd in /proc/$$/fd/*; do echo ${fd##*/}; done";
    let mut child = shell(list);
    child.keep.push(kept.as_raw_fd());
    let (said, ..) = run(child);
    let numbers: Vec<RawFd> = said.lines().filter_map(|line| line.parse().ok()).collect();
    assert!(numbers.contains(&kept.as_raw_fd()), "{numbers:?}");
    assert!(!numbers.contains(&other.as_raw_fd()), "{numbers:?}");
    let mut child = shell(list);
    child.close_others = false;
    let (said, ..) = run(child);
    assert!(
        said.lines()
            .any(|line| line == other.as_raw_fd().to_string())
    );
}

#[test]
fn it_does_not_wait_for_a_file_that_nobody_may_open_yet() {
    if !spawn::is_possible() {
        return;
    }
    let path = std::env::temp_dir().join(format!("ferrio-spawn-{}", std::process::id()));
    std::fs::copy("/bin/true", &path).expect("a copy");
    let file = File::open(&path).expect("ours");
    let lease = |kind: i32| {
        // SAFETY: of a file of our own.
        unsafe { libc::fcntl(file.as_raw_fd(), libc::F_SETLEASE, kind) }
    };
    // SAFETY: SIGIO tells of a lease's end and would end this process.
    unsafe { libc::signal(libc::SIGIO, libc::SIG_IGN) };
    if lease(libc::F_WRLCK) != 0 {
        // A file system without leases.
        return;
    }
    let (errors, errors_child) = pipe();
    let mut child = program(&["true"], &[path.to_str().expect("text")]);
    child.errors = errors_child.as_raw_fd();
    child.keep.push(child.errors);
    // Its `exec` waits until the lease is given back, or for /proc/sys/fs/lease-break-time; and we are here.
    let mut starting = spawn::start(child).expect("a process");
    drop(errors_child);
    // SAFETY: as above; the answer is what the lease is to become once somebody waits for it.
    while unsafe { libc::fcntl(file.as_raw_fd(), libc::F_GETLEASE) } == libc::F_WRLCK {
        std::thread::yield_now();
    }
    let mut status = 0;
    // SAFETY: our own child.
    unsafe { assert_eq!(libc::waitpid(starting.pid(), &mut status, libc::WNOHANG), 0) };
    assert_eq!(lease(libc::F_UNLCK), 0);
    let mut error = String::new();
    File::from(errors).read_to_string(&mut error).expect("text");
    starting.over();
    // SAFETY: as above.
    unsafe { libc::waitpid(starting.pid(), &mut status, 0) };
    std::fs::remove_file(&path).expect("ours");
    assert_eq!((error.as_str(), status), ("", 0));
}
