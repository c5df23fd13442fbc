//! SSA form of the locals of a function, while it is translated. Comes in: blocks in the order in which
//! they are begun, the edges between them, and what each local is set to. Goes out: the value that a local
//! has where it is read, for which blocks get parameters, and branches arguments.
//!
//! ```text
//!     local.set 0 (v1)                        ;     brif v9, block1, block2
//!     if                                      ; block1:
//!       local.set 0 (v2)                      ;     jump block2(v2)
//!     end                                     ; ...                  block2(v1) in the branch
//!     local.get 0                             ; block2(v3):          v3 is what is read
//! ```
//!
//! Structured control has a block begun when all that lead to it have been, but for what leads back to the
//! header of a loop. So blocks are numbered as they are begun, the block's dominator is known then, and
//! what runs between a dominator and the block has the numbers between them. Of each local there is a list
//! of where it is set, in that order. What it is at the end of a block follows from the last of these that
//! is not behind the block, and from the farthest dominator of the block that is not before it:
//!
//! - they are the same block: it is what was set there, as nothing in between sets it.
//! - the dominator is a later one, so the local is set between that block and its own dominator. If several
//!   edges lead there, what comes along each of them meets; else what was set does not get there, and
//!   the local is what it was at the end of that dominator.
//! - a loop begins in between that sets the local further on: then its header is where it meets what is
//!   set in the loop. Which locals a loop sets has been read before ([`LoopSets`]).
//!
//! Only what is read is looked for, and only where that leads: no parameter is for a local that nobody
//! reads behind it. Where all edges bring the same value, there is none. What is found out about a local
//! and a block is noted. The header of a loop that has not ended gets a parameter at once, and its arguments at
//! the end of the loop.
//!
//! Parameters that only others of them keep are left to `emit/copies.rs`: those of a loop that sets a local
//! to what it was.
//!
//! A local that is read costs the logarithm of the blocks, and once for each block that its value comes
//! through, the edges that lead there.

use super::ancestors::Ancestors;
use crate::parse::LoopSets;
use cranelift_codegen::entity::SecondaryMap;
use cranelift_codegen::ir::{Block, Function, Inst, Value};
use foldhash::{HashMap, HashMapExt};
use std::ops::Range;

#[cfg(test)]
mod tests;

/// No edge; no block.
const NONE: u32 = u32::MAX;
/// With room for more notes than this, it is given back before the next function.
const NOTES_MAX: usize = 1 << 13;

/// The locals of one function, and then of the next.
#[derive(Default)]
pub struct Locals {
    locals: Vec<Local>,
    /// So many of them are the function's.
    count: usize,
    blocks: SecondaryMap<Block, Place>,
    /// By number.
    begun: Vec<Begun>,
    /// Of the blocks that have been begun.
    dominators: Ancestors,
    edges: Vec<Edge>,
    again: Vec<Again>,
    /// Those that are ahead.
    ahead: LoopSets,
    /// The first stands for none.
    loops: Vec<Loop>,
    /// For each loop, the one around it.
    around: Ancestors,
    /// The loop that has not ended.
    innermost: u32,
    /// From this number on, each block that was begun goes on with the one before.
    straight: u32,
    /// What a local is at the start of a block, by both their numbers.
    notes: HashMap<(u32, u32), Value>,
    steps: Vec<Step>,
    found: Vec<Value>,
}

struct Local {
    /// What it is at the start of the function.
    first: Value,
    /// What it was in the block of this number.
    last: (u32, Value),
    /// The blocks that set it, in their order, and what it is at their ends.
    sets: Vec<(u32, Value)>,
    /// Where the loops that set it are in [`LoopSets::sets`].
    loops: Range<u32>,
}

#[derive(Clone)]
struct Place {
    /// Of a block that has been begun. One that nothing leads to has what the first one has.
    number: u32,
    first_edge: u32,
    last_edge: u32,
}

impl Default for Place {
    fn default() -> Place {
        Place {
            number: 0,
            first_edge: NONE,
            last_edge: NONE,
        }
    }
}

/// A block that has been begun.
struct Begun {
    block: Block,
    /// The innermost loop that it is in, or that it begins.
    within: u32,
    /// Several edges led to it when it was begun.
    is_join: bool,
}

struct Edge {
    from: Block,
    branch: Inst,
    /// Which of the branch's destinations it is.
    destination: u32,
    /// And further ones.
    again: u32,
    /// Another one that leads to the same block.
    next: u32,
}

/// A destination of a branch that leads to the same block as one before.
struct Again {
    destination: u32,
    next: u32,
}

struct Loop {
    header: u32,
    /// Its number in the body, and that of the last loop in it; nothing if it sets no local.
    sets: Option<(u32, u32)>,
    has_ended: bool,
    /// Parameters of the header that are for locals.
    params: Vec<(u32, Value)>,
}

/// What a local is at the end of a block.
enum Found {
    Value(Value),
    /// What it is at the start of this one.
    Block(u32),
    /// The same, where that begins this loop, which sets it.
    Loop(u32),
}

/// What is to be done, the last first.
enum Step {
    /// Finds what the local is at the end of a block.
    Find(Block),
    /// It has been found what the local is at the end of the only block that leads here.
    Pass(u32),
    /// It has been found for all blocks that lead here. If there is a parameter already, that is it.
    Meet(u32, Option<Value>),
}

impl Locals {
    pub(super) fn clear(&mut self) {
        let used = &mut self.locals[..self.count];
        used.iter_mut().for_each(|local| local.sets.clear());
        self.count = 0;
        self.blocks.clear();
        self.begun.clear();
        self.dominators.clear();
        self.edges.clear();
        self.again.clear();
        self.ahead = LoopSets::default();
        self.loops.clear();
        self.around.clear();
        self.push_loop(0, None);
        self.straight = 0;
        match self.notes.capacity() > NOTES_MAX {
            true => self.notes = HashMap::new(),
            false => self.notes.clear(),
        }
        self.steps.clear();
        self.found.clear();
    }

    /// What the loops of the function do. Locals come after this.
    pub(super) fn look_ahead(&mut self, loops: &LoopSets) {
        self.ahead = loops.clone();
    }

    /// The next local, and what it is in the first block.
    pub(super) fn declare(&mut self, value: Value) {
        let before = self.count.checked_sub(1);
        let start = before.map_or(0, |before| self.locals[before].loops.end);
        let ahead = &self.ahead.sets[start as usize..];
        let own = ahead.iter().take_while(|set| set.0 as usize == self.count);
        let loops = start..start + number(own.count());
        let last = (0, value);
        match self.locals.get_mut(self.count) {
            Some(local) => (local.first, local.last, local.loops) = (value, last, loops),
            None => self.locals.push(Local {
                first: value,
                last,
                sets: Vec::new(),
                loops,
            }),
        }
        self.count += 1;
    }

    /// Where a branch leads to that has been appended to a block, by one of its destinations. It may lead to
    /// the same block more than once.
    pub(super) fn add_edge(&mut self, from: Block, branch: Inst, destination: u32, to: Block) {
        let place = &mut self.blocks[to];
        let last = place.last_edge;
        if let Some(edge) = self.edges.get_mut(last as usize)
            && edge.branch == branch
        {
            let next = std::mem::replace(&mut edge.again, number(self.again.len()));
            self.again.push(Again { destination, next });
            return;
        }
        let edge = number(self.edges.len());
        place.last_edge = edge;
        match last {
            NONE => place.first_edge = edge,
            _ => self.edges[last as usize].next = edge,
        }
        self.edges.push(Edge {
            from,
            branch,
            destination,
            again: NONE,
            next: NONE,
        });
    }

    /// Every edge to `block` is there, but for those from within the loop that it begins.
    pub(super) fn begin(&mut self, block: Block) {
        let mut dominator = None;
        let mut count = 0;
        for edge in edges(&self.edges, &self.blocks[block]) {
            let from = self.blocks[edge.from].number;
            dominator = match dominator {
                None => Some(from),
                Some(other) => Some(self.dominators.common(other, from)),
            };
            count += 1;
        }
        let at = self.dominators.len();
        let dominator = dominator.unwrap_or(0);
        self.blocks[block].number = at;
        self.dominators.push(dominator);
        self.begun.push(Begun {
            block,
            within: self.innermost,
            is_join: count > 1,
        });
        if count != 1 || dominator + 1 != at {
            self.straight = at;
        }
    }

    /// Begins a loop, to which one edge leads from outside. If it is one of the body's, that has a number.
    pub(super) fn begin_loop(&mut self, header: Block, number: Option<u32>) {
        let at = self.dominators.len();
        let sets = number.map(|number| (number, self.ahead.lasts[number as usize]));
        self.push_loop(at, sets);
        self.begin(header);
        self.straight = at;
        debug_assert!(!self.begun[at as usize].is_join, "{header}");
    }

    fn push_loop(&mut self, header: u32, sets: Option<(u32, u32)>) {
        let loop_ = self.around.len();
        self.around.push(self.innermost);
        self.innermost = loop_;
        self.loops.push(Loop {
            header,
            sets,
            has_ended: false,
            params: Vec::new(),
        });
    }

    /// Whether a loop sets a local, or one within does.
    fn sets(&self, loop_: u32, local: u32) -> bool {
        let Some((first, last)) = self.loops[loop_ as usize].sets else {
            return false;
        };
        let Range { start, end } = self.locals[local as usize].loops;
        let sets = &self.ahead.sets[start as usize..end as usize];
        let behind = sets.partition_point(|set| set.1 < first);
        sets.get(behind).is_some_and(|set| set.1 <= last)
    }

    /// The block that was begun last sets a local.
    pub(super) fn set(&mut self, local: u32, value: Value) {
        let at = self.dominators.len() - 1;
        let local = &mut self.locals[local as usize];
        local.last = (at, value);
        match local.sets.last_mut() {
            Some(set) if set.0 == at => set.1 = value,
            _ => local.sets.push((at, value)),
        }
    }

    /// What a local is now, in the block that was begun last.
    pub(super) fn read(&mut self, func: &mut Function, local: u32) -> Value {
        let (at, value) = self.locals[local as usize].last;
        if at >= self.straight {
            return value;
        }
        let at = self.dominators.len() - 1;
        let value = self.at_end(func, local, at);
        self.locals[local as usize].last = (at, value);
        value
    }

    /// What a local is at the end of a block.
    fn at_end(&mut self, func: &mut Function, local: u32, at: u32) -> Value {
        match self.find(local, at) {
            Found::Value(value) => value,
            found => {
                self.look_up(func, local, &found);
                self.run(func, local);
                self.found.pop().expect("the last step has found it")
            }
        }
    }

    fn run(&mut self, func: &mut Function, local: u32) {
        while let Some(step) = self.steps.pop() {
            match step {
                Step::Find(block) => {
                    let found = self.find(local, self.blocks[block].number);
                    self.look_up(func, local, &found);
                }
                Step::Pass(at) => {
                    let value = self.found.last().expect("the step before has found it");
                    self.notes.insert((local, at), *value);
                }
                Step::Meet(at, param) => {
                    let value = self.meet(func, at, param);
                    if let Some(param) = param.filter(|param| *param != value) {
                        func.dfg.remove_block_param(param);
                        func.dfg.change_to_alias(param, value);
                    }
                    self.notes.insert((local, at), value);
                    self.found.push(value);
                }
            }
        }
    }

    /// The header of this file says how.
    fn find(&self, local: u32, at: u32) -> Found {
        let Local { first, sets, .. } = &self.locals[local as usize];
        let before = match sets.last() {
            Some(set) if set.0 > at => sets.partition_point(|set| set.0 <= at),
            _ => sets.len(),
        };
        let (set, value) = before.checked_sub(1).map_or((0, *first), |last| sets[last]);
        let dominator = self.dominators.last(at, |other| other >= set);
        // The innermost loop around it that sets the local.
        let sets_not = |loop_| loop_ != 0 && !self.sets(loop_, local);
        let mut loop_ = self.begun[at as usize].within;
        if sets_not(loop_) {
            loop_ = self.around.next(self.around.last(loop_, sets_not));
        }
        let header = self.loops[loop_ as usize].header;
        if header > set && header >= dominator {
            Found::Loop(loop_)
        } else if dominator > set {
            Found::Block(dominator)
        } else {
            Found::Value(value)
        }
    }

    /// Adds what a local is, or the steps that do.
    fn look_up(&mut self, func: &mut Function, local: u32, found: &Found) {
        let (at, is_loop) = match *found {
            Found::Value(value) => return self.found.push(value),
            Found::Block(at) => (at, false),
            Found::Loop(loop_) => (self.loops[loop_ as usize].header, true),
        };
        if let Some(value) = self.notes.get(&(local, at)) {
            return self.found.push(*value);
        }
        let Begun {
            block,
            within,
            is_join,
        } = self.begun[at as usize];
        if !is_loop && !is_join {
            let dominator = self.dominators.next(at);
            self.steps.push(Step::Pass(at));
            let from = self.begun[dominator as usize].block;
            self.steps.push(Step::Find(from));
            return;
        }
        let around = &mut self.loops[within as usize];
        let has_ended = around.has_ended;
        // In such a loop, what is looked for may lead here again.
        let param = (is_loop || has_ended).then(|| {
            let ty = func.dfg.value_type(self.locals[local as usize].first);
            let param = func.dfg.append_block_param(block, ty);
            self.notes.insert((local, at), param);
            param
        });
        if let Some(param) = param.filter(|_| !has_ended) {
            around.params.push((local, param));
            return self.found.push(param);
        }
        self.steps.push(Step::Meet(at, param));
        self.find_all(block);
    }

    /// Finds what a local is on all edges to a block.
    fn find_all(&mut self, block: Block) {
        let edges = edges(&self.edges, &self.blocks[block]);
        self.steps.extend(edges.map(|edge| Step::Find(edge.from)));
    }

    /// What has been found on all edges to a block as one value: it may be that of a parameter, which then
    /// gets its arguments.
    fn meet(&mut self, func: &mut Function, at: u32, param: Option<Value>) -> Value {
        let block = self.begun[at as usize].block;
        let edges = || edges(&self.edges, &self.blocks[block]);
        let start = self.found.len() - edges().count();
        let found = &mut self.found[start..];
        for value in &mut *found {
            *value = func.dfg.resolve_aliases(*value);
        }
        let mut others = found.iter().filter(|value| Some(**value) != param);
        let one = *others.next().expect("one edge is not from behind");
        let value = match others.all(|other| *other == one) {
            true => one,
            false => {
                let param = param.unwrap_or_else(|| {
                    let ty = func.dfg.value_type(one);
                    func.dfg.append_block_param(block, ty)
                });
                // The last edge was the first to be followed.
                for (edge, value) in edges().zip(found.iter().rev()) {
                    add_argument(func, edge, &self.again, *value);
                }
                param
            }
        };
        self.found.truncate(start);
        value
    }

    /// Every edge to the header of the innermost loop is there.
    pub(super) fn end_loop(&mut self, func: &mut Function) {
        let loop_ = self.innermost;
        self.innermost = self.around.next(loop_);
        let Loop { header, params, .. } = &mut self.loops[loop_ as usize];
        let (at, params) = (*header, std::mem::take(params));
        let block = self.begun[at as usize].block;
        let place = &self.blocks[block];
        let is_left = place.first_edge == place.last_edge;
        let mut same: Vec<(Value, Value)> = Vec::new();
        for (local, param) in params {
            self.find_all(block);
            self.run(func, local);
            let value = self.meet(func, at, Some(param));
            if value != param {
                same.push((param, value));
            }
        }
        replace(func, block, &same);
        let ended = &mut self.loops[loop_ as usize];
        ended.has_ended = true;
        if is_left {
            // Nothing leads back.
            ended.sets = None;
        }
    }
}

/// Those that lead to a block.
fn edges<'e>(edges: &'e [Edge], place: &Place) -> impl Iterator<Item = &'e Edge> {
    let edge = |at: u32| edges.get(at as usize);
    std::iter::successors(edge(place.first_edge), move |last| edge(last.next))
}

/// Adds an argument wherever a branch leads to the same block.
fn add_argument(func: &mut Function, edge: &Edge, again: &[Again], value: Value) {
    let dfg = &mut func.dfg;
    let (tables, handlers) = (&mut dfg.jump_tables, &mut dfg.exception_tables);
    let calls = dfg.insts[edge.branch].branch_destination_mut(tables, handlers);
    let mut add = |destination: u32| {
        calls[destination as usize].append_argument(value, &mut dfg.value_lists);
    };
    add(edge.destination);
    let mut next = edge.again;
    while let Some(other) = again.get(next as usize) {
        add(other.destination);
        next = other.next;
    }
}

/// Has parameters of a block be other values. They are in the order of the parameters.
fn replace(func: &mut Function, block: Block, same: &[(Value, Value)]) {
    if same.is_empty() {
        return;
    }
    let params = func.dfg.block_params(block).to_vec();
    func.dfg.detach_block_params(block);
    let mut rest = same;
    for param in params {
        match rest.split_first() {
            Some((first, others)) if first.0 == param => rest = others,
            _ => func.dfg.attach_block_param(block, param),
        }
    }
    for &(param, value) in same {
        func.dfg.change_to_alias(param, value);
    }
}

fn number(count: usize) -> u32 {
    u32::try_from(count).expect("fewer than bytes of a body")
}
