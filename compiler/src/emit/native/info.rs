//! The section with the entries of all units (`.debug_info`).

use super::entries::{Entries, Label, OFFSET_BYTES, number};
use super::writing::{ABBREVIATIONS, ADDRESS_SIZE, DebugReloc, DebugSection, DebugTarget};
use gimli::constants;

/// Bytes of a unit's header: length, version, kind, bytes of an address, and where its shapes are.
const HEADER_BYTES: usize = 12;

/// What `unit_length` counts is behind itself.
const LENGTH_BYTES: usize = 4;

#[derive(Default)]
pub(super) struct Info {
    bytes: Vec<u8>,
    relocs: Vec<DebugReloc>,
}

/// A namespace of a unit. Parents come first.
pub(super) struct Namespace {
    pub(super) parent: Option<u32>,
    /// The piece with its entry.
    pub(super) piece: usize,
}

enum Item {
    Piece(usize),
    /// The end of what is inside of an entry.
    End,
}

impl Info {
    /// Adds a unit; `root` is the piece with its own entry.
    pub(super) fn add(&mut self, mut unit: Entries, root: usize, namespaces: &[Namespace]) {
        let start = self.bytes.len();
        self.relocs.push(DebugReloc {
            offset: start + HEADER_BYTES - usize::from(OFFSET_BYTES),
            bytes: OFFSET_BYTES,
            target: DebugTarget::Section(ABBREVIATIONS),
            addend: 0,
        });
        let kind = constants::DW_UT_compile.0;
        self.bytes
            .extend([0, 0, 0, 0, 5, 0, kind, ADDRESS_SIZE, 0, 0, 0, 0]);
        let order = order(&unit, root, namespaces);
        let ends = unit.pieces.iter().skip(1).map(|piece| piece.start);
        let ends: Vec<u32> = ends.chain([number(unit.bytes.len())]).collect();
        // Where each piece comes to lie, from the start of the unit.
        let mut places = vec![0; unit.pieces.len()];
        let mut at = number(HEADER_BYTES);
        for item in &order {
            match *item {
                Item::Piece(piece) => {
                    places[piece] = at;
                    at += ends[piece] - unit.pieces[piece].start;
                }
                Item::End => at += 1,
            }
        }
        let moved = |position: u32| {
            let behind = unit.pieces.partition_point(|piece| piece.start <= position);
            let piece = behind - 1;
            places[piece] + (position - unit.pieces[piece].start)
        };
        let labels: Vec<u32> = unit.labels.iter().map(|&label| moved(label)).collect();
        for &(at, Label(label)) in &unit.references {
            let bytes = labels[label as usize].to_le_bytes();
            let at = at as usize;
            unit.bytes[at..at + bytes.len()].copy_from_slice(&bytes);
        }
        let relocs = unit.relocs.iter().map(|reloc| DebugReloc {
            offset: start + moved(number(reloc.offset)) as usize,
            ..*reloc
        });
        self.relocs.extend(relocs);
        for item in order {
            match item {
                Item::Piece(piece) => {
                    let bytes = unit.pieces[piece].start as usize..ends[piece] as usize;
                    self.bytes.extend_from_slice(&unit.bytes[bytes]);
                }
                Item::End => self.bytes.push(0),
            }
        }
        let length = number(self.bytes.len() - start - LENGTH_BYTES).to_le_bytes();
        self.bytes[start..start + LENGTH_BYTES].copy_from_slice(&length);
    }

    pub(super) fn finish(self) -> DebugSection {
        DebugSection {
            name: ".debug_info",
            bytes: self.bytes,
            relocs: self.relocs,
        }
    }
}

/// A unit's pieces, each behind what it is inside of.
fn order(unit: &Entries, root: usize, namespaces: &[Namespace]) -> Vec<Item> {
    // Of the unit itself and then of each namespace: pieces, and namespaces.
    let mut inside: Vec<(Vec<usize>, Vec<usize>)> = Vec::new();
    inside.resize_with(1 + namespaces.len(), Default::default);
    let of = |namespace: Option<u32>| namespace.map_or(0, |number| 1 + number as usize);
    let mut is_head = vec![false; unit.pieces.len()];
    is_head[root] = true;
    for (number, namespace) in namespaces.iter().enumerate() {
        is_head[namespace.piece] = true;
        inside[of(namespace.parent)].1.push(number);
    }
    for (number, piece) in unit.pieces.iter().enumerate() {
        if !is_head[number] {
            inside[of(piece.inside)].0.push(number);
        }
    }
    let mut order = Vec::with_capacity(unit.pieces.len() + namespaces.len() + 1);
    // What begins, with what is inside of it; nothing for what ends.
    let mut open = vec![Some((root, 0))];
    while let Some(next) = open.pop() {
        let Some((head, within)) = next else {
            order.push(Item::End);
            continue;
        };
        order.push(Item::Piece(head));
        order.extend(inside[within].0.iter().map(|&piece| Item::Piece(piece)));
        open.push(None);
        let inner = inside[within].1.iter().rev();
        open.extend(inner.map(|&number| Some((namespaces[number].piece, 1 + number))));
    }
    order
}
