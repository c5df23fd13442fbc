//! A model of "Concurrency" of the canonical ABI, as plain data: tasks, subtasks, waitable sets,
//! streams and futures of bytes, of two component instances.
//!
//! It does not choose. Whatever the scheduler lets go on, it is told, and says whether that may go
//! on now; whatever a built-in gives, it says whether that may be given. Where the specification
//! chooses at random, all choices are right.
//!
//! Nothing of this looks at the runtime; of the clock only what it shows.

use std::collections::BTreeMap;

use wasmelt_abi::TrapCode;

pub(super) const EVENT_NONE: u32 = 0;
pub(super) const EVENT_SUBTASK: u32 = 1;
pub(super) const EVENT_CANCELLED: u32 = 6;

pub(super) const COMPLETED: u32 = 0;
pub(super) const DROPPED: u32 = 1;
pub(super) const CANCELLED: u32 = 2;

/// States of subtasks.
pub(super) const STARTING: u32 = 0;
pub(super) const STARTED: u32 = 1;
pub(super) const RETURNED: u32 = 2;
pub(super) const CANCELLED_BEFORE_STARTED: u32 = 3;
pub(super) const CANCELLED_BEFORE_RETURNED: u32 = 4;

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Object {
    Set(usize),
    Waitable(usize),
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Copy {
    Idle,
    Copying,
    Cancelling,
    Done,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct End {
    pub(super) channel: usize,
    pub(super) writable: bool,
    pub(super) copy: Copy,
    pub(super) at: usize,
    pub(super) len: u32,
    pub(super) progress: u32,
    result: u32,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Subtask {
    /// Of a task; of the host if there is none.
    pub(super) task: Option<usize>,
    pub(super) state: u32,
    pub(super) cancel_requested: bool,
    pub(super) delivered: bool,
    /// From this time on, one of the host may have returned.
    pub(super) due_ms: u64,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Kind {
    End(End),
    Subtask(Subtask),
}

#[derive(Clone, Copy, Debug)]
pub(super) struct Waitable {
    pub(super) kind: Kind,
    pub(super) handle: u32,
    pub(super) pending: bool,
    pub(super) set: Option<usize>,
}

/// A stream or future.
#[derive(Clone, Copy, Debug)]
pub(super) struct Channel {
    pub(super) is_stream: bool,
    dropped: bool,
    /// The end whose buffer waits.
    pending: Option<usize>,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum State {
    Initial,
    Started,
    PendingCancel,
    CancelDelivered,
    Resolved,
}

/// What a task waits for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Wait {
    Enter,
    /// To call its callback, with an event of the set if there is one.
    Return(Option<usize>),
    Yield,
    Set(usize),
}

#[derive(Clone, Copy, Debug)]
pub(super) struct Task {
    pub(super) subtask: Option<usize>,
    pub(super) exclusive: bool,
    pub(super) state: State,
    pub(super) wait: Option<Wait>,
    pub(super) cancellable: bool,
    /// A cancellation has been delivered, and the code has not yet been told.
    pub(super) told: bool,
    pub(super) over: bool,
}

#[derive(Default)]
pub(super) struct World {
    /// By instance and handle.
    pub(super) objects: BTreeMap<(u32, u32), Object>,
    pub(super) waitables: Vec<Waitable>,
    /// How many threads wait for each set.
    pub(super) sets: Vec<u32>,
    pub(super) channels: Vec<Channel>,
    pub(super) tasks: Vec<Task>,
    /// Of the instance that is called.
    pub(super) backpressure: u32,
    pub(super) exclusive: Option<usize>,
    pub(super) memory: Vec<u8>,
}

impl World {
    /// A new waitable, or an old one in another table.
    pub(super) fn add(&mut self, instance: u32, handle: u32, object: Object) {
        let old = self.objects.insert((instance, handle), object);
        assert_eq!(old, None, "the handle is free");
        if let Object::Waitable(waitable) = object {
            self.waitables[waitable].handle = handle;
        }
    }

    pub(super) fn new_waitable(&mut self, kind: Kind) -> usize {
        self.waitables.push(Waitable {
            kind,
            handle: 0,
            pending: false,
            set: None,
        });
        self.waitables.len() - 1
    }

    pub(super) fn end(&mut self, waitable: usize) -> &mut End {
        match &mut self.waitables[waitable].kind {
            Kind::End(end) => end,
            Kind::Subtask(_) => unreachable!("an end was chosen"),
        }
    }

    pub(super) fn subtask(&mut self, waitable: usize) -> &mut Subtask {
        match &mut self.waitables[waitable].kind {
            Kind::Subtask(subtask) => subtask,
            Kind::End(_) => unreachable!("a subtask was chosen"),
        }
    }

    pub(super) fn members(&self, set: usize) -> impl Iterator<Item = &Waitable> {
        let is_member = move |waitable: &&Waitable| waitable.set == Some(set);
        self.waitables.iter().filter(is_member)
    }

    pub(super) fn has_event(&self, set: usize) -> bool {
        self.members(set).any(|waitable| waitable.pending)
    }

    // Streams and futures.

    /// `canon_stream_new` and `canon_future_new`: the readable and the writable end.
    pub(super) fn new_channel(&mut self, is_stream: bool) -> [usize; 2] {
        self.channels.push(Channel {
            is_stream,
            dropped: false,
            pending: None,
        });
        let channel = self.channels.len() - 1;
        [false, true].map(|writable| {
            self.new_waitable(Kind::End(End {
                channel,
                writable,
                copy: Copy::Idle,
                at: 0,
                len: 0,
                progress: 0,
                result: COMPLETED,
            }))
        })
    }

    /// What traps before a copy is begun.
    pub(super) fn copy_trap(&self, waitable: usize, is_async: bool) -> Option<TrapCode> {
        let Kind::End(end) = self.waitables[waitable].kind else {
            return Some(TrapCode::HandleType);
        };
        match end.copy {
            Copy::Copying | Copy::Cancelling => Some(TrapCode::CopyTwice),
            Copy::Done => Some(TrapCode::EndDone),
            Copy::Idle if !is_async && self.waitables[waitable].set.is_some() => {
                Some(TrapCode::WaitableInSet)
            }
            Copy::Idle => None,
        }
    }

    /// `stream_copy` and `future_copy`, up to where the result is looked for.
    pub(super) fn copy(&mut self, waitable: usize, at: usize, len: u32) {
        let end = self.end(waitable);
        (end.copy, end.at, end.len, end.progress) = (Copy::Copying, at, len, 0);
        let (channel, writable) = (end.channel, end.writable);
        let Channel {
            is_stream,
            dropped,
            pending,
        } = self.channels[channel];
        let Some(other) = pending.filter(|_| !dropped) else {
            match dropped {
                true => self.notify(waitable, DROPPED),
                false => self.channels[channel].pending = Some(waitable),
            }
            return;
        };
        let (theirs, their_len) = (self.remain(other), self.end(other).len);
        if !is_stream {
            self.transfer(waitable, other, 1);
            self.channels[channel].pending = None;
            self.notify(other, COMPLETED);
            self.notify(waitable, COMPLETED);
        } else if theirs > 0 {
            let count = theirs.min(len);
            if count > 0 {
                self.transfer(waitable, other, count);
                self.notify(other, COMPLETED);
            }
            self.notify(waitable, COMPLETED);
        } else if writable && len == 0 && their_len == 0 {
            self.notify(waitable, COMPLETED);
        } else {
            self.channels[channel].pending = Some(waitable);
            self.notify(other, COMPLETED);
        }
    }

    fn remain(&mut self, waitable: usize) -> u32 {
        let end = self.end(waitable);
        end.len - end.progress
    }

    fn transfer(&mut self, one: usize, other: usize, count: u32) {
        let places = [one, other].map(|waitable| {
            let end = self.end(waitable);
            let at = end.at + end.progress as usize;
            end.progress += count;
            (end.writable, at)
        });
        let [(first_writes, first), (_, second)] = places;
        let (from, to) = match first_writes {
            true => (first, second),
            false => (second, first),
        };
        let bytes = self.memory[from..from + count as usize].to_vec();
        self.memory[to..to + count as usize].copy_from_slice(&bytes);
    }

    fn notify(&mut self, waitable: usize, result: u32) {
        self.end(waitable).result = result;
        self.waitables[waitable].pending = true;
    }

    /// What traps before a copy is cancelled.
    pub(super) fn cancel_trap(&self, waitable: usize) -> Option<TrapCode> {
        match self.waitables[waitable].kind {
            Kind::Subtask(_) => Some(TrapCode::HandleType),
            Kind::End(end) if end.copy != Copy::Copying => Some(TrapCode::NothingToCancel),
            Kind::End(_) => None,
        }
    }

    /// `cancel_copy`, up to where the result is looked for, which is always there.
    pub(super) fn cancel_copy(&mut self, waitable: usize) {
        self.end(waitable).copy = Copy::Cancelling;
        if !self.waitables[waitable].pending {
            let channel = self.end(waitable).channel;
            self.channels[channel].pending = None;
            self.notify(waitable, CANCELLED);
        }
    }

    /// What traps when an end is dropped.
    pub(super) fn drop_trap(&self, waitable: usize) -> Option<TrapCode> {
        let Kind::End(end) = self.waitables[waitable].kind else {
            return Some(TrapCode::HandleType);
        };
        match end.copy {
            Copy::Copying | Copy::Cancelling => Some(TrapCode::EndBusy),
            Copy::Idle if end.writable && !self.channels[end.channel].is_stream => {
                Some(TrapCode::FutureNotWritten)
            }
            Copy::Idle | Copy::Done => None,
        }
    }

    pub(super) fn drop_end(&mut self, instance: u32, waitable: usize) {
        let channel = &mut self.channels[match self.waitables[waitable].kind {
            Kind::End(end) => end.channel,
            Kind::Subtask(_) => unreachable!("an end was chosen"),
        }];
        channel.dropped = true;
        let pending = channel.pending.take();
        if let Some(pending) = pending {
            self.notify(pending, DROPPED);
        }
        self.remove(instance, waitable);
    }

    /// It leaves the table, and its set.
    pub(super) fn remove(&mut self, instance: u32, waitable: usize) {
        let handle = self.waitables[waitable].handle;
        self.objects.remove(&(instance, handle));
        self.waitables[waitable].set = None;
        self.waitables[waitable].pending = false;
    }

    /// What traps when an end is passed on.
    pub(super) fn lift_trap(&self, waitable: usize) -> Option<TrapCode> {
        let Kind::End(end) = self.waitables[waitable].kind else {
            return Some(TrapCode::HandleType);
        };
        match end.copy {
            Copy::Copying | Copy::Cancelling => Some(TrapCode::EndBusy),
            Copy::Done => Some(TrapCode::EndDone),
            Copy::Idle if self.waitables[waitable].set.is_some() => Some(TrapCode::EndInSet),
            Copy::Idle => None,
        }
    }

    /// The pending event is delivered: code, handle, payload.
    pub(super) fn deliver(&mut self, waitable: usize) -> (u32, u32, u32) {
        assert!(self.waitables[waitable].pending, "there is an event");
        self.waitables[waitable].pending = false;
        let handle = self.waitables[waitable].handle;
        let end = match &mut self.waitables[waitable].kind {
            Kind::Subtask(subtask) => {
                subtask.delivered = !matches!(subtask.state, STARTING | STARTED);
                return (EVENT_SUBTASK, handle, subtask.state);
            }
            Kind::End(end) => end,
        };
        let channel = &mut self.channels[end.channel];
        if channel.pending == Some(waitable) {
            channel.pending = None;
        }
        let stream = channel.is_stream;
        let result = match (stream, end.copy, end.result) {
            // As the runtime says, other than `definitions.py`.
            (true, Copy::Cancelling, COMPLETED) => CANCELLED,
            (.., result) => result,
        };
        let is_done = match stream {
            true => result == DROPPED,
            false => result != CANCELLED,
        };
        end.copy = if is_done { Copy::Done } else { Copy::Idle };
        let payload = match stream {
            true => result | end.progress << 4,
            false => result,
        };
        let code = 2 + 2 * u32::from(!stream) + u32::from(end.writable);
        (code, handle, payload)
    }

    // Tasks.

    pub(super) fn has_backpressure(&self, exclusive: bool) -> bool {
        self.backpressure > 0 || (exclusive && self.exclusive.is_some())
    }

    pub(super) fn is_ready(&self, task: usize) -> bool {
        match self.tasks[task].wait {
            None => false,
            Some(Wait::Enter) => !self.has_backpressure(self.tasks[task].exclusive),
            Some(Wait::Return(None)) => self.exclusive.is_none(),
            Some(Wait::Return(Some(set))) => self.exclusive.is_none() && self.has_event(set),
            Some(Wait::Yield) => true,
            Some(Wait::Set(set)) => self.has_event(set),
        }
    }

    /// The code of a task has been called for the first time.
    pub(super) fn start(&mut self, task: usize) {
        let Task {
            wait,
            exclusive,
            state,
            ..
        } = self.tasks[task];
        assert_eq!(state, State::Initial);
        assert!(matches!(wait, None | Some(Wait::Enter)));
        assert!(!self.has_backpressure(exclusive), "it may enter");
        self.tasks[task].wait = None;
        self.tasks[task].state = State::Started;
        if exclusive {
            self.exclusive = Some(task);
        }
        self.progress(task, STARTED);
    }

    /// The subtask of a task has got on: the caller hears of it, once it has a handle.
    fn progress(&mut self, task: usize, state: u32) {
        let Some(waitable) = self.tasks[task].subtask else {
            return;
        };
        self.subtask(waitable).state = state;
        if self.waitables[waitable].handle != 0 {
            self.waitables[waitable].pending = true;
        }
    }

    /// The callback of a task has been called with this event.
    pub(super) fn call_back(&mut self, task: usize, event: (u32, u32, u32)) {
        assert_eq!(self.exclusive, None, "nobody runs exclusively");
        self.exclusive = Some(task);
        let wait = self.tasks[task].wait.take();
        if event.0 == EVENT_CANCELLED {
            return self.hear_of_cancellation(task, true);
        }
        match wait {
            Some(Wait::Return(None)) => assert_eq!(event, (EVENT_NONE, 0, 0)),
            Some(Wait::Return(Some(set))) => self.hear_of(set, event),
            wait => panic!("it waits for {wait:?}, and is called"),
        }
        if let Some(Wait::Return(Some(set))) = wait {
            self.sets[set] -= 1;
        }
    }

    /// An event of a set has been given.
    pub(super) fn hear_of(&mut self, set: usize, event: (u32, u32, u32)) {
        let mut members = self.waitables.iter();
        let member = members.position(|it| it.set == Some(set) && it.handle == event.1);
        let member = member.unwrap_or_else(|| panic!("{event:?} is of a member"));
        assert_eq!(self.deliver(member), event);
    }

    /// The code of a task has been told that it is cancelled; `cancellable` is whether it asked.
    pub(super) fn hear_of_cancellation(&mut self, task: usize, cancellable: bool) {
        let task = &mut self.tasks[task];
        assert!(cancellable && !task.told);
        assert_eq!(task.state, State::CancelDelivered);
        task.told = true;
    }

    /// What a blocking built-in does first: whether it says at once that the task is cancelled.
    pub(super) fn deliver_pending_cancel(&mut self, task: usize, cancellable: bool) -> bool {
        let task = &mut self.tasks[task];
        let delivers = cancellable && task.state == State::PendingCancel;
        if delivers {
            task.state = State::CancelDelivered;
        }
        delivers
    }

    /// `request_cancellation`, up to where code is resumed.
    pub(super) fn request_cancellation(&mut self, task: usize) {
        let is_free = self.exclusive.is_none_or(|other| other == task);
        let it = &mut self.tasks[task];
        if it.state == State::Initial {
            it.wait = None;
            it.over = true;
            it.state = State::Resolved;
            return self.progress(task, CANCELLED_BEFORE_STARTED);
        }
        let is_candidate = it.cancellable && it.wait.is_some() && (!it.exclusive || is_free);
        if !is_candidate {
            it.state = State::PendingCancel;
            return;
        }
        it.state = State::CancelDelivered;
        if let Some(Wait::Return(Some(set)) | Wait::Set(set)) = it.wait {
            self.sets[set] -= 1;
        }
    }

    /// `return_` and `cancel`.
    pub(super) fn resolve(&mut self, task: usize, returned: bool) {
        self.tasks[task].state = State::Resolved;
        let state = if returned {
            RETURNED
        } else {
            CANCELLED_BEFORE_RETURNED
        };
        self.progress(task, state);
    }

    /// The code of a task has returned to wait for this.
    pub(super) fn leave(&mut self, task: usize, wait: Wait) {
        assert_eq!(self.exclusive, Some(task));
        self.exclusive = None;
        if !self.deliver_pending_cancel(task, true) {
            self.begin_wait(task, wait, true);
        }
    }

    pub(super) fn begin_wait(&mut self, task: usize, wait: Wait, cancellable: bool) {
        self.tasks[task].wait = Some(wait);
        self.tasks[task].cancellable = cancellable;
        if let Wait::Return(Some(set)) | Wait::Set(set) = wait {
            self.sets[set] += 1;
        }
    }

    /// It goes on in its code: that may be.
    pub(super) fn go_on(&mut self, task: usize, cancelled: bool) {
        assert!(cancelled || self.is_ready(task), "it goes on too early");
        let wait = self.tasks[task].wait.take();
        if let (Some(Wait::Set(set)), false) = (wait, cancelled) {
            self.sets[set] -= 1;
        }
    }

    /// The code of a task is over.
    pub(super) fn exit(&mut self, task: usize) {
        self.tasks[task].over = true;
        if self.tasks[task].exclusive {
            assert_eq!(self.exclusive, Some(task));
            self.exclusive = None;
        }
    }
}
