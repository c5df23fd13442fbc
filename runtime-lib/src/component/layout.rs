//! How values lie in memory: `elem_size`, `alignment` and the number of flat values, by type.

use wasmelt_abi::PtrType;

/// `elem_size`, `alignment` and the number of flat values of a type.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Layout {
    /// By the type of the memory's addresses.
    bytes: [u32; 2],
    /// As `bytes`.
    align: [u32; 2],
    pub flat: usize,
}

impl Layout {
    /// That of a string or list: address and length.
    pub const RANGE: Layout = Layout {
        bytes: [8, 16],
        align: [4, 8],
        flat: 2,
    };

    /// In memories with addresses of this type.
    #[must_use]
    #[inline]
    pub const fn bytes(self, ptr_type: PtrType) -> u32 {
        // What has no addresses in it is known when this is compiled.
        if self.bytes[0] == self.bytes[1] {
            self.bytes[0]
        } else {
            self.bytes[ptr_type as usize]
        }
    }

    /// As [`Layout::bytes`].
    #[must_use]
    #[inline]
    pub const fn align(self, ptr_type: PtrType) -> u32 {
        if self.align[0] == self.align[1] {
            self.align[0]
        } else {
            self.align[ptr_type as usize]
        }
    }

    /// That of a number of so many bytes.
    #[must_use]
    pub const fn number(bytes: u32) -> Layout {
        Layout {
            bytes: [bytes; 2],
            align: [bytes; 2],
            flat: 1,
        }
    }

    /// That of a record with these fields.
    #[must_use]
    pub const fn record(fields: &[Layout]) -> Layout {
        let mut whole = Layout {
            bytes: [0; 2],
            align: [1; 2],
            flat: 0,
        };
        let mut index = 0;
        while index < fields.len() {
            let field = fields[index];
            let mut ptr = 0;
            while ptr < 2 {
                let start = whole.bytes[ptr].next_multiple_of(field.align[ptr]);
                whole.bytes[ptr] = start + field.bytes[ptr];
                whole.align[ptr] = max(whole.align[ptr], field.align[ptr]);
                ptr += 1;
            }
            whole.flat += field.flat;
            index += 1;
        }
        whole.rounded()
    }

    /// That of a variant with these payloads.
    #[must_use]
    pub const fn variant(cases: &[Layout]) -> Layout {
        let discriminant = discriminant_bytes(cases.len());
        let payload = Layout::widest(cases);
        let mut whole = Layout {
            bytes: [0; 2],
            align: [0; 2],
            flat: 1 + payload.flat,
        };
        let mut ptr = 0;
        while ptr < 2 {
            let start = discriminant.next_multiple_of(payload.align[ptr]);
            whole.bytes[ptr] = start + payload.bytes[ptr];
            whole.align[ptr] = max(discriminant, payload.align[ptr]);
            ptr += 1;
        }
        whole.rounded()
    }

    /// Where the payload of a variant with these payloads begins.
    #[must_use]
    pub const fn payload_offset(cases: &[Layout], ptr_type: PtrType) -> u64 {
        let align = Layout::widest(cases).align(ptr_type);
        discriminant_bytes(cases.len()).next_multiple_of(align) as u64
    }

    /// What the payloads of a variant need.
    const fn widest(cases: &[Layout]) -> Layout {
        let mut widest = Layout::record(&[]);
        let mut index = 0;
        while index < cases.len() {
            let case = cases[index];
            let mut ptr = 0;
            while ptr < 2 {
                widest.bytes[ptr] = max(widest.bytes[ptr], case.bytes[ptr]);
                widest.align[ptr] = max(widest.align[ptr], case.align[ptr]);
                ptr += 1;
            }
            if case.flat > widest.flat {
                widest.flat = case.flat;
            }
            index += 1;
        }
        widest
    }

    /// With sizes that are multiples of the alignments.
    const fn rounded(mut self) -> Layout {
        let mut ptr = 0;
        while ptr < 2 {
            self.bytes[ptr] = self.bytes[ptr].next_multiple_of(self.align[ptr]);
            ptr += 1;
        }
        self
    }
}

const fn max(a: u32, b: u32) -> u32 {
    if a > b { a } else { b }
}

/// The size of `discriminant_type`.
#[must_use]
pub const fn discriminant_bytes(cases: usize) -> u32 {
    if cases <= 1 << 8 {
        1
    } else if cases <= 1 << 16 {
        2
    } else {
        4
    }
}
