//! Variables and parameters of functions, and variables outside of them.

use super::expression::{Context, Form, Frame, Memory};
use super::ranges::Whose;
use super::types::{self, Role, Target};
use super::writing::{address, clean};
use super::{OutUnit, Writer};
use crate::dwarf::{Global, Located, Operation, Source, Variable};
use crate::emit::inlined::Origin;
use crate::index::FuncId;
use crate::plan::{FuncKind, demangled};
use gimli::constants;
use gimli::write::{AttributeValue, Expression, Location, LocationList, UnitEntryId};

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

    /// Where a global is kept: bytes from the start of the store.
    fn global(&self, func: FuncId, global: u32) -> Option<u64> {
        let FuncKind::Body { instance, .. } = self.plan.funcs[func.index()].kind else {
            return None;
        };
        let instance = &self.plan.instances[instance.index()];
        let id = *instance.globals.get(global as usize)?;
        let slot = self.plan.globals[id.index()].slot?;
        let region = &self.plan.regions[slot.region.index()];
        region.memory_offset.checked_add_signed(slot.offset.into())
    }

    /// Says what a function gives, and where its frame is.
    pub(super) fn add_frame(&mut self, unit: &mut OutUnit, entry: UnitEntryId, of: Whose<'a, '_>) {
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
        let is_said = |context: &Context<'_, '_>| context.frame_address(frame);
        if let Some(value) = self.location_of(of, frame, None, &is_said) {
            let value = self.location(unit, vec![value]);
            if let Some(value) = value {
                let written = self.dwarf.units.get_mut(unit.id).get_mut(entry);
                written.set(constants::DW_AT_frame_base, value);
            }
        }
    }

    /// Adds the variables of a scope to its entry.
    pub(super) fn add_variables(
        &mut self,
        unit: &mut OutUnit,
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
        unit: &mut OutUnit,
        parent: UnitEntryId,
        of: Whose<'a, '_>,
        variable: &'a Variable,
    ) {
        let tag = match variable.is_parameter {
            true => constants::DW_TAG_formal_parameter,
            false => constants::DW_TAG_variable,
        };
        let (mut form, mut role) = form(of.source, variable.ty);
        let mut location = self.variable_location(unit, of, variable, form);
        if location.is_none() && role == Role::Address {
            (form, role) = (Form::AsIs, Role::Plain);
            location = self.variable_location(unit, of, variable, form);
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
        unit: &OutUnit,
        of: Whose<'a, '_>,
        variable: &Variable,
        form: Form,
    ) -> Option<AttributeValue> {
        let mut found = Vec::new();
        for Located { range, expression } in &variable.locations {
            let said = |context: &Context<'_, '_>| context.expression(expression, form);
            found.extend(self.location_of(of, expression, *range, &said));
        }
        self.location(unit, found)
    }

    pub(super) fn add_global(
        &mut self,
        unit: &mut OutUnit,
        source: &'a Source,
        memory: Memory,
        global: &'a Global,
    ) {
        let mut target = Target {
            dwarf: &mut self.dwarf,
            unit: unit.id,
            source,
            memory: Some(memory),
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
        unit: &mut OutUnit,
        source: &Source,
        ty: u32,
        role: Role,
    ) -> UnitEntryId {
        let mut target = Target {
            dwarf: &mut self.dwarf,
            unit: unit.id,
            source,
            memory: unit.memory,
        };
        unit.types.entry(&mut target, ty, role)
    }

    /// Where an expression is true, and what it becomes there.
    fn location_of(
        &mut self,
        of: Whose<'a, '_>,
        operations: &[Operation],
        range: Option<(u32, u32)>,
        said: &dyn Fn(&Context<'_, '_>) -> Option<Expression>,
    ) -> Option<Found> {
        let memory = self.memory(of.func)?;
        let (_, body) = self.plan.body_in_code(of.func)?;
        let within = range.map(|(from, to)| {
            (
                from.saturating_sub(body.start),
                to.saturating_sub(body.start),
            )
        });
        // Debuggers know the frame of the function itself.
        let frame = match of.origin {
            Origin::Itself => Frame::Known,
            Origin::Frame(_) => Frame::Said(&of.function.frame),
        };
        let asks = operations
            .iter()
            .any(|operation| matches!(operation, Operation::Frame(_)));
        let of_frame: &[Operation] = match frame {
            Frame::Said(frame) if asks => frame,
            _ => &[],
        };
        let mut locals =
            operations
                .iter()
                .chain(of_frame)
                .filter_map(|operation| match operation {
                    Operation::Local(local) => Some(*local),
                    _ => None,
                });
        let local = locals.next();
        if locals.any(|other| Some(other) != local) {
            return None;
        }
        let writer = &*self;
        let global = |global| writer.global(of.func, global);
        let mut context = Context {
            arch: self.plan.target.arch,
            memory,
            frame,
            holder: None,
            global: &global,
        };
        let Some(local) = local else {
            let expression = said(&context)?;
            if within.is_none() {
                return Some(Found::Everywhere(expression));
            }
            let code = of.ranges.code(of.origin, within);
            let list = code
                .into_iter()
                .map(|(start, end)| (of.start, start, end, expression.clone()));
            return Some(Found::There(list.collect()));
        };
        let mut list = Vec::new();
        for (start, end, holder) in of.ranges.holders(of.origin, local, within) {
            context.holder = Some(holder);
            if let Some(expression) = said(&context) {
                list.push((of.start, start, end, expression));
            }
        }
        Some(Found::There(list))
    }

    fn location(&mut self, unit: &OutUnit, mut found: Vec<Found>) -> Option<AttributeValue> {
        if let [Found::Everywhere(_)] = &*found
            && let Some(Found::Everywhere(expression)) = found.pop()
        {
            return Some(AttributeValue::Exprloc(expression));
        }
        let mut list = Vec::new();
        for found in found {
            match found {
                Found::Everywhere(_) => {}
                Found::There(parts) => list.extend(parts),
            }
        }
        self.left = self.left.checked_sub(list.len())?;
        list.sort_by_key(|part| (part.1, part.2));
        let list = list
            .into_iter()
            .map(|(base, start, end, data)| Location::StartLength {
                begin: address(base + start),
                length: u64::from(end - start),
                data,
            });
        let list: Vec<Location> = list.collect();
        if list.is_empty() {
            return None;
        }
        let list = self
            .dwarf
            .units
            .get_mut(unit.id)
            .locations
            .add(LocationList(list));
        Some(AttributeValue::LocationListRef(list))
    }
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

/// Where something is.
enum Found {
    Everywhere(Expression),
    /// The start of the function, from where to where in it, and what is true there.
    There(Vec<(u32, u32, u32, Expression)>),
}
