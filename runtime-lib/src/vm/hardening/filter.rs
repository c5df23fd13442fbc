//! A filter of seccomp, as a program for the kernel's packet filter.
//!
//! Linux checks and translates a new filter, and runs it once for every system call there is, so it counts
//! how many instructions it has, and how many of them a number takes: with one comparison a call, one after
//! the other, installing it took 250 us. So the program is a tree over the numbers at which what is said
//! of them changes, one instruction each, and both halves of a tree are about as many numbers.

use libc::{c_long, sock_filter};

/// Where the kernel has them: the number of the call, and for which processor it was made.
const NUMBER: u32 = 0;
const PROCESSOR: u32 = 4;

#[cfg(target_arch = "x86_64")]
const THIS_PROCESSOR: u32 = 0xc000_003e;
#[cfg(target_arch = "aarch64")]
const THIS_PROCESSOR: u32 = 0xc000_00b7;
#[cfg(target_arch = "riscv64")]
const THIS_PROCESSOR: u32 = 0xc000_00f3;

/// There are no more system calls than this; where there are, only the tree's shape is not the best.
const NUMBERS_END: u32 = 470;

/// The program that allows these calls, and has any other send the process a signal.
pub(super) fn program(calls: impl Iterator<Item = c_long>) -> Vec<sock_filter> {
    let load = libc::BPF_LD | libc::BPF_W | libc::BPF_ABS;
    let mut tree = Tree {
        edges: edges(calls),
        program: vec![
            instruction(load, PROCESSOR, 0, 0),
            instruction(libc::BPF_JMP | libc::BPF_JEQ, THIS_PROCESSOR, 1, 0),
            result(libc::SECCOMP_RET_KILL_PROCESS),
            instruction(load, NUMBER, 0, 0),
        ],
        branches: Vec::new(),
    };
    tree.grow(0, tree.edges.len());
    tree.program()
}

/// The numbers at which what is said of them changes, in ascending order: from the first on they are
/// allowed.
fn edges(calls: impl Iterator<Item = c_long>) -> Vec<u32> {
    let mut calls: Vec<u32> = calls.filter_map(|call| call.try_into().ok()).collect();
    calls.sort_unstable();
    calls.dedup();
    let ranges = calls.chunk_by(|call, next| call + 1 == *next);
    ranges
        .filter_map(|range| Some([*range.first()?, *range.last()? + 1]))
        .flatten()
        .collect()
}

/// A program under construction.
struct Tree {
    edges: Vec<u32>,
    program: Vec<sock_filter>,
    /// Where a comparison is, and where it goes for numbers from its own on, and for those below.
    branches: Vec<(usize, [Target; 2])>,
}

/// Where a comparison goes.
#[derive(Clone, Copy)]
enum Target {
    Instruction(usize),
    Allowed,
    Refused,
}

impl Tree {
    /// Decides between intervals from one to another: each begins with an edge, but for the first.
    fn grow(&mut self, first: usize, last: usize) -> Target {
        if first == last {
            return match first % 2 {
                0 => Target::Refused,
                _ => Target::Allowed,
            };
        }
        let start = |interval: usize| match interval.checked_sub(1) {
            Some(edge) => self.edges.get(edge).map_or(NUMBERS_END, |edge| *edge),
            None => 0,
        };
        let ends = start(first) + start(last + 1);
        let middle = (first + 1..=last).min_by_key(|&it| ends.abs_diff(2 * start(it)));
        let middle = middle.expect("there are two intervals");
        let edge = start(middle);
        let at = self.program.len();
        let at_least = libc::BPF_JMP | libc::BPF_JGE;
        self.program.push(instruction(at_least, edge, 0, 0));
        let below = self.grow(first, middle - 1);
        let above = self.grow(middle, last);
        self.branches.push((at, [above, below]));
        Target::Instruction(at)
    }

    /// With both results at the end.
    fn program(mut self) -> Vec<sock_filter> {
        let end = self.program.len();
        self.program.push(result(libc::SECCOMP_RET_ALLOW));
        self.program.push(result(libc::SECCOMP_RET_TRAP));
        for (at, targets) in self.branches {
            let [above, below] = targets.map(|target| {
                let target = match target {
                    Target::Instruction(target) => target,
                    Target::Allowed => end,
                    Target::Refused => end + 1,
                };
                u8::try_from(target - at - 1).expect("there are fewer than 120 edges")
            });
            (self.program[at].jt, self.program[at].jf) = (above, below);
        }
        self.program
    }
}

fn instruction(code: u32, k: u32, jt: u8, jf: u8) -> sock_filter {
    sock_filter {
        code: code as u16,
        jt,
        jf,
        k,
    }
}

fn result(of: u32) -> sock_filter {
    instruction(libc::BPF_RET, of, 0, 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What a filter says of a call.
    fn outcome(program: &[sock_filter], processor: u32, call: u32) -> u32 {
        let (mut at, mut loaded) = (0, 0);
        loop {
            let instruction = program[at];
            let jump = |holds: bool| match holds {
                true => usize::from(instruction.jt),
                false => usize::from(instruction.jf),
            };
            let kind = u32::from(instruction.code);
            at += 1;
            if kind == libc::BPF_RET {
                return instruction.k;
            } else if kind == libc::BPF_LD | libc::BPF_W | libc::BPF_ABS {
                loaded = if instruction.k == NUMBER {
                    call
                } else {
                    processor
                };
            } else if kind == libc::BPF_JMP | libc::BPF_JEQ {
                at += jump(loaded == instruction.k);
            } else if kind == libc::BPF_JMP | libc::BPF_JGE {
                at += jump(loaded >= instruction.k);
            } else {
                assert_eq!(kind, libc::BPF_JMP | libc::BPF_JGT);
                at += jump(loaded > instruction.k);
            }
        }
    }

    #[test]
    fn exactly_the_calls_are_allowed() {
        for families in 0..64 {
            let calls: Vec<c_long> = super::super::calls::allowed(families).collect();
            let program = program(calls.iter().copied());
            for call in (0..1000).chain([0x4000_0000, u32::MAX]) {
                let expected = match calls.contains(&c_long::from(call)) {
                    true => libc::SECCOMP_RET_ALLOW,
                    false => libc::SECCOMP_RET_TRAP,
                };
                assert_eq!(outcome(&program, THIS_PROCESSOR, call), expected, "{call}");
            }
            let other = outcome(&program, THIS_PROCESSOR ^ 1, 1);
            assert_eq!(other, libc::SECCOMP_RET_KILL_PROCESS);
        }
    }
}
