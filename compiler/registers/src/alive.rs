//! In which blocks values are alive.
//!
//! The input is in SSA form, so from each use one goes back to the definition, through blocks that
//! were not visited yet. That takes as long as the result is large.
//!
//! Of the blocks in which a value is alive, most are such that it only goes *through*: it is alive
//! from their start to their end, and nothing in them uses it. Of these there are only lists; of the
//! others there is a [`Piece`] each.

use crate::flow::Flow;
use crate::lists::{NONE, reset};
use crate::pieces::{Chunk, Global, Piece, Search, Seen, Size, UNSEEN, split};
use crate::values::{Use, Value, Values};
use regalloc2::RegAllocError;

/// More are left to another allocator: they would take gigabytes.
const PIECES_MAX: usize = 1 << 26;

impl Values {
    /// None for a value that is in one block alone.
    pub fn global(&self, value: u32) -> Option<&Global> {
        self.globals.get(self.of(value).global as usize)
    }

    pub fn pieces_of(&self, global: &Global) -> &[Piece] {
        let (start, end) = global.pieces;
        &self.pieces[start as usize..end as usize]
    }

    /// The blocks that a value goes through, after those with pieces.
    pub fn ways_of(&self, global: &Global) -> &[u32] {
        let (start, end) = global.ways;
        &self.ways[start as usize..end as usize]
    }

    /// The number of the first piece of a value with pieces, that of its definition.
    pub fn first_piece(&self, value: u32) -> u32 {
        let global = self.global(value);
        global.expect("it has pieces").pieces.0
    }

    /// # Errors
    /// When a value is used where it is not defined, or too much is alive at the same time.
    pub fn find_pieces(&mut self, flow: &Flow) -> Result<(), RegAllocError> {
        let blocks = flow.blocks() as usize;
        self.globals.clear();
        self.pieces.clear();
        self.ways.clear();
        self.chunks.clear();
        reset(&mut self.search.seen, blocks, UNSEEN);
        reset(&mut self.search.bits, blocks.div_ceil(64), Chunk::default());
        let counts = self.through_counts.iter_mut();
        counts.for_each(|counts| reset(counts, blocks, 0));
        self.search.sizes.clear();
        self.search
            .sizes
            .extend((0..flow.blocks()).map(|block| Size {
                points: 2 * (flow.last[block as usize] + 1 - flow.first[block as usize]),
                calls: self.calls.of(block).len() as u32,
            }));
        for value in 0..self.all.len() as u32 {
            let Value {
                block, is_passed, ..
            } = *self.of(value);
            // They are in the order of blocks.
            let uses = self.uses(value);
            let is_here = |one: Option<&Use>| one.is_none_or(|one| one.block == block);
            if !is_passed && is_here(uses.first()) && is_here(uses.last()) {
                continue;
            }
            let (first_piece, first_way) = (self.pieces.len(), self.ways.len());
            self.pieces_of_uses(flow, value);
            self.go_back(flow, value)?;
            self.summarize(value, first_piece, first_way);
            if self.pieces.len() + self.ways.len() > PIECES_MAX {
                return Err(RegAllocError::TooManyLiveRegs);
            }
        }
        Ok(())
    }

    /// Makes the pieces of a value. Blocks to which it comes are pending then.
    fn pieces_of_uses(&mut self, flow: &Flow, value: u32) {
        let Value {
            def, block, uses, ..
        } = *self.of(value);
        self.search.pending.clear();
        self.piece(value, block, (def, def + 1)).comes_in = false;
        for place in uses.0..uses.1 {
            let one = self.uses[place as usize];
            let [first, last] = [&flow.first, &flow.last].map(|list| list[one.block as usize]);
            let to = match one.inst > last {
                true => 2 * one.inst,
                false => 2 * one.inst + 1 + u32::from(one.is_late),
            };
            let seen = self.search.seen[one.block as usize];
            let piece = match seen.value == value {
                true => &mut self.pieces[seen.piece as usize],
                false => {
                    self.search.pending.push(one.block);
                    self.piece(value, one.block, (2 * first, to))
                }
            };
            piece.to = piece.to.max(to);
            if one.param != NONE {
                piece.is_passed = true;
                continue;
            }
            piece.first = piece.first.min(one.inst);
            piece.last = match piece.last {
                NONE => one.inst,
                last => last.max(one.inst),
            };
        }
    }

    fn piece(&mut self, value: u32, block: u32, (from, to): (u32, u32)) -> &mut Piece {
        let number = self.pieces.len();
        self.search.seen[block as usize] = Seen {
            value,
            piece: number as u32,
        };
        self.pieces.push(Piece {
            value,
            block,
            first: NONE,
            last: NONE,
            from,
            to,
            comes_in: true,
            goes_out: false,
            is_passed: false,
        });
        &mut self.pieces[number]
    }

    /// Goes back from the pieces of a value.
    fn go_back(&mut self, flow: &Flow, value: u32) -> Result<(), RegAllocError> {
        let Search { seen, pending, .. } = &mut self.search;
        // Whether a block before one in which the value is alive is one that it goes through, and
        // was not seen.
        let mut is_new = |pred: u32| {
            let seen = &mut seen[pred as usize];
            if seen.value != value {
                *seen = Seen { value, piece: NONE };
                self.ways.push(pred);
                return true;
            }
            if seen.piece != NONE {
                let piece = &mut self.pieces[seen.piece as usize];
                piece.to = 2 * flow.last[pred as usize] + 2;
                piece.goes_out = true;
                seen.piece = NONE;
            }
            false
        };
        while let Some(mut block) = pending.pop() {
            // What would be pushed last is gone on with.
            while block != NONE {
                let pred = flow.only_pred(block);
                if pred != NONE {
                    block = if is_new(pred) { pred } else { NONE };
                    continue;
                }
                let preds = flow.preds.of(block);
                if preds.is_empty() {
                    return Err(RegAllocError::EntryLivein);
                }
                block = NONE;
                for &pred in preds {
                    if is_new(pred) {
                        if block != NONE {
                            pending.push(block);
                        }
                        block = pred;
                    }
                }
            }
        }
        Ok(())
    }

    /// What is known when all pieces and ways of a value are, from the given ones on.
    fn summarize(&mut self, value: u32, first_piece: usize, first_way: usize) {
        let Value {
            class, is_passed, ..
        } = *self.of(value);
        let (pieces, ways) = (&self.pieces[first_piece..], &self.ways[first_way..]);
        let mut length = pieces.iter().map(|piece| piece.to - piece.from).sum();
        let mut calls = 0;
        let counts = &mut self.through_counts[usize::from(class)];
        for &block in ways {
            let size = self.search.sizes[block as usize];
            length += size.points;
            calls += size.calls;
            counts[block as usize] += 1;
        }
        let first_chunk = self.chunks.len();
        if is_passed {
            self.add_chunks(first_piece, first_way);
        }
        self.all[value as usize].global = self.globals.len() as u32;
        let range = |start: usize, end: usize| (start as u32, end as u32);
        self.globals.push(Global {
            value,
            length,
            calls_on_way: calls != 0,
            pieces: range(first_piece, self.pieces.len()),
            ways: range(first_way, self.ways.len()),
            chunks: range(first_chunk, self.chunks.len()),
        });
    }

    fn add_chunks(&mut self, first_piece: usize, first_way: usize) {
        let (pieces, ways) = (&self.pieces[first_piece..], &self.ways[first_way..]);
        let bits = &mut self.search.bits;
        for &block in ways {
            let (number, bit) = split(block);
            bits[number].alive |= bit;
            bits[number].through |= bit;
        }
        for piece in pieces {
            let (number, bit) = split(piece.block);
            bits[number].alive |= bit;
        }
        let first_chunk = self.chunks.len();
        let blocks = ways.iter().copied();
        for block in blocks.chain(pieces.iter().map(|piece| piece.block)) {
            let (number, _) = split(block);
            if bits[number].alive != 0 {
                let number = number as u32;
                let chunk = std::mem::take(&mut bits[number as usize]);
                self.chunks.push(Chunk { number, ..chunk });
            }
        }
        self.chunks[first_chunk..].sort_unstable_by_key(|chunk| chunk.number);
    }

    pub fn sort_by_block(&mut self, flow: &Flow) {
        let blocks = flow.blocks() as usize;
        let counts = &mut self.search.pending;
        reset(counts, blocks, 0);
        for piece in &self.pieces {
            counts[piece.block as usize] += 1;
        }
        self.by_block.fill(counts.iter().copied());
        for (number, piece) in self.pieces.iter().enumerate() {
            self.by_block.add(piece.block, number as u32);
        }
        let counts = &self.through_counts;
        let sum = |block: usize| counts[0][block] + counts[1][block] + counts[2][block];
        self.through.fill((0..blocks).map(sum));
        for global in &self.globals {
            let (start, end) = global.ways;
            for &block in &self.ways[start as usize..end as usize] {
                self.through.add(block, global.value);
            }
        }
    }
}
