//! A module that calls what a random module with garbage collection exports.
//!
//! Values of such types only code can make and look at. So the driver has the types of the random
//! module, makes arguments, and sums up results: a number for each question.

use wasm_encoder::{
    CodeSection, EntityType, ExportKind, ExportSection, Function, FunctionSection, GlobalType,
    ImportSection, InstructionSink, MemorySection, MemoryType, Module, RawSection, SectionId,
};
use wasmparser::{
    AbstractHeapType, CompositeInnerType, ExternalKind, HeapType, Parser, Payload, RefType,
    StorageType, SubType, TypeRef, ValType,
};

use super::generated::Random;

/// The random module, as the driver imports from it.
const RANDOM: &str = "random";

/// Elements of arrays that are made as arguments.
const ELEMENTS: i32 = 3;

/// What is asked: a call of a function, or the value of a global, by the name of the export.
#[derive(Clone, Debug)]
pub enum Question {
    Call { name: String, ty: u32 },
    Global { name: String, ty: GlobalType },
}

/// What the driver knows of a random module.
#[derive(Debug)]
pub struct Subject {
    types: Vec<SubType>,
    /// The section of types, and how many groups it has.
    raw_types: Vec<u8>,
    groups: u32,
    pub questions: Vec<Question>,
}

impl Subject {
    #[must_use]
    pub fn of(wasm: &[u8]) -> Subject {
        let mut subject = Subject {
            types: Vec::new(),
            raw_types: Vec::new(),
            groups: 0,
            questions: Vec::new(),
        };
        let (mut functions, mut globals) = (Vec::new(), Vec::new());
        for payload in Parser::new(0).parse_all(wasm) {
            match payload.expect("it was generated as a valid module") {
                Payload::TypeSection(reader) => {
                    subject.groups = reader.count();
                    let range = reader.range();
                    let section = &wasm[range.start as usize..range.end as usize];
                    let count = leb128(reader.count()).len();
                    subject.raw_types = section[count..].to_vec();
                    for group in reader {
                        subject.types.extend(group.expect("valid").into_types());
                    }
                }
                Payload::ImportSection(reader) => {
                    for import in reader.into_imports() {
                        let ty = import.expect("valid").ty;
                        assert!(!matches!(ty, TypeRef::Func(_) | TypeRef::Global(_)));
                    }
                }
                Payload::FunctionSection(reader) => {
                    functions.extend(reader.into_iter().map(|ty| ty.expect("valid")));
                }
                Payload::GlobalSection(reader) => {
                    globals.extend(reader.into_iter().map(|global| global.expect("valid").ty));
                }
                Payload::ExportSection(reader) => {
                    for export in reader.into_iter().map(|export| export.expect("valid")) {
                        let (name, index) = (export.name.to_owned(), export.index as usize);
                        match export.kind {
                            ExternalKind::Func => {
                                let ty = functions[index];
                                subject.questions.push(Question::Call { name, ty });
                            }
                            ExternalKind::Global => {
                                let ty: wasmparser::GlobalType = globals[index];
                                let ty = GlobalType {
                                    val_type: encoded(ty.content_type),
                                    mutable: ty.mutable,
                                    shared: ty.shared,
                                };
                                subject.questions.push(Question::Global { name, ty });
                            }
                            _ => {}
                        }
                    }
                }
                _ => {}
            }
        }
        subject.questions.retain(|question| match question {
            Question::Call { ty, .. } => {
                let params = subject.types[*ty as usize].unwrap_func().params();
                params.iter().all(|&ty| can_make(&subject.types, ty))
            }
            Question::Global { .. } => true,
        });
        subject
    }

    /// A driver with a function for each question, `q0` and so on, which gives a number. With
    /// `asked`, it is a command instead, which asks these and prints the numbers, each on a line.
    #[must_use]
    pub fn driver(&self, seed: u64, asked: Option<&[usize]>) -> Vec<u8> {
        let count = u32::try_from(self.types.len()).expect("few");
        // Types behind those of the random module.
        let (number, nothing, write, print) = (count, count + 1, count + 2, count + 3);
        let mut raw = leb128(self.groups + 4);
        raw.extend(&self.raw_types);
        raw.extend([0x60, 0, 1, 0x7e, 0x60, 0, 0]);
        raw.extend([0x60, 4, 0x7f, 0x7f, 0x7f, 0x7f, 1, 0x7f, 0x60, 1, 0x7e, 0]);
        let mut module = Module::new();
        module.section(&RawSection {
            id: SectionId::Type as u8,
            data: &raw,
        });
        let mut imports = ImportSection::new();
        let (mut functions, mut globals) = (0, 0);
        if asked.is_some() {
            imports.import(
                "wasi_snapshot_preview1",
                "fd_write",
                EntityType::Function(write),
            );
            functions += 1;
        }
        let mut places = Vec::new();
        for question in &self.questions {
            let (name, ty, counter) = match question {
                Question::Call { name, ty } => (name, EntityType::Function(*ty), &mut functions),
                Question::Global { name, ty } => (name, EntityType::Global(*ty), &mut globals),
            };
            imports.import(RANDOM, name, ty);
            places.push(*counter);
            *counter += 1;
        }
        module.section(&imports);
        let mut declared = FunctionSection::new();
        let mut exports = ExportSection::new();
        let mut code = CodeSection::new();
        for (position, (question, &place)) in self.questions.iter().zip(&places).enumerate() {
            declared.function(number);
            code.function(&self.asking(question, place, seed ^ position as u64));
            if asked.is_none() {
                let index = functions + position as u32;
                exports.export(&format!("q{position}"), ExportKind::Func, index);
            }
        }
        if let Some(asked) = asked {
            let printing = functions + self.questions.len() as u32;
            declared.function(print).function(nothing);
            code.function(&prints())
                .function(&asks(asked, functions, printing));
            exports.export("_start", ExportKind::Func, printing + 1);
            exports.export("memory", ExportKind::Memory, 0);
        }
        module.section(&declared);
        if asked.is_some() {
            let ty = MemoryType {
                minimum: 1,
                maximum: None,
                memory64: false,
                shared: false,
                page_size_log2: None,
            };
            module.section(MemorySection::new().memory(ty));
        }
        module.section(&exports).section(&code);
        module.finish()
    }

    /// A function without parameters that gives a number for a question.
    fn asking(&self, question: &Question, place: u32, seed: u64) -> Function {
        let mut random = Random::new(seed);
        match question {
            Question::Global { ty, .. } => {
                let mut function = Function::new([(1, ty.val_type)]);
                let mut code = function.instructions();
                code.global_get(place).local_set(0).i64_const(0);
                add(&mut code, 0, ty.val_type);
                code.end();
                function
            }
            Question::Call { ty, .. } => {
                let ty = self.types[*ty as usize].unwrap_func();
                let results: Vec<_> = ty.results().iter().map(|&ty| encoded(ty)).collect();
                let mut function = Function::new(results.iter().map(|&ty| (1, ty)));
                let mut code = function.instructions();
                for &param in ty.params() {
                    self.make(&mut code, param, &mut random);
                }
                code.call(place);
                for local in (0..results.len() as u32).rev() {
                    code.local_set(local);
                }
                code.i64_const(0);
                for (local, &ty) in (0..).zip(&results) {
                    add(&mut code, local, ty);
                }
                code.end();
                function
            }
        }
    }

    /// Makes an argument.
    fn make(&self, code: &mut InstructionSink<'_>, ty: ValType, random: &mut Random) {
        let edges = [0, 1, u64::MAX, 1 << 31, 1 << 63, 100];
        let bits = match random.below(3) {
            0 => random.next(),
            1 => random.next() % 40,
            _ => edges[random.below(edges.len())],
        };
        match ty {
            ValType::I32 => code.i32_const(bits as i32),
            ValType::I64 => code.i64_const(bits.cast_signed()),
            ValType::F32 => code.f32_const(wasm_encoder::Ieee32::new(bits as u32)),
            ValType::F64 => code.f64_const(wasm_encoder::Ieee64::new(bits)),
            ValType::V128 => code.v128_const((i128::from(bits) << 64) | i128::from(bits >> 7)),
            ValType::Ref(ty) => match maker(&self.types, ty) {
                Some(Maker::Number) => code.i32_const(bits as i32).ref_i31(),
                Some(Maker::Struct(index)) if !ty.is_nullable() || bits % 4 != 0 => {
                    code.struct_new_default(index)
                }
                Some(Maker::Array(index)) if !ty.is_nullable() || bits % 4 != 0 => {
                    code.i32_const(ELEMENTS).array_new_default(index)
                }
                _ => code.ref_null(encoded_heap(ty.heap_type())),
            },
        };
    }
}

/// How a reference is made that is not null.
enum Maker {
    Number,
    Struct(u32),
    Array(u32),
}

fn maker(types: &[SubType], ty: RefType) -> Option<Maker> {
    use AbstractHeapType::{Any, Eq, I31};
    match ty.heap_type() {
        HeapType::Abstract {
            ty: Any | Eq | I31, ..
        } => Some(Maker::Number),
        HeapType::Concrete(index) => {
            let index = index.as_module_index()?;
            match &types[index as usize].composite_type.inner {
                CompositeInnerType::Struct(ty) => ty
                    .fields
                    .iter()
                    .all(|field| has_default(field.element_type))
                    .then_some(Maker::Struct(index)),
                CompositeInnerType::Array(ty) => {
                    has_default(ty.0.element_type).then_some(Maker::Array(index))
                }
                _ => None,
            }
        }
        _ => None,
    }
}

fn has_default(ty: StorageType) -> bool {
    match ty {
        StorageType::Val(ValType::Ref(ty)) => ty.is_nullable(),
        _ => true,
    }
}

fn can_make(types: &[SubType], ty: ValType) -> bool {
    match ty {
        ValType::Ref(ty) => ty.is_nullable() || maker(types, ty).is_some(),
        _ => true,
    }
}

/// Adds a local to the number on the stack.
fn add(code: &mut InstructionSink<'_>, local: u32, ty: wasm_encoder::ValType) {
    use wasm_encoder::ValType as V;
    code.i64_const(31).i64_mul().local_get(local);
    match ty {
        V::I32 => code.i64_extend_i32_u(),
        V::I64 => code,
        V::F32 => code.i32_reinterpret_f32().i64_extend_i32_u(),
        V::F64 => code.i64_reinterpret_f64(),
        V::V128 => {
            code.i64x2_extract_lane(0).local_get(local);
            code.i64x2_extract_lane(1).i64_xor()
        }
        V::Ref(_) => code.ref_is_null().i64_extend_i32_u(),
    };
    code.i64_add();
}

/// Prints a number, as it runs, then asks some questions and prints what each gives.
fn asks(asked: &[usize], first: u32, printing: u32) -> Function {
    let mut function = Function::new([]);
    let mut code = function.instructions();
    code.i64_const(0).call(printing);
    for &position in asked {
        code.call(first + position as u32).call(printing);
    }
    code.end();
    function
}

/// Prints a number as 16 digits, and the end of the line.
fn prints() -> Function {
    const TEXT: i32 = 16;
    let at = |offset: u64| wasm_encoder::MemArg {
        offset,
        align: 0,
        target: wasm_encoder::MemArgTarget::default(),
        ordering: None,
    };
    let mut function = Function::new([(1, wasm_encoder::ValType::I32)]);
    let mut code = function.instructions();
    code.i32_const(TEXT + 15).local_set(1);
    code.loop_(wasm_encoder::BlockType::Empty);
    // '0' and the digit, and what lies between '9' and 'a' from ten on.
    code.local_get(1).local_get(0).i64_const(15).i64_and();
    code.i32_wrap_i64().i32_const(i32::from(b'0')).i32_add();
    code.local_get(0)
        .i64_const(15)
        .i64_and()
        .i64_const(9)
        .i64_gt_u();
    code.i32_const(i32::from(b'a' - b'9' - 1))
        .i32_mul()
        .i32_add();
    code.i32_store8(at(0));
    code.local_get(0).i64_const(4).i64_shr_u().local_set(0);
    code.local_get(1).i32_const(1).i32_sub().local_tee(1);
    code.i32_const(TEXT).i32_ge_s().br_if(0).end();
    code.i32_const(TEXT + 16)
        .i32_const(i32::from(b'\n'))
        .i32_store8(at(0));
    code.i32_const(0).i32_const(TEXT).i32_store(at(0));
    code.i32_const(0).i32_const(17).i32_store(at(4));
    code.i32_const(1).i32_const(0).i32_const(1).i32_const(8);
    code.call(0).drop().end();
    function
}

fn encoded(ty: ValType) -> wasm_encoder::ValType {
    use wasm_encoder::ValType as V;
    match ty {
        ValType::I32 => V::I32,
        ValType::I64 => V::I64,
        ValType::F32 => V::F32,
        ValType::F64 => V::F64,
        ValType::V128 => V::V128,
        ValType::Ref(ty) => V::Ref(wasm_encoder::RefType {
            nullable: ty.is_nullable(),
            heap_type: encoded_heap(ty.heap_type()),
        }),
    }
}

fn encoded_heap(ty: HeapType) -> wasm_encoder::HeapType {
    use AbstractHeapType as A;
    use wasm_encoder::AbstractHeapType as E;
    let (shared, ty) = match ty {
        HeapType::Concrete(index) => {
            let index = index.as_module_index().expect("as it stands in the module");
            return wasm_encoder::HeapType::Concrete(index);
        }
        HeapType::Abstract { shared, ty } => (shared, ty),
        HeapType::Exact(_) => unreachable!("not generated"),
    };
    let ty = match ty {
        A::Func => E::Func,
        A::Extern => E::Extern,
        A::Any => E::Any,
        A::None => E::None,
        A::NoExtern => E::NoExtern,
        A::NoFunc => E::NoFunc,
        A::Eq => E::Eq,
        A::Struct => E::Struct,
        A::Array => E::Array,
        A::I31 => E::I31,
        A::Exn => E::Exn,
        A::NoExn => E::NoExn,
        A::Cont | A::NoCont => unreachable!("not generated"),
    };
    wasm_encoder::HeapType::Abstract { shared, ty }
}

fn leb128(mut value: u32) -> Vec<u8> {
    let mut bytes = Vec::new();
    while value > 0x7f {
        bytes.push(value as u8 | 0x80);
        value >>= 7;
    }
    bytes.push(value as u8);
    bytes
}
