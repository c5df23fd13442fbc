//! Which counters a body has, and a digest of what decides that.

use wasmelt_abi::PROFILE_CALL_COUNTERS;
use wasmparser::{BrTable, FunctionBody, Operator};

/// What a body counts.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Shape {
    /// Of the instructions that change where control goes. It stays the same when others change.
    pub digest: u64,
    pub counters: u32,
    /// The first counter of each call through a table or a reference.
    pub places: Vec<u32>,
}

/// The counters of an instruction. The entry of a function has one before them all.
#[must_use]
pub fn counters_of(op: &Operator<'_>) -> u32 {
    match op {
        Operator::Loop { .. }
        | Operator::If { .. }
        | Operator::BrIf { .. }
        | Operator::BrOnNull { .. }
        | Operator::BrOnNonNull { .. }
        | Operator::BrOnCast { .. }
        | Operator::BrOnCastFail { .. } => 1,
        Operator::BrTable { targets } => {
            u32::try_from(distinct(targets).len()).expect("bodies are below 4 GiB")
        }
        _ if is_place(op) => CALL_COUNTERS,
        _ => 0,
    }
}

const CALL_COUNTERS: u32 = PROFILE_CALL_COUNTERS as u32;

/// Whether an instruction calls who is only known when it runs.
fn is_place(op: &Operator<'_>) -> bool {
    matches!(
        op,
        Operator::CallIndirect { .. }
            | Operator::ReturnCallIndirect { .. }
            | Operator::CallRef { .. }
            | Operator::ReturnCallRef { .. }
    )
}

/// The labels that a branch table goes to, ascending: each has a counter.
#[must_use]
pub fn distinct(table: &BrTable<'_>) -> Vec<u32> {
    let targets = table.targets().map_while(Result::ok);
    let mut depths: Vec<u32> = targets.chain([table.default()]).collect();
    depths.sort_unstable();
    depths.dedup();
    depths
}

impl Shape {
    /// Of a body that has been validated.
    #[must_use]
    pub fn of(body: &FunctionBody<'_>) -> Shape {
        let mut digest = Digest::default();
        let (mut counters, mut places) = (1, Vec::new());
        if let Ok(mut reader) = body.get_operators_reader() {
            while let Ok(op) = reader.read()
                && !reader.eof()
            {
                if is_place(&op) {
                    places.push(counters);
                }
                counters += counters_of(&op);
                add(&mut digest, &op);
            }
        }
        Shape {
            digest: digest.0,
            counters,
            places,
        }
    }
}

fn add(digest: &mut Digest, op: &Operator<'_>) {
    match op {
        Operator::Block { .. } => digest.add(1),
        Operator::Loop { .. } => digest.add(2),
        Operator::If { .. } => digest.add(3),
        Operator::Else => digest.add(4),
        Operator::End => digest.add(5),
        Operator::Return => digest.add(6),
        Operator::Unreachable => digest.add(7),
        Operator::TryTable { .. } => digest.add(8),
        Operator::Br { relative_depth } => digest.add_two(9, *relative_depth),
        Operator::BrIf { relative_depth } => digest.add_two(10, *relative_depth),
        Operator::BrOnNull { relative_depth } => digest.add_two(11, *relative_depth),
        Operator::BrOnNonNull { relative_depth } => digest.add_two(12, *relative_depth),
        Operator::BrOnCast { relative_depth, .. } => digest.add_two(22, *relative_depth),
        Operator::BrOnCastFail { relative_depth, .. } => digest.add_two(23, *relative_depth),
        Operator::BrTable { targets } => {
            for depth in targets.targets().map_while(Result::ok) {
                digest.add_two(13, depth);
            }
            digest.add_two(14, targets.default());
        }
        Operator::Try { .. } => digest.add(17),
        Operator::Catch { .. } => digest.add(18),
        Operator::CatchAll => digest.add(19),
        Operator::Delegate { relative_depth } => digest.add_two(20, *relative_depth),
        Operator::Rethrow { relative_depth } => digest.add_two(21, *relative_depth),
        Operator::Call { .. } | Operator::ReturnCall { .. } => digest.add(15),
        _ if is_place(op) => digest.add(16),
        _ => {}
    }
}

/// FNV-1a over words: it tells functions apart, and nothing depends on it but speed.
#[derive(Clone, Copy)]
pub(super) struct Digest(pub(super) u64);

impl Default for Digest {
    fn default() -> Digest {
        Digest(0xcbf2_9ce4_8422_2325)
    }
}

impl Digest {
    pub(super) fn add(&mut self, word: u32) {
        self.0 = (self.0 ^ u64::from(word)).wrapping_mul(0x0000_0100_0000_01b3);
    }

    fn add_two(&mut self, first: u32, second: u32) {
        self.add(first);
        self.add(second);
    }
}
