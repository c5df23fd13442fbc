//! Elements of streams and futures from guest to guest, by a type that only run time knows: `load`
//! and `store` of the canonical ABI in one step, without values of the host in between.

use super::lift::{checked_case, read};
use super::lower::{element_layout, write};
use super::value::PLACE;
use crate::component::call::Call;
use crate::component::ends::transit;
use crate::component::error_context;
use crate::component::types::Type;
use wasmelt_abi::{PtrType, TrapCode, TypeKind};

/// What lists and strings of one copy have at most, in bytes: a guest can have lists of lists name
/// the same bytes over and over.
const BYTES_MAX: u64 = 1 << 30;

struct Transfer<'t, 'from, 'to> {
    from: &'t mut Call<'from>,
    to: &'t mut Call<'to>,
    /// How much of [`BYTES_MAX`] is left.
    bytes_left: u64,
}

/// Copies `count` elements from an address in the one guest's memory to one in the other's. Both
/// places are aligned and inside the memory.
pub(in crate::component) fn transfer_elements(
    from: &mut Call<'_>,
    to: &mut Call<'_>,
    ty: Type,
    places: (u64, u64),
    count: u32,
) {
    let mut transfer = Transfer {
        from,
        to,
        bytes_left: BYTES_MAX,
    };
    transfer.elements(ty, places, count);
}

impl Transfer<'_, '_, '_> {
    /// Elements one behind the other.
    fn elements(&mut self, ty: Type, (from_at, to_at): (u64, u64), count: u32) {
        let (from_step, to_step) = self.of_both(|ptr_type| u64::from(ty.bytes(ptr_type)));
        if ty.is_number() {
            return self.bytes((from_at, to_at), u64::from(count) * from_step);
        }
        for index in 0..u64::from(count) {
            self.value(ty, (from_at + index * from_step, to_at + index * to_step));
        }
    }

    /// What holds in the memories of both.
    fn of_both<T>(&self, of: impl Fn(PtrType) -> T) -> (T, T) {
        (of(self.from.ptr_type()), of(self.to.ptr_type()))
    }

    fn value(&mut self, ty: Type, places: (u64, u64)) {
        match ty.kind() {
            TypeKind::String => {
                let range = self.from.load_range(places.0);
                let text = self.from.load_string(range);
                self.spend(text.len() as u64);
                let stored = self.to.store_string(&text);
                self.to.store_range(stored, places.1);
            }
            TypeKind::List | TypeKind::Map => self.list(ty, places),
            TypeKind::FixedList => self.elements(ty.element(), places, ty.fixed_len()),
            TypeKind::Record | TypeKind::Tuple => self.members(ty.members().flatten(), places),
            TypeKind::Variant | TypeKind::Enum | TypeKind::Option | TypeKind::Result => {
                let size = ty.discriminant_bytes();
                let case = checked_case(ty, read(self.from, places.0, size) as u32);
                write(self.to, places.1, case.into(), size);
                if let Some(payload) = ty.case(case) {
                    let offsets = self.of_both(|ptr_type| ty.payload_offset(ptr_type));
                    self.value(payload, (places.0 + offsets.0, places.1 + offsets.1));
                }
            }
            _ => {
                let bytes = ty.bytes(self.from.ptr_type());
                let bits = read(self.from, places.0, bytes);
                let bits = self.scalar(ty, bits);
                write(self.to, places.1, bits, bytes);
            }
        }
    }

    /// What the bits of a value are in the other instance.
    fn scalar(&mut self, ty: Type, bits: u64) -> u64 {
        let handle = bits as u32;
        match ty.kind() {
            TypeKind::Bool => u64::from(bits != 0),
            TypeKind::Char => match char::from_u32(handle) {
                Some(char) => u32::from(char).into(),
                None => self.from.trap(TrapCode::InvalidChar),
            },
            TypeKind::Flags => bits & (u64::MAX >> (64 - ty.member_count().clamp(1, 32))),
            TypeKind::Own => {
                let rep = self.from.lift_own(ty.resource(), handle);
                self.to.lower_own(ty.resource(), rep).into()
            }
            TypeKind::Stream | TypeKind::Future => {
                let rep = transit::lift_end(self.from.store(), self.from.instance(), ty, handle);
                transit::lower_end(self.to.store(), self.to.instance(), rep).into()
            }
            TypeKind::ErrorContext => {
                let instances = (self.from.instance(), self.to.instance());
                error_context::pass(self.from.store(), instances, handle).into()
            }
            _ => bits,
        }
    }

    /// `load_record` and `store_record`.
    fn members(&mut self, types: impl Iterator<Item = Type>, (mut from_at, mut to_at): (u64, u64)) {
        for ty in types {
            let aligns = self.of_both(|ptr_type| ty.align(ptr_type).into());
            from_at = from_at.next_multiple_of(aligns.0);
            to_at = to_at.next_multiple_of(aligns.1);
            self.value(ty, (from_at, to_at));
            let bytes = self.of_both(|ptr_type| u64::from(ty.bytes(ptr_type)));
            from_at += bytes.0;
            to_at += bytes.1;
        }
    }

    /// `load_list` and `store_list`.
    fn list(&mut self, ty: Type, places: (u64, u64)) {
        let ((bytes, align), (new_bytes, new_align)) =
            self.of_both(|ptr_type| element_layout(ty, ptr_type));
        let range = self.from.load_range(places.0);
        let len = self.from.check_list(range, bytes, align);
        self.spend(u64::from(len) * u64::from(bytes));
        let total = u64::from(len) * u64::from(new_bytes);
        let (start, target) = (range.0, self.to.allocate(new_align, total));
        match (ty.kind(), ty.member(1)) {
            (TypeKind::Map, Some(value)) => {
                for index in 0..u64::from(len) {
                    let pair = [ty.element(), value].into_iter();
                    let from = start + index * u64::from(bytes);
                    self.members(pair, (from, target + index * u64::from(new_bytes)));
                }
            }
            _ => self.elements(ty.element(), (start, target), len),
        }
        self.to.store_range((target, len.into()), places.1);
    }

    /// Numbers one behind the other. The memories may be the same.
    fn bytes(&mut self, (from_at, to_at): (u64, u64), len: u64) {
        let mut buffer = [0; 4096];
        let mut done = 0;
        while done < len {
            let count = (len - done).min(buffer.len() as u64);
            let part = buffer.get_mut(..count as usize).expect("it is no longer");
            let source = self.from.memory().bytes(from_at + done, count as u32);
            part.copy_from_slice(source.expect(PLACE));
            let written = self.to.memory().write_bytes(to_at + done, part);
            written.expect(PLACE);
            done += count;
        }
    }

    fn spend(&mut self, bytes: u64) {
        match self.bytes_left.checked_sub(bytes) {
            Some(left) => self.bytes_left = left,
            None => self.from.trap(TrapCode::TransferTooLarge),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::component::tests::Guest;
    use crate::component::tests::guest::trap_text;
    use wasmelt_abi::{Slice, TypeDesc, TypeMember};

    fn leaked<T>(items: Vec<T>) -> Slice<T> {
        let items = Box::leak(items.into_boxed_slice());
        Slice {
            start: items.as_ptr(),
            len: items.len() as u64,
        }
    }

    /// A type: kind, size, alignment, length, members.
    fn ty(kind: TypeKind, (bytes, align, len): (u32, u32, u32), members: &[Option<Type>]) -> Type {
        both(kind, ([bytes; 2], [align; 2], len), members)
    }

    /// As [`ty`], with sizes and alignments by the type of addresses.
    fn both(
        kind: TypeKind,
        (bytes, align, len): ([u32; 2], [u32; 2], u32),
        members: &[Option<Type>],
    ) -> Type {
        let members = members.iter().map(|ty| TypeMember {
            name: leaked(Vec::new()),
            ty: ty.map_or(std::ptr::null(), Type::desc),
        });
        let desc = Box::leak(Box::new(TypeDesc {
            kind: kind as u32,
            len,
            bytes,
            align,
            flat_len: 0,
            definer: 0,
            members: leaked(members.collect()),
        }));
        Type::at(desc).expect("it is there")
    }

    fn number(kind: TypeKind, bytes: u32) -> Type {
        ty(kind, (bytes, bytes, 0), &[])
    }

    fn list(element: Type) -> Type {
        ty(TypeKind::List, (8, 4, 0), &[Some(element)])
    }

    fn words(guest: &mut Guest, at: u32, count: u32) -> Vec<u32> {
        let bytes = guest.read(at, 4 * count);
        let words = bytes.chunks_exact(4);
        words
            .map(|word| u32::from_le_bytes(word.try_into().expect("four bytes")))
            .collect()
    }

    /// Copies one value from address 0 of a guest that has these words there and these bytes at
    /// 256, to address 512 of another.
    fn carried(ty: Type, head: &[u32], data: &[u8], bytes_left: u64) -> Guest {
        let mut source = Guest::new();
        for (at, word) in (0..).step_by(4).zip(head) {
            source.write(at, &word.to_le_bytes());
        }
        source.write(256, data);
        let mut target = Guest::new();
        let mut transfer = Transfer {
            from: &mut source.call(),
            to: &mut target.call(),
            bytes_left,
        };
        transfer.elements(ty, (0, 512), 1);
        target
    }

    #[test]
    fn lists() {
        let data: Vec<u8> = (0..=255).cycle().take(6000).collect();
        let mut target = carried(list(number(TypeKind::U16, 2)), &[256, 3000], &data, 6000);
        let [start, len] = words(&mut target, 512, 2)[..] else {
            panic!("two words");
        };
        assert_eq!(len, 3000);
        assert_eq!(target.read(start, 6000), data);

        let strings = list(ty(TypeKind::String, (8, 4, 0), &[]));
        let texts = [0, 0, 64, 3, 67, 4].map(|word: u32| word + 256 * u32::from(word >= 64));
        let mut data: Vec<u8> = texts[2..].iter().flat_map(|w| w.to_le_bytes()).collect();
        data.resize(64, 0);
        data.extend_from_slice(b"onefour");
        let mut target = carried(strings, &[256, 2], &data, 64);
        let start = words(&mut target, 512, 1)[0];
        let [first, first_len, second, second_len] = words(&mut target, start, 4)[..] else {
            panic!("four words");
        };
        assert_eq!(target.read(first, first_len), b"one");
        assert_eq!(target.read(second, second_len), b"four");
    }

    #[test]
    fn maps_and_lists_of_fixed_length() {
        let (u8, u32) = (number(TypeKind::U8, 1), number(TypeKind::U32, 4));
        let map = ty(TypeKind::Map, (8, 4, 0), &[Some(u8), Some(u32)]);
        let data = [1, 9, 9, 9, 2, 0, 0, 0, 3, 9, 9, 9, 4, 0, 0, 0];
        let mut target = carried(map, &[256, 2], &data, 16);
        let start = words(&mut target, 512, 1)[0];
        // What lies between the members is not copied.
        assert_eq!(
            target.read(start, 16),
            [1, 0, 0, 0, 2, 0, 0, 0, 3, 0, 0, 0, 4, 0, 0, 0]
        );
        let fixed = ty(TypeKind::FixedList, (12, 4, 3), &[Some(u32)]);
        let mut target = carried(fixed, &[7, 8, 9, 10], &[], 0);
        assert_eq!(words(&mut target, 512, 4), [7, 8, 9, 0]);
    }

    #[test]
    fn variants_and_flags() {
        let option = ty(
            TypeKind::Option,
            (8, 4, 0),
            &[Some(number(TypeKind::U32, 4))],
        );
        let mut target = carried(option, &[1, 77], &[], 0);
        assert_eq!(words(&mut target, 512, 2), [1, 77]);
        // Nothing but the case of what has no payload.
        let mut target = carried(option, &[0xffff_ff00, 77], &[], 0);
        assert_eq!(words(&mut target, 512, 2), [0, 0]);
        let text = trap_text(|| drop(carried(option, &[2], &[], 0)));
        assert_eq!(text, "discriminant 2 out of range [0..2)");
        let flags = ty(TypeKind::Flags, (1, 1, 0), &[None, None, None]);
        let mut target = carried(flags, &[0xfd], &[], 0);
        assert_eq!(words(&mut target, 512, 1), [5]);
    }

    #[test]
    fn from_addresses_of_32_bits_to_64_and_back() {
        let (u8, u16) = (number(TypeKind::U8, 1), number(TypeKind::U16, 2));
        let range = ([8, 16], [4, 8], 0);
        let string = both(TypeKind::String, range, &[]);
        let members = [Some(u8), Some(string), Some(u16)];
        let record = both(TypeKind::Record, ([16, 32], [4, 8], 0), &members);
        let list = both(TypeKind::List, range, &[Some(record)]);
        let option = both(TypeKind::Option, ([12, 24], [4, 8], 0), &[Some(list)]);
        let store = crate::vm::store::new_for_tests();
        let mut short = Guest::in_store(store, 1, wasmelt_abi::StringEncoding::Utf8);
        let mut long = Guest::in_store(store, 2, wasmelt_abi::StringEncoding::Utf8);
        long.options.ptr_type = PtrType::I64 as u32;
        let given = [1_u32, 64, 2, 0, 7, 100, 3, 8, 9, 103, 4, 10];
        for (at, word) in [0, 4, 8, 12, 64, 68, 72, 76, 80, 84, 88, 92]
            .iter()
            .zip(given)
        {
            short.write(*at, &word.to_le_bytes());
        }
        short.write(100, b"onefour");
        let carry = |from: &mut Guest, to: &mut Guest, places| {
            let from = &mut from.call();
            transfer_elements(from, &mut to.call(), option, places, 1);
        };
        carry(&mut short, &mut long, (0, 512));
        assert_eq!(words(&mut long, 512, 2)[0], 1);
        let [start, 0, 2, 0] = words(&mut long, 520, 4)[..] else {
            panic!("an address and a length of 64 bits");
        };
        let first = words(&mut long, start, 8);
        assert_eq!((first[0], first[3], first[4], first[6]), (7, 0, 3, 8));
        assert_eq!(long.read(first[2], 3), b"one");
        let second = words(&mut long, start + 32, 8);
        assert_eq!((second[0], second[4], second[6]), (9, 4, 10));
        assert_eq!(long.read(second[2], 4), b"four");
        // And back, to where there was nothing.
        carry(&mut long, &mut short, (512, 512));
        let [1, start, 2] = words(&mut short, 512, 3)[..] else {
            panic!("some list of two");
        };
        let back = words(&mut short, start, 8);
        assert_eq!([back[0], back[2], back[3]], [7, 3, 8]);
        assert_eq!(short.read(back[5], back[6]), b"four");
    }

    #[test]
    fn what_is_copied_at_once_is_limited() {
        let bytes = list(list(number(TypeKind::U8, 1)));
        // Three lists that are the same hundred bytes.
        let data: Vec<u8> = [512_u32, 100]
            .iter()
            .flat_map(|w| w.to_le_bytes())
            .collect();
        let copy =
            |bytes_left| trap_text(|| drop(carried(bytes, &[256, 3], &data.repeat(3), bytes_left)));
        assert_eq!(copy(324), "no trap");
        let text = "too much data in one read or write of a future/stream";
        assert_eq!(copy(323), text);
        assert_eq!(copy(23), text);
    }
}
