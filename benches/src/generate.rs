//! A big module that looks to a compiler like one from C: loops, conditions, loads and stores with
//! constant offsets, calls of earlier functions and through a table. Deterministic.

use wasm_encoder::{
    BlockType, CodeSection, ConstExpr, ElementSection, Elements, ExportKind, ExportSection,
    Function, FunctionSection, GlobalSection, GlobalType, Ieee64, InstructionSink, MemArg,
    MemArgTarget, MemorySection, MemoryType, Module, RefType, TableSection, TableType, TypeSection,
    ValType,
};

/// Locals of every function: two parameters, then these.
const I32_LOCALS: u32 = 6;
const F64_LOCALS: u32 = 2;
const FIRST_F64: u32 = 2 + I32_LOCALS;
/// Elements of the table.
const TABLE_LEN: u32 = 256;

/// A command with `functions` functions of `(i32, i32) -> i32` behind `_start`.
pub fn module(functions: u32) -> Vec<u8> {
    let mut types = TypeSection::new();
    types.ty().function([], []);
    types
        .ty()
        .function([ValType::I32, ValType::I32], [ValType::I32]);
    let mut declared = FunctionSection::new();
    declared.function(0);
    let mut code = CodeSection::new();
    code.function(&start(functions));
    let mut random = Random(0x2545_f491_4f6c_dd1d);
    for number in 1..=functions {
        declared.function(1);
        code.function(&body(number, &mut random));
    }
    let mut tables = TableSection::new();
    tables.table(TableType {
        element_type: RefType::FUNCREF,
        table64: false,
        minimum: TABLE_LEN.into(),
        maximum: Some(TABLE_LEN.into()),
        shared: false,
    });
    let mut memories = MemorySection::new();
    let memory = MemoryType {
        minimum: 4,
        maximum: None,
        memory64: false,
        shared: false,
        page_size_log2: None,
    };
    memories.memory(memory);
    let mut globals = GlobalSection::new();
    let global = GlobalType {
        val_type: ValType::I32,
        mutable: true,
        shared: false,
    };
    globals.global(global, &ConstExpr::i32_const(65536));
    let mut exports = ExportSection::new();
    exports
        .export("_start", ExportKind::Func, 0)
        .export("memory", ExportKind::Memory, 0);
    let mut elements = ElementSection::new();
    let callable: Vec<u32> = (0..TABLE_LEN).map(|at| 1 + at * 31 % functions).collect();
    elements.active(
        None,
        &ConstExpr::i32_const(0),
        Elements::Functions(callable.into()),
    );
    let mut module = Module::new();
    module
        .section(&types)
        .section(&declared)
        .section(&tables)
        .section(&memories);
    module
        .section(&globals)
        .section(&exports)
        .section(&elements)
        .section(&code);
    module.finish()
}

/// Calls a few of the functions, so that all that they call is reachable.
fn start(functions: u32) -> Function {
    let mut function = Function::new([]);
    let mut sink = function.instructions();
    for number in 1..=functions {
        sink.i32_const(1).i32_const(2).call(number).drop();
    }
    sink.end();
    function
}

fn body(number: u32, random: &mut Random) -> Function {
    let mut function = Function::new([(I32_LOCALS, ValType::I32), (F64_LOCALS, ValType::F64)]);
    let mut writer = Writer {
        sink: function.instructions(),
        random,
        number,
    };
    let statements = 4 + writer.random.below(14);
    for _ in 0..statements {
        writer.statement(0);
    }
    writer.expression(2);
    writer.sink.end();
    function
}

struct Writer<'a, 'r> {
    sink: InstructionSink<'a>,
    random: &'r mut Random,
    number: u32,
}

impl Writer<'_, '_> {
    fn local(&mut self) -> u32 {
        self.random.below(FIRST_F64)
    }

    fn float(&mut self) -> u32 {
        FIRST_F64 + self.random.below(F64_LOCALS)
    }

    fn memarg(&mut self, align: u32) -> MemArg {
        MemArg {
            offset: u64::from(self.random.below(64) * 4),
            align,
            target: MemArgTarget::Memory(0),
            ordering: None,
        }
    }

    fn statement(&mut self, depth: u32) {
        match self.random.below(if depth < 3 { 11 } else { 7 }) {
            0 | 1 => {
                self.expression(3);
                let local = self.local();
                self.sink.local_set(local);
            }
            2 | 3 => {
                self.expression(1);
                self.expression(2);
                let memarg = self.memarg(2);
                self.sink.i32_store(memarg);
            }
            4 => {
                self.expression(1);
                self.expression(1);
                let memarg = self.memarg(0);
                self.sink.i32_store8(memarg);
            }
            5 => self.float_statement(),
            6 => {
                self.sink.global_get(0);
                self.expression(1);
                self.sink.i32_add().global_set(0);
            }
            7 | 8 => {
                self.expression(2);
                self.sink.if_(BlockType::Empty);
                self.statements(depth);
                self.sink.else_();
                self.statements(depth);
                self.sink.end();
            }
            9 => {
                self.sink.block(BlockType::Empty);
                self.expression(2);
                self.sink.br_if(0);
                self.statements(depth);
                self.sink.end();
            }
            _ => self.counted_loop(depth),
        }
    }

    fn statements(&mut self, depth: u32) {
        for _ in 0..1 + self.random.below(3) {
            self.statement(depth + 1);
        }
    }

    fn counted_loop(&mut self, depth: u32) {
        let counter = self.local();
        self.sink
            .i32_const(3)
            .local_set(counter)
            .loop_(BlockType::Empty);
        self.statements(depth);
        self.sink
            .local_get(counter)
            .i32_const(1)
            .i32_sub()
            .local_tee(counter)
            .br_if(0)
            .end();
    }

    fn float_statement(&mut self) {
        self.expression(1);
        let memarg = self.memarg(3);
        let (a, b) = (self.float(), self.float());
        let factor = Ieee64::from(f64::from(self.random.below(100)) / 8.0);
        self.sink
            .f64_load(memarg)
            .local_get(a)
            .f64_mul()
            .f64_const(factor)
            .f64_add()
            .local_set(b);
    }

    /// Leaves an `i32`. Addresses are masked nowhere: this is compiled and never run.
    fn expression(&mut self, depth: u32) {
        let kind = if depth == 0 {
            self.random.below(2)
        } else {
            self.random.below(12)
        };
        match kind {
            0 => {
                let local = self.local();
                self.sink.local_get(local);
            }
            1 => {
                let value = self.random.below(1 << 12).cast_signed();
                self.sink.i32_const(value);
            }
            2 | 3 => {
                self.expression(depth - 1);
                let memarg = self.memarg(2);
                self.sink.i32_load(memarg);
            }
            4 => {
                self.expression(depth - 1);
                let memarg = self.memarg(0);
                self.sink.i32_load8_u(memarg);
            }
            5 => self.call(depth),
            6 => {
                self.expression(depth - 1);
                self.sink.i32_eqz();
            }
            _ => {
                self.expression(depth - 1);
                self.expression(depth - 1);
                match self.random.below(8) {
                    0 | 1 => self.sink.i32_add(),
                    2 => self.sink.i32_sub(),
                    3 => self.sink.i32_and(),
                    4 => self.sink.i32_xor(),
                    5 => self.sink.i32_shl(),
                    6 => self.sink.i32_mul(),
                    _ => self.sink.i32_lt_s(),
                };
            }
        }
    }

    /// An earlier function, so that nothing recurses, or one of the table.
    fn call(&mut self, depth: u32) {
        self.expression(depth - 1);
        let local = self.local();
        self.sink.local_get(local);
        if self.number == 1 || self.random.below(5) == 0 {
            let index = self.local();
            self.sink
                .local_get(index)
                .i32_const(255)
                .i32_and()
                .call_indirect(0, 1);
        } else {
            let callee = 1 + self.random.below(self.number - 1);
            self.sink.call(callee);
        }
    }
}

/// xorshift64.
struct Random(u64);

impl Random {
    fn below(&mut self, limit: u32) -> u32 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        ((self.0 >> 32) % u64::from(limit)) as u32
    }
}
