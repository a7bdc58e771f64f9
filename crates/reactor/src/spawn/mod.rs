//! ROOM    children that are started without waiting for their `exec`
//! KNOWS   libc, std                     NEVER   Python, who waits for the child
//! IN      a `Program`                   OUT     a `Starting`: its process id, and memory that it still needs
//! PROOF   `tests/spawn.rs`
//! START   `start`, then `child.rs`
//!
//! `vfork` and glibc's `posix_spawn` stop the calling thread until the child has called `exec`, and a file system can
//! take its time over that: a network mount, a lease, a cold disk. `fork` does not, but copies the page tables: some
//! 15 ms per gigabyte. So the child is a `clone(CLONE_VM)` here: it shares the memory as after `vfork`, and the parent
//! goes on at once. The parent is the calling thread, so that what the child inherits from a thread (niceness,
//! affinity, capabilities, parent-death signal) is that thread's.
//!
//! # What shared memory demands
//!
//! * The child runs beside its parent with the same thread-local storage. It only makes system calls, by itself: libc's
//!   wrappers would write into the parent's `errno`. It allocates nothing and cannot panic.
//! * It has a stack of its own. That and everything it reads belong to `Starting` and stay until the child has called
//!   `exec` or is dead; who does not know drops it, which leaks them.
//! * The parent's signal handlers must not run in it: all signals are blocked from before `clone` until it has reset
//!   them.
//! * Another user must not get at it while it shares our memory. Programs that change users are not for here.

use std::ffi::{CStr, CString, c_char};
use std::io;
use std::mem::{self, MaybeUninit};
use std::os::fd::RawFd;
use std::ptr;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicPtr, Ordering};

#[cfg(target_arch = "x86_64")]
mod child;

/// What to start, and how. Descriptors are -1 where there is none.
#[derive(Debug)]
pub struct Program {
    /// The arguments; the first is by custom the program's name.
    pub argv: Vec<CString>,
    /// Files to try one after the other, as a search along PATH gives them.
    pub candidates: Vec<CString>,
    /// `NAME=value`; None: the parent's.
    pub environment: Option<Vec<CString>>,
    /// Where to run.
    pub directory: Option<CString>,
    /// Whether descriptors from 3 on are closed, but for those in `keep`.
    pub close_others: bool,
    /// Descriptors to inherit, sorted.
    pub keep: Vec<RawFd>,
    /// Descriptors to become 0, 1 and 2.
    pub standard: [RawFd; 3],
    /// The parent's ends of pipes, which the child closes first.
    pub parents: [RawFd; 4],
    /// The writing end of a close-on-exec pipe, at least 3: an error arrives as `OSError:HEX:WHERE`, where WHERE is
    /// empty (`exec`), `noexec:chdir` or `noexec`; end of file alone means that the program runs.
    pub errors: RawFd,
    /// Whether signals that Python ignores get their default action.
    pub restore_signals: bool,
    /// Whether it leads a session of its own.
    pub new_session: bool,
    /// The process group to join, 0: one of its own; -1: the parent's.
    pub process_group: i32,
    /// The file mode mask; -1: the parent's.
    pub umask: i32,
}

/// A child that may not have got to its `exec`.
#[derive(Debug)]
pub struct Starting {
    pid: i32,
    memory: Option<Box<Memory>>,
}

impl Starting {
    /// Its process id.
    #[must_use]
    pub fn pid(&self) -> i32 {
        self.pid
    }

    /// It has called `exec` or is dead, as the end of its error pipe or its exit status tell: frees what it has used.
    pub fn over(&mut self) {
        self.memory = None;
    }
}

impl Drop for Starting {
    fn drop(&mut self) {
        // Nobody has said that the child needs it no more.
        mem::forget(self.memory.take());
    }
}

/// What the child reads. It owns what the pointers point to.
#[derive(Debug)]
struct Memory {
    program: Program,
    argv: Vec<*const c_char>,
    candidates: Vec<*const c_char>,
    environment: Vec<*const c_char>,
    /// Kept for `environment` when the program has none of its own.
    _inherited: Vec<u8>,
    signals: libc::sigset_t,
    /// Has the kernel put the parent's handlers away, or has the child to do it?
    has_no_handlers: bool,
    stack: Stack,
}

/// Pages for the child's stack.
#[derive(Debug)]
struct Stack(*mut libc::c_void);

/// The last one that was given back, for the next child: mapping, touching and unmapping one costs page faults and, while
/// another thread runs, an interrupt of its processor.
static SPARE_STACK: AtomicPtr<libc::c_void> = AtomicPtr::new(ptr::null_mut());

impl Stack {
    /// A child needs some hundred bytes, an unoptimised one some thousand.
    const BYTES: usize = 64 * 1024;

    fn new() -> io::Result<Self> {
        let spare = SPARE_STACK.swap(ptr::null_mut(), Ordering::AcqRel);
        if !spare.is_null() {
            return Ok(Self(spare));
        }
        let (prot, flags) = (
            libc::PROT_READ | libc::PROT_WRITE,
            libc::MAP_PRIVATE | libc::MAP_ANONYMOUS | libc::MAP_STACK,
        );
        // SAFETY: an anonymous mapping at an address of the kernel's choice touches nothing that exists.
        let start = unsafe { libc::mmap(ptr::null_mut(), Self::BYTES, prot, flags, -1, 0) };
        if start == libc::MAP_FAILED {
            return Err(io::Error::last_os_error());
        }
        Ok(Self(start))
    }

    /// Stacks grow downwards; page-aligned, so aligned for any call.
    #[cfg(target_arch = "x86_64")]
    fn top(&self) -> *mut libc::c_void {
        self.0.wrapping_byte_add(Self::BYTES)
    }
}

impl Drop for Stack {
    fn drop(&mut self) {
        // Nobody runs on it any more (`Starting::over`).
        let surplus = SPARE_STACK.swap(self.0, Ordering::AcqRel);
        if !surplus.is_null() {
            // SAFETY: mapped by `new` with this length; out of the place for the spare one, it is nobody's but ours.
            unsafe { libc::munmap(surplus, Self::BYTES) };
        }
    }
}

/// Whether this machine can do it: x86-64 and `close_range` (Linux 5.9, and a sandbox that knows it).
#[must_use]
pub fn is_possible() -> bool {
    static POSSIBLE: OnceLock<bool> = OnceLock::new();
    *POSSIBLE.get_or_init(|| cfg!(target_arch = "x86_64") && has_close_range())
}

fn has_close_range() -> bool {
    // SAFETY: no descriptor has this number, so nothing is closed.
    unsafe { libc::syscall(libc::SYS_close_range, u32::MAX, u32::MAX, 0) == 0 }
}

/// Starts a program and returns before it runs.
///
/// # Errors
/// EAGAIN, ENOMEM: no process or no memory. Everything else is told through the error pipe. `Unsupported` where
/// [`is_possible`] says no.
pub fn start(program: Program) -> io::Result<Starting> {
    if !is_possible() {
        return Err(io::ErrorKind::Unsupported.into());
    }
    let mut memory = Memory::new(program)?;
    // The child unblocks them when it has no handlers any more.
    memory.signals = block_all_signals()?;
    let pid = clone(&mut memory);
    restore_signals(&memory.signals);
    Ok(Starting {
        pid: pid?,
        memory: Some(memory),
    })
}

#[cfg(target_arch = "x86_64")]
fn clone(memory: &mut Memory) -> io::Result<i32> {
    child::clone(memory)
}

#[cfg(not(target_arch = "x86_64"))]
fn clone(_memory: &mut Memory) -> io::Result<i32> {
    Err(io::ErrorKind::Unsupported.into())
}

impl Memory {
    fn new(program: Program) -> io::Result<Box<Self>> {
        let mut inherited = Vec::new();
        // The strings stay where they are when the vectors that hold them move.
        let environment = match &program.environment {
            Some(environment) => pointers(environment),
            None => {
                inherited = current_environment();
                pointers_into(&inherited)
            }
        };
        Ok(Box::new(Self {
            argv: pointers(&program.argv),
            candidates: pointers(&program.candidates),
            environment,
            _inherited: inherited,
            signals: empty_set(),
            has_no_handlers: false,
            stack: Stack::new()?,
            program,
        }))
    }
}

/// A copy, one string after the other: the parent may change it while the child is about to `exec`.
fn current_environment() -> Vec<u8> {
    unsafe extern "C" {
        static environ: *const *const c_char;
    }
    let mut copy = Vec::new();
    // SAFETY: the C library's array of C strings; null at its end, and itself null after clearenv(3). As for getenv(3), it
    // is the program's part that nobody sets a variable in another thread at the same time.
    unsafe {
        let mut entry = environ;
        while !entry.is_null() && !(*entry).is_null() {
            copy.extend_from_slice(CStr::from_ptr(*entry).to_bytes_with_nul());
            entry = entry.add(1);
        }
    }
    copy
}

/// A C array of the strings that stand in `text` one after the other, each with its NUL.
fn pointers_into(text: &[u8]) -> Vec<*const c_char> {
    let strings = text.split_inclusive(|&byte| byte == 0);
    let strings = strings.map(|string| string.as_ptr().cast());
    strings.chain([ptr::null()]).collect()
}

/// A C array of strings: null at the end.
fn pointers(strings: &[CString]) -> Vec<*const c_char> {
    let mut pointers: Vec<_> = strings.iter().map(|string| string.as_ptr()).collect();
    pointers.push(ptr::null());
    pointers
}

fn empty_set() -> libc::sigset_t {
    let mut set = MaybeUninit::uninit();
    // SAFETY: sigemptyset initialises the set that it is given and has no other effect.
    unsafe {
        libc::sigemptyset(set.as_mut_ptr());
        set.assume_init()
    }
}

/// Blocks all signals in this thread; those that were blocked before.
fn block_all_signals() -> io::Result<libc::sigset_t> {
    let (mut all, mut before) = (empty_set(), empty_set());
    // SAFETY: both point to initialised sets of this frame.
    let status = unsafe {
        libc::sigfillset(&mut all);
        libc::pthread_sigmask(libc::SIG_SETMASK, &all, &mut before)
    };
    if status != 0 {
        return Err(io::Error::from_raw_os_error(status));
    }
    Ok(before)
}

fn restore_signals(before: &libc::sigset_t) {
    // SAFETY: an initialised set; EINVAL, the only error, is for another first argument.
    unsafe { libc::pthread_sigmask(libc::SIG_SETMASK, before, ptr::null_mut()) };
}
