//! Where code holds the values of locals, for core dumps: the records of `OnTrap::locals`.
//!
//! Comes in: what is known of locals, by function ([`code::Places`]). A value is told of only where it is
//! certain (`translate/tracking.rs` follows locals exactly where core dumps are written), and where the
//! allocator has it. Vectors and references have no form in a core dump.

use super::code;
use super::inlined::Origin;
use super::places::{frame_numbers, number, records, signed};
use super::program::Writer;
use super::saved::Saved;
use super::values::Holder;
use crate::index::FuncId;
use crate::plan::{FuncKind, LinkPlan};
use crate::target::Arch;
use foldhash::{HashMap, HashMapExt};
use wasmelt_abi::dump_local;
use wasmelt_abi::places::ITSELF;
use wasmparser::ValType;

/// The place of a function, a local, where in the code something holds it, and what.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Held {
    place: u32,
    local: u32,
    start: u32,
    end: u32,
    ty: u8,
    holder: Holder,
}

impl Writer<'_> {
    /// Gives the records, and where each group of them begins.
    pub(super) fn dump_locals(&self) -> (Vec<u8>, Vec<u32>) {
        let plan = self.plan;
        let mut types = HashMap::new();
        let functions = self.text.functions.iter();
        let bytes: HashMap<FuncId, u32> = functions.map(|&(id, _, bytes)| (id, bytes)).collect();
        records(self.text, |id, places, contents| {
            let mut held = held(plan, (id, bytes[&id]), places, &mut types);
            held.sort_unstable();
            held.dedup();
            if !held.is_empty() || !places.saved.is_empty() {
                encode(&places.saved, &held, contents);
            }
        })
    }
}

/// Longer functions may have the ends of traps in between, where branches do not reach further: what
/// holds values there is that of other code.
fn island_bytes_min(arch: Arch) -> u32 {
    match arch {
        Arch::X86_64 => u32::MAX,
        Arch::Aarch64 => 16 << 10,
        Arch::Riscv64 => 2 << 10,
    }
}

/// The forms of a function's locals, by function: up to which local, and which.
type Types = HashMap<FuncId, Vec<(u32, Option<u8>)>>;

fn held(
    plan: &LinkPlan<'_>,
    (id, bytes): (FuncId, u32),
    places: &code::Places,
    types: &mut Types,
) -> Vec<Held> {
    if places.values.is_empty() || bytes > island_bytes_min(plan.target.arch) {
        return Vec::new();
    }
    let numbers = frame_numbers(plan, places);
    let held = places.values.iter().filter_map(|value| {
        let known = places.known[value.value as usize];
        let (place, func) = match known.origin {
            Origin::Itself => (ITSELF, id),
            Origin::Frame(frame) => {
                let func = places.frames.get(frame as usize)?.func;
                (*numbers.get(&frame)?, func)
            }
        };
        let types = types.entry(func).or_insert_with(|| forms(plan, func));
        Some(Held {
            place,
            local: known.local,
            start: value.start,
            end: value.end,
            ty: types[types.partition_point(|&(end, _)| end <= known.local)..]
                .first()?
                .1?,
            holder: value.place,
        })
    });
    held.collect()
}

fn encode(saved: &[Saved], all: &[Held], out: &mut Vec<u8>) {
    number(out, saved.len() as u64);
    for &(register, at) in saved {
        number(out, register.into());
        signed(out, at.into());
    }
    for held in all {
        number(out, held.place.into());
        number(out, held.local.into());
        number(out, held.start.into());
        number(out, (held.end - held.start).into());
        match held.holder {
            Holder::Register(register) => {
                out.push(held.ty | dump_local::REGISTER);
                number(out, register.into());
            }
            Holder::Frame(at) => {
                out.push(held.ty);
                signed(out, at.into());
            }
        }
    }
}

/// By local: the form that its values have in a core dump. A body may declare many locals in few bytes.
fn forms(plan: &LinkPlan<'_>, func: FuncId) -> Vec<(u32, Option<u8>)> {
    let FuncKind::Body {
        instance, index, ..
    } = plan.funcs[func.index()].kind
    else {
        return Vec::new();
    };
    let sig = &plan.sigs[plan.func_sig(instance, index)];
    let params = (1..).zip(sig.params());
    let mut forms: Vec<(u32, Option<u8>)> = params.map(|(end, &ty)| (end, form(ty))).collect();
    let mut end = sig.params().len() as u32;
    let module = plan.module(instance);
    let body = &module.bodies[index.index() - module.functions_imported].body;
    for group in body.get_locals_reader().into_iter().flatten().flatten() {
        end += group.0;
        forms.push((end, form(group.1)));
    }
    forms
}

fn form(ty: ValType) -> Option<u8> {
    match ty {
        ValType::I32 => Some(dump_local::I32),
        ValType::I64 => Some(dump_local::I64),
        ValType::F32 => Some(dump_local::F32),
        ValType::F64 => Some(dump_local::F64),
        ValType::V128 | ValType::Ref(_) => None,
    }
}
