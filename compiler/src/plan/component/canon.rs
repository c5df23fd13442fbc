//! `canon` definitions: what each core function that they make is, and its type.
//!
//! Specification: component model, "Canonical Definitions" and `flatten_functype`.

use super::evaluate::Evaluator;
use super::space::{FuncDef, Space, TypeDef};
use crate::canonical::val_type;
use crate::error::{Error, Result};
use crate::index::{CanonId, ComponentId, LiftId};
use crate::parse::Extern;
use crate::plan::linked::{
    Builtin, Canon, CanonKind, CanonOptions, CoreDef, Lift, Linked, Subject,
};
use wasmelt_abi::{PtrType, StringEncoding};
use wasmparser::{CanonicalFunction, CanonicalOption, FuncType, ValType};

/// Threads of a component take turns.
const THREADS_IN_PARALLEL: i32 = 1;

impl<'a> Evaluator<'_, 'a> {
    pub(super) fn canon(
        &mut self,
        space: &Space<'a>,
        canon: &CanonicalFunction,
        instance: ComponentId,
        offset: u64,
    ) -> Result<()> {
        let resource = |index: u32| match space.borrow().types[index as usize] {
            TypeDef::Resource(id) => id,
            _ => unreachable!("validated: a resource type"),
        };
        let mut name = String::new();
        let (kind, ty) = match canon {
            CanonicalFunction::Lift {
                core_func_index,
                type_index,
                options,
            } => {
                let (options, post_return) = self.options(space, options, instance, offset)?;
                if options.is_async && options.callback.is_none() {
                    self.linked.instances[instance.index()].takes_turns = true;
                }
                let options = self.linked.intern_options(options);
                let mut frame = space.borrow_mut();
                let TypeDef::Func(ty) = frame.types[*type_index as usize] else {
                    unreachable!("validated: a function type")
                };
                self.linked.lifts.push(Lift {
                    core: frame.core_funcs[*core_func_index as usize],
                    ty,
                    options,
                    post_return,
                });
                let lift = LiftId::new(self.linked.lifts.len() - 1);
                frame.funcs.push(FuncDef::Lifted(lift));
                return Ok(());
            }
            CanonicalFunction::Lower {
                func_index,
                options,
            } => {
                let (options, _) = self.options(space, options, instance, offset)?;
                let (is_async, ptr) = (options.is_async, options.ptr);
                let options = self.linked.intern_options(options);
                match space.borrow().funcs[*func_index as usize].clone() {
                    FuncDef::Lifted(lift) => {
                        let ty = self.linked.lifts[lift.index()].ty;
                        let kind = match self.linked.is_task(lift) {
                            true => CanonKind::TaskAdapter { lift, options },
                            false => CanonKind::Adapter { lift, options },
                        };
                        (kind, self.linked.types.lowered(ty, ptr, is_async))
                    }
                    FuncDef::Host(func) => {
                        let blocks = !is_async && self.linked.types.func(func.ty).is_async;
                        let ty = self.linked.types.lowered(func.ty, ptr, is_async);
                        name = func.trap_name();
                        (func.lowered(options, blocks), ty)
                    }
                }
            }
            CanonicalFunction::ResourceNew { resource: r } => {
                let resource = resource(*r);
                (CanonKind::ResourceNew { resource, instance }, flat(1, 1))
            }
            CanonicalFunction::ResourceRep { resource: r } => {
                let resource = resource(*r);
                (CanonKind::ResourceRep { resource, instance }, flat(1, 1))
            }
            CanonicalFunction::ResourceDrop { resource: r } => {
                let resource = resource(*r);
                (CanonKind::ResourceDrop { resource, instance }, flat(1, 0))
            }
            CanonicalFunction::ThreadNewIndirect {
                func_ty_index,
                table_index,
            } => {
                self.linked.instances[instance.index()].takes_turns = true;
                self.thread_new(space, *func_ty_index, *table_index, instance)
            }
            CanonicalFunction::ThreadAvailableParallelism => {
                (CanonKind::Number(THREADS_IN_PARALLEL), flat(0, 1))
            }
            other => self.async_builtin(space, other, instance, offset)?,
        };
        self.linked.canons.push(Canon { kind, ty, name });
        let id = CanonId::new(self.linked.canons.len() - 1);
        space.borrow_mut().core_funcs.push(CoreDef::Canon(id));
        Ok(())
    }

    /// `canon thread.new-indirect`.
    fn thread_new(
        &self,
        space: &Space<'a>,
        ty: u32,
        table: u32,
        instance: ComponentId,
    ) -> (CanonKind, FuncType) {
        let frame = space.borrow();
        let start = frame.core_types[ty as usize].as_ref();
        let argument = match start.expect("validated: a function type").params() {
            [ValType::I64] => PtrType::I64,
            _ => PtrType::I32,
        };
        let table = frame.core_tables[table as usize];
        let params = [self.linked.index_type(table), argument].map(val_type);
        let kind = CanonKind::ThreadNew {
            table,
            argument,
            instance,
        };
        (kind, FuncType::new(params, [ValType::I32]))
    }

    fn options(
        &self,
        space: &Space<'a>,
        options: &[CanonicalOption],
        instance: ComponentId,
        offset: u64,
    ) -> Result<(CanonOptions, Option<CoreDef>)> {
        let frame = space.borrow();
        let mut canon = CanonOptions {
            encoding: StringEncoding::Utf8,
            memory: None,
            realloc: None,
            callback: None,
            is_async: false,
            ptr: PtrType::I32,
            instance,
        };
        let mut post_return = None;
        for option in options {
            match *option {
                CanonicalOption::UTF8 => canon.encoding = StringEncoding::Utf8,
                CanonicalOption::UTF16 => canon.encoding = StringEncoding::Utf16,
                CanonicalOption::CompactUTF16 => canon.encoding = StringEncoding::CompactUtf16,
                CanonicalOption::Memory(index) => {
                    let memory = frame.core_memories[index as usize];
                    canon.ptr = self.linked.ptr_type(memory);
                    canon.memory = Some(memory);
                }
                CanonicalOption::Realloc(index) => {
                    canon.realloc = Some(frame.core_funcs[index as usize]);
                }
                CanonicalOption::PostReturn(index) => {
                    post_return = Some(frame.core_funcs[index as usize]);
                }
                CanonicalOption::Async => canon.is_async = true,
                CanonicalOption::Callback(index) => {
                    canon.callback = Some(frame.core_funcs[index as usize]);
                }
                CanonicalOption::CoreType(_) | CanonicalOption::Gc => {
                    let what = "the canonical ABI of garbage collection (gated)";
                    return Err(Error::unsupported(what, offset));
                }
            }
        }
        Ok((canon, post_return))
    }

    /// A built-in of async components.
    fn async_builtin(
        &mut self,
        space: &Space<'a>,
        canon: &CanonicalFunction,
        instance: ComponentId,
        offset: u64,
    ) -> Result<(CanonKind, FuncType)> {
        if let CanonicalFunction::TaskReturn { result, options } = canon {
            let (options, _) = self.options(space, options, instance, offset)?;
            let ptr = options.ptr;
            let options = self.linked.intern_options(options);
            let result = result.map(|ty| self.value_type(space, ty));
            let params = self.linked.types.returned(result, ptr).values(ptr);
            let kind = CanonKind::TaskReturn { result, options };
            return Ok((kind, FuncType::new(params, [])));
        }
        if let Some(end) = self.end_builtin(space, canon, instance, offset)? {
            return Ok(end);
        }
        if let CanonicalFunction::ErrorContextNew { options }
        | CanonicalFunction::ErrorContextDebugMessage { options } = canon
        {
            let (options, _) = self.options(space, options, instance, offset)?;
            let ptr = val_type(options.ptr);
            let options = self.linked.intern_options(options);
            let (function, ty) = match canon {
                CanonicalFunction::ErrorContextNew { .. } => {
                    ("error_context_new", FuncType::new([ptr; 2], [ValType::I32]))
                }
                _ => (
                    "error_context_debug_message",
                    FuncType::new([ValType::I32, ptr], []),
                ),
            };
            return Ok((CanonKind::Message { function, options }, ty));
        }
        let memory = match canon {
            CanonicalFunction::WaitableSetWait { memory }
            | CanonicalFunction::WaitableSetPoll { memory } => {
                Some(space.borrow().core_memories[*memory as usize])
            }
            _ => None,
        };
        let Some(row) = Row::of(canon) else {
            return Err(unsupported_canon(canon, offset));
        };
        self.linked.instances[instance.index()].takes_turns |= row.is_about_threads;
        let builtin = Builtin {
            function: row.function,
            instance,
            subject: row.subject,
            constant: row.constant,
            memory,
            blocks: row.blocks,
        };
        let ty = match (canon, memory) {
            // The last is the address that the event goes to.
            (_, Some(memory)) => {
                let ptr = val_type(self.linked.ptr_type(memory));
                FuncType::new([ValType::I32, ptr], [ValType::I32])
            }
            (CanonicalFunction::ContextGet { ty, .. }, _) => FuncType::new([], [*ty]),
            (CanonicalFunction::ContextSet { ty, .. }, _) => FuncType::new([*ty], []),
            _ => flat(row.params, row.results),
        };
        Ok((CanonKind::Builtin(builtin), ty))
    }

    /// A built-in of streams or futures.
    fn end_builtin(
        &mut self,
        space: &Space<'a>,
        canon: &CanonicalFunction,
        instance: ComponentId,
        offset: u64,
    ) -> Result<Option<(CanonKind, FuncType)>> {
        use CanonicalFunction as F;
        let new = |function, ty| (function, ty, End::New, None, true);
        let copy = |function, ty, form, options| (function, ty, form, Some(options), false);
        let cancel = |function, ty, is_async| (function, ty, End::Cancel, None, is_async);
        let drop = |function, ty| (function, ty, End::Drop, None, true);
        let (function, ty, form, options, never_waits) = match canon {
            F::StreamNew { ty } => new("stream_new", ty),
            F::FutureNew { ty } => new("future_new", ty),
            F::StreamRead { ty, options } => copy("stream_read", ty, End::StreamCopy, options),
            F::StreamWrite { ty, options } => copy("stream_write", ty, End::StreamCopy, options),
            F::FutureRead { ty, options } => copy("future_read", ty, End::FutureCopy, options),
            F::FutureWrite { ty, options } => copy("future_write", ty, End::FutureCopy, options),
            F::StreamCancelRead { ty, async_ } => cancel("stream_cancel_read", ty, *async_),
            F::StreamCancelWrite { ty, async_ } => cancel("stream_cancel_write", ty, *async_),
            F::FutureCancelRead { ty, async_ } => cancel("future_cancel_read", ty, *async_),
            F::FutureCancelWrite { ty, async_ } => cancel("future_cancel_write", ty, *async_),
            F::StreamDropReadable { ty } => drop("stream_drop_readable", ty),
            F::StreamDropWritable { ty } => drop("stream_drop_writable", ty),
            F::FutureDropReadable { ty } => drop("future_drop_readable", ty),
            F::FutureDropWritable { ty } => drop("future_drop_writable", ty),
            _ => return Ok(None),
        };
        let TypeDef::Value(ty) = space.borrow().types[*ty as usize] else {
            unreachable!("validated: a stream or a future")
        };
        let options = options.map_or(&[][..], |options| options);
        let (mut options, _) = self.options(space, options, instance, offset)?;
        options.is_async |= never_waits;
        let core_ty = form.core_type(val_type(options.ptr));
        let kind = CanonKind::End {
            function,
            ty,
            blocks: !options.is_async,
            options: self.linked.intern_options(options),
        };
        Ok(Some((kind, core_ty)))
    }
}

/// The form of a built-in of streams or futures.
#[derive(Clone, Copy)]
enum End {
    New,
    StreamCopy,
    FutureCopy,
    Cancel,
    Drop,
}

impl End {
    /// Its core type, with pointers of this type.
    fn core_type(self, ptr: ValType) -> FuncType {
        use ValType::{I32, I64};
        match self {
            // Both handles in one number.
            End::New => FuncType::new([], [I64]),
            End::StreamCopy => FuncType::new([I32, ptr, ptr], [ptr]),
            End::FutureCopy => FuncType::new([I32, ptr], [I32]),
            End::Cancel => flat(1, 1),
            End::Drop => flat(1, 0),
        }
    }
}

impl Linked<'_> {
    /// The type of a table's indices.
    fn index_type(&self, table: CoreDef) -> PtrType {
        match table {
            CoreDef::Unit {
                unit,
                item: Extern::Table(index),
            } if self.units[unit].module.tables[index.index()].ty.table64 => PtrType::I64,
            _ => PtrType::I32,
        }
    }

    fn ptr_type(&self, memory: CoreDef) -> PtrType {
        match memory {
            CoreDef::Unit {
                unit,
                item: Extern::Memory(index),
            } if self.units[unit].module.memories[index.index()].memory64 => PtrType::I64,
            _ => PtrType::I32,
        }
    }
}

/// A built-in that is about numbers alone.
struct Row {
    function: &'static str,
    subject: Subject,
    constant: Option<u32>,
    blocks: bool,
    is_about_threads: bool,
    /// How many of them it has, all `i32`.
    params: usize,
    results: usize,
}

impl Row {
    fn of(canon: &CanonicalFunction) -> Option<Row> {
        use CanonicalFunction as F;
        use Subject::{Instance, Outside, Task};
        let row = |function, subject, params, results| Row {
            function,
            subject,
            constant: None,
            blocks: false,
            is_about_threads: false,
            params,
            results,
        };
        let with = |constant, row| Row {
            constant: Some(constant),
            ..row
        };
        let blocking = |blocks, row| Row { blocks, ..row };
        let about_threads = |row| Row {
            is_about_threads: true,
            ..row
        };
        // Whether the current thread waits for its next turn.
        let switch = |yields: bool, function| {
            let row = with(u32::from(yields), row(function, Outside, 1, 1));
            about_threads(blocking(true, row))
        };
        Some(match canon {
            F::TaskCancel => row("task_cancel", Outside, 0, 0),
            F::ContextGet { slot, .. } => with(*slot, row("context_get", Task, 0, 1)),
            F::ContextSet { slot, .. } => with(*slot, row("context_set", Task, 1, 0)),
            F::BackpressureInc => row("backpressure_inc", Instance, 0, 0),
            F::BackpressureDec => row("backpressure_dec", Instance, 0, 0),
            F::SubtaskCancel { async_ } => {
                let row = with(u32::from(*async_), row("subtask_cancel", Outside, 1, 1));
                blocking(!*async_, row)
            }
            F::SubtaskDrop => row("subtask_drop", Outside, 1, 0),
            F::WaitableSetNew => row("waitable_set_new", Outside, 0, 1),
            // The constants say that it is not cancellable: the option is gone.
            F::WaitableSetWait { .. } => {
                blocking(true, with(0, row("waitable_set_wait", Outside, 2, 1)))
            }
            F::WaitableSetPoll { .. } => with(0, row("waitable_set_poll", Outside, 2, 1)),
            F::WaitableSetDrop => row("waitable_set_drop", Outside, 1, 0),
            F::WaitableJoin => row("waitable_join", Outside, 2, 0),
            F::ThreadIndex => about_threads(row("thread_index", Outside, 0, 1)),
            F::ThreadResumeLater => about_threads(row("thread_resume_later", Outside, 1, 0)),
            F::ThreadSuspend => about_threads(blocking(true, row("thread_suspend", Outside, 0, 1))),
            F::ThreadSuspendThenResume => switch(false, "thread_switch"),
            F::ThreadYieldThenResume => switch(true, "thread_switch"),
            F::ThreadSuspendThenPromote => switch(false, "thread_promote"),
            F::ThreadYieldThenPromote => switch(true, "thread_promote"),
            F::ErrorContextDrop => row("error_context_drop", Outside, 1, 0),
            F::ThreadYield => blocking(true, with(0, row("thread_yield", Outside, 0, 1))),
            _ => return None,
        })
    }
}

/// A core type of so many `i32`.
fn flat(params: usize, results: usize) -> FuncType {
    FuncType::new(vec![ValType::I32; params], vec![ValType::I32; results])
}

fn unsupported_canon(canon: &CanonicalFunction, offset: u64) -> Error {
    let text = format!("{canon:?}");
    let name = text.split([' ', '{', '(']).next().unwrap_or_default();
    let what = match canon {
        CanonicalFunction::ThreadSpawnRef { .. }
        | CanonicalFunction::ThreadSpawnIndirect { .. } => {
            "threads of components that run in parallel"
        }
        _ => "built-ins of async components",
    };
    Error::unsupported(format!("{what} (`{name}`)"), offset)
}
