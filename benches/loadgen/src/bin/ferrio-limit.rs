//! A server without Python: what the kernel allows. Or, for clients, pages over HTTP.

use std::fs;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::Parser;
use ferrio_limit::{Answer, Echo, listen, serve};
use ferrio_loadgen::pattern::reply_byte;
use rustix::io::Errno;
use rustix::thread::{CpuSet, sched_setaffinity};

/// Echoes, or answers every HTTP request alike, until it is killed.
#[derive(Debug, Parser)]
#[command(name = "ferrio-limit", version)]
struct Args {
    /// Listen on this path instead of a free port of 127.0.0.1.
    #[arg(long, value_name = "PATH")]
    unix: Option<PathBuf>,

    /// Where to write, once it listens, a line of JSON: {"port": N} or {"path": "PATH"}.
    #[arg(long, value_name = "NUMBER")]
    ready_fd: u32,

    /// Answer requests of HTTP/1.1 with a body of so many bytes: those of the load generator.
    #[arg(long, value_name = "BYTES")]
    http: Option<usize>,

    /// Never sleep: for the other side of a client that is measured.
    #[arg(long)]
    spin: bool,

    /// Run on this processor only.
    #[arg(long, value_name = "NUMBER", value_parser = clap::value_parser!(u32).range(..1024))]
    cpu: Option<u32>,
}

/// The same page for every request.
struct Page {
    answer: Vec<u8>,
    many: Vec<u8>,
}

impl Page {
    fn new(bytes: usize) -> Self {
        let head = format!("HTTP/1.1 200 OK\r\nContent-Length: {bytes}\r\n\r\n");
        let body = (0..bytes).map(|at| reply_byte(usize::from(b'G') % 8, at));
        Self {
            answer: head.into_bytes().into_iter().chain(body).collect(),
            many: Vec::new(),
        }
    }
}

impl Answer for Page {
    type Error = Errno;

    /// Requests without a body come whole: they are small, and the client waits for the answer.
    fn answer(
        &mut self,
        message: &[u8],
        send: &mut dyn FnMut(&[u8]) -> Result<(), Errno>,
    ) -> Result<(), Errno> {
        let requests = message
            .windows(4)
            .filter(|four| *four == b"\r\n\r\n")
            .count();
        if requests == 1 {
            return send(&self.answer);
        }
        self.many = self.answer.repeat(requests);
        send(&self.many)
    }
}

fn main() -> ExitCode {
    match run(&Args::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("ferrio-limit: {error}");
            ExitCode::FAILURE
        }
    }
}

fn run(args: &Args) -> std::io::Result<()> {
    if let Some(cpu) = args.cpu {
        let mut set = CpuSet::new();
        set.set(cpu as usize);
        sched_setaffinity(None, &set)?;
    }
    let (listener, address) = listen(args.unix.as_deref())?;
    fs::write(format!("/dev/fd/{}", args.ready_fd), address + "\n")?;
    match args.http {
        Some(bytes) => serve(&listener, &mut Page::new(bytes), args.spin)?,
        None => serve(&listener, &mut Echo, args.spin)?,
    }
    Ok(())
}
