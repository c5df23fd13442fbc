//! Flat values that arguments are lowered to.

use crate::component::types::Type;

/// The slots of a call, filled from the first on. There are as many as the types say.
pub(crate) struct FlatSlots<'s> {
    slots: &'s mut [u64],
    used: usize,
}

impl FlatSlots<'_> {
    pub(crate) fn new(slots: &mut [u64]) -> FlatSlots<'_> {
        FlatSlots { slots, used: 0 }
    }

    pub(crate) fn push(&mut self, bits: u64) {
        if let Some(slot) = self.slots.get_mut(self.used) {
            *slot = bits;
        }
        self.used += 1;
    }

    /// Address and length.
    pub(crate) fn push_range(&mut self, (start, len): (u64, u64)) {
        self.push(start);
        self.push(len);
    }

    /// A case, with what it holds put in by `payload`: cases that hold less leave zeros.
    pub(crate) fn push_case(&mut self, ty: Type, case: u32, payload: impl FnOnce(&mut Self)) {
        let end = self.used + ty.flat_len();
        self.push(case.into());
        payload(self);
        while self.used < end {
            self.push(0);
        }
    }
}
