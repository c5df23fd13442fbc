//! Variables and parameters of functions, and variables outside of them.

use super::Writer;
use super::entries::{Label, Located};
use super::expression::{Context, Form, Frame, Memory};
use super::expressions::Expression;
use super::kinds;
use super::ranges::{Whose, Within};
use super::said::{Part, Parts, Said};
use super::types::Role;
use super::unit::OutUnit;
use crate::dwarf::{Global, Operation, Source, Variable};
use crate::emit::inlined::Origin;
use crate::index::FuncId;
use crate::plan::{FuncKind, LinkPlan, demangled};
use gimli::constants;

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

    /// Where a function's frame is.
    pub(super) fn frame(&mut self, of: Whose<'a, '_>) -> Option<Located> {
        let frame = &of.function.frame;
        if frame.is_empty() {
            return None;
        }
        self.location(of, &[(None, Said::Frame(frame))])
    }

    pub(super) fn add_variables(
        &mut self,
        unit: &mut OutUnit<'a>,
        of: Whose<'a, '_>,
        variables: &'a [Variable],
    ) {
        for variable in variables {
            self.add_variable(unit, of, variable);
        }
    }

    fn add_variable(&mut self, unit: &mut OutUnit<'a>, of: Whose<'a, '_>, variable: &'a Variable) {
        let (mut form, mut role) = form(of.source, variable.ty);
        let mut location = self.variable_location(of, variable, form);
        if location.is_none() && role == Role::Address {
            (form, role) = (Form::AsIs, Role::Plain);
            location = self.variable_location(of, variable, form);
        }
        let ty = variable.ty;
        let ty = ty.map(|ty| self.type_label(unit, of.source, ty, role));
        let name = self.texts.add(&variable.name);
        let place = self.place(unit, &of.source.files, variable.declared);
        let tag = match variable.is_parameter {
            true => constants::DW_TAG_formal_parameter,
            false => constants::DW_TAG_variable,
        };
        let mut entry = unit.entries.begin(&mut self.shapes, tag);
        entry.text(constants::DW_AT_name, name);
        if let Some(ty) = ty {
            entry.reference(constants::DW_AT_type, ty);
        }
        match (location, variable.constant) {
            (Some(location), _) => entry.located(constants::DW_AT_location, &location),
            (None, Some(value)) => entry.signed(constants::DW_AT_const_value, value),
            (None, None) => {}
        }
        entry.place(DECLARED, place);
        entry.end(None, false);
    }

    fn variable_location(
        &mut self,
        of: Whose<'a, '_>,
        variable: &'a Variable,
        form: Form,
    ) -> Option<Located> {
        let (_, body) = self.plan.body_in_code(of.func)?;
        let mut said = std::mem::take(&mut self.reused.said);
        said.clear();
        said.extend(variable.locations.iter().map(|located| {
            let within = located.range.map(|_| located.within(body.start));
            let expression = &of.source.operations[located.expression.clone()];
            (within, Said::Expression(expression, form))
        }));
        let location = self.location(of, &said);
        self.reused.said = said;
        location
    }

    pub(super) fn add_global(
        &mut self,
        unit: &mut OutUnit<'a>,
        source: &'a Source,
        memory: Memory,
        global: &'a Global,
    ) {
        let (types, mut target) = self.target(unit, source);
        let namespace = types.namespace(&mut target, global.namespace);
        let context = Context {
            arch: self.plan.target.arch,
            memory,
            frame: Frame::Said(&[]),
            holder: None,
            global: &|_| None,
        };
        let (form, role) = form(source, global.ty);
        let location = context.expression(
            &[Operation::Address(global.address)],
            form,
            Expression::default(),
        );
        let location = location.map(|location| self.always(location));
        let ty = global.ty;
        let ty = ty.map(|ty| self.type_label(unit, source, ty, role));
        let name = self.texts.add(&global.name);
        let linkage = global.linkage.as_ref();
        let linkage = linkage.filter(|linkage| demangled(linkage).is_some());
        let linkage = linkage.map(|linkage| self.texts.add(linkage));
        let place = self.place(unit, &source.files, global.declared);
        unit.entries.begin_piece(namespace);
        let tag = constants::DW_TAG_variable;
        let mut entry = unit.entries.begin(&mut self.shapes, tag);
        entry.text(constants::DW_AT_name, name);
        if let Some(linkage) = linkage {
            entry.text(constants::DW_AT_linkage_name, linkage);
        }
        entry.flag(constants::DW_AT_external);
        if let Some(ty) = ty {
            entry.reference(constants::DW_AT_type, ty);
        }
        if let Some(location) = location {
            entry.located(constants::DW_AT_location, &location);
        }
        entry.place(DECLARED, place);
        entry.end(None, false);
    }

    pub(super) fn type_label(
        &mut self,
        unit: &mut OutUnit<'a>,
        source: &'a Source,
        ty: u32,
        role: Role,
    ) -> Label {
        let (types, mut target) = self.target(unit, source);
        types.label(&mut target, ty, role)
    }

    fn always(&mut self, expression: Expression) -> Located {
        self.asks_store |= expression.asks_store;
        Located::Always(expression)
    }

    /// Where something is: said in parts of the body that the function has in the input.
    fn location(&mut self, of: Whose<'a, '_>, all: &[(Within, Said<'a>)]) -> Option<Located> {
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
            let expression = said.in_context(&context, Expression::default())?;
            return Some(self.always(expression));
        }
        let mut reused = std::mem::take(&mut self.reused.parts);
        let is_within = self.find_parts(of, all, frame, &mut reused);
        let is_frame = matches!(all, [(_, Said::Frame(_))]);
        let Parts {
            parts,
            expressions,
            spare,
            ..
        } = &mut reused;
        parts.sort_unstable_by_key(|part| (part.start, part.end, part.number));
        spare.extend(
            expressions
                .drain(..)
                .filter_map(|(.., expression)| expression),
        );
        for part in is_within.then_some(parts).into_iter().flatten() {
            let known = expressions
                .iter()
                .position(|(holder, number, _)| (*holder, *number) == (part.holder, part.number));
            let known = known.unwrap_or_else(|| {
                context.holder = part.holder;
                let empty = spare.pop().unwrap_or_default();
                let expression = all[part.number].1.in_context(&context, empty);
                expressions.push((part.holder, part.number, expression));
                expressions.len() - 1
            });
            if let Some(expression) = &expressions[known].2 {
                self.asks_store |= expression.asks_store;
                let (start, end) = (of.start + part.start, of.start + part.end);
                let lists = match is_frame {
                    true => &mut self.frames,
                    false => &mut self.locations,
                };
                lists.add_location(start, end, expression);
            }
        }
        self.reused.parts = reused;
        if !is_within {
            return None;
        }
        if is_frame {
            return self.frames.finish_unnumbered().map(Located::ListedAt);
        }
        let list = self.locations.finish_locations(of.start)?;
        Some(Located::Listed(list))
    }

    /// The parts of the code in which something is said. False if there are too many.
    fn find_parts(
        &mut self,
        of: Whose<'a, '_>,
        all: &[(Within, Said<'a>)],
        frame: Frame<'a>,
        found: &mut Parts,
    ) -> bool {
        let Parts {
            held, code, parts, ..
        } = found;
        parts.clear();
        for (number, &(within, said)) in all.iter().enumerate() {
            let before = parts.len();
            let looked = match (said.local(frame), within) {
                (Ok(Some(local)), _) => {
                    let looked = of.ranges.holders(of.origin, local, within, held);
                    parts.extend(held.iter().map(|held| Part {
                        start: held.start,
                        end: held.end,
                        holder: Some(held.place),
                        number,
                    }));
                    looked
                }
                (Ok(None), Some(_)) => {
                    let looked = of.ranges.code(of.origin, within, code);
                    parts.extend(code.iter().map(|&(start, end)| Part {
                        start,
                        end,
                        holder: None,
                        number,
                    }));
                    looked
                }
                (Ok(None), None) | (Err(_), _) => 0,
            };
            let all = looked / LOOKED_PER_LOCATION + (parts.len() - before);
            let Some(left) = self.left.checked_sub(all) else {
                return false;
            };
            self.left = left;
        }
        true
    }
}

const DECLARED: [gimli::DwAt; 3] = [
    constants::DW_AT_decl_file,
    constants::DW_AT_decl_line,
    constants::DW_AT_decl_column,
];

/// What is looked at for a location, where it counts as one.
const LOOKED_PER_LOCATION: usize = 16;

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
    match ty.filter(|&ty| kinds::is_address(source, ty)) {
        Some(ty) if kinds::stripped(source, ty).is_some_and(|ty| kinds::is_slice(source, ty)) => {
            (Form::Slice, Role::Address)
        }
        Some(_) => (Form::Pointer, Role::Address),
        None => (Form::AsIs, Role::Plain),
    }
}
