//! What the child does between `clone` and `exec`: system calls, in the order of CPython's `_posixsubprocess`.
//!
//! It runs in the parent's memory while the parent runs: see the rules in `mod.rs`. Everything here is a raw system
//! call or pointer arithmetic; nothing of std or libc is called.

use std::arch::asm;
use std::ffi::c_int;
use std::io;
use std::os::fd::RawFd;
use std::ptr;

use super::{Memory, Stack};

/// A system call's result: -errno on failure.
type Answer = isize;

const ENOENT: Answer = -(libc::ENOENT as Answer);
const ENOTDIR: Answer = -(libc::ENOTDIR as Answer);
/// The kernel's size of a signal set, and more than that of its `struct sigaction`.
const SIGNAL_SET_BYTES: usize = 8;
type KernelSigaction = [usize; 8];
const LAST_SIGNAL: usize = 64;

/// `struct clone_args` of clone3(2), as far as its first version goes.
#[repr(C)]
#[derive(Default)]
struct CloneArgs {
    flags: u64,
    pidfd: u64,
    child_tid: u64,
    parent_tid: u64,
    exit_signal: u64,
    stack: u64,
    stack_size: u64,
    tls: u64,
}

/// clone3(2), Linux 5.5: handlers of the parent are no handlers of the child. Ignored signals stay ignored.
const CLONE_CLEAR_SIGHAND: u64 = 0x1_0000_0000;

/// Starts the child; its process id.
pub(super) fn clone(memory: &mut Memory) -> io::Result<i32> {
    memory.has_no_handlers = true;
    let answer = clone_without_handlers(memory);
    if answer >= 0 {
        return Ok(answer as i32);
    }
    // An older kernel, or a sandbox that cannot look into the structure. What fails for another reason does so again.
    memory.has_no_handlers = false;
    let answer = clone_with_handlers(memory);
    if answer < 0 {
        return Err(io::Error::from_raw_os_error(-(answer as i32)));
    }
    Ok(answer as i32)
}

fn clone_without_handlers(memory: &Memory) -> Answer {
    let args = CloneArgs {
        flags: libc::CLONE_VM as u64 | CLONE_CLEAR_SIGHAND,
        exit_signal: libc::SIGCHLD as u64,
        stack: memory.stack.0 as u64,
        stack_size: Stack::BYTES as u64,
        ..CloneArgs::default()
    };
    let (at, size) = (ptr::from_ref(&args) as usize, size_of::<CloneArgs>());
    // SAFETY: as `clone_into` asks; the stack is the child's alone.
    unsafe { clone_into(memory, libc::SYS_clone3, at, size) }
}

fn clone_with_handlers(memory: &Memory) -> Answer {
    let flags = (libc::CLONE_VM | libc::SIGCHLD) as usize;
    // SAFETY: as `clone_into` asks; the stack is the child's alone.
    unsafe { clone_into(memory, libc::SYS_clone, flags, memory.stack.top() as usize) }
}

/// A system call that returns in the parent as any other, and in the child, on the stack of `memory`, goes to `run`.
///
/// # Safety
/// `number` is `clone` or `clone3`, and the two arguments ask for shared memory and that stack.
unsafe fn clone_into(memory: &Memory, number: libc::c_long, first: usize, second: usize) -> Answer {
    let answer: Answer;
    // SAFETY: the child gets a stack that nobody else uses, and memory that outlives it (`Starting`). In the parent a
    // system call changes rax, rcx and r11. The child never comes out of the block: `run` does not return.
    unsafe {
        asm!(
            "syscall",
            "test rax, rax",
            "jnz 2f",
            "xor ebp, ebp",
            "mov rdi, r12",
            "call r13",
            "ud2",
            "2:",
            inlateout("rax") number as Answer => answer,
            in("rdi") first,
            in("rsi") second,
            in("rdx") 0usize,
            in("r10") 0usize,
            in("r8") 0usize,
            in("r12") ptr::from_ref(memory),
            in("r13") run as unsafe extern "C" fn(*const Memory) -> !,
            lateout("rcx") _,
            lateout("r11") _,
        );
    }
    answer
}

/// One system call.
///
/// # Safety
/// As the call demands.
#[inline(always)]
unsafe fn call(number: libc::c_long, args: [usize; 4]) -> Answer {
    let [a, b, c, d] = args;
    let answer: Answer;
    // SAFETY: the caller vouches for the arguments; a system call changes rax, rcx and r11.
    unsafe {
        asm!(
            "syscall",
            inlateout("rax") number as Answer => answer,
            in("rdi") a,
            in("rsi") b,
            in("rdx") c,
            in("r10") d,
            lateout("rcx") _,
            lateout("r11") _,
        );
    }
    answer
}

/// The child. On its own stack, with all signals blocked.
unsafe extern "C" fn run(memory: *const Memory) -> ! {
    // SAFETY: alive and unchanged until this child has called `exec` or exited; nobody writes to it.
    unsafe {
        let memory = &*memory;
        if let Err((number, place)) = prepare(memory) {
            fail(memory, number, place);
        }
        let number = execute(memory);
        fail(memory, number, b"")
    }
}

/// Where it failed, in `_posixsubprocess`'s words.
type Failure = (Answer, &'static [u8]);

/// # Safety
/// In the child only.
unsafe fn prepare(memory: &Memory) -> Result<(), Failure> {
    let program = &memory.program;
    let check = |answer: Answer, place: &'static [u8]| match answer {
        0.. => Ok(answer),
        failed => Err((failed, place)),
    };
    const ELSEWHERE: &[u8] = b"noexec";
    // SAFETY: calls on this process's own descriptors and attributes, with pointers into `memory`.
    unsafe {
        for &fd in &program.keep {
            if fd != program.errors {
                check(inherit(fd), ELSEWHERE)?;
            }
        }
        for &fd in &program.parents {
            if fd >= 0 {
                call(libc::SYS_close, [fd as usize, 0, 0, 0]);
            }
        }
        check(arrange(program.standard), ELSEWHERE)?;
        if let Some(directory) = &program.directory {
            let path = directory.as_ptr() as usize;
            check(call(libc::SYS_chdir, [path, 0, 0, 0]), b"noexec:chdir")?;
        }
        if program.umask >= 0 {
            call(libc::SYS_umask, [program.umask as usize, 0, 0, 0]);
        }
        if !memory.has_no_handlers {
            reset_handlers();
        }
        if program.restore_signals {
            reset(libc::SIGPIPE as usize);
            reset(libc::SIGXFSZ as usize);
        }
        let mask = ptr::from_ref(&memory.signals) as usize;
        let set = [libc::SIG_SETMASK as usize, mask, 0, SIGNAL_SET_BYTES];
        check(call(libc::SYS_rt_sigprocmask, set), ELSEWHERE)?;
        if program.new_session {
            check(call(libc::SYS_setsid, [0; 4]), ELSEWHERE)?;
        }
        if program.process_group >= 0 {
            let group = [0, program.process_group as usize, 0, 0];
            check(call(libc::SYS_setpgid, group), ELSEWHERE)?;
        }
        if program.close_others {
            close_others(&program.keep);
        }
    }
    Ok(())
}

/// Makes a descriptor survive `exec`.
///
/// # Safety
/// In the child only.
unsafe fn inherit(fd: RawFd) -> Answer {
    // SAFETY: FD_CLOEXEC is the only flag there is: cleared, nothing is left.
    unsafe { call(libc::SYS_fcntl, [fd as usize, libc::F_SETFD as usize, 0, 0]) }
}

/// Makes three descriptors 0, 1 and 2.
///
/// # Safety
/// In the child only.
unsafe fn arrange([input, mut output, mut errors]: [RawFd; 3]) -> Answer {
    // SAFETY: descriptors of this process.
    unsafe {
        // Whoever is in the place of an earlier one moves out of its way.
        if output == 0 {
            output = elsewhere(output);
        }
        if errors == 0 || errors == 1 {
            errors = elsewhere(errors);
        }
        place(input, 0).min(place(output, 1)).min(place(errors, 2))
    }
}

/// A copy from 3 on; on failure -errno, which `place` passes on. (-1 would mean "none"; fcntl(2) knows no EPERM here.)
///
/// # Safety
/// In the child only.
unsafe fn elsewhere(fd: RawFd) -> RawFd {
    let copy = [fd as usize, libc::F_DUPFD_CLOEXEC as usize, 3, 0];
    // SAFETY: makes a new descriptor.
    match unsafe { call(libc::SYS_fcntl, copy) } {
        -1 => -(libc::EPERM + 1),
        answer => answer as RawFd,
    }
}

/// # Safety
/// In the child only.
unsafe fn place(fd: RawFd, at: c_int) -> Answer {
    // SAFETY: `at` is 0, 1 or 2, and what is there is to go.
    unsafe {
        match fd {
            -1 => 0,
            ..-1 => fd as Answer,
            _ if fd == at => inherit(fd),
            _ => call(libc::SYS_dup2, [fd as usize, at as usize, 0, 0]),
        }
    }
}

/// Default actions for what the parent handles. What it ignores stays ignored.
///
/// # Safety
/// In the child only: its table of handlers is its own.
unsafe fn reset_handlers() {
    for signal in 1..=LAST_SIGNAL {
        let mut current: KernelSigaction = [0; 8];
        let look = [
            signal,
            0,
            ptr::from_mut(&mut current) as usize,
            SIGNAL_SET_BYTES,
        ];
        // SAFETY: the kernel writes less than the size of `current`; `reset` as here.
        unsafe {
            call(libc::SYS_rt_sigaction, look);
            let [handler, ..] = current;
            if handler != libc::SIG_DFL && handler != libc::SIG_IGN {
                reset(signal);
            }
        }
    }
}

/// # Safety
/// In the child only.
unsafe fn reset(signal: usize) {
    let default: KernelSigaction = [0; 8];
    let at = ptr::from_ref(&default) as usize;
    // SAFETY: the kernel reads less than the size of `default`.
    unsafe { call(libc::SYS_rt_sigaction, [signal, at, 0, SIGNAL_SET_BYTES]) };
}

/// Closes the gaps between the descriptors that stay.
///
/// # Safety
/// In the child only.
unsafe fn close_others(keep: &[RawFd]) {
    let mut first = 3;
    for &fd in keep {
        if fd > first {
            let gap = [first as usize, (fd as usize).wrapping_sub(1), 0, 0];
            // SAFETY: this process's own table.
            unsafe { call(libc::SYS_close_range, gap) };
        }
        if fd >= first {
            first = fd.wrapping_add(1);
        }
    }
    // SAFETY: as above.
    unsafe {
        call(
            libc::SYS_close_range,
            [first as usize, u32::MAX as usize, 0, 0],
        )
    };
}

/// Tries each candidate; returns only the error: the first that is more than "not there", else the last.
///
/// # Safety
/// In the child only.
unsafe fn execute(memory: &Memory) -> Answer {
    let (mut saved, mut last) = (0, ENOENT);
    for &path in &memory.candidates {
        if path.is_null() {
            break;
        }
        let arguments = [
            path as usize,
            memory.argv.as_ptr() as usize,
            memory.environment.as_ptr() as usize,
            0,
        ];
        // SAFETY: C strings and null-terminated arrays of them, owned by `memory`.
        last = unsafe { call(libc::SYS_execve, arguments) };
        if last != ENOENT && last != ENOTDIR && saved == 0 {
            saved = last;
        }
    }
    if saved != 0 { saved } else { last }
}

/// Tells the parent and exits.
///
/// # Safety
/// In the child only.
unsafe fn fail(memory: &Memory, answer: Answer, place: &[u8]) -> ! {
    let fd = memory.program.errors as usize;
    let write = |text: *const u8, length: usize| {
        // SAFETY: reads `length` bytes that are there.
        unsafe { call(libc::SYS_write, [fd, text as usize, length, 0]) };
    };
    // An errno has at most three hexadecimal digits.
    let mut digits = [0u8; 4];
    let mut number = answer.wrapping_neg() as usize;
    for digit in digits.iter_mut().rev() {
        let value = (number & 15) as u8;
        *digit = value.wrapping_add(if value < 10 { b'0' } else { b'a' - 10 });
        number >>= 4;
    }
    write(b"OSError:".as_ptr(), 8);
    write(digits.as_ptr(), digits.len());
    write(b":".as_ptr(), 1);
    write(place.as_ptr(), place.len());
    loop {
        // SAFETY: ends this process.
        unsafe { call(libc::SYS_exit_group, [255, 0, 0, 0]) };
    }
}

#[cfg(test)]
mod tests {
    use std::ffi::CString;
    use std::ptr;

    use super::super::{Memory, Program, block_all_signals, restore_signals};

    #[test]
    fn a_kernel_without_clone3_starts_it_as_well() {
        let strings = |texts: &[&str]| -> Vec<CString> {
            let strings = texts.iter().map(|&text| CString::new(text));
            strings.collect::<Result<_, _>>().expect("no NUL")
        };
        let mut memory = Memory::new(Program {
            argv: strings(&["sh", "-c", "exit 7"]),
            candidates: strings(&["/bin/sh"]),
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
        })
        .expect("memory for a stack");
        memory.signals = block_all_signals().expect("a mask");
        let pid = super::clone_with_handlers(&memory);
        restore_signals(&memory.signals);
        let mut status = 0;
        // SAFETY: writes the status of our own child, which is dead when it returns.
        let reaped = unsafe { libc::waitpid(pid as i32, ptr::from_mut(&mut status), 0) };
        assert_eq!(reaped as isize, pid);
        assert!(libc::WIFEXITED(status));
        assert_eq!(libc::WEXITSTATUS(status), 7);
    }
}
