//! Programs of blocks, loops, conditions and handlers, made at random, are run step by step: what is read
//! is what was set last, whichever way control goes.

use super::super::builder::Builder;
use super::*;
use cranelift_codegen::ir::{AbiParam, InstBuilder, JumpTableData, Signature, UserFuncName, types};
use cranelift_codegen::isa::CallConv;
use cranelift_codegen::{settings, verify_function};

const LOCALS: u32 = 4;

#[derive(Clone, Copy)]
enum Event {
    Defined(Value),
    Set(u32, Value),
    Read(u32, Value),
}

struct Label {
    block: Block,
    is_reached: bool,
}

struct Program<'f> {
    builder: Builder<'f>,
    condition: Value,
    random: u64,
    /// Where branches may lead to, the innermost last.
    labels: Vec<Label>,
    /// Where what is thrown goes.
    handlers: Vec<Block>,
    events: HashMap<Block, Vec<Event>>,
    /// What loops have been found to set.
    lasts: Vec<u32>,
    sets: Vec<(u32, u32)>,
    loops: Vec<u32>,
}

fn next(random: &mut u64, below: usize) -> usize {
    *random ^= *random << 13;
    *random ^= *random >> 7;
    *random ^= *random << 17;
    (*random >> 11) as usize % below
}

impl Program<'_> {
    fn below(&mut self, below: usize) -> usize {
        next(&mut self.random, below)
    }

    fn local(&mut self) -> u32 {
        self.below(LOCALS as usize) as u32
    }

    fn note(&mut self, event: Event) {
        let block = self.builder.current_block().expect("one is filled");
        self.events.entry(block).or_default().push(event);
    }

    fn number(&mut self) -> Value {
        let value = self.builder.ins().iconst(types::I32, 7);
        self.note(Event::Defined(value));
        value
    }

    fn read(&mut self, local: u32) -> Value {
        let value = self.builder.local(local);
        self.note(Event::Read(local, value));
        value
    }

    fn set(&mut self, local: u32, value: Value) {
        self.builder.set_local(local, value);
        self.sets
            .extend(self.loops.last().map(|&loop_| (local, loop_)));
        self.note(Event::Set(local, value));
    }

    fn push(&mut self) -> Block {
        let block = self.builder.create_block();
        self.labels.push(Label {
            block,
            is_reached: false,
        });
        block
    }

    fn target(&mut self) -> Block {
        let at = self.below(self.labels.len());
        self.labels[at].is_reached = true;
        self.labels[at].block
    }

    /// Ends what the last label is for: whether what is behind it can be reached.
    fn pop(&mut self, is_reached: bool) -> bool {
        let label = self.labels.pop().expect("it was pushed");
        if is_reached {
            self.builder.ins().jump(label.block, &[]);
        }
        let goes_on = is_reached || label.is_reached;
        if goes_on {
            self.builder.begin(label.block);
        }
        goes_on
    }

    /// Whether control gets to the end of them.
    fn statements(&mut self, depth: usize) -> bool {
        for _ in 0..self.below(7) {
            if !self.statement(depth) {
                return false;
            }
        }
        true
    }

    fn statement(&mut self, depth: usize) -> bool {
        let kinds = if depth == 0 { 9 } else { 15 };
        match self.below(kinds) {
            0 | 1 => {
                let (local, value) = (self.local(), self.number());
                self.set(local, value);
            }
            2 | 3 => {
                let local = self.local();
                self.read(local);
            }
            4 => {
                let (to, from) = (self.local(), self.local());
                let value = self.read(from);
                self.set(to, value);
            }
            5 => {
                let target = self.target();
                self.branch_if(target);
            }
            6 => {
                if let Some(&handler) = self.handlers.last() {
                    self.branch_if(handler);
                }
            }
            7 if self.below(3) == 0 => {
                let target = self.target();
                self.builder.ins().jump(target, &[]);
                return false;
            }
            8 if self.below(3) == 0 => {
                let [one, two, other] = [(); 3].map(|()| self.target());
                let mut call = |block| self.builder.func.dfg.block_call(block, &[]);
                let calls = [one, two, one].map(&mut call);
                let data = JumpTableData::new(call(other), &calls);
                let table = self.builder.create_jump_table(data);
                self.builder.ins().br_table(self.condition, table);
                return false;
            }
            9 | 10 => {
                self.push();
                let is_reached = self.statements(depth - 1);
                return self.pop(is_reached);
            }
            11 | 12 => return self.loop_(depth),
            13 => return self.condition(depth),
            14 => return self.handled(depth),
            _ => {}
        }
        true
    }

    fn branch_if(&mut self, target: Block) {
        let next = self.builder.create_block();
        let condition = self.condition;
        self.builder.ins().brif(condition, target, &[], next, &[]);
        self.builder.begin(next);
    }

    fn loop_(&mut self, depth: usize) -> bool {
        let header = self.push();
        self.builder.ins().jump(header, &[]);
        let number = number(self.lasts.len());
        self.builder.begin_loop(header, Some(number));
        self.loops.push(number);
        self.lasts.push(number);
        let is_reached = self.statements(depth - 1);
        self.lasts[number as usize] = super::number(self.lasts.len() - 1);
        self.loops.pop();
        self.labels.pop();
        let end = self.builder.create_block();
        if is_reached {
            self.builder.ins().jump(end, &[]);
        }
        self.builder.end_loop();
        if is_reached {
            self.builder.begin(end);
        }
        is_reached
    }

    fn condition(&mut self, depth: usize) -> bool {
        let end = self.push();
        let [one, other] = [(); 2].map(|()| self.builder.create_block());
        let branch = self
            .builder
            .ins()
            .brif(self.condition, one, &[], other, &[]);
        self.builder.begin(one);
        let mut is_reached = self.statements(depth - 1);
        if self.below(2) == 0 {
            self.builder.change_target(branch, other, end);
            self.labels.last_mut().expect("its own").is_reached = true;
        } else {
            if is_reached {
                self.builder.ins().jump(end, &[]);
                self.labels.last_mut().expect("its own").is_reached = true;
            }
            self.builder.begin(other);
            is_reached = self.statements(depth - 1);
        }
        self.pop(is_reached)
    }

    fn handled(&mut self, depth: usize) -> bool {
        let [body, handler] = [(); 2].map(|()| self.builder.create_block());
        self.builder.ins().jump(body, &[]);
        let target = self.target();
        self.builder.switch_to_block(handler);
        self.builder.ins().jump(target, &[]);
        self.builder.begin(body);
        self.handlers.push(handler);
        self.push();
        let is_reached = self.statements(depth - 1);
        self.handlers.pop();
        self.builder.place(handler);
        self.pop(is_reached)
    }
}

/// Makes a program, and says in which blocks what happens, and which locals its loops set.
fn program(
    func: &mut Function,
    locals: &mut Locals,
    seed: u64,
    ahead: &LoopSets,
) -> (HashMap<Block, Vec<Event>>, LoopSets) {
    let mut builder = Builder::new(func, locals);
    let entry = builder.create_block();
    builder.append_block_params_for_function_params(entry);
    builder.begin(entry);
    let condition = builder.block_params(entry)[0];
    let mut program = Program {
        builder,
        condition,
        random: seed,
        labels: Vec::new(),
        handlers: Vec::new(),
        events: HashMap::new(),
        lasts: Vec::new(),
        sets: Vec::new(),
        loops: Vec::new(),
    };
    program.builder.look_ahead(ahead);
    for local in 0..LOCALS {
        let value = program.number();
        program.builder.declare_local(value);
        program.note(Event::Set(local, value));
    }
    program.push();
    let is_reached = program.statements(6);
    if program.pop(is_reached) {
        (0..LOCALS).for_each(|local| _ = program.read(local));
        program.builder.ins().return_(&[]);
    }
    program.sets.sort_unstable();
    program.sets.dedup();
    let loops = LoopSets {
        lasts: program.lasts.into(),
        sets: program.sets.into(),
    };
    (program.events, loops)
}

/// As if each loop set each local.
fn all() -> LoopSets {
    let loops = 0..1000;
    let sets = (0..LOCALS).flat_map(|local| loops.clone().map(move |loop_| (local, loop_)));
    LoopSets {
        sets: sets.collect(),
        lasts: loops.collect(),
    }
}

/// Goes through a function, and checks what is read.
fn walk(func: &Function, events: &HashMap<Block, Vec<Event>>, mut random: u64) {
    let mut values: HashMap<Value, u64> = HashMap::new();
    let mut locals = [0; LOCALS as usize];
    let mut time = 0;
    let mut at = func.layout.entry_block().expect("it is begun first");
    for _ in 0..400 {
        for event in events.get(&at).map_or(&[][..], Vec::as_slice) {
            time += 1;
            match *event {
                Event::Defined(value) => _ = values.insert(value, time),
                Event::Set(local, value) => {
                    locals[local as usize] = values[&func.dfg.resolve_aliases(value)];
                }
                Event::Read(local, value) => {
                    let value = values[&func.dfg.resolve_aliases(value)];
                    assert_eq!(value, locals[local as usize], "{at} {}", func.display());
                }
            }
        }
        let branch = func.layout.last_inst(at).expect("each has one");
        let dfg = &func.dfg;
        let calls = dfg.insts[branch].branch_destination(&dfg.jump_tables, &dfg.exception_tables);
        if calls.is_empty() {
            return;
        }
        let call = calls[next(&mut random, calls.len())];
        at = call.block(&dfg.value_lists);
        let args = call.args(&dfg.value_lists).filter_map(|arg| arg.as_value());
        let args: Vec<u64> = args.map(|arg| values[&dfg.resolve_aliases(arg)]).collect();
        values.extend(dfg.block_params(at).iter().copied().zip(args));
    }
}

fn empty() -> Function {
    let mut signature = Signature::new(CallConv::Tail);
    signature.params.push(AbiParam::new(types::I32));
    Function::with_name_signature(UserFuncName::default(), signature)
}

#[test]
fn what_is_read_was_set_last() {
    let flags = settings::Flags::new(settings::builder());
    let mut locals = Locals::default();
    let mut random = 88_172_645_463_325_252;
    for _ in 0..4000 {
        next(&mut random, 2);
        let mut ahead = all();
        for _ in 0..2 {
            let mut func = empty();
            let (events, loops) = program(&mut func, &mut locals, random, &ahead);
            if let Err(error) = verify_function(&func, &flags) {
                panic!("{error} {}", func.display());
            }
            for seed in 1..20 {
                walk(&func, &events, seed);
            }
            ahead = loops;
        }
    }
}

/// The header of a loop within another, where `in_loops` fills both: the parameters of both headers.
fn params_of_loops(ahead: &LoopSets, in_loops: impl Fn(&mut Builder<'_>)) -> [usize; 2] {
    let (mut func, mut locals) = (empty(), Locals::default());
    let mut builder = Builder::new(&mut func, &mut locals);
    let [entry, outer, inner, next, end] = [(); 5].map(|()| builder.create_block());
    builder.append_block_params_for_function_params(entry);
    builder.begin(entry);
    let condition = builder.block_params(entry)[0];
    builder.look_ahead(ahead);
    for _ in 0..LOCALS {
        builder.declare_local(condition);
    }
    for (number, header) in [(0, outer), (1, inner)] {
        builder.ins().jump(header, &[]);
        builder.begin_loop(header, Some(number));
    }
    in_loops(&mut builder);
    builder.ins().brif(condition, inner, &[], next, &[]);
    builder.end_loop();
    builder.begin(next);
    builder.ins().brif(condition, outer, &[], end, &[]);
    builder.end_loop();
    builder.begin(end);
    builder.ins().return_(&[]);
    [outer, inner].map(|header| func.dfg.block_params(header).len())
}

#[test]
fn headers_have_parameters_for_locals_that_their_loops_set_and_read() {
    let one = LoopSets {
        lasts: [1, 1].into(),
        sets: [(1, 1)].into(),
    };
    let all = all();
    let read = |builder: &mut Builder<'_>| _ = builder.local(2);
    assert_eq!(params_of_loops(&one, read), [0, 0]);
    // What nothing sets after all has none in the end.
    assert_eq!(params_of_loops(&all, read)[1], 0);
    let set = |builder: &mut Builder<'_>| {
        let value = builder.ins().iconst(types::I32, 7);
        builder.set_local(1, value);
        builder.local(1);
    };
    assert_eq!(params_of_loops(&one, set), [0, 0]);
    let count = |builder: &mut Builder<'_>| {
        let [value, other] = [1, 2].map(|local| builder.local(local));
        let value = builder.ins().iadd(value, other);
        builder.set_local(1, value);
    };
    assert_eq!(params_of_loops(&one, count), [1, 1]);
    // It is what it was.
    let keep = |builder: &mut Builder<'_>| {
        let value = builder.local(1);
        builder.set_local(1, value);
    };
    assert_eq!(params_of_loops(&one, keep)[1], 0);
}
