//! Which functions code is from, innermost first: what `wasmelt_abi::places` says, read where a
//! handler of signals may. Only programs that have it link this.

use crate::vm::code_map;
use crate::vm::process::items;
use wasmelt_abi::places::{FIRST_FRAME, Flags, Frame, GROUP, ITSELF, Places};
use wasmelt_abi::{CodeMap, Str};

/// A place in a function's body.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Origin {
    /// The function's number in the program.
    pub(super) function: usize,
    /// The offset in its body, if it is known.
    pub(super) offset: Option<u32>,
    /// The number of the place in the record of the function that the code is of.
    pub(super) place: u32,
}

/// See `wasmelt_abi::FindFrame`.
#[unsafe(no_mangle)]
pub(super) fn wasmelt_frame(
    code: &'static CodeMap,
    offset: u32,
    number: usize,
    frame: &mut Frame,
) -> bool {
    let origin = known(code).and_then(|places| origin(code, places, offset, number));
    if let Some(origin) = origin {
        *frame = frame_of(code, origin);
    }
    origin.is_some()
}

pub(super) fn known(code: &CodeMap) -> Option<&'static Places> {
    // SAFETY: where it is not null, the compiler wrote it.
    unsafe { code.places.as_ref() }
}

/// The frame of a function.
pub(super) fn frame_of(code: &'static CodeMap, origin: Origin) -> Frame {
    let record = known(code).and_then(|places| Record::find(places, origin.function));
    let offset = origin
        .offset
        .and_then(|offset| Some(record?.start + offset));
    Frame {
        name: code_map::name(code, origin.function),
        wasm_offset: offset,
        ..Frame::default()
    }
}

/// The function with this number that the code at an offset is from.
#[inline(never)]
pub(super) fn origin(
    code: &'static CodeMap,
    places: &'static Places,
    offset: u32,
    number: usize,
) -> Option<Origin> {
    let (function, start) = code_map::function_at(code, offset)?;
    let record = Record::find(places, function);
    let mut place = match record {
        Some(record) => record.place_at(offset - start),
        None => Place::ITSELF,
    };
    for _ in 0..number {
        let frame = place.code.checked_sub(FIRST_FRAME)?;
        place = record?.frame(frame).0;
    }
    let function = match place.code.checked_sub(FIRST_FRAME) {
        Some(frame) => function.wrapping_add_signed(record?.frame(frame).1 as isize),
        None if place.code == ITSELF => function,
        None => return None,
    };
    Some(Origin {
        function,
        offset: place.offset,
        place: place.code,
    })
}

#[derive(Clone, Copy, Debug)]
struct Place {
    code: u32,
    offset: Option<u32>,
}

impl Place {
    const ITSELF: Place = Place {
        code: ITSELF,
        offset: None,
    };
}

/// What is said of one function.
#[derive(Clone, Copy, Debug)]
struct Record {
    has_offsets: bool,
    /// Where its body begins in the input, if offsets are known.
    start: u32,
    frames: u32,
    /// Behind the number of frames.
    rest: Reader,
}

impl Record {
    #[inline(never)]
    fn find(places: &'static Places, function: usize) -> Option<Record> {
        let mut rest = find(&places.records, places.groups, function)?;
        let has_offsets = places.flags & Flags::OFFSETS != 0;
        Some(Record {
            has_offsets,
            start: if has_offsets { rest.number() } else { 0 },
            frames: rest.number(),
            rest,
        })
    }

    /// Where the code is from that lies this far behind the function's start.
    fn place_at(mut self, distance: u32) -> Place {
        if let Some(last) = self.frames.checked_sub(1) {
            self.skip_frames(last);
        }
        let mut found = Place::ITSELF;
        let (mut at, mut offset) = (0, 0);
        while !self.rest.is_empty() {
            at += self.rest.number();
            let place = self.place(&mut offset);
            if at > distance {
                break;
            }
            found = place;
        }
        found
    }

    /// The call of a frame, and its function less the record's.
    fn frame(mut self, number: u32) -> (Place, i32) {
        self.skip_frames(number)
    }

    /// Reads up to the frame with this number, and gives that.
    #[inline(never)]
    fn skip_frames(&mut self, number: u32) -> (Place, i32) {
        let mut offset = 0;
        let mut left = number;
        loop {
            let frame = (self.place(&mut offset), signed(self.rest.number()));
            if left == 0 {
                return frame;
            }
            left -= 1;
        }
    }

    #[inline(never)]
    fn place(&mut self, offset: &mut u32) -> Place {
        let code = self.rest.number();
        let mut place = Place { code, offset: None };
        if self.has_offsets
            && let Some(distance) = self.rest.number().checked_sub(1)
        {
            *offset = offset.wrapping_add_signed(signed(distance));
            place.offset = Some(*offset);
        }
        place
    }
}

/// The record of a function. `groups` is that of `records`.
#[inline(never)]
pub(super) fn find(records: &'static Str, groups: *const u32, function: usize) -> Option<Reader> {
    let group = function / GROUP;
    // SAFETY: this is an array of the start of each group of functions, and the end.
    let [start, end] = [group, group + 1].map(|index| unsafe { *groups.add(index) });
    let mut group = Reader {
        bytes: items(records).get(start as usize..end as usize)?,
    };
    loop {
        let (&position, rest) = group.bytes.split_first()?;
        group.bytes = rest;
        let length = group.number() as usize;
        let (bytes, rest) = group.bytes.split_at_checked(length)?;
        group.bytes = rest;
        if usize::from(position) == function % GROUP {
            return Some(Reader { bytes });
        }
    }
}

pub(super) fn signed(number: u32) -> i32 {
    (number >> 1).cast_signed() ^ -(number & 1).cast_signed()
}

#[derive(Clone, Copy, Debug)]
pub(super) struct Reader {
    bytes: &'static [u8],
}

impl Reader {
    pub(super) fn is_empty(self) -> bool {
        self.bytes.is_empty()
    }

    /// Behind the end it reads zeros.
    #[inline(never)]
    pub(super) fn number(&mut self) -> u32 {
        let mut number = 0;
        let mut shift = 0;
        while let Some((&byte, rest)) = self.bytes.split_first() {
            self.bytes = rest;
            number |= u32::from(byte & 0x7f).wrapping_shl(shift);
            shift += 7;
            if byte < 0x80 {
                break;
            }
        }
        number
    }
}
