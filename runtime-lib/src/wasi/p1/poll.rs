//! `poll_oneoff`.

use super::rights::Rights;
use super::table::{Access, Held};
use super::types::{Record, checked_flags};
use super::{Errno, Result, clock};
use crate::host::clocks::{Clock, now_ns};
use crate::host::poll::{Interest, Ready, wait};
use crate::vm::GuestMemory;

/// Where the fields of a `subscription` lie: `wasi_unstable` has one more in front of a clock's.
#[derive(Clone, Copy)]
pub(in crate::wasi) struct Layout {
    pub(in crate::wasi) bytes: u32,
    pub(in crate::wasi) clock_id: u32,
    pub(in crate::wasi) timeout: u32,
    pub(in crate::wasi) flags: u32,
}

/// That of `wasi_snapshot_preview1`.
const LAYOUT: Layout = Layout {
    bytes: 48,
    clock_id: 16,
    timeout: 24,
    flags: 40,
};

/// In both: the number of a descriptor, and the kind of the subscription.
const FD: u32 = 16;
const TAG: u32 = 8;

const EVENT_BYTES: u32 = 32;

/// How many subscriptions one call may have: as many as the kernel can wait for at most.
const SUBSCRIPTIONS_MAX: u32 = 1 << 20;

/// A subscription as it is read.
#[derive(Clone, Copy)]
struct Subscription {
    userdata: u64,
    about: About,
}

#[derive(Clone, Copy)]
enum About {
    Clock { at_ns: u64 },
    FdRead(u32),
    FdWrite(u32),
}

pub(super) fn poll_oneoff<A: Access>(
    memory: &mut GuestMemory,
    subscriptions: u32,
    events: u32,
    nsubscriptions: u32,
    nevents_out: u32,
) -> Result<()> {
    poll::<A>(
        memory,
        LAYOUT,
        subscriptions,
        events,
        nsubscriptions,
        nevents_out,
    )
}

/// Waits for the first of the subscriptions, in either version's layout. A subscription to what
/// is not open, or is a clock that cannot be waited for, fails the call, as in Wasmtime.
pub(in crate::wasi) fn poll<A: Access>(
    memory: &mut GuestMemory,
    layout: Layout,
    subscriptions: u32,
    events: u32,
    nsubscriptions: u32,
    nevents_out: u32,
) -> Result<()> {
    if nsubscriptions == 0 || nsubscriptions > SUBSCRIPTIONS_MAX {
        return Err(Errno::INVAL);
    }
    memory.bytes(subscriptions, nsubscriptions * layout.bytes)?;
    memory.bytes(events, nsubscriptions * EVENT_BYTES)?;
    let mut read = Vec::with_capacity(nsubscriptions as usize);
    let mut fds = Vec::new();
    for index in 0..nsubscriptions {
        let subscription = read_one(memory, layout, subscriptions + index * layout.bytes)?;
        if let About::FdRead(fd) | About::FdWrite(fd) = subscription.about {
            fds.push(fd);
        }
        read.push(subscription);
    }
    let mut nevents = 0;
    A::with_all(&mut fds, |held| {
        let interests: Result<Vec<Interest<'_>>> = read
            .iter()
            .map(|subscription| interest(&held, subscription.about))
            .collect();
        wait(&interests?, |ready| {
            let subscription = read.get(ready.index).ok_or(Errno::INVAL)?;
            write_event(memory, events + nevents * EVENT_BYTES, *subscription, ready)?;
            nevents += 1;
            Ok(())
        })
    })?;
    Ok(memory.write_u32(nevents_out, nevents)?)
}

fn read_one(memory: &GuestMemory, layout: Layout, at: u32) -> Result<Subscription> {
    let about = match memory.read_u8(at + TAG)? {
        0 => {
            let timeout = memory.read_u64(at + layout.timeout)?;
            let flags = u32::from(memory.read_u16(at + layout.flags)?);
            let absolute = checked_flags(flags, 1)? != 0;
            let now = match clock::clock(memory.read_u32(at + layout.clock_id)?)? {
                clock @ (Clock::Realtime | Clock::Monotonic) => now_ns(clock),
                Clock::ProcessCpu | Clock::ThreadCpu => return Err(Errno::INVAL),
            };
            let after = if absolute {
                timeout.saturating_sub(now)
            } else {
                timeout
            };
            About::Clock {
                at_ns: now_ns(Clock::Monotonic).saturating_add(after),
            }
        }
        1 => About::FdRead(memory.read_u32(at + FD)?),
        2 => About::FdWrite(memory.read_u32(at + FD)?),
        _ => return Err(Errno::INVAL),
    };
    Ok(Subscription {
        userdata: memory.read_u64(at)?,
        about,
    })
}

fn interest<'a>(held: &'a Held<'_>, about: About) -> Result<Interest<'a>> {
    let descriptor = |fd| {
        held.get(fd)
            .ok_or(Errno::BADF)?
            .require(Rights::POLL_FD_READWRITE)
    };
    Ok(match about {
        About::Clock { at_ns } => Interest::Time { at_ns },
        About::FdRead(fd) => Interest::read(descriptor(fd)?)?,
        About::FdWrite(fd) => Interest::write(descriptor(fd)?)?,
    })
}

fn write_event(
    memory: &mut GuestMemory,
    at: u32,
    subscription: Subscription,
    ready: Ready,
) -> Result<()> {
    let kind: u8 = match subscription.about {
        About::Clock { .. } => 0,
        About::FdRead(_) => 1,
        About::FdWrite(_) => 2,
    };
    Record::<32>::new()
        .put(0, subscription.userdata.to_le_bytes())
        .put(10, [kind])
        .put(16, ready.bytes.to_le_bytes())
        .put(24, u16::from(ready.hangup).to_le_bytes())
        .write(memory, at)
}
