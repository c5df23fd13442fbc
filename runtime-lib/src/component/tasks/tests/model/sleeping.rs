//! What the model says of calls of the host, which return when it is time.

use super::world::{
    CANCELLED_BEFORE_RETURNED, EVENT_SUBTASK, Kind, RETURNED, STARTED, Subtask, Waitable, World,
};
use crate::io::script::Script;

impl World {
    /// Whether one is going to return later.
    pub(super) fn has_sleeping(&self) -> bool {
        self.waitables.iter().any(|waitable| match waitable.kind {
            Kind::Subtask(subtask) => {
                let goes_on = subtask.task.is_none() && subtask.state == STARTED;
                goes_on && subtask.due_ms > Script::ms()
            }
            Kind::End(_) => false,
        })
    }

    /// An event that is given may say that one has returned, if it is time.
    pub(super) fn ripen(&mut self, (code, handle, _): (u32, u32, u32)) {
        let sleeps = |it: &Waitable| {
            let is_host = matches!(
                it.kind,
                Kind::Subtask(Subtask {
                    task: None,
                    state: STARTED,
                    ..
                })
            );
            is_host && it.handle == handle
        };
        if code == EVENT_SUBTASK
            && let Some(waitable) = self.waitables.iter().position(sleeps)
        {
            self.end_of_host(waitable, RETURNED);
            self.waitables[waitable].pending = true;
        }
    }

    /// It is over, as the runtime says.
    pub(super) fn end_of_host(&mut self, waitable: usize, state: u32) {
        let due_ms = self.subtask(waitable).due_ms;
        match state {
            RETURNED => assert!(due_ms <= Script::ms(), "it has returned too early"),
            _ => assert_eq!(state, CANCELLED_BEFORE_RETURNED),
        }
        self.subtask(waitable).state = state;
        self.waitables[waitable].pending = true;
    }
}
