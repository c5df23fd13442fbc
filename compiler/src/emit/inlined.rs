//! Which functions are inlined where, so that backtraces and debuggers can name them.
//!
//! Cranelift's inliner copies instructions without where they come from. It makes the copies one
//! after the other, in an order that is known; so they are found again here, and each gets the place
//! of what it is a copy of.
//!
//! A source location of CLIF is a distance from the start of the function's body in the input, or a
//! position in a list of places in other functions ([`Inlined`]). Neither changes when the function
//! is moved in the input, or when functions are renumbered: code that is kept for another build
//! stays valid. Instructions of the function itself have locations with `-g` alone.

use super::bytes::{Reader, Writer};
use crate::index::FuncId;
use crate::translate::{BlockCounts, Notes};
use cranelift_codegen::ir::{self, Opcode, SourceLoc, Value, ValueDef};
use cranelift_codegen::traversals::Dfs;
use cranelift_entity::EntityRef;
use foldhash::{HashMap, HashMapExt};
use std::hash::{Hash, Hasher};

/// What is inlined in one function, and where its code is from.
#[derive(Clone, Default, Debug)]
pub struct Inlined {
    pub frames: Vec<Frame>,
    /// What source locations with [`POSITION`] mean.
    places: Vec<Place>,
    /// Of locals that are followed.
    pub values: Vec<KnownValue>,
    /// More values that are what one of these is, by its position.
    pub copies: Vec<(Value, u32)>,
    /// How often blocks have run, by a profile.
    pub counts: BlockCounts,
}

/// A local of a function that is compiled or inlined, and a value that it has.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct KnownValue {
    pub origin: Origin,
    pub local: u32,
    /// In which part of the origin's body.
    pub from: u32,
    pub to: u32,
    pub value: Value,
}

/// A function in the place of a call.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Frame {
    pub func: FuncId,
    /// The call; nothing where a tail call has ended the function that is compiled.
    pub call: Option<Place>,
}

/// Where code is from.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct Place {
    pub origin: Origin,
    /// Bytes from the start of the origin's body in the input, where that is known.
    pub offset: Option<u32>,
}

#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Origin {
    /// The function that is compiled.
    Itself,
    /// [`Inlined::frames`] with this position.
    Frame(u32),
}

/// Marks positions in [`Inlined::places`]. No body is as large.
const POSITION: u32 = 1 << 31;

/// What has been inlined into a function, in order.
#[derive(Default)]
pub struct Log {
    entries: Vec<Entry>,
    /// Arguments of calls are needed too.
    keeps_arguments: bool,
}

struct Entry {
    callee: FuncId,
    opcode: Opcode,
    /// Where the call was.
    location: SourceLoc,
    arguments: Vec<Value>,
    /// How often it has run, if a profile says so.
    count: Option<u64>,
    /// How many instructions there were before.
    instructions: usize,
}

impl Log {
    pub fn new(keeps_arguments: bool) -> Log {
        Log {
            entries: Vec::new(),
            keeps_arguments,
        }
    }

    /// Notes that this call is about to be replaced, which has run so often.
    pub fn add(
        &mut self,
        caller: &ir::Function,
        call: ir::Inst,
        callee: FuncId,
        count: Option<u64>,
    ) {
        self.entries.push(Entry {
            callee,
            opcode: caller.dfg.insts[call].opcode(),
            location: caller.srcloc(call),
            arguments: match self.keeps_arguments {
                true => caller.dfg.inst_args(call).to_vec(),
                false => Vec::new(),
            },
            count,
            instructions: caller.dfg.num_insts(),
        });
    }
}

impl Inlined {
    /// Of a function that nothing is inlined in yet.
    pub fn new(notes: &Notes) -> Inlined {
        let values = notes.locals.iter().map(|known| KnownValue {
            origin: Origin::Itself,
            local: known.local,
            from: known.from,
            to: known.to,
            value: known.value,
        });
        Inlined {
            values: values.collect(),
            counts: notes.blocks.clone(),
            ..Inlined::default()
        }
    }

    /// Notes of values that they are followed by others in other places.
    pub fn add_copies(&mut self, copies: impl Iterator<Item = (Value, Value)>) {
        let mut positions: HashMap<Value, Vec<u32>> = HashMap::new();
        let values = self.values.iter().map(|known| known.value);
        for (position, value) in (0..).zip(values) {
            positions.entry(value).or_default().push(position);
        }
        for &(value, position) in &self.copies {
            positions.entry(value).or_default().push(position);
        }
        if positions.is_empty() {
            return;
        }
        for (value, copy) in copies {
            let positions = positions.get(&value).into_iter().flatten();
            self.copies
                .extend(positions.map(|&position| (copy, position)));
        }
    }

    /// Gives what has been inlined into `func` its places. `body` is what was copied for a callee.
    pub fn locate<'c>(
        &mut self,
        func: &mut ir::Function,
        log: &Log,
        body: impl Fn(FuncId) -> (&'c ir::Function, &'c Inlined),
    ) {
        let mut positions: HashMap<Place, u32> = HashMap::new();
        let ends = log.entries.iter().skip(1).map(|entry| entry.instructions);
        let ends = ends.chain([func.dfg.num_insts()]);
        for (entry, end) in log.entries.iter().zip(ends) {
            let (body, inside) = body(entry.callee);
            let first = self.add(entry, inside);
            let copies = copied(body, entry.opcode);
            // A call with handlers may have a jump of its own to where its results go.
            let before = (end - entry.instructions).checked_sub(copies.len());
            let is_known = match before {
                Some(0) => true,
                Some(1) => entry.opcode == Opcode::TryCall,
                _ => false,
            };
            debug_assert!(is_known, "instructions are copied one after the other");
            if !is_known {
                continue;
            }
            self.add_values(
                func,
                entry,
                (body, inside),
                first,
                end - copies.len(),
                &copies,
            );
            self.add_counts(
                func,
                entry,
                (body, &inside.counts),
                end - copies.len(),
                &copies,
            );
            for (inst, (_, location)) in (end - copies.len()..end).zip(copies) {
                let place = inside.place(location).behind(first);
                let next = self.places.len();
                let position = *positions.entry(place).or_insert_with(|| {
                    self.places.push(place);
                    u32::try_from(next).expect("fewer places than instructions")
                });
                func.set_srcloc(ir::Inst::new(inst), SourceLoc::new(POSITION | position));
            }
        }
    }

    /// Adds the values that a callee's locals have in the caller: what its instructions give has been
    /// copied with them, and its parameters are what was passed.
    fn add_values(
        &mut self,
        func: &ir::Function,
        entry: &Entry,
        (body, inside): (&ir::Function, &Inlined),
        frame: u32,
        start: usize,
        copies: &[(ir::Inst, SourceLoc)],
    ) {
        if inside.values.is_empty() {
            return;
        }
        let copies: HashMap<ir::Inst, usize> = (start..)
            .zip(copies)
            .map(|(copy, &(inst, _))| (inst, copy))
            .collect();
        let values = inside.values.iter().filter_map(|known| {
            let value = real(body, known.value)?;
            let value = match body.dfg.value_def(value) {
                ValueDef::Result(inst, number) => {
                    let copy = ir::Inst::new(*copies.get(&inst)?);
                    *func.dfg.inst_results(copy).get(number)?
                }
                ValueDef::Param(block, number) if Some(block) == body.layout.entry_block() => {
                    *entry.arguments.get(number)?
                }
                ValueDef::Param(..) | ValueDef::Union(..) => return None,
            };
            Some(KnownValue {
                origin: known.origin.behind(frame),
                value,
                ..*known
            })
        });
        self.values.extend(values);
    }

    /// Adds how often the copies of a callee's blocks have run: as often as these, for each time that
    /// the call has.
    fn add_counts(
        &mut self,
        func: &ir::Function,
        entry: &Entry,
        (body, inside): (&ir::Function, &BlockCounts),
        start: usize,
        copies: &[(ir::Inst, SourceLoc)],
    ) {
        let (Some(count), 1..) = (entry.count, inside.entry) else {
            return;
        };
        for (copy, &(inst, _)) in (start..).zip(copies) {
            let copy = func.layout.inst_block(ir::Inst::new(copy));
            let block = body.layout.inst_block(inst);
            let known = block.and_then(|block| inside.blocks.get(&block));
            if let (Some(copy), Some(&known)) = (copy, known) {
                let count = u128::from(known) * u128::from(count) / u128::from(inside.entry);
                let count = u64::try_from(count).unwrap_or(u64::MAX);
                self.counts.blocks.entry(copy).or_insert(count);
            }
        }
    }

    /// Adds the frame of a callee, and those of what was inlined in it before. Gives the position of
    /// the first.
    fn add(&mut self, entry: &Entry, inside: &Inlined) -> u32 {
        let call = self.place(entry.location);
        let call = match (entry.opcode, call.origin) {
            (Opcode::ReturnCall, Origin::Itself) => None,
            (Opcode::ReturnCall, Origin::Frame(frame)) => self.frames[frame as usize].call,
            _ => Some(call),
        };
        let first = u32::try_from(self.frames.len()).expect("fewer frames than instructions");
        self.frames.push(Frame {
            func: entry.callee,
            call,
        });
        self.frames.extend(inside.frames.iter().map(|frame| Frame {
            func: frame.func,
            call: match frame.call {
                Some(place) => Some(place.behind(first)),
                None => call,
            },
        }));
        first
    }

    /// All of it in bytes; false if it has values, which are for debuggers.
    pub fn write(&self, writer: &mut Writer) -> bool {
        writer.count(self.frames.len());
        for frame in &self.frames {
            writer.number(frame.func.0);
            let call: &[Place] = match &frame.call {
                Some(place) => std::slice::from_ref(place),
                None => &[],
            };
            writer.pairs(&call.iter().map(Place::pair).collect::<Vec<_>>());
        }
        writer.pairs(&self.places.iter().map(Place::pair).collect::<Vec<_>>());
        self.values.is_empty()
    }

    /// What [`Self::write`] has written; nothing if it is something else.
    pub fn read(reader: &mut Reader<'_>) -> Option<Inlined> {
        let frames = reader.list(8, |reader| {
            Some((FuncId(reader.number()?), reader.pairs()?))
        })?;
        let count = frames.len();
        let places = |pairs: Vec<(u32, u32)>| -> Option<Vec<Place>> {
            let places = pairs.into_iter();
            places.map(|pair| Place::from_pair(pair, count)).collect()
        };
        let frames = frames.into_iter().map(|(func, call)| {
            let call = places(call)?.first().copied();
            Some(Frame { func, call })
        });
        Some(Inlined {
            frames: frames.collect::<Option<_>>()?,
            places: places(reader.pairs()?)?,
            ..Inlined::default()
        })
    }

    /// What places of values in the code depend on; not functions, which may be renumbered.
    pub fn hash_values(&self, hasher: &mut impl Hasher) {
        self.values.hash(hasher);
        if !self.values.is_empty() {
            self.places.hash(hasher);
            for frame in &self.frames {
                frame.call.hash(hasher);
            }
        }
    }

    /// What a source location of the function means.
    pub fn place(&self, location: SourceLoc) -> Place {
        let bits = location.bits();
        match bits.checked_sub(POSITION) {
            None => Place {
                origin: Origin::Itself,
                offset: Some(bits),
            },
            Some(position) => {
                let place = self.places.get(position as usize).copied();
                place.unwrap_or(Place {
                    origin: Origin::Itself,
                    offset: None,
                })
            }
        }
    }
}

impl Place {
    fn pair(&self) -> (u32, u32) {
        let origin = match self.origin {
            Origin::Itself => u32::MAX,
            Origin::Frame(frame) => frame,
        };
        (origin, self.offset.unwrap_or(u32::MAX))
    }

    /// One with a frame is only right if there are as many.
    fn from_pair((origin, offset): (u32, u32), frames: usize) -> Option<Place> {
        let origin = match origin {
            u32::MAX => Origin::Itself,
            frame if (frame as usize) < frames => Origin::Frame(frame),
            _ => return None,
        };
        let offset = Some(offset).filter(|&offset| offset != u32::MAX);
        Some(Place { origin, offset })
    }

    /// A callee's place in its caller, which has the callee's frame at `first`.
    fn behind(self, first: u32) -> Place {
        Place {
            origin: self.origin.behind(first),
            ..self
        }
    }
}

impl Origin {
    /// A number that is its own: the function that is compiled has the first.
    pub fn number(self) -> usize {
        match self {
            Origin::Itself => 0,
            Origin::Frame(frame) => 1 + frame as usize,
        }
    }

    fn behind(self, first: u32) -> Origin {
        match self {
            Origin::Itself => Origin::Frame(first),
            Origin::Frame(frame) => Origin::Frame(first + 1 + frame),
        }
    }
}

/// The value that one is an alias of. Some aliases are gone.
pub fn real(func: &ir::Function, mut value: Value) -> Option<Value> {
    while func.dfg.value_is_valid(value) {
        match func.dfg.value_alias_dest_for_serialization(value) {
            Some(next) => value = next,
            None => return Some(value),
        }
    }
    None
}

/// A callee's instructions with their source locations, in the order in which they are copied.
fn copied(body: &ir::Function, call: Opcode) -> Vec<(ir::Inst, SourceLoc)> {
    let mut locations = Vec::with_capacity(body.dfg.num_insts());
    for block in Dfs::new().pre_order_iter(body) {
        for inst in body.layout.block_insts(block) {
            locations.push((inst, body.srcloc(inst)));
            let opcode = body.dfg.insts[inst].opcode();
            let is_tail_call = matches!(opcode, Opcode::ReturnCall | Opcode::ReturnCallIndirect);
            // It becomes a call, and a jump behind it.
            if is_tail_call && call != Opcode::ReturnCall {
                locations.push((inst, body.srcloc(inst)));
            }
        }
    }
    locations
}
