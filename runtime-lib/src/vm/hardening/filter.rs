//! A filter of seccomp, as a program for the kernel's packet filter.
//!
//! Linux runs a new filter once for every system call there is, so how many instructions that takes
//! counts: with one comparison a call, one after the other, installing it took 250 us. So the
//! program is a tree over ranges of numbers.

use std::ops::RangeInclusive;

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

/// The program that allows these calls, and has any other send the process a signal.
pub(super) fn program(calls: impl Iterator<Item = c_long>) -> Vec<sock_filter> {
    let load = libc::BPF_LD | libc::BPF_W | libc::BPF_ABS;
    let mut program = vec![
        instruction(load, PROCESSOR, 0, 0),
        instruction(libc::BPF_JMP | libc::BPF_JEQ, THIS_PROCESSOR, 1, 0),
        result(libc::SECCOMP_RET_KILL_PROCESS),
        instruction(load, NUMBER, 0, 0),
    ];
    program.extend(tree(&ranges(calls)));
    program
}

/// The numbers in ascending order, with those that follow each other as one range.
fn ranges(calls: impl Iterator<Item = c_long>) -> Vec<RangeInclusive<u32>> {
    let mut calls: Vec<u32> = calls.filter_map(|call| call.try_into().ok()).collect();
    calls.sort_unstable();
    calls.dedup();
    let ranges = calls.chunk_by(|call, next| call + 1 == *next);
    ranges
        .filter_map(|range| Some(*range.first()?..=*range.last()?))
        .collect()
}

fn tree(ranges: &[RangeInclusive<u32>]) -> Vec<sock_filter> {
    let at_least = libc::BPF_JMP | libc::BPF_JGE;
    match ranges {
        [] => vec![result(libc::SECCOMP_RET_TRAP)],
        [range] => vec![
            instruction(at_least, *range.start(), 0, 2),
            instruction(libc::BPF_JMP | libc::BPF_JGT, *range.end(), 1, 0),
            result(libc::SECCOMP_RET_ALLOW),
            result(libc::SECCOMP_RET_TRAP),
        ],
        _ => {
            let (low, high) = ranges.split_at(ranges.len() / 2);
            let (low, upper) = (tree(low), *high[0].start());
            let over = u8::try_from(low.len()).expect("fewer than 50 ranges");
            let mut all = vec![instruction(at_least, upper, over, 0)];
            all.extend(low);
            all.extend(tree(high));
            all
        }
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
