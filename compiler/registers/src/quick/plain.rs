//! Instructions that read registers first and then write some, one of them perhaps in place of what was
//! read.

use super::machine::{Masks, register};
use super::place::in_register;
use super::state::{NOWHERE, Quick};
use regalloc2::{
    Allocation, Function, Inst, Operand, OperandConstraint, OperandKind, OperandPos, PRegSet,
    RegAllocError,
};

/// What makes an instruction plain.
struct Plain {
    /// Registers with what it reads.
    read: Masks,
    /// The operand that another is written in place of, and that.
    tied: Option<(usize, usize)>,
}

impl Quick {
    /// # Errors
    /// When it needs what there is not.
    pub(super) fn instruction(
        &mut self,
        func: &dyn Function,
        inst: Inst,
    ) -> Result<(), RegAllocError> {
        self.offsets.push(self.allocs.len() as u32);
        let operands = func.inst_operands(inst);
        let clobbers = func.inst_clobbers(inst);
        if clobbers != PRegSet::empty() {
            let clobbers = self.machine.masks(clobbers);
            return self.mixed(func, inst, operands, clobbers);
        }
        match self.plain(operands) {
            Some(plain) => self.make(func, inst, operands, plain),
            None => self.mixed(func, inst, operands, Masks::default()),
        }
    }

    fn plain(&self, operands: &[Operand]) -> Option<Plain> {
        let mut plain = Plain {
            read: Masks::default(),
            tied: None,
        };
        for (number, operand) in operands.iter().enumerate() {
            match (operand.constraint(), operand.kind(), operand.pos()) {
                (OperandConstraint::Reg, OperandKind::Use, OperandPos::Early) => {
                    let place = self.values[operand.vreg().vreg()].place;
                    if place != NOWHERE {
                        plain.read.add(place);
                    }
                }
                (OperandConstraint::Reg, OperandKind::Def, OperandPos::Late) => {}
                (OperandConstraint::Reuse(other), OperandKind::Def, OperandPos::Late)
                    if plain.tied.is_none() =>
                {
                    plain.tied = Some((other, number));
                }
                _ => return None,
            }
        }
        Some(plain)
    }

    fn make(
        &mut self,
        func: &dyn Function,
        inst: Inst,
        operands: &[Operand],
        plain: Plain,
    ) -> Result<(), RegAllocError> {
        let start = self.allocs.len();
        let mut read = plain.read;
        let mut some_end = false;
        for operand in operands {
            if operand.kind() == OperandKind::Def {
                self.allocs.push(Allocation::none());
                continue;
            }
            let (vreg, class) = (operand.vreg(), operand.class());
            let value = &mut self.values[vreg.vreg()];
            value.uses -= 1;
            some_end |= value.uses == 0;
            let mut place = value.place;
            if place == NOWHERE {
                let hint = value.hint;
                let among = self.machine.all[class] & !read[class];
                place = self.pick(class, among, hint)?;
                self.load(func, (vreg.vreg() as u32, class), place, inst)?;
                self.put(vreg.vreg() as u32, place, inst);
                read.add(place);
            } else {
                self.registers.touch(place, inst);
            }
            self.allocs.push(in_register(place));
        }
        let mut written = Masks::default();
        if let Some((used, made)) = plain.tied {
            let register = self.in_place_of(inst, operands, (used, made), read)?;
            self.allocs[start + used] = in_register(register);
            self.allocs[start + made] = in_register(register);
            written.add(register);
        }
        if some_end {
            self.end_uses(operands);
        }
        for (number, operand) in operands.iter().enumerate() {
            if operand.kind() == OperandKind::Use {
                continue;
            }
            let (vreg, class) = (operand.vreg(), operand.class());
            let tied = self.allocs[start + number].as_reg();
            let to = match tied {
                Some(tied) => tied.index() as u8,
                None => {
                    let hint = self.values[vreg.vreg()].hint;
                    let among = self.machine.all[class] & !written[class];
                    self.pick(class, among, hint)?
                }
            };
            self.allocs[start + number] = Allocation::reg(register(to));
            written.add(to);
            self.define(vreg, to, inst)?;
        }
        Ok(())
    }

    /// The register of an operand that another is written in place of. If it is used later, it stays
    /// where it is, and there is a copy of it.
    fn in_place_of(
        &mut self,
        inst: Inst,
        operands: &[Operand],
        (used, made): (usize, usize),
        read: Masks,
    ) -> Result<u8, RegAllocError> {
        let (operand, made) = (operands.get(used), operands[made]);
        let operand = operand.filter(|one| one.kind() == OperandKind::Use);
        let operand = operand.ok_or(RegAllocError::TooManyOperands)?;
        let value = self.values[operand.vreg().vreg()];
        if value.uses == 0 {
            return Ok(value.place);
        }
        let class = operand.class();
        let hint = self.values[made.vreg().vreg()].hint;
        let among = self.machine.all[class] & !read[class];
        let copy = self.pick(class, among, hint)?;
        self.edit(inst, in_register(value.place), in_register(copy));
        Ok(copy)
    }

    /// Values that are not used any longer leave their registers.
    pub(super) fn end_uses(&mut self, operands: &[Operand]) {
        for operand in operands {
            if operand.kind() == OperandKind::Use
                && operand.as_fixed_nonallocatable().is_none()
                && let value = self.values[operand.vreg().vreg()]
                && value.uses == 0
                && value.place != NOWHERE
            {
                self.free(value.place);
            }
        }
    }
}
