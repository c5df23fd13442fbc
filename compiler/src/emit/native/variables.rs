//! Variables and parameters of functions, and variables outside of them.

use super::expression::{Context, Form, Frame, Memory};
use super::expressions::{Bytes, Sink};
use super::ranges::{Whose, Within};
use super::types::{self, Role, Target};
use super::writing::clean;
use super::{OutUnit, Writer};
use crate::dwarf::{Global, Operation, Source, Variable};
use crate::emit::inlined::Origin;
use crate::emit::values::Holder;
use crate::index::FuncId;
use crate::plan::{FuncKind, LinkPlan, demangled};
use gimli::DebugMacroOffset;
use gimli::constants;
use gimli::write::{AttributeValue, Expression, UnitEntryId};

impl<'a> Writer<'a> {
    /// The memory that addresses of a function's module are in.
    pub(super) fn memory(&self, func: FuncId) -> Option<Memory> {
        if self.plan.is_library() {
            return None;
        }
        let FuncKind::Body { instance, .. } = self.plan.funcs[func.index()].kind else {
            return None;
        };
        let instance = &self.plan.instances[instance.index()];
        let memory = &self.plan.memories[instance.memories.first()?.index()];
        let region = &self.plan.regions[memory.region.index()];
        Some(Memory {
            offset: region.memory_offset,
            is_64: memory.ty.memory64,
        })
    }

    /// Says what a function gives, and where its frame is.
    pub(super) fn add_frame(
        &mut self,
        unit: &mut OutUnit<'a>,
        entry: UnitEntryId,
        of: Whose<'a, '_>,
    ) {
        if let Some(ty) = of.function.result {
            let ty = self.type_entry(unit, of.source, ty, Role::Plain);
            let written = self.dwarf.units.get_mut(unit.id).get_mut(entry);
            written.set(constants::DW_AT_type, AttributeValue::UnitRef(ty));
            // It is written where the caller wants it, and nothing is given.
            if types::stripped(of.source, of.function.result.unwrap_or_default())
                .is_some_and(|found| types::has_place(found.tag))
            {
                let convention = AttributeValue::CallingConvention(constants::DW_CC_nocall);
                written.set(constants::DW_AT_calling_convention, convention);
            }
        }
        let frame = &of.function.frame;
        if frame.is_empty() {
            return;
        }
        let value = self.location(of, &[(None, Said::Frame(frame))]);
        if let Some(value) = value {
            let written = self.dwarf.units.get_mut(unit.id).get_mut(entry);
            written.set(constants::DW_AT_frame_base, value);
        }
    }

    /// Adds the variables of a scope to its entry.
    pub(super) fn add_variables(
        &mut self,
        unit: &mut OutUnit<'a>,
        entry: UnitEntryId,
        of: Whose<'a, '_>,
        scope: Option<u32>,
    ) {
        let all = &of.function.variables;
        let first = all.partition_point(|variable| variable.scope < scope);
        let variables = all[first..]
            .iter()
            .take_while(|variable| variable.scope == scope);
        for variable in variables {
            self.add_variable(unit, entry, of, variable);
        }
    }

    fn add_variable(
        &mut self,
        unit: &mut OutUnit<'a>,
        parent: UnitEntryId,
        of: Whose<'a, '_>,
        variable: &'a Variable,
    ) {
        let tag = match variable.is_parameter {
            true => constants::DW_TAG_formal_parameter,
            false => constants::DW_TAG_variable,
        };
        let (mut form, mut role) = form(of.source, variable.ty);
        let mut location = self.variable_location(of, variable, form);
        if location.is_none() && role == Role::Address {
            (form, role) = (Form::AsIs, Role::Plain);
            location = self.variable_location(of, variable, form);
        }
        let ty = variable
            .ty
            .map(|ty| self.type_entry(unit, of.source, ty, role));
        let name = self.dwarf.strings.add(clean(&variable.name));
        let out = self.dwarf.units.get_mut(unit.id);
        let entry = out.add(parent, tag);
        let written = out.get_mut(entry);
        written.set(constants::DW_AT_name, AttributeValue::StringRef(name));
        if let Some(ty) = ty {
            written.set(constants::DW_AT_type, AttributeValue::UnitRef(ty));
        }
        match (location, variable.constant) {
            (Some(location), _) => written.set(constants::DW_AT_location, location),
            (None, Some(value)) => {
                written.set(constants::DW_AT_const_value, AttributeValue::Sdata(value));
            }
            (None, None) => {}
        }
        self.set_position(
            unit,
            entry,
            &of.source.files,
            variable.declared,
            [
                constants::DW_AT_decl_file,
                constants::DW_AT_decl_line,
                constants::DW_AT_decl_column,
            ],
        );
    }

    fn variable_location(
        &mut self,
        of: Whose<'a, '_>,
        variable: &'a Variable,
        form: Form,
    ) -> Option<AttributeValue> {
        let (_, body) = self.plan.body_in_code(of.func)?;
        let locations = variable.locations.iter().map(|located| {
            let within = located.range.map(|_| located.within(body.start));
            (within, Said::Expression(&located.expression, form))
        });
        let locations: Vec<_> = locations.collect();
        self.location(of, &locations)
    }

    pub(super) fn add_global(
        &mut self,
        unit: &mut OutUnit<'a>,
        source: &'a Source,
        memory: Memory,
        global: &'a Global,
    ) {
        let mut target = Target {
            dwarf: &mut self.dwarf,
            unit: unit.id,
            source,
            memory: Some(memory),
            left: &mut self.types_left,
        };
        let parent = unit.types.namespace(&mut target, global.namespace);
        let context = Context {
            arch: self.plan.target.arch,
            memory,
            frame: Frame::Said(&[]),
            holder: None,
            global: &|_| None,
        };
        let (form, role) = form(source, global.ty);
        let location = context.expression(&[Operation::Address(global.address)], form);
        let ty = global.ty.map(|ty| self.type_entry(unit, source, ty, role));
        let out = self.dwarf.units.get_mut(unit.id);
        let entry = out.add(parent, constants::DW_TAG_variable);
        let name = self.dwarf.strings.add(clean(&global.name));
        let linkage = global.linkage.as_ref();
        let linkage = linkage.filter(|linkage| demangled(linkage).is_some());
        let linkage = linkage.map(|linkage| self.dwarf.strings.add(clean(linkage)));
        let written = self.dwarf.units.get_mut(unit.id).get_mut(entry);
        written.set(constants::DW_AT_name, AttributeValue::StringRef(name));
        if let Some(linkage) = linkage {
            let linkage = AttributeValue::StringRef(linkage);
            written.set(constants::DW_AT_linkage_name, linkage);
        }
        written.set(constants::DW_AT_external, AttributeValue::FlagPresent);
        if let Some(ty) = ty {
            written.set(constants::DW_AT_type, AttributeValue::UnitRef(ty));
        }
        if let Some(location) = location {
            written.set(constants::DW_AT_location, AttributeValue::Exprloc(location));
        }
        self.set_position(
            unit,
            entry,
            &source.files,
            global.declared,
            [
                constants::DW_AT_decl_file,
                constants::DW_AT_decl_line,
                constants::DW_AT_decl_column,
            ],
        );
    }

    fn type_entry(
        &mut self,
        unit: &mut OutUnit<'a>,
        source: &'a Source,
        ty: u32,
        role: Role,
    ) -> UnitEntryId {
        let mut target = Target {
            dwarf: &mut self.dwarf,
            unit: unit.id,
            source,
            memory: unit.memory,
            left: &mut self.types_left,
        };
        unit.types.entry(&mut target, ty, role)
    }

    /// Where something is: said in parts of the body that the function has in the input.
    fn location(
        &mut self,
        of: Whose<'a, '_>,
        all: &[(Within, Said<'a>)],
    ) -> Option<AttributeValue> {
        let memory = self.memory(of.func)?;
        // Debuggers know the frame of the function itself.
        let frame = match of.origin {
            Origin::Itself => Frame::Known,
            Origin::Frame(_) => Frame::Said(&of.function.frame),
        };
        let (plan, func) = (self.plan, of.func);
        let global = |global| global_place(plan, func, global);
        let mut context = Context {
            arch: plan.target.arch,
            memory,
            frame,
            holder: None,
            global: &global,
        };
        if let [(None, said)] = all
            && said.local(frame) == Ok(None)
        {
            let expression = said.in_context::<Expression>(&context)?;
            return Some(AttributeValue::Exprloc(expression));
        }
        let mut parts = Vec::new();
        for (number, &(within, said)) in all.iter().enumerate() {
            let before = parts.len();
            match (said.local(frame), within) {
                (Ok(Some(local)), _) => {
                    let (held, looked) = of.ranges.holders(of.origin, local, within);
                    self.left = self.left.checked_sub(looked / LOOKED_PER_LOCATION)?;
                    parts.extend(held.into_iter().map(|held| Part {
                        start: held.start,
                        end: held.end,
                        holder: Some(held.place),
                        number,
                    }));
                }
                (Ok(None), Some(_)) => {
                    let (code, looked) = of.ranges.code(of.origin, within);
                    self.left = self.left.checked_sub(looked / LOOKED_PER_LOCATION)?;
                    parts.extend(code.into_iter().map(|(start, end)| Part {
                        start,
                        end,
                        holder: None,
                        number,
                    }));
                }
                (Ok(None), None) | (Err(_), _) => {}
            }
            self.left = self.left.checked_sub(parts.len() - before)?;
        }
        parts.sort_unstable_by_key(|part| (part.start, part.end, part.number));
        let mut expressions: Vec<(Option<Holder>, usize, Option<Bytes>)> = Vec::new();
        for part in parts {
            let known = expressions
                .iter()
                .position(|(holder, number, _)| (*holder, *number) == (part.holder, part.number));
            let known = known.unwrap_or_else(|| {
                context.holder = part.holder;
                let expression = all[part.number].1.in_context(&context);
                expressions.push((part.holder, part.number, expression));
                expressions.len() - 1
            });
            if let Some(expression) = &expressions[known].2 {
                self.lists.add(part.start, part.end, expression);
            }
        }
        let at = self.lists.finish_list(of.start)?;
        Some(AttributeValue::DebugMacroRef(DebugMacroOffset(at)))
    }
}

/// What is looked at for a location, where it counts as one.
const LOOKED_PER_LOCATION: usize = 16;

/// A part of a function's code, and what is true there.
struct Part {
    start: u32,
    end: u32,
    holder: Option<Holder>,
    number: usize,
}

/// What the input says of where something is.
#[derive(Clone, Copy)]
enum Said<'a> {
    /// The address of a function's frame.
    Frame(&'a [Operation]),
    Expression(&'a [Operation], Form),
}

#[derive(PartialEq, Eq)]
struct SeveralLocals;

impl<'a> Said<'a> {
    fn in_context<S: Sink>(self, context: &Context<'_, '_>) -> Option<S> {
        match self {
            Said::Frame(operations) => context.frame_address(operations),
            Said::Expression(operations, form) => context.expression(operations, form),
        }
    }

    /// The local that it is said by, if it is by one.
    ///
    /// # Errors
    /// It is said by several.
    fn local(self, frame: Frame<'a>) -> Result<Option<u32>, SeveralLocals> {
        let (Said::Frame(operations) | Said::Expression(operations, _)) = self;
        let asks = operations
            .iter()
            .any(|operation| matches!(operation, Operation::Frame(_)));
        let of_frame: &[Operation] = match frame {
            Frame::Said(frame) if asks => frame,
            _ => &[],
        };
        let all = operations.iter().chain(of_frame);
        let mut locals = all.filter_map(|operation| match operation {
            Operation::Local(local) => Some(*local),
            _ => None,
        });
        let local = locals.next();
        match locals.any(|other| Some(other) != local) {
            true => Err(SeveralLocals),
            false => Ok(local),
        }
    }
}

/// Where a global is kept: bytes from the start of the store.
fn global_place(plan: &LinkPlan<'_>, func: FuncId, global: u32) -> Option<u64> {
    let FuncKind::Body { instance, .. } = plan.funcs[func.index()].kind else {
        return None;
    };
    let instance = &plan.instances[instance.index()];
    let id = *instance.globals.get(global as usize)?;
    let slot = plan.globals[id.index()].slot?;
    let region = &plan.regions[slot.region.index()];
    region.memory_offset.checked_add_signed(slot.offset.into())
}

/// How a variable of a type is given.
fn form(source: &Source, ty: Option<u32>) -> (Form, Role) {
    match ty.filter(|&ty| types::is_address(source, ty)) {
        Some(ty) if types::stripped(source, ty).is_some_and(|ty| types::is_slice(source, ty)) => {
            (Form::Slice, Role::Address)
        }
        Some(_) => (Form::Pointer, Role::Address),
        None => (Form::AsIs, Role::Plain),
    }
}
