//! Values of component types as Rust values: `lift_flat`, `lower_flat`, `load` and `store` of the
//! canonical ABI, by type. Types without parts are here, the others in `compound` and `declare`.
//!
//! Flat values are slots of 8 bytes in which numbers of 32 bits are zero-extended. Joining types
//! of variants is then nothing to do: every payload lies in its slots as it does alone.

use crate::component::call::{Call, INSIDE};
use crate::component::layout::Layout;
use crate::component::resource::{Borrow, Own, Rep, Resource};
use crate::vm::GuestMemory;
use crate::vm::trap::{Piece, TrapInfo, raise, raise_with};
use wasmelt_abi::TrapCode;

/// A type whose values pass between guest and host.
pub trait Value: Sized {
    const LAYOUT: Layout;
    /// The length of `flatten_type`.
    const FLAT: usize = Self::LAYOUT.flat;

    /// Appends the type, written as in `wasmelt_abi::HostInterface` with names expanded.
    #[cfg(test)]
    fn describe(text: &mut String);
}

/// A type whose values come from the guest.
pub trait Lift: Value {
    /// `lift_flat`.
    fn lift_flat(call: &mut Call<'_>, slots: &mut Slots<'_>) -> Self;

    /// `load` from an address that is aligned and inside the memory.
    fn load(call: &mut Call<'_>, at: u64) -> Self;

    /// `load_list_from_valid_range`.
    fn load_list(call: &mut Call<'_>, at: u64, len: u32) -> Vec<Self> {
        let size = u64::from(Self::LAYOUT.bytes(call.ptr_type()));
        let elements = 0..u64::from(len);
        elements
            .map(|index| Self::load(call, at + index * size))
            .collect()
    }
}

/// A type whose values go to the guest.
pub trait Lower: Value {
    /// `lower_flat`, into slots that are zero.
    fn lower_flat(self, call: &mut Call<'_>, slots: &mut Slots<'_>);

    /// `store` to an address that is aligned and inside the memory.
    fn store(self, call: &mut Call<'_>, at: u64);

    /// `store_list_into_valid_range`.
    fn store_list(list: Vec<Self>, call: &mut Call<'_>, at: u64) {
        let size = u64::from(Self::LAYOUT.bytes(call.ptr_type()));
        for (index, element) in (0..).zip(list) {
            element.store(call, at + index * size);
        }
    }
}

/// `CoreValueIter`: the flat values that are left.
#[derive(Debug)]
pub struct Slots<'a>(&'a mut [u64]);

impl<'a> Slots<'a> {
    #[inline]
    pub fn new(slots: &'a mut [u64]) -> Slots<'a> {
        Slots(slots)
    }

    /// The next slot.
    ///
    /// # Panics
    /// When there is none: the count is part of the type.
    #[inline]
    pub fn next_slot(&mut self) -> &'a mut u64 {
        self.split(1)
            .0
            .first_mut()
            .expect("as many slots as the type has flat values")
    }

    /// The next `count` slots, which are no longer part of these.
    #[inline]
    pub fn split(&mut self, count: usize) -> Slots<'a> {
        let (first, rest) = std::mem::take(&mut self.0).split_at_mut(count);
        self.0 = rest;
        Slots(first)
    }

    /// The low half of the next slot.
    #[inline]
    pub fn take_u32(&mut self) -> u32 {
        *self.next_slot() as u32
    }

    /// Address and length of a string or list, from the next two slots.
    #[inline]
    pub fn take_range(&mut self, call: &Call<'_>) -> (u64, u64) {
        let (start, len) = (*self.next_slot(), *self.next_slot());
        (call.pointer(start), call.pointer(len))
    }

    /// Puts address and length of a string or list into the next two slots.
    #[inline]
    pub fn put_range(&mut self, (start, len): (u64, u64)) {
        *self.next_slot() = start;
        *self.next_slot() = len;
    }
}

macro_rules! integers {
    ($( $type:ty, $name:literal, $read:ident, $write:ident, $unsigned:ty; )*) => {
        $(
            impl Value for $type {
                const LAYOUT: Layout = Layout::number(size_of::<$type>() as u32);

                #[cfg(test)]
                fn describe(text: &mut String) {
                    text.push_str($name);
                }
            }

            impl Lift for $type {
                #[inline]
                fn lift_flat(_: &mut Call<'_>, slots: &mut Slots<'_>) -> $type {
                    *slots.next_slot() as $type
                }

                #[inline]
                fn load(call: &mut Call<'_>, at: u64) -> $type {
                    call.memory().$read(at).expect(INSIDE) as $type
                }
            }

            impl Lower for $type {
                #[inline]
                fn lower_flat(self, _: &mut Call<'_>, slots: &mut Slots<'_>) {
                    // Narrow signed numbers are sign-extended to 32 bits.
                    *slots.next_slot() = if size_of::<$type>() == 8 {
                        self as u64
                    } else {
                        u64::from(self as u32)
                    };
                }

                #[inline]
                fn store(self, call: &mut Call<'_>, at: u64) {
                    call.memory().$write(at, self as $unsigned).expect(INSIDE);
                }
            }
        )*
    };
}

integers! {
    i8, "s8", read_u8, write_u8, u8;
    u16, "u16", read_u16, write_u16, u16;
    i16, "s16", read_u16, write_u16, u16;
    u32, "u32", read_u32, write_u32, u32;
    i32, "s32", read_u32, write_u32, u32;
    u64, "u64", read_u64, write_u64, u64;
    i64, "s64", read_u64, write_u64, u64;
}

impl Value for u8 {
    const LAYOUT: Layout = Layout::number(1);

    #[cfg(test)]
    fn describe(text: &mut String) {
        text.push_str("u8");
    }
}

impl Lift for u8 {
    #[inline]
    fn lift_flat(_: &mut Call<'_>, slots: &mut Slots<'_>) -> u8 {
        *slots.next_slot() as u8
    }

    #[inline]
    fn load(call: &mut Call<'_>, at: u64) -> u8 {
        call.memory().read_u8(at).expect(INSIDE)
    }

    fn load_list(call: &mut Call<'_>, at: u64, len: u32) -> Vec<u8> {
        call.memory().bytes(at, len).expect(INSIDE).to_vec()
    }
}

impl Lower for u8 {
    #[inline]
    fn lower_flat(self, _: &mut Call<'_>, slots: &mut Slots<'_>) {
        *slots.next_slot() = self.into();
    }

    #[inline]
    fn store(self, call: &mut Call<'_>, at: u64) {
        call.memory().write_u8(at, self).expect(INSIDE);
    }

    fn store_list(list: Vec<u8>, call: &mut Call<'_>, at: u64) {
        call.memory().write_bytes(at, &list).expect(INSIDE);
    }
}

/// Types that are lifted from, and lowered to, a number of another type.
macro_rules! as_number {
    ($( $type:ty, $name:literal, $number:ty, $lift:expr, $lower:expr; )*) => {
        $(
            impl Value for $type {
                const LAYOUT: Layout = <$number as Value>::LAYOUT;

                #[cfg(test)]
                fn describe(text: &mut String) {
                    text.push_str($name);
                }
            }

            impl Lift for $type {
                #[inline]
                fn lift_flat(call: &mut Call<'_>, slots: &mut Slots<'_>) -> $type {
                    $lift(<$number as Lift>::lift_flat(call, slots))
                }

                #[inline]
                fn load(call: &mut Call<'_>, at: u64) -> $type {
                    $lift(<$number as Lift>::load(call, at))
                }
            }

            impl Lower for $type {
                #[inline]
                fn lower_flat(self, call: &mut Call<'_>, slots: &mut Slots<'_>) {
                    let number: $number = $lower(self);
                    number.lower_flat(call, slots);
                }

                #[inline]
                fn store(self, call: &mut Call<'_>, at: u64) {
                    let number: $number = $lower(self);
                    number.store(call, at);
                }
            }
        )*
    };
}

as_number! {
    f32, "f32", u32, |bits| canonicalize_nan32(f32::from_bits(bits)), f32::to_bits;
    f64, "f64", u64, |bits| canonicalize_nan64(f64::from_bits(bits)), f64::to_bits;
    char, "char", u32, convert_i32_to_char, u32::from;
}

fn canonicalize_nan32(number: f32) -> f32 {
    if number.is_nan() {
        f32::from_bits(0x7fc0_0000)
    } else {
        number
    }
}

fn canonicalize_nan64(number: f64) -> f64 {
    if number.is_nan() {
        f64::from_bits(0x7ff8_0000_0000_0000)
    } else {
        number
    }
}

fn convert_i32_to_char(number: u32) -> char {
    char::from_u32(number).unwrap_or_else(|| raise(TrapCode::InvalidChar))
}

impl Value for bool {
    const LAYOUT: Layout = Layout::number(1);

    #[cfg(test)]
    fn describe(text: &mut String) {
        text.push_str("bool");
    }
}

impl Lift for bool {
    #[inline]
    fn lift_flat(_: &mut Call<'_>, slots: &mut Slots<'_>) -> bool {
        slots.take_u32() != 0
    }

    #[inline]
    fn load(call: &mut Call<'_>, at: u64) -> bool {
        u8::load(call, at) != 0
    }
}

impl Lower for bool {
    #[inline]
    fn lower_flat(self, call: &mut Call<'_>, slots: &mut Slots<'_>) {
        u8::from(self).lower_flat(call, slots);
    }

    #[inline]
    fn store(self, call: &mut Call<'_>, at: u64) {
        u8::from(self).store(call, at);
    }
}

/// No value: what `result` and variants have where there is no payload, and functions without a
/// result.
impl Value for () {
    const LAYOUT: Layout = Layout::record(&[]);

    #[cfg(test)]
    fn describe(text: &mut String) {
        text.push('_');
    }
}

impl Lift for () {
    #[inline]
    fn lift_flat(_: &mut Call<'_>, _: &mut Slots<'_>) {}

    #[inline]
    fn load(_: &mut Call<'_>, _: u64) {}
}

impl Lower for () {
    #[inline]
    fn lower_flat(self, _: &mut Call<'_>, _: &mut Slots<'_>) {}

    #[inline]
    fn store(self, _: &mut Call<'_>, _: u64) {}
}

/// A `list<u8>` that stays in the guest's memory: a parameter, or a result that
/// [`Call::allocate_bytes`] has made.
#[derive(Clone, Copy, Debug)]
pub struct Bytes {
    at: u64,
    len: u32,
}

impl Call<'_> {
    /// A new `list<u8>` in the guest's memory, to be filled and returned. Allocate no more than
    /// is going to be returned where that is known: a guest may rely on it.
    #[must_use]
    #[inline]
    pub fn allocate_bytes(&mut self, len: u32) -> Bytes {
        let at = self.allocate(1, len.into());
        Bytes { at, len }
    }
}

impl Bytes {
    #[must_use]
    #[inline]
    pub fn len(&self) -> u32 {
        self.len
    }

    #[must_use]
    #[inline]
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// The bytes.
    ///
    /// # Panics
    /// When the memory is not the one they are in.
    #[must_use]
    #[inline]
    pub fn of<'a>(&self, memory: &'a GuestMemory) -> &'a [u8] {
        memory.bytes(self.at, self.len).expect(INSIDE)
    }

    /// The bytes, to change.
    ///
    /// # Panics
    /// When the memory is not the one they are in.
    #[must_use]
    #[inline]
    pub fn of_mut<'a>(&self, memory: &'a mut GuestMemory) -> &'a mut [u8] {
        memory.bytes_mut(self.at, self.len).expect(INSIDE)
    }

    /// The first bytes alone, for when fewer were read than were allocated. The block is not
    /// given back: guests may refuse a second `realloc`.
    #[must_use]
    #[inline]
    pub fn truncated(self, len: u32) -> Bytes {
        Bytes {
            at: self.at,
            len: self.len.min(len),
        }
    }
}

impl Value for Bytes {
    const LAYOUT: Layout = Layout::RANGE;

    #[cfg(test)]
    fn describe(text: &mut String) {
        text.push_str("list<u8>");
    }
}

impl Lift for Bytes {
    #[inline]
    fn lift_flat(call: &mut Call<'_>, slots: &mut Slots<'_>) -> Bytes {
        let range = slots.take_range(call);
        let len = call.check_list(range, 1, 1);
        Bytes { at: range.0, len }
    }

    #[inline]
    fn load(call: &mut Call<'_>, at: u64) -> Bytes {
        let range = call.load_range(at);
        let len = call.check_list(range, 1, 1);
        Bytes { at: range.0, len }
    }
}

impl Lower for Bytes {
    #[inline]
    fn lower_flat(self, _: &mut Call<'_>, slots: &mut Slots<'_>) {
        slots.put_range((self.at, self.len.into()));
    }

    #[inline]
    fn store(self, call: &mut Call<'_>, at: u64) {
        call.store_range((self.at, self.len.into()), at);
    }
}

macro_rules! handles {
    ($( $type:ident $name:literal )*) => {
        $(
            impl<T: Resource> Value for $type<T> {
                const LAYOUT: Layout = Layout::number(4);

                #[cfg(test)]
                fn describe(text: &mut String) {
                    let (interface, resource) = (T::INTERFACE, T::NAME);
                    text.push_str(&format!("{}<{interface}.{resource}>", $name));
                }
            }
        )*
    };
}

handles! { Own "own" Borrow "borrow" }

impl<T: Resource> Lift for Own<T> {
    #[inline]
    fn lift_flat(call: &mut Call<'_>, slots: &mut Slots<'_>) -> Own<T> {
        Own::from_rep(call.lift_own(T::NUMBER, slots.take_u32()))
    }

    #[inline]
    fn load(call: &mut Call<'_>, at: u64) -> Own<T> {
        let handle = u32::load(call, at);
        Own::from_rep(call.lift_own(T::NUMBER, handle))
    }
}

impl<T: Resource> Lower for Own<T> {
    #[inline]
    fn lower_flat(self, call: &mut Call<'_>, slots: &mut Slots<'_>) {
        *slots.next_slot() = call.lower_own(T::NUMBER, self.rep()).into();
    }

    #[inline]
    fn store(self, call: &mut Call<'_>, at: u64) {
        call.lower_own(T::NUMBER, self.rep()).store(call, at);
    }
}

impl<T: Resource> Lift for Borrow<T> {
    #[inline]
    fn lift_flat(call: &mut Call<'_>, slots: &mut Slots<'_>) -> Borrow<T> {
        Borrow::from_rep(call.lift_borrow(T::NUMBER, slots.take_u32()))
    }

    #[inline]
    fn load(call: &mut Call<'_>, at: u64) -> Borrow<T> {
        let handle = u32::load(call, at);
        Borrow::from_rep(call.lift_borrow(T::NUMBER, handle))
    }
}

/// The trap of a discriminant that names no case.
#[cold]
pub fn invalid_discriminant(found: u32, cases: u32) -> ! {
    let text = [
        Piece::Text("discriminant "),
        Piece::Number(found.into()),
        Piece::Text(" out of range [0.."),
        Piece::Number(cases.into()),
        Piece::Text(")"),
    ];
    raise_with(TrapInfo::with_text(TrapCode::InvalidDiscriminant, &text))
}
