//! The one way into a loop from other threads.

use std::any::Any as StdAny;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use ferrio_reactor::Waker;

use crate::ffi::SendOwn;
use crate::handle::Handle;

/// The number a blocking job was given by `Engine::expect_job`.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct JobId(pub u64);

/// What other threads send.
pub enum Mail {
    /// `call_soon_threadsafe`.
    Call(SendOwn<Handle>),
    /// A blocking job (name resolution) is done. Plain data: the pool's threads never attach to the interpreter.
    Done(JobId, Box<dyn StdAny + Send>),
}

struct Letters {
    mail: Vec<Mail>,
    /// Gone once the loop is closed; its descriptor with it.
    waker: Option<Arc<Waker>>,
}

/// A queue behind a mutex and the waker that interrupts the loop's sleep. Mail keeps its order.
pub struct Inbox {
    letters: Mutex<Letters>,
}

impl Inbox {
    /// An empty inbox for the loop that sleeps on this waker.
    pub fn new(waker: Arc<Waker>) -> Self {
        Self { letters: Mutex::new(Letters { mail: Vec::new(), waker: Some(waker) }) }
    }

    fn lock(&self) -> MutexGuard<'_, Letters> {
        // A panic while pushing to a Vec leaves the Vec valid.
        self.letters.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Puts mail in and wakes the loop if it sleeps; gives it back where the loop is closed.
    pub fn post(&self, mail: Mail) -> Result<(), Mail> {
        let mut letters = self.lock();
        let Some(waker) = letters.waker.clone() else {
            return Err(mail);
        };
        letters.mail.push(mail);
        drop(letters);
        waker.wake();
        Ok(())
    }

    /// Moves all mail to the end of `out`.
    pub fn collect(&self, out: &mut Vec<Mail>) {
        out.append(&mut self.lock().mail);
    }

    /// Is there nothing?
    pub fn is_empty(&self) -> bool {
        self.lock().mail.is_empty()
    }

    /// Refuses mail from now on and hands out what is left, to be dropped by an attached thread.
    pub fn close(&self) -> Vec<Mail> {
        let mut letters = self.lock();
        letters.waker = None;
        std::mem::take(&mut letters.mail)
    }
}

impl std::fmt::Debug for Inbox {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Inbox")
    }
}
