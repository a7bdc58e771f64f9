//! The command line of the load generator: one run, one report on standard output.
//!
//! Status 0: every answer was right. Status 1: the first wrong or missing one is told on standard
//! error. Status 2: the arguments make no sense.

use std::process::ExitCode;

use clap::Parser;
use ferrio_loadgen::{Args, Error, Plan, Report, run};

fn main() -> ExitCode {
    let args = Args::parse();
    let json = args.json;
    match load(args) {
        Ok(report) if json => println!("{}", report.to_json()),
        Ok(report) => println!("{report}"),
        Err(error) => {
            eprintln!("ferrio-loadgen: {error}");
            return ExitCode::FAILURE;
        }
    }
    ExitCode::SUCCESS
}

fn load(args: Args) -> Result<Report, Error> {
    let plan = Plan::try_from(args)?;
    plan.pin()?;
    run(&plan)
}
