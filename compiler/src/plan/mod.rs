//! Modules to one flat program: compile-time instantiation.
//!
//! Comes in: validated modules in the order of instantiation, with who provides whose imports.
//! Goes out: a [`LinkPlan`] in which every import is resolved, every constant evaluated, every
//! table and memory laid out, and what nothing reaches is marked as such. Nothing here knows
//! Cranelift. Specification: core, "Execution / Modules / Instantiation".

pub mod component;
mod contents;
mod contents_gathered;
mod embedding;
mod evaluate;
mod exports;
mod from_host;
mod function_name;
mod gaps;
mod heap;
mod host;
mod image;
mod instantiate;
mod layout;
mod library;
mod limits;
mod link_plan;
mod linked;
mod missing;
mod module_exports;
mod objects;
mod pointer;
mod query;
mod reach;
mod record;
mod reservation;
mod segments;
mod sigs;
mod slot;
mod tasks;
mod threads;
mod value;

pub use contents::Possible;
pub use function_name::{demangled, function_name};
pub use heap::{ELEMENTS_OFFSET, ExceptionLayout, Interval};
pub use host::type_text;
pub use image::{Image, Reference, Reloc};
pub use library::{ComponentImport, LibraryFn, LibraryItem, prefix as library_prefix};
pub use link_plan::{
    Callee, ConstantCalls, ExportPlan, FuncKind, Global, InitStep, Instance, LinkPlan, Memory,
    OptionsPlan, Purpose, Region, Server, Table, TableStorage, Threads,
};
pub use linked::{
    Builtin, CanonKind, CoreDef, Embedded, Lift, Linked, Provider, Resource, Subject, Unit,
};
pub use record::{Record, thread_type};
pub use reservation::Bounds;
pub use sigs::{Hierarchy, TypeKind, heap_type, of_program, ref_type, value_type};
pub use slot::Slot;
pub use value::{Value, i31};

use crate::error::Result;
use crate::options::Options;
use heap::Heap;

/// Plans a program.
///
/// # Errors
/// `Link` for imports that nothing provides or whose types do not fit, `Usage` for a missing
/// entry, `Unsupported` for what is not compiled yet.
pub fn plan<'a>(
    linked: &'a Linked<'a>,
    purpose: Purpose,
    options: &Options,
) -> Result<LinkPlan<'a>> {
    let mut plan = instantiate::instantiate(linked, purpose, options)?;
    module_exports::choose_exports(&mut plan, &options.name)?;
    exports::check_protocols(&plan, options)?;
    plan.settle_threads()?;
    reach::mark_reachable(&mut plan);
    if plan.is_library() {
        plan.settle_library();
    }
    plan.task_uses = tasks::uses(&plan);
    plan.takes_pointer = pointer::mark_takers(&plan);
    plan.check_objects()?;
    if options.constant_fields && plan.sigs.has_objects() {
        plan.contents = contents_gathered::gather(&plan);
    }
    plan.heap = Heap::new(&plan.sigs, &plan.tags, &plan.contents)?;
    layout::lay_out(&mut plan)?;
    Ok(plan)
}
