//! Taking work out: due timers, mail, kernel events.

use std::collections::VecDeque;
use std::io;
use std::time::Duration;

use ferrio_core::busy_poll::BusyPoll;
use ferrio_reactor::{Events, Wait as Asked, clock};
use pyo3::prelude::*;

use super::schedule::deadline_ns;
use super::{Done, Engine, Entry, Happened, Inbox, Kernel, SinkRef, Source, Timers};
use crate::error;
use crate::ffi::{GuardedCell, Own, PyRes, runtime};
use crate::handle::TimerHandle;

/// How long a poll may sleep.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Wait {
    /// Only look.
    No,
    /// Until something happens or this many nanoseconds have passed.
    For(u64),
    /// Until something happens.
    Forever,
}

/// What one poll has brought.
#[derive(Default)]
pub struct News {
    /// Finished blocking jobs.
    pub jobs: VecDeque<Done>,
    /// Ready descriptors.
    pub events: VecDeque<Happened>,
    /// Timers whose deadline has passed.
    pub due: VecDeque<Own<TimerHandle>>,
}

/// How often a busy poll looks into the inbox, which costs next to nothing, for each time that it asks the kernel.
const LOOKS_INTO_INBOX: u32 = 8;
/// Who makes a call holds the interpreter's lock, and mostly lets go of it soon, to wait for us or for more work. Whoever wants it
/// before that has to sleep. So long a call is left alone that was seen in a busy poll.
const GRACE_NS: u64 = 3_000;

/// A wait that is over so soon has not slept.
const AT_ONCE_NS: u64 = 3_000;

/// How the loop came through a poll.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Rest {
    /// It did not want to sleep, or did not have to.
    None,
    /// It knew when to wake up.
    Timed,
    /// Another thread has had the interpreter meanwhile.
    Lent,
    /// There was something at the first look of a busy poll.
    AtOnce,
    /// A busy poll has spared it the sleep.
    Found,
    /// A busy poll was in vain.
    Missed,
    /// Without a busy poll, it has slept since then, if at all.
    Slept { since: u64 },
}

impl Engine {
    /// The next entry to run.
    #[inline]
    pub fn next_entry(&self) -> Option<Entry> {
        self.ready.with(ferrio_core::ready::ReadyQueue::pop_front)
    }

    /// How many entries stand in the ready queue.
    #[inline]
    pub fn ready_len(&self) -> usize {
        self.ready.with(|ready| ready.len())
    }

    /// Counts entries run; true when it is time to poll although there is work.
    #[inline]
    pub fn spend(&self, entries: usize) -> bool {
        self.budget
            .with(|budget| budget.spend(u32::try_from(entries).unwrap_or(u32::MAX), clock::tick_ns))
    }

    /// The next turn polls.
    pub fn poll_next_turn(&self) {
        self.budget.with(ferrio_core::budget::PollBudget::exhaust);
    }

    pub(super) fn push_timer(&self, when: f64, timer: Own<TimerHandle>) {
        let deadline = deadline_ns(when);
        let dead = self.sweep_timers();
        self.timers.with(|timers| timers.push(deadline, timer));
        // One that is due by the next turn must not wait until the poll budget is spent.
        if clock::has_come(deadline) {
            self.poll_next_turn();
        }
        drop(dead);
    }

    /// Throws cancelled timers out when they are the majority; the caller drops them.
    #[inline]
    fn sweep_timers(&self) -> Vec<Own<TimerHandle>> {
        if self.has_own_clock() {
            // Those that were cancelled stand with the others of that clock.
            return Vec::new();
        }
        let cancelled = self.garbage.replace(0);
        let is_due = self.timers.with(|timers| {
            timers.note_cancelled(cancelled);
            timers.garbage_is_due()
        });
        if is_due {
            return self.purge_timers();
        }
        Vec::new()
    }

    #[cold]
    fn purge_timers(&self) -> Vec<Own<TimerHandle>> {
        let mut dead = Vec::new();
        self.timers
            .with(|timers| timers.purge(|timer| timer.is_cancelled(), &mut dead));
        dead.iter().for_each(|timer| timer.scheduled.set(false));
        dead
    }

    /// Takes every living timer due at `now` into the news.
    fn collect_due(&self, now: u64) {
        let dead = self.sweep_timers();
        self.collect_due_of(&self.timers, now, dead);
    }

    /// The same of either clock's timers, in order of deadline. `dead`: what is let go of at the end, with those found on the way.
    #[inline]
    pub(super) fn collect_due_of(
        &self,
        timers: &GuardedCell<Timers>,
        now: u64,
        mut dead: Vec<Own<TimerHandle>>,
    ) {
        while let Some(timer) = timers.with(|timers| timers.pop_due(now)) {
            timer.scheduled.set(false);
            if timer.is_cancelled() {
                timers.with(Timers::note_popped_dead);
                dead.push(timer);
            } else {
                self.news.with(|news| news.due.push_back(timer));
            }
        }
        drop(dead);
    }

    /// How long the loop may sleep: not at all with work ready, else until the next deadline.
    pub fn patience(&self) -> Wait {
        // Before the look at the ready queue: what the dead let go of may schedule.
        drop(self.sweep_timers());
        if self.ready_len() > 0 || self.is_stopping() {
            return Wait::No;
        }
        let deadline = self.timers.with(|timers| timers.next_deadline());
        match deadline {
            None => Wait::Forever,
            Some(deadline) => match deadline.saturating_sub(clock::now_ns()) {
                0 => Wait::No,
                ns => Wait::For(ns),
            },
        }
    }

    /// How long the loop may look before it sleeps.
    pub fn busy_poll_limit(&self) -> Duration {
        Duration::from_nanos(self.busy_poll.with(|busy_poll| busy_poll.limit_ns()))
    }

    /// Sets that, and forgets what it has learned.
    pub fn set_busy_poll_limit(&self, limit: Duration) {
        let limit_ns = u64::try_from(limit.as_nanos()).unwrap_or(u64::MAX);
        self.busy_poll
            .with(|busy_poll| *busy_poll = BusyPoll::new(limit_ns));
    }

    /// Asks the kernel, collects mail and due timers into the news; calls from other threads go to the ready queue. Lets
    /// other threads run meanwhile, if there are any. Errors: a signal handler's exception, `OSError`; `RuntimeError` of a closed
    /// loop, which has no kernel to ask and would never sleep.
    pub fn poll(&self, py: Python<'_>, wait: Wait) -> PyRes<()> {
        self.check_open(py)?;
        let mut events = self
            .events
            .take()
            .unwrap_or_else(|| Events::with_capacity(256));
        let outcome = self.ask_kernel(py, wait, &mut events);
        self.news.with(|news| {
            news.events.extend(events.iter().map(Happened::from));
        });
        self.events.with(|place| *place = Some(events));
        let rest = outcome.map_err(|e| error::os_error(py, &e))?;
        // Callbacks may be all native, and then nobody else looks.
        runtime::check_signals(py)?;
        self.take_calls_from_mail(py);
        let jobs = self.inbox.take_jobs();
        self.news.with(|news| news.jobs.extend(jobs));
        let now = clock::now_ns();
        self.learn(rest, now);
        self.collect_due(now);
        let found = self
            .news
            .with(|news| !(news.events.is_empty() && news.due.is_empty()));
        self.budget.with(|budget| match rest {
            Rest::None if wait == Wait::No => budget.refill(now, found),
            _ => budget.restart(now),
        });
        Ok(())
    }

    /// What a poll that has ended at `now` tells of the next ones.
    fn learn(&self, rest: Rest, now: u64) {
        let has_slept = match rest {
            Rest::None => return,
            Rest::Lent => false,
            Rest::Timed => true,
            Rest::AtOnce | Rest::Found => {
                self.busy_poll.with(BusyPoll::found);
                rest == Rest::Found
            }
            Rest::Missed => {
                self.busy_poll.with(BusyPoll::missed);
                true
            }
            // What is over at once says nothing for a busy poll.
            Rest::Slept { since } if now.saturating_sub(since) <= AT_ONCE_NS => false,
            Rest::Slept { since } => {
                self.busy_poll
                    .with(|busy_poll| busy_poll.slept(now - since));
                true
            }
        };
        self.at_once.set(!has_slept);
        if has_slept {
            self.note_sleep(now);
        }
    }

    fn ask_kernel(&self, py: Python<'_>, wait: Wait, events: &mut Events) -> io::Result<Rest> {
        events.clear();
        let kernel = self.poller.borrow();
        let Some(kernel) = kernel.as_ref() else {
            return Ok(Rest::None);
        };
        if self.keeps_interpreter(py, wait) {
            let found = kernel.poller.wait(events, Some(0))?;
            if wait == Wait::No || found == Asked::Events {
                return Ok(Rest::None);
            }
            self.at_once.set(false);
        }
        let (limit, budget) = self
            .busy_poll
            .with(|busy_poll| (busy_poll.limit_ns(), busy_poll.budget_ns()));
        let inbox = &self.inbox;
        let waited = self.let_others_in(py, wait, |since| match wait {
            Wait::No => kernel.poller.wait(events, Some(0)).map(|_| Rest::None),
            // A timer comes when it comes.
            Wait::For(ns) if ns <= limit => {
                sleep(kernel, inbox, events, Some(ns)).map(|()| Rest::Timed)
            }
            Wait::For(ns) => rest(kernel, inbox, events, Some(ns), since, budget),
            Wait::Forever => rest(kernel, inbox, events, None, since, budget),
        });
        let rest = waited.done?;
        Ok(if waited.lent { Rest::Lent } else { rest })
    }

    /// The next finished job of the last poll.
    pub fn next_job(&self) -> Option<Done> {
        self.news.with(|news| news.jobs.pop_front())
    }

    /// The next event of the last poll.
    #[inline]
    pub fn next_event(&self) -> Option<Happened> {
        self.news.with(|news| news.events.pop_front())
    }

    /// The next timer that was due at the last poll.
    #[inline]
    pub fn next_due(&self) -> Option<Own<TimerHandle>> {
        self.news.with(|news| news.due.pop_front())
    }

    /// What a run that ends with an error, or stands still while another one runs inside it, has not seen to yet: due timers go
    /// behind what is ready, jobs are mail again. The kernel repeats its events, or is asked to.
    pub fn put_back(&self) {
        let news = self.news.take();
        for event in news.events {
            self.note_said(&event);
            self.ask_again(&event);
        }
        for timer in news.due {
            self.schedule_quietly(Entry::Call(timer.base().clone()));
        }
        for job in news.jobs {
            // Refused only by a closed loop, where nobody waits.
            let _ = self.inbox.post_done(job);
        }
    }

    /// Moves the calls of other threads to the ready queue.
    pub(super) fn take_calls_from_mail(&self, py: Python<'_>) {
        let calls = self.inbox.take_calls();
        self.ready.with(|ready| {
            for handle in calls {
                ready.push_back(Entry::Call(handle.unwrap(py)));
            }
        });
    }

    /// The stream behind an event, if it is one and the registration is not gone by now: most events are of streams, and a whole
    /// `Source` is copied through memory.
    #[inline]
    pub fn stream_of(&self, event: &Happened) -> Option<SinkRef> {
        self.sources
            .with(|sources| match &sources.by_key(event.key)?.source {
                Source::Stream(sink) => Some(sink.clone()),
                _ => None,
            })
    }

    /// The source behind an event, unless the registration is gone by now.
    pub fn source_of(&self, event: &Happened) -> Option<Source> {
        self.sources
            .with(|sources| sources.by_key(event.key).map(|row| row.source.clone()))
    }
}

/// Looks again and again for `budget` ns from `since` on, if that is not 0, then sleeps for what is left.
fn rest(
    kernel: &Kernel,
    inbox: &Inbox,
    events: &mut Events,
    timeout: Option<u64>,
    since: u64,
    budget: u64,
) -> io::Result<Rest> {
    if budget == 0 {
        return sleep(kernel, inbox, events, timeout).map(|()| Rest::Slept { since });
    }
    let mut found = Rest::AtOnce;
    loop {
        // The kernel first: mostly it has something at once, and each pause between two looks into the inbox takes some 50 ns.
        if kernel.poller.wait(events, Some(0))? == Asked::Events {
            return Ok(found);
        }
        found = Rest::Found;
        for _ in 0..LOOKS_INTO_INBOX {
            if !inbox.is_empty() {
                return Ok(mail_has_come(inbox));
            }
            std::hint::spin_loop();
        }
        let passed = clock::now_ns().saturating_sub(since);
        if passed >= budget {
            let left = timeout.map(|ns| ns.saturating_sub(passed));
            return sleep(kernel, inbox, events, left).map(|()| Rest::Missed);
        }
    }
}

/// Another thread has posted mail. On this processor it had to wait until it got its turn: there sleeping would have been better.
fn mail_has_come(inbox: &Inbox) -> Rest {
    if !inbox.came_from_elsewhere() {
        return Rest::Missed;
    }
    if inbox.has_calls() {
        let seen = clock::now_ns();
        while clock::now_ns().saturating_sub(seen) < GRACE_NS {
            std::hint::spin_loop();
        }
    }
    Rest::Found
}

/// Until something is there, or the time has passed.
fn sleep(
    kernel: &Kernel,
    inbox: &Inbox,
    events: &mut Events,
    timeout: Option<u64>,
) -> io::Result<()> {
    kernel.waker.prepare_sleep();
    // Mail posted before `prepare_sleep` has written no wake-up.
    let timeout = if inbox.is_empty() { timeout } else { Some(0) };
    let outcome = kernel.poller.wait(events, timeout);
    kernel.waker.finish_sleep();
    outcome.map(drop)
}
