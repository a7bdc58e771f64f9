//! What a run found out.

use std::fmt;

use hdrhistogram::Histogram;
use serde_json::{Value, json};

use crate::plan::Plan;
use crate::server_cpu::CpuTime;

/// Longest latency that is told apart from longer ones.
const MAX_LATENCY_NS: u64 = 60_000_000_000;

/// Counts of the measured time.
#[derive(Debug)]
pub struct Tally {
    /// Whether what happens counts already.
    pub measuring: bool,
    /// Answers that came whole; with `--churn`, connections that lived their whole life.
    pub messages: u64,
    latencies_ns: Histogram<u64>,
}

impl Default for Tally {
    fn default() -> Self {
        let latencies_ns = Histogram::new_with_bounds(1, MAX_LATENCY_NS, 3)
            .expect("1 to 60e9 with 3 digits is a valid range");
        Self {
            measuring: false,
            messages: 0,
            latencies_ns,
        }
    }
}

impl Tally {
    /// One more message, answered after `latency_ns`; ignored during the warm-up.
    #[inline]
    pub fn count(&mut self, latency_ns: u64) {
        if self.measuring {
            self.messages += 1;
            self.latencies_ns.saturating_record(latency_ns.max(1));
        }
    }
}

/// The figures of one run. Latencies are from handing the message to the kernel to having the last
/// byte of the answer, correct to three digits.
#[derive(Debug)]
pub struct Report {
    plan: Plan,
    measured_ns: u64,
    tally: Tally,
    server: Option<CpuTime>,
    fewest: u64,
}

impl Report {
    /// From a run of `plan` that measured for `measured_ns`; `server` is what the server used in
    /// that time, `fewest` the number of messages, warm-up included, of the connection that had
    /// the fewest.
    #[must_use]
    pub fn new(
        plan: &Plan,
        measured_ns: u64,
        tally: Tally,
        server: Option<CpuTime>,
        fewest: u64,
    ) -> Self {
        Self {
            plan: plan.clone(),
            measured_ns,
            tally,
            server,
            fewest,
        }
    }

    /// Answers per second.
    #[must_use]
    pub fn rate(&self) -> f64 {
        self.tally.messages as f64 * 1e9 / self.measured_ns as f64
    }

    /// Nanoseconds that `fraction` of the answers did not exceed.
    #[must_use]
    pub fn latency_ns(&self, fraction: f64) -> u64 {
        self.tally.latencies_ns.value_at_quantile(fraction)
    }

    /// One object with every figure; times in nanoseconds.
    #[must_use]
    pub fn to_json(&self) -> Value {
        let plan = &self.plan;
        let messages = self.tally.messages as f64;
        let per_message = |ns: u64| ns as f64 / messages;
        let bytes = self.tally.messages * plan.reply_bytes as u64;
        json!({
            "connections": plan.connections,
            "size": plan.size,
            "reply_bytes": plan.reply_bytes,
            "pipeline": plan.pipeline,
            "interval_ns": plan.interval_ns,
            "churn": plan.churn,
            "warmup_ns": plan.warmup_ns,
            "measured_ns": self.measured_ns,
            "messages": self.tally.messages,
            "bytes_verified": bytes,
            "messages_per_s": self.rate(),
            "ns_per_message": per_message(self.measured_ns),
            "latency_ns": {
                "mean": self.tally.latencies_ns.mean(),
                "p50": self.latency_ns(0.5),
                "p90": self.latency_ns(0.9),
                "p99": self.latency_ns(0.99),
                "p999": self.latency_ns(0.999),
                "max": self.tally.latencies_ns.max(),
            },
            "fewest_on_a_connection": self.fewest,
            "server_cpu_ns_per_message": self.server.map(|used| json!({
                "user": per_message(used.user_ns),
                "system": per_message(used.system_ns),
                "total": per_message(used.total_ns),
            })),
        })
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let us = |fraction| self.latency_ns(fraction) as f64 / 1e3;
        write!(
            f,
            "{:.0} messages/s, p50 {:.1} us, p99 {:.1} us, {} answers checked",
            self.rate(),
            us(0.5),
            us(0.99),
            self.tally.messages
        )?;
        if let Some(used) = self.server {
            let us = used.total_ns as f64 / 1e3 / self.tally.messages as f64;
            write!(f, ", server {us:.2} us of processor per message")?;
        }
        Ok(())
    }
}
