//! What the walk works on, and its result: states of values, moves, operands.

use crate::lists::{Lists, NONE};
use crate::machine::NO_REGISTER;
use crate::parallel::Wanted;
use crate::place::Move;
use regalloc2::Allocation;

/// What the walk knows of a value.
#[derive(Clone, Copy)]
pub struct State {
    /// Where it is now, or [`NO_REGISTER`] for its slot.
    pub register: u8,
    /// Where it was defined.
    pub defined_in: u8,
    /// Where a block that follows wants it.
    pub hint: u8,
    /// It is in its slot from its definition on, by a store of its own or without.
    pub is_stored_at_def: bool,
    pub is_born_in_slot: bool,
    /// A parameter that is stored on the ways to its block, where it is not in its slot already.
    pub is_stored_on_edges: bool,
    pub has_slot: bool,
    pub is_param: bool,
    /// Its definition ends a block, and a store cannot follow.
    pub ends_block: bool,
    /// The next use, in the list of its uses.
    pub next: u32,
    /// The last block with a store of it.
    pub stored_in: u32,
    /// What the stores have cost so far.
    pub cost: f32,
    /// The last blocks at whose start, and at whose end, it is alive.
    pub in_block: u32,
    pub out_block: u32,
}

pub const UNKNOWN: State = State {
    register: NO_REGISTER,
    defined_in: NO_REGISTER,
    hint: NO_REGISTER,
    is_stored_at_def: false,
    is_born_in_slot: false,
    is_stored_on_edges: false,
    has_slot: false,
    is_param: false,
    ends_block: false,
    next: 0,
    stored_in: NONE,
    cost: 0.0,
    in_block: NONE,
    out_block: NONE,
};

/// What is reused from function to function, and the result.
#[derive(Default)]
pub struct Memory {
    pub states: Vec<State>,
    pub moves: Vec<Move>,
    pub allocs: Vec<Allocation>,
    /// Operands that are in the slot of a value: the operand's number, and the value.
    pub in_slots: Vec<(u32, u32)>,
    /// Registers and what is in them, where each block begins and ends.
    pub entries: Lists<(u8, u32)>,
    pub exits: Lists<(u8, u32)>,
    /// Points where registers are wanted, a list each, and how far each list was passed.
    pub claims: Vec<Vec<u32>>,
    pub claims_passed: Vec<u32>,
    /// By web: the register that a value of it was in last.
    pub latest: Vec<u8>,
    /// How many calls there are in one round of a loop, by its head.
    pub call_rates: Vec<f32>,
    /// Most values alive at once in each block, by class.
    pub pressure: Vec<[u16; 3]>,
    pub spare: [bool; 8],
    pub scratch: Scratch,
    pub meeting: Meeting,
    /// By parameter of a block: how often it would be stored on the ways to that.
    pub prices: Vec<f32>,
}

#[derive(Default)]
pub struct Scratch {
    /// Values that have moved, and the registers they were in.
    pub origins: Vec<(u32, u8)>,
    /// Copies that the instruction needs: of which value, into which register.
    pub copies: Vec<(u32, u8)>,
    /// Stores of values that leave their registers.
    pub stores: Vec<(u32, u8)>,
    /// Operands that have no place yet.
    pub pending: Vec<u32>,
    pub displaced: Vec<(f32, u32)>,
    pub defined: Vec<(u32, u8)>,
    pub wanted: Vec<Wanted>,
}

/// What the ways to a block say about a value.
#[derive(Clone, Copy)]
pub struct Found {
    pub block: u32,
    /// How often it comes in a register.
    pub weight: f32,
    pub register: u8,
    /// How often it comes in this one.
    pub most: f32,
}

pub const NOT_FOUND: Found = Found {
    block: NONE,
    weight: 0.0,
    register: NO_REGISTER,
    most: 0.0,
};

#[derive(Clone, Copy)]
pub struct Candidate {
    pub value: u32,
    pub register: u8,
    /// How many loads are saved.
    pub gain: f32,
    pub is_used_in_loop: bool,
    /// It is worth a register that calls clobber.
    pub is_worth_less: bool,
}

#[derive(Default)]
pub struct Meeting {
    pub found: Vec<Found>,
    pub candidates: Vec<Candidate>,
    pub differences: Vec<[i32; 3]>,
}
