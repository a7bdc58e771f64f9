//! Chores of this repository that want a program. Today one: `cargo xtask tidy`, the house's rules as code.
//!
//! Status 0: tidy. Status 1: at least one violation, each on its line. Status 2: asked for nonsense, or the tree cannot be read.

mod exceptions;
mod listing;
mod rules;
mod rust;
mod tree;
mod violation;

use std::path::PathBuf;
use std::process::ExitCode;

use crate::tree::Tree;
use crate::violation::Violation;

const USAGE: &str = "usage: cargo xtask tidy";

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    match arguments.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        ["tidy"] => tidy(),
        ["-h" | "--help"] => {
            println!("{USAGE}");
            ExitCode::SUCCESS
        }
        _ => {
            eprintln!("{USAGE}");
            ExitCode::from(2)
        }
    }
}

fn tidy() -> ExitCode {
    let texts = match listing::read(&root()) {
        Ok(texts) => texts,
        Err(error) => {
            eprintln!("tidy: {error}");
            return ExitCode::from(2);
        }
    };
    let violations = judge(&Tree::new(&texts));
    for violation in &violations {
        println!("{violation}");
    }
    println!(
        "tidy: {} files, {} violations",
        texts.len(),
        violations.len()
    );
    ExitCode::from(u8::from(!violations.is_empty()))
}

/// All violations that no exception excuses, in reading order.
fn judge(tree: &Tree<'_>) -> Vec<Violation> {
    let mut violations = exceptions::settle(rules::check(tree), exceptions::EXCEPTIONS);
    violations.sort();
    violations
}

/// Where the repository is: cargo says where this package is, which is one below.
fn root() -> PathBuf {
    std::env::var_os("CARGO_MANIFEST_DIR").map_or_else(
        || PathBuf::from("."),
        |package| PathBuf::from(package).join(".."),
    )
}
