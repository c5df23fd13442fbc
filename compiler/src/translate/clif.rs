//! What values, functions and traps of wasm are in CLIF.

use crate::index::{FuncId, SigId};
use crate::plan::LinkPlan;
use crate::target::Arch;
use cranelift_codegen::ir::{AbiParam, ArgumentExtension, Signature, TrapCode, Type, types};
use cranelift_codegen::isa::CallConv;
use wasmparser::{FuncType, ValType};

/// The CLIF type of a wasm value: references are addresses, vectors have one type.
pub(super) fn clif_type(ty: ValType) -> Type {
    match ty {
        ValType::I32 => types::I32,
        ValType::I64 => types::I64,
        ValType::F32 => types::F32,
        ValType::F64 => types::F64,
        ValType::V128 => types::I8X16,
        ValType::Ref(_) => types::I64,
    }
}

/// `(i64 instance pointer, params…) -> (results…) tail`
pub(super) fn wasm_signature(ty: &FuncType) -> Signature {
    let mut signature = Signature::new(CallConv::Tail);
    signature.params.push(AbiParam::new(types::I64));
    signature
        .params
        .extend(ty.params().iter().map(|t| AbiParam::new(clif_type(*t))));
    signature
        .returns
        .extend(ty.results().iter().map(|t| AbiParam::new(clif_type(*t))));
    signature
}

/// As [`wasm_signature`], without the pointer for a function that takes none.
pub(super) fn function_signature(plan: &LinkPlan<'_>, id: FuncId, sig: SigId) -> Signature {
    let mut signature = wasm_signature(&plan.sigs[sig]);
    if !plan.takes_pointer[id.index()] {
        signature.params.remove(0);
    }
    signature
}

/// What C's convention asks of a caller: on RISC-V values of 32 bits are extended by their sign,
/// whether or not they have one. Elsewhere nobody looks at what is above them.
pub(super) fn for_c(mut signature: Signature, arch: Arch) -> Signature {
    if arch == Arch::Riscv64 && signature.call_conv != CallConv::Tail {
        for value in signature.params.iter_mut().chain(&mut signature.returns) {
            if value.value_type == types::I32 {
                value.extension = ArgumentExtension::Sext;
            }
        }
    }
    signature
}

/// The trap code of the executable's trap table.
pub(super) fn trap_code(code: wasmelt_abi::TrapCode) -> TrapCode {
    TrapCode::unwrap_user(code as u8)
}

/// Alias regions: what one kind of access writes, another cannot read. The numbers are the same
/// in every function, as inlining requires.
#[derive(Clone, Copy)]
pub(super) enum Alias {
    Memory = 1,
    Context = 2,
    Table = 3,
    Profile = 4,
    /// Objects.
    Heap = 5,
}
