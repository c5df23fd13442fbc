//! Plain instructions, as most are: they read values early that are in registers, in any registers,
//! and write one value late, in any register or in that of a value that is not needed any longer.
//!
//! What `instruction` does for all comes to this for them: each operand is where its value is, then
//! what is not needed any longer leaves its register, and the result takes one. Nothing is pinned or
//! claimed that the result could be in the way of, and nothing moves but what the result displaces.

use crate::machine::NO_REGISTER;
use crate::memory::Scratch;
use crate::operands::{Constraint, Operand, Role};
use crate::plan::Plan;
use crate::scan::Scan;
use regalloc2::RegAllocError;

impl Scan<'_> {
    /// False, and nothing is done, if an instruction is not plain. The number of its first operand is `base`.
    ///
    /// # Errors
    /// When it needs more registers than there are.
    pub fn plain(
        &mut self,
        operands: &[Operand],
        inst: u32,
        base: usize,
        scratch: &mut Scratch,
    ) -> Result<bool, RegAllocError> {
        let Some(result) = self.plain_result(operands, inst) else {
            return Ok(false);
        };
        for (place, operand) in operands.iter().enumerate() {
            if operand.role == Role::ReadEarly {
                let register = self.state(operand.value).register;
                self.set_operand(base + place, register);
            }
        }
        for operand in operands.iter().filter(|one| one.role == Role::ReadEarly) {
            if !self.survives(operand.value, inst) {
                self.remove(operand.value);
            }
        }
        if let Some(place) = result {
            let plan = Plan {
                inst,
                base,
                ..Plan::default()
            };
            self.plain_definition(operands, place, &plan, scratch)?;
        }
        Ok(true)
    }

    /// The number of the operand that a plain instruction writes, or none within; none at all if an
    /// instruction is not plain.
    fn plain_result(&mut self, operands: &[Operand], inst: u32) -> Option<Option<usize>> {
        let mut result = None;
        for (place, operand) in operands.iter().enumerate() {
            match (operand.role, operand.constraint) {
                (Role::ReadEarly, Constraint::Any | Constraint::Register) => {
                    if self.state(operand.value).register == NO_REGISTER {
                        return None;
                    }
                }
                (Role::WrittenLate, Constraint::Register) if result.is_none() => {
                    result = Some(place);
                }
                (Role::WrittenLate, Constraint::Tied(other)) if result.is_none() => {
                    if self.survives(operands[usize::from(other)].value, inst) {
                        return None;
                    }
                    result = Some(place);
                }
                (Role::Given, _) => {}
                _ => return None,
            }
        }
        Some(result)
    }

    fn plain_definition(
        &mut self,
        operands: &[Operand],
        place: usize,
        plan: &Plan,
        scratch: &mut Scratch,
    ) -> Result<(), RegAllocError> {
        let operand = operands[place];
        let value = operand.value;
        let register = match operand.constraint {
            Constraint::Tied(other) => {
                let input = self.memory.allocs[plan.base + usize::from(other)];
                let register = input.as_reg().and_then(|one| self.machine.number(one));
                register.expect("it was set")
            }
            _ => {
                let allowed = self.machine.of_class[usize::from(operand.class)];
                self.take(value, allowed, plan, scratch)?
            }
        };
        self.set(plan, place, register);
        self.defined(value, register, plan.inst);
        if !scratch.stores.is_empty() {
            self.write_moves(plan, scratch);
        }
        scratch.origins.clear();
        Ok(())
    }
}
