//! Which component instances can be entered while they are entered.
//!
//! Only they need the flag `may_enter`. Instances call what they import, so that calls hardly ever
//! lead back; where they could, there is a way through the graph of all `canon` definitions that
//! call another instance. The host calls from outside alone, never out of a function that it was
//! called for.

use crate::index::ComponentId;
use crate::plan::linked::{CanonKind, Linked, Resource};
use std::collections::{BTreeMap, BTreeSet};

/// With more steps than this, every instance counts as one that can be entered again.
const STEPS_MAX: usize = 10_000_000;

impl Linked<'_> {
    /// By [`ComponentId`]: whether it can be entered while it is entered.
    #[must_use]
    pub fn reentrant(&self) -> Vec<bool> {
        let calls = self.calls();
        let count: usize = calls.values().map(BTreeSet::len).sum();
        let called: BTreeSet<ComponentId> = calls.values().flatten().copied().collect();
        if called.len().saturating_mul(count) > STEPS_MAX {
            return vec![true; self.instances.len()];
        }
        let mut reentrant = vec![false; self.instances.len()];
        for callee in called {
            let again = self.entered_below(&calls, callee);
            let callers = calls
                .iter()
                .filter(|(_, callees)| callees.contains(&callee));
            for (&caller, _) in callers {
                for entered in self.entered(Some(caller), callee) {
                    reentrant[entered.index()] |= again.contains(&entered);
                }
            }
        }
        reentrant
    }

    /// By caller: the instances that it calls, or whose destructors it calls.
    fn calls(&self) -> BTreeMap<ComponentId, BTreeSet<ComponentId>> {
        let mut calls: BTreeMap<ComponentId, BTreeSet<ComponentId>> = BTreeMap::new();
        for canon in &self.canons {
            let (caller, callee) = match canon.kind {
                CanonKind::Adapter { lift, options } | CanonKind::TaskAdapter { lift, options } => {
                    let lift = &self.lifts[lift.index()];
                    let instance = |id| self.option(id).instance;
                    let (caller, callee) = (instance(options), instance(lift.options));
                    // Such a call is a trap.
                    if self.are_nested(caller, callee) {
                        continue;
                    }
                    (caller, callee)
                }
                CanonKind::ResourceDrop { resource, instance } => {
                    match self.resources[resource.index()] {
                        Resource::Guest {
                            instance: definer, ..
                        } => (instance, definer),
                        _ => continue,
                    }
                }
                _ => continue,
            };
            calls.entry(caller).or_default().insert(callee);
        }
        calls
    }

    /// What calls enter that are made, directly or not, while an instance runs.
    fn entered_below(
        &self,
        calls: &BTreeMap<ComponentId, BTreeSet<ComponentId>>,
        instance: ComponentId,
    ) -> BTreeSet<ComponentId> {
        let mut entered = BTreeSet::new();
        let mut seen = BTreeSet::from([instance]);
        let mut work = vec![instance];
        while let Some(caller) = work.pop() {
            for &callee in calls.get(&caller).into_iter().flatten() {
                entered.extend(self.entered(Some(caller), callee));
                if seen.insert(callee) {
                    work.push(callee);
                }
            }
        }
        entered
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::canonical::FuncTy;
    use crate::index::{CanonId, LiftId, OptionsId};
    use crate::plan::linked::{Canon, CanonOptions, ComponentInstance, CoreDef, Lift};
    use wasmelt_abi::{PtrType, StringEncoding, TrapCode};
    use wasmparser::FuncType;

    /// Instance 0 is around the others, which make these calls.
    fn program(instances: u32, calls: &[(u32, u32)]) -> Linked<'static> {
        let mut linked = Linked::default();
        for id in 0..instances {
            linked.instances.push(ComponentInstance {
                parent: (id != 0).then_some(ComponentId(0)),
                takes_turns: false,
            });
            linked.options.push(CanonOptions {
                encoding: StringEncoding::Utf8,
                memory: None,
                realloc: None,
                callback: None,
                is_async: false,
                ptr: PtrType::I32,
                instance: ComponentId(id),
            });
        }
        let ty = linked.types.intern_func(FuncTy {
            params: Vec::new(),
            result: None,
            is_async: false,
        });
        let canon = |kind| Canon {
            kind,
            ty: FuncType::new([], []),
            name: String::new(),
        };
        linked
            .canons
            .push(canon(CanonKind::Trap(TrapCode::Unreachable)));
        for &(caller, callee) in calls {
            let lift = LiftId::new(linked.lifts.len());
            linked.lifts.push(Lift {
                core: CoreDef::Canon(CanonId(0)),
                ty,
                options: OptionsId(callee),
                post_return: None,
            });
            linked.canons.push(canon(CanonKind::Adapter {
                lift,
                options: OptionsId(caller),
            }));
        }
        linked
    }

    #[test]
    fn only_calls_in_a_circle_enter_again() {
        assert_eq!(program(3, &[(1, 2)]).reentrant(), [false; 3]);
        // Not a circle: such calls trap.
        assert_eq!(program(3, &[(0, 1), (1, 0)]).reentrant(), [false; 3]);
        assert_eq!(
            program(4, &[(1, 2), (2, 3), (3, 1)]).reentrant(),
            [false, true, true, true]
        );
        assert_eq!(
            program(4, &[(1, 2), (2, 3), (1, 3)]).reentrant(),
            [false; 4]
        );
    }
}
