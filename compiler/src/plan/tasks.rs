//! What calls of async functions need of the plan: records for the runtime, and what is known of
//! the code of component instances.

use super::linked::Subject;
use super::record::TaskUse;
use super::{CanonKind, LinkPlan, Record, Slot};
use crate::index::ComponentId;

/// By [`ComponentId`].
pub(super) fn uses(plan: &LinkPlan<'_>) -> Vec<TaskUse> {
    let mut uses = vec![TaskUse::default(); plan.linked.instances.len()];
    for (position, canon) in plan.linked.canons.iter().enumerate() {
        let (func, _) = plan.canon_funcs[position];
        if !plan.reachable[func.index()] {
            continue;
        }
        let instance_of = |options| plan.linked.option(options).instance;
        let (instance, blocks, context) = match canon.kind {
            CanonKind::Host {
                options, blocks, ..
            }
            | CanonKind::End {
                options, blocks, ..
            } => (instance_of(options), blocks, false),
            CanonKind::TaskAdapter { options, lift } => {
                let waits = !plan.linked.option(options).is_async;
                let blocks = waits && plan.linked.is_async(lift);
                (instance_of(options), blocks, false)
            }
            CanonKind::ThreadNew { instance, .. } => (instance, true, false),
            CanonKind::Builtin(builtin) => {
                let takes_turns = plan.linked.instances[builtin.instance.index()].takes_turns;
                let context = builtin.subject == Subject::Task || takes_turns;
                (builtin.instance, builtin.blocks, context)
            }
            _ => continue,
        };
        let of_instance: &mut TaskUse = &mut uses[instance.index()];
        of_instance.blocks |= blocks;
        of_instance.context |= context;
    }
    uses
}

impl LinkPlan<'_> {
    /// What the code of a component instance can do.
    #[must_use]
    pub fn task_use(&self, instance: ComponentId) -> TaskUse {
        self.task_uses[instance.index()]
    }

    /// Where code finds the address of a record.
    ///
    /// # Panics
    /// When nothing that is reachable uses it.
    #[must_use]
    pub fn record_slot(&self, record: Record) -> Slot {
        self.records[&record]
    }

    /// The instances that a call enters, of those whose flag is ever looked at.
    #[must_use]
    pub fn entering_set(
        &self,
        caller: Option<ComponentId>,
        callee: ComponentId,
    ) -> Vec<ComponentId> {
        let mut entered = self.linked.entered(caller, callee);
        entered.retain(|instance| self.reentrant[instance.index()]);
        entered
    }
}
