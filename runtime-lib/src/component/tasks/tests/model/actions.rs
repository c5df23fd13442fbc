//! What the code of a guest does at random, each with what the model says of it.

use super::copying::{Builtins, builtins};
use super::world::{
    self, Copy, EVENT_CANCELLED, EVENT_NONE, Kind, Object, STARTED, STARTING, State, Subtask, Wait,
};
use super::*;
use crate::component::ends::builtins as ends;
use crate::component::tasks::tests::host::call_sleep;
use wasmelt_abi::BLOCKED;

/// Where events are written.
const EVENT: u32 = 16;
const OBJECTS_MAX: usize = 14;

/// The bytes of all buffers.
fn buffers() -> &'static mut [u8] {
    // SAFETY: the memory of a guest is long enough, and nobody else refers to it meanwhile.
    unsafe { std::slice::from_raw_parts_mut(memory().add(BUFFERS), BUFFERS_END - BUFFERS) }
}

fn last_event(code: u32) -> (u32, u32, u32) {
    (code, read_u32(EVENT.into()), read_u32(u64::from(EVENT) + 4))
}

impl Actor {
    /// Something at random; nothing if it makes no sense now.
    pub(super) fn act(self) {
        match random(22) {
            0 => self.new_channel(),
            1..=4 => self.copy(),
            5 => self.cancel_copy(),
            6 => self.drop_end(),
            7 => self.new_set(),
            8 | 9 => self.join(),
            10 => self.poll(),
            11 => self.drop_set(),
            12 | 13 => self.wait(),
            14 => self.yield_with(one_in(2)),
            15 => self.change_backpressure(),
            16 if self.may_return && one_in(3) => self.resolve(),
            17..=19 if self.task == CALLER => self.call(),
            20 if self.task == CALLER => self.cancel_any(),
            21 if self.task == CALLER => match random(3) {
                0 => self.drop_subtask(),
                1 => self.sleep(),
                _ => self.pass_end(),
            },
            _ => self.misuse(),
        }
        with(|world| assert_eq!(world.memory[BUFFERS..], *buffers()));
    }

    fn objects(self) -> Vec<(u32, Object)> {
        with(|world| {
            let own = (self.instance, 0)..(self.instance + 1, 0);
            let objects = world.objects.range(own);
            objects
                .map(|((_, handle), object)| (*handle, *object))
                .collect()
        })
    }

    pub(super) fn any_set(self) -> Option<(u32, usize)> {
        let sets = self
            .objects()
            .into_iter()
            .filter_map(|(handle, object)| match object {
                Object::Set(set) => Some((handle, set)),
                Object::Waitable(_) => None,
            });
        any(&sets.collect::<Vec<_>>())
    }

    fn any_waitable(self, is_it: impl Fn(&world::Waitable) -> bool) -> Option<usize> {
        let objects = self.objects();
        let waitables = objects.iter().filter_map(|(_, object)| match object {
            Object::Waitable(waitable) => Some(*waitable),
            Object::Set(_) => None,
        });
        let fits: Vec<usize> = with(|world| {
            waitables
                .filter(|waitable| is_it(&world.waitables[*waitable]))
                .collect()
        });
        any(&fits)
    }

    /// An end of the table, which most of the time does not trap: with what it is, and its trap.
    fn any_end(
        self,
        trap_of: impl Fn(&World, usize) -> Option<TrapCode>,
    ) -> Option<(usize, u32, world::End, Builtins, Option<TrapCode>)> {
        let waitable = self.any_waitable(|it| matches!(it.kind, Kind::End(_)))?;
        let (end, handle, is_stream, trap) = with(|world| {
            let end = *world.end(waitable);
            let is_stream = world.channels[end.channel].is_stream;
            let handle = world.waitables[waitable].handle;
            (end, handle, is_stream, trap_of(world, waitable))
        });
        if trap.is_some() && !one_in(60) {
            return None;
        }
        let builtins = builtins(self.instance, is_stream, true);
        Some((waitable, handle, end, builtins, trap))
    }

    fn new_channel(self) {
        if self.objects().len() >= OBJECTS_MAX {
            return;
        }
        let is_stream = !one_in(3);
        let handles = builtins(self.instance, is_stream, true).new_ends();
        with(|world| {
            let [readable, writable] = world.new_channel(is_stream);
            let [low, high] = [handles as u32, (handles >> 32) as u32];
            world.add(self.instance, low, Object::Waitable(readable));
            world.add(self.instance, high, Object::Waitable(writable));
        });
    }

    fn copy(self) {
        let found = self.any_end(|world, waitable| world.copy_trap(waitable, true));
        let Some((waitable, handle, end, builtins, trap_code)) = found else {
            return;
        };
        let len = if builtins.is_stream {
            random(7) as u32
        } else {
            1
        };
        let at = BUFFERS + random((BUFFERS_END - BUFFERS - 8) as u64) as usize;
        if end.writable {
            let bytes: Vec<u8> = (0..len).map(|_| random(256) as u8).collect();
            buffers()[at - BUFFERS..][..len as usize].copy_from_slice(&bytes);
            with(|world| world.memory[at..at + len as usize].copy_from_slice(&bytes));
        }
        let real = |builtins: Builtins| match end.writable {
            true => builtins.write(handle, at as u32, len),
            false => builtins.read(handle, at as u32, len),
        };
        if let Some(code) = trap_code {
            trap(code, || _ = real(builtins));
        }
        let expected = with(|world| {
            world.copy(waitable, at, len);
            world.waitables[waitable]
                .pending
                .then(|| world.deliver(waitable).2)
        });
        let in_set = with(|world| world.waitables[waitable].set.is_some());
        // What is over at once may as well be synchronous.
        let is_async = expected.is_none() || in_set || one_in(2);
        let builtins = self::builtins(self.instance, builtins.is_stream, is_async);
        assert_eq!(real(builtins), expected.unwrap_or(BLOCKED));
    }

    fn cancel_copy(self) {
        let found = self.any_end(World::cancel_trap);
        let Some((waitable, handle, end, builtins, trap_code)) = found else {
            return;
        };
        let real = || match end.writable {
            true => builtins.cancel_write(handle),
            false => builtins.cancel_read(handle),
        };
        if let Some(code) = trap_code {
            trap(code, || _ = real());
        }
        let expected = with(|world| {
            world.cancel_copy(waitable);
            world.deliver(waitable).2
        });
        assert_eq!(real(), expected);
    }

    fn drop_end(self) {
        let found = self.any_end(World::drop_trap);
        let Some((waitable, handle, end, builtins, trap_code)) = found else {
            return;
        };
        let real = || match end.writable {
            true => builtins.drop_writable(handle),
            false => builtins.drop_readable(handle),
        };
        if let Some(code) = trap_code {
            trap(code, real);
        }
        with(|world| world.drop_end(self.instance, waitable));
        real();
    }

    /// A readable end goes to the other instance.
    fn pass_end(self) {
        let from = if one_in(4) { INNER } else { OUTER };
        let giver = Actor {
            instance: from,
            ..self
        };
        let found = giver.any_end(World::lift_trap);
        let Some((waitable, handle, end, builtins, trap_code)) = found else {
            return;
        };
        if end.writable {
            return;
        }
        let to = OUTER + INNER - from;
        let real = || {
            let ty = std::ptr::from_ref(builtins.ty).cast_mut().cast();
            let handle = handle.cast_signed();
            // SAFETY: the memory is that of a guest, and types live for ever.
            unsafe {
                let rep = ends::end_lift(memory(), from.cast_signed(), ty, handle);
                ends::end_lower(memory(), to.cast_signed(), ty, rep) as u32
            }
        };
        if let Some(code) = trap_code {
            trap(code, || _ = real());
        }
        let new = real();
        with(|world| {
            assert_eq!(world.end(waitable).copy, Copy::Idle);
            world.objects.remove(&(from, handle));
            world.add(to, new, Object::Waitable(waitable));
        });
    }

    fn new_set(self) {
        if self.objects().len() < OBJECTS_MAX {
            let handle = waitable_set_new(self.instance);
            with(|world| {
                world.sets.push(0);
                let set = world.sets.len() - 1;
                world.add(self.instance, handle, Object::Set(set));
            });
        }
    }

    fn join(self) {
        let Some(waitable) = self.any_waitable(|_| true) else {
            return;
        };
        let set = self.any_set().filter(|_| !one_in(4));
        let handle = with(|world| {
            world.waitables[waitable].set = set.map(|(_, set)| set);
            world.waitables[waitable].handle
        });
        waitable_join(self.instance, handle, set.map_or(0, |(handle, _)| handle));
    }

    fn poll(self) {
        let Some((handle, set)) = self.any_set() else {
            return;
        };
        let cancellable = one_in(2);
        let code = waitable_set_poll(self.instance, cancellable.into(), handle, EVENT);
        let event = last_event(code);
        with(|world| {
            world.ripen(event);
            if world.deliver_pending_cancel(self.task, cancellable) {
                assert_eq!(event, (EVENT_CANCELLED, 0, 0));
                world.hear_of_cancellation(self.task, true);
            } else if world.has_event(set) {
                world.hear_of(set, event);
            } else {
                assert_eq!(event, (EVENT_NONE, 0, 0));
            }
        });
    }

    fn drop_set(self) {
        let Some((handle, set)) = self.any_set() else {
            return;
        };
        let in_use = with(|world| world.sets[set] > 0 || world.members(set).count() > 0);
        if !in_use {
            with(|world| world.objects.remove(&(self.instance, handle)));
            waitable_set_drop(self.instance, handle);
        } else if one_in(60) {
            trap(TrapCode::WaitableSetInUse, || {
                waitable_set_drop(self.instance, handle);
            });
        }
    }

    fn wait(self) {
        let Some((handle, set)) = self.any_set().filter(|_| self.may_block) else {
            return;
        };
        let cancellable = one_in(2);
        let at_once = with(|world| world.deliver_pending_cancel(self.task, cancellable));
        if !at_once {
            let may_come = with(|world| {
                let others = (0..world.tasks.len()).any(|task| world.is_ready(task));
                world.has_event(set) || others || world.has_sleeping()
            });
            if !may_come && !one_in(30) {
                return;
            }
            with(|world| world.begin_wait(self.task, Wait::Set(set), cancellable));
        }
        let code = waitable_set_wait(self.instance, cancellable.into(), handle, EVENT);
        let event = last_event(code);
        let cancelled = event == (EVENT_CANCELLED, 0, 0);
        with(|world| {
            world.ripen(event);
            if !at_once {
                world.go_on(self.task, cancelled);
            }
            if cancelled {
                world.hear_of_cancellation(self.task, cancellable);
            } else {
                assert!(!at_once);
                world.hear_of(set, event);
            }
        });
    }

    pub(super) fn yield_with(self, cancellable: bool) {
        if !self.may_block {
            return;
        }
        let at_once = with(|world| world.deliver_pending_cancel(self.task, cancellable));
        if !at_once {
            with(|world| world.begin_wait(self.task, Wait::Yield, cancellable));
        }
        let cancelled = thread_yield(self.instance, cancellable.into()) != 0;
        with(|world| {
            if !at_once {
                world.go_on(self.task, cancelled);
            }
            assert!(cancelled || !at_once);
            if cancelled {
                world.hear_of_cancellation(self.task, cancellable);
            }
        });
    }

    fn change_backpressure(self) {
        let count = with(|world| world.backpressure);
        if count < 3 && one_in(3) {
            with(|world| world.backpressure += 1);
            backpressure_inc(INNER);
        } else if count > 0 {
            with(|world| world.backpressure -= 1);
            backpressure_dec(INNER);
        } else if one_in(200) {
            trap(TrapCode::BackpressureOverflow, || backpressure_dec(INNER));
        }
    }

    fn call(self) {
        if self.objects().len() >= OBJECTS_MAX {
            return;
        }
        let kind = random(4);
        let (task, subtask, others_wait) = with(|world| {
            let others_wait = world
                .tasks
                .iter()
                .any(|task| task.wait == Some(Wait::Enter));
            let task = world.tasks.len();
            let subtask = world.new_waitable(Kind::Subtask(Subtask {
                task: Some(task),
                state: STARTING,
                cancel_requested: false,
                delivered: false,
                due_ms: 0,
            }));
            // All but the third are in the instance alone.
            let task_state = new_task(Some(subtask), kind != 2, State::Initial);
            world.tasks.push(task_state);
            (task, subtask, others_wait)
        });
        let param = task as u32;
        let (state, handle) = match kind {
            0 => call_async::<Callee<CALLBACK, false>>(param),
            1 => call_async::<Callee<CALLBACK, true>>(param),
            2 => call_async::<Callee<STACKFUL, true>>(param),
            _ => call_async::<Callee<SYNC, true>>(param),
        };
        with(|world| {
            assert_eq!(world.subtask(subtask).state, state);
            assert!(state == STARTING || !others_wait, "it has to wait its turn");
            if world.tasks[task].state == State::Initial {
                world.begin_wait(task, Wait::Enter, true);
            }
            if handle == 0 {
                assert_eq!(state, world::RETURNED);
                world.subtask(subtask).delivered = true;
            } else {
                world.add(OUTER, handle, Object::Waitable(subtask));
            }
        });
    }

    /// Calls the host, which returns later.
    fn sleep(self) {
        if self.objects().len() >= OBJECTS_MAX {
            return;
        }
        let ms = 1 + random(5) as u32;
        let status = call_sleep(ms, true);
        assert_eq!(status & 0xf, STARTED);
        with(|world| {
            let subtask = world.new_waitable(Kind::Subtask(Subtask {
                task: None,
                state: STARTED,
                cancel_requested: false,
                delivered: false,
                due_ms: Script::ms() + u64::from(ms),
            }));
            world.add(OUTER, status >> 4, Object::Waitable(subtask));
        });
        if one_in(2) {
            Script::pass(random(4));
        }
    }

    fn cancel_any(self) {
        let is_subtask = |it: &world::Waitable| matches!(it.kind, Kind::Subtask(_));
        if let Some(subtask) = self.any_waitable(is_subtask) {
            self.cancel(subtask);
        }
    }

    pub(super) fn cancel_all(self) {
        for (_, object) in self.objects() {
            if let Object::Waitable(waitable) = object
                && with(|world| matches!(world.waitables[waitable].kind, Kind::Subtask(_)))
            {
                self.cancel(waitable);
            }
        }
    }

    fn cancel(self, waitable: usize) {
        let (subtask, handle, in_set) = with(|world| {
            let it = world.waitables[waitable];
            (*world.subtask(waitable), it.handle, it.set.is_some())
        });
        if subtask.delivered || subtask.cancel_requested {
            if one_in(60) && !ENDING.get() {
                trap(TrapCode::SubtaskTerminal, || {
                    subtask_cancel(OUTER, 1, handle);
                });
            }
            return;
        }
        let resolved = !matches!(subtask.state, STARTING | STARTED);
        let is_async = in_set || !resolved || one_in(2);
        if !resolved && let Some(task) = subtask.task {
            with(|world| {
                world.subtask(waitable).cancel_requested = true;
                world.request_cancellation(task);
            });
        }
        let result = subtask_cancel(OUTER, is_async.into(), handle);
        with(|world| {
            if subtask.task.is_none() && !resolved {
                world.end_of_host(waitable, result);
            }
            let state = world.subtask(waitable).state;
            if matches!(state, STARTING | STARTED) {
                assert_eq!(result, BLOCKED);
            } else {
                assert_eq!((result, world.deliver(waitable).2), (state, state));
            }
            if let Some(task) = subtask.task {
                let task = &world.tasks[task];
                assert!(task.state != State::CancelDelivered || task.told);
            }
        });
    }

    fn drop_subtask(self) {
        let is_subtask = |it: &world::Waitable| matches!(it.kind, Kind::Subtask(_));
        let Some(waitable) = self.any_waitable(is_subtask) else {
            return;
        };
        let (delivered, handle) = with(|world| {
            let delivered = world.subtask(waitable).delivered;
            (delivered, world.waitables[waitable].handle)
        });
        if delivered {
            with(|world| world.remove(OUTER, waitable));
            subtask_drop(OUTER, handle);
        } else if one_in(60) {
            trap(TrapCode::SubtaskUnresolved, || subtask_drop(OUTER, handle));
        }
    }

    /// Seldom: what always traps.
    fn misuse(self) {
        if !one_in(150) {
            return;
        }
        const NO_HANDLE: u32 = 9999;
        let state = self.state();
        match random(4) {
            0 => trap(TrapCode::UnknownHandle, || {
                waitable_set_poll(self.instance, 0, NO_HANDLE, EVENT);
            }),
            1 if state == State::Resolved && self.may_return => {
                trap(TrapCode::TaskResolvedTwice, || task_return(1));
            }
            2 if state == State::Started && self.may_return => {
                trap(TrapCode::TaskNotCancelled, task_cancel);
            }
            3 => {
                if let Some((handle, _)) = self.any_set() {
                    trap(TrapCode::HandleType, || {
                        builtins(self.instance, true, true).drop_readable(handle);
                    });
                }
            }
            _ => {}
        }
    }
}
