//! Where code is from, as the runtime reads it (`wasmelt_abi::places`): the names and offsets of
//! inlined functions in backtraces.

use super::blob::Address;
use super::code;
use super::inlined::{Frame, Origin, Place};
use super::program::Writer;
use super::text::Text;
use crate::index::FuncId;
use crate::plan::LinkPlan;
use foldhash::{HashMap, HashMapExt};
use std::mem::{offset_of, size_of};
use wasmelt_abi::places::{
    FIRST_FRAME, FRAME_SYMBOL, Flags, GROUP, ITSELF, NOWHERE, Places, SOURCE_FRAME_SYMBOL,
};

impl Writer<'_> {
    /// Writes it; gives where it is, unless there is nothing to say of any function.
    pub(super) fn write_places(&mut self) -> Option<u64> {
        let (plan, text) = (self.plan, self.text);
        if text.places.iter().all(|places| places.list.is_empty()) {
            return None;
        }
        let with_offsets = self.options.keeps_offsets();
        let positions: HashMap<FuncId, i64> = text
            .functions
            .iter()
            .zip(0..)
            .map(|(function, position)| (function.0, position))
            .collect();
        let mut points = Vec::new();
        let (bytes, groups) = records(text, |id, of_function, contents| {
            let mut record = Record {
                plan,
                positions: &positions,
                own: positions[&id],
                places: of_function,
                with_offsets,
                numbers: HashMap::new(),
                frames: Vec::new(),
            };
            record.add_contents(id, &mut points, contents);
        });
        if bytes.is_empty() {
            return None;
        }
        let sources = self.write_sources();
        let at = self.blob.reserve(size_of::<Places>());
        let field = |offset: usize| at + offset as u64;
        let frame = match sources {
            Some(_) => SOURCE_FRAME_SYMBOL,
            None => FRAME_SYMBOL,
        };
        let frame = Address::Symbol(frame.to_owned());
        self.blob
            .set_address(field(offset_of!(Places, frame)), frame);
        let flags = if with_offsets { Flags::OFFSETS } else { 0 };
        self.blob.set_u64(field(offset_of!(Places, flags)), flags);
        self.str(field(offset_of!(Places, records)), &bytes);
        let groups = Address::Blob(self.blob.u32s(groups));
        self.blob
            .set_address(field(offset_of!(Places, groups)), groups);
        if let Some(sources) = sources {
            let sources = Address::Blob(sources);
            self.blob
                .set_address(field(offset_of!(Places, sources)), sources);
        }
        Some(at)
    }
}

/// Records in groups, and where each group begins and the end. Functions that no contents are added for
/// have none.
pub(super) fn records(
    text: &Text,
    mut add_contents: impl FnMut(FuncId, &code::Places, &mut Vec<u8>),
) -> (Vec<u8>, Vec<u32>) {
    let end = |bytes: &Vec<u8>| u32::try_from(bytes.len()).expect("less than 4 GiB");
    let (mut bytes, mut groups, mut contents) = (Vec::new(), Vec::new(), Vec::new());
    let functions = text.functions.iter().zip(&text.places);
    for (position, (&(id, ..), places)) in functions.enumerate() {
        if position % GROUP == 0 {
            groups.push(end(&bytes));
        }
        contents.clear();
        add_contents(id, places, &mut contents);
        if !contents.is_empty() {
            bytes.push(u8::try_from(position % GROUP).expect("few in a group"));
            number(&mut bytes, contents.len() as u64);
            bytes.extend_from_slice(&contents);
        }
    }
    groups.push(end(&bytes));
    (bytes, groups)
}

/// What numbers the functions that are inlined in a function have in its record, by frame.
pub(super) fn frame_numbers(plan: &LinkPlan<'_>, places: &code::Places) -> HashMap<u32, u32> {
    let mut record = Record {
        plan,
        positions: &HashMap::new(),
        own: 0,
        places,
        with_offsets: true,
        numbers: HashMap::new(),
        frames: Vec::new(),
    };
    for &(_, place) in &places.list {
        record.written(Some(place));
    }
    record.numbers
}

/// One function's record under construction.
struct Record<'a> {
    plan: &'a LinkPlan<'a>,
    positions: &'a HashMap<FuncId, i64>,
    own: i64,
    places: &'a code::Places,
    with_offsets: bool,
    /// What number a frame has in the record.
    numbers: HashMap<u32, u32>,
    frames: Vec<Frame>,
}

/// What is written of a place.
#[derive(Clone, Copy, PartialEq, Eq)]
struct Written {
    code: u32,
    offset: Option<u32>,
}

impl Record<'_> {
    /// `points` is used again for each function.
    fn add_contents(&mut self, id: FuncId, points: &mut Vec<u8>, contents: &mut Vec<u8>) {
        points.clear();
        let mut last = (
            0,
            Written {
                code: ITSELF,
                offset: None,
            },
        );
        for &(at, place) in &self.places.list {
            let written = self.written(Some(place));
            if written == last.1 || (written.offset.is_none() && written.code == last.1.code) {
                continue;
            }
            number(points, u64::from(at - last.0));
            let before = last.1.offset.unwrap_or(0);
            self.place(points, written, before);
            last = (
                at,
                Written {
                    offset: Some(written.offset.unwrap_or(before)),
                    ..written
                },
            );
        }
        if points.is_empty() {
            return;
        }
        if self.with_offsets {
            number(contents, self.plan.body_start(id).unwrap_or(0));
        }
        number(contents, self.frames.len() as u64);
        let mut before = 0;
        for frame in std::mem::take(&mut self.frames) {
            let call = self.written(frame.call);
            self.place(contents, call, before);
            before = call.offset.unwrap_or(before);
            signed(contents, self.positions[&frame.func] - self.own);
        }
        contents.extend_from_slice(points);
    }

    /// A place as it is shown: code that was generated is its caller's.
    fn written(&mut self, mut place: Option<Place>) -> Written {
        while let Some(Place {
            origin: Origin::Frame(frame),
            ..
        }) = place
        {
            let of_place = self.places.frames[frame as usize];
            if !self.plan.funcs[of_place.func.index()].name.is_empty() {
                let code = self.number_of(frame);
                let offset = place.and_then(|place| place.offset);
                return Written { code, offset };
            }
            place = of_place.call;
        }
        match place {
            Some(place) => Written {
                code: ITSELF,
                offset: place.offset,
            },
            None => Written {
                code: NOWHERE,
                offset: None,
            },
        }
    }

    /// Frames that call others come before them.
    fn number_of(&mut self, frame: u32) -> u32 {
        if let Some(&number) = self.numbers.get(&frame) {
            return number;
        }
        let of_frame = self.places.frames[frame as usize];
        self.written(of_frame.call);
        let number = FIRST_FRAME + u32::try_from(self.frames.len()).expect("fewer than code");
        self.frames.push(of_frame);
        self.numbers.insert(frame, number);
        number
    }

    fn place(&self, out: &mut Vec<u8>, written: Written, before: u32) {
        number(out, written.code.into());
        if self.with_offsets {
            match written.offset {
                Some(offset) => {
                    let distance = zigzag(i64::from(offset) - i64::from(before));
                    number(out, distance + 1);
                }
                None => number(out, 0),
            }
        }
    }
}

fn zigzag(value: i64) -> u64 {
    ((value << 1) ^ (value >> 63)).cast_unsigned()
}

pub(super) fn signed(out: &mut Vec<u8>, value: i64) {
    number(out, zigzag(value));
}

pub(super) fn number(out: &mut Vec<u8>, mut value: u64) {
    while value >= 0x80 {
        out.push(value.to_le_bytes()[0] | 0x80);
        value >>= 7;
    }
    out.push(value.to_le_bytes()[0]);
}
