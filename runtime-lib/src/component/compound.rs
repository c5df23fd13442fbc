//! Values of types with parts: strings, lists, options, results, tuples. See `values`.

use crate::component::call::Call;
use crate::component::values::{Lift, Lower, Slots, Value, invalid_discriminant};
use crate::vm::trap::raise;
use wasmelt_abi::{LIST_BYTES_MAX, TrapCode};

impl Value for String {
    const SIZE: u32 = 8;
    const ALIGN: u32 = 4;
    const FLAT: usize = 2;

    #[cfg(test)]
    fn describe(text: &mut String) {
        text.push_str("string");
    }
}

impl Lift for String {
    fn lift_flat(call: &mut Call<'_>, slots: &mut Slots<'_>) -> String {
        let (at, units) = (slots.take_u32(), slots.take_u32());
        call.load_string(at, units)
    }

    fn load(call: &mut Call<'_>, at: u32) -> String {
        let (at, units) = (u32::load(call, at), u32::load(call, at + 4));
        call.load_string(at, units)
    }
}

impl Lower for String {
    fn lower_flat(self, call: &mut Call<'_>, slots: &mut Slots<'_>) {
        self.as_str().lower_flat(call, slots);
    }

    fn store(self, call: &mut Call<'_>, at: u32) {
        self.as_str().store(call, at);
    }
}

impl Value for &str {
    const SIZE: u32 = 8;
    const ALIGN: u32 = 4;
    const FLAT: usize = 2;

    #[cfg(test)]
    fn describe(text: &mut String) {
        text.push_str("string");
    }
}

impl Lower for &str {
    fn lower_flat(self, call: &mut Call<'_>, slots: &mut Slots<'_>) {
        let (at, units) = call.store_string(self);
        *slots.next_slot() = at.into();
        *slots.next_slot() = units.into();
    }

    fn store(self, call: &mut Call<'_>, at: u32) {
        let (start, units) = call.store_string(self);
        start.store(call, at);
        units.store(call, at + 4);
    }
}

impl<T: Value> Value for Vec<T> {
    const SIZE: u32 = 8;
    const ALIGN: u32 = 4;
    const FLAT: usize = 2;

    #[cfg(test)]
    fn describe(text: &mut String) {
        text.push_str("list<");
        T::describe(text);
        text.push('>');
    }
}

impl<T: Lift> Lift for Vec<T> {
    fn lift_flat(call: &mut Call<'_>, slots: &mut Slots<'_>) -> Vec<T> {
        let (at, len) = (slots.take_u32(), slots.take_u32());
        load_list_from_range(call, at, len)
    }

    fn load(call: &mut Call<'_>, at: u32) -> Vec<T> {
        let (at, len) = (u32::load(call, at), u32::load(call, at + 4));
        load_list_from_range(call, at, len)
    }
}

fn load_list_from_range<T: Lift>(call: &mut Call<'_>, at: u32, len: u32) -> Vec<T> {
    call.check_list(at, len, T::SIZE, T::ALIGN);
    T::load_list(call, at, len)
}

impl<T: Lower> Lower for Vec<T> {
    fn lower_flat(self, call: &mut Call<'_>, slots: &mut Slots<'_>) {
        let (at, len) = store_list_into_range(call, self);
        *slots.next_slot() = at.into();
        *slots.next_slot() = len.into();
    }

    fn store(self, call: &mut Call<'_>, at: u32) {
        let (start, len) = store_list_into_range(call, self);
        start.store(call, at);
        len.store(call, at + 4);
    }
}

fn store_list_into_range<T: Lower>(call: &mut Call<'_>, list: Vec<T>) -> (u32, u32) {
    let bytes = list.len() as u64 * u64::from(T::SIZE);
    if bytes > LIST_BYTES_MAX.into() {
        raise(TrapCode::ListTooLong)
    }
    let len = list.len() as u32;
    let at = call.allocate(T::ALIGN, bytes);
    T::store_list(list, call, at);
    (at, len)
}

/// `elem_size`, `alignment` and the number of flat values of a type.
#[derive(Clone, Copy, Debug)]
pub struct Layout {
    pub bytes: u32,
    pub align: u32,
    pub flat: usize,
}

impl Layout {
    #[must_use]
    pub const fn of<T: Value>() -> Layout {
        Layout {
            bytes: T::SIZE,
            align: T::ALIGN,
            flat: T::FLAT,
        }
    }

    /// That of a record with these fields.
    #[must_use]
    pub const fn record(fields: &[Layout]) -> Layout {
        let mut whole = Layout {
            bytes: 0,
            align: 1,
            flat: 0,
        };
        let mut index = 0;
        while index < fields.len() {
            let field = fields[index];
            whole.bytes = whole.bytes.next_multiple_of(field.align) + field.bytes;
            whole.align = if field.align > whole.align {
                field.align
            } else {
                whole.align
            };
            whole.flat += field.flat;
            index += 1;
        }
        whole.bytes = whole.bytes.next_multiple_of(whole.align);
        whole
    }

    /// That of a variant with these payloads.
    #[must_use]
    pub const fn variant(cases: &[Layout]) -> Layout {
        let discriminant = discriminant_bytes(cases.len());
        let mut payload = Layout {
            bytes: 0,
            align: 1,
            flat: 0,
        };
        let mut index = 0;
        while index < cases.len() {
            let case = cases[index];
            if case.bytes > payload.bytes {
                payload.bytes = case.bytes;
            }
            if case.align > payload.align {
                payload.align = case.align;
            }
            if case.flat > payload.flat {
                payload.flat = case.flat;
            }
            index += 1;
        }
        let align = if discriminant > payload.align {
            discriminant
        } else {
            payload.align
        };
        let bytes = discriminant.next_multiple_of(payload.align) + payload.bytes;
        Layout {
            bytes: bytes.next_multiple_of(align),
            align,
            flat: 1 + payload.flat,
        }
    }

    /// Where the payload of a variant with these payloads begins.
    #[must_use]
    pub const fn payload_offset(cases: &[Layout]) -> u32 {
        let mut align = 1;
        let mut index = 0;
        while index < cases.len() {
            if cases[index].align > align {
                align = cases[index].align;
            }
            index += 1;
        }
        discriminant_bytes(cases.len()).next_multiple_of(align)
    }
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

/// The discriminant at an address, checked.
#[inline]
pub fn load_discriminant(call: &mut Call<'_>, at: u32, cases: usize) -> u32 {
    let found = match discriminant_bytes(cases) {
        1 => u8::load(call, at).into(),
        2 => u16::load(call, at).into(),
        _ => u32::load(call, at),
    };
    check_discriminant(found, cases)
}

/// The next flat value as a discriminant, checked.
#[inline]
pub fn lift_discriminant(slots: &mut Slots<'_>, cases: usize) -> u32 {
    check_discriminant(slots.take_u32(), cases)
}

#[inline]
fn check_discriminant(found: u32, cases: usize) -> u32 {
    if found as usize >= cases {
        invalid_discriminant(found, cases as u32)
    }
    found
}

#[inline]
pub fn store_discriminant(call: &mut Call<'_>, at: u32, case: u32, cases: usize) {
    match discriminant_bytes(cases) {
        1 => (case as u8).store(call, at),
        2 => (case as u16).store(call, at),
        _ => case.store(call, at),
    }
}

/// Walks over the fields of a record in memory.
#[derive(Debug)]
pub struct Fields {
    next: u32,
}

impl Fields {
    #[inline]
    #[must_use]
    pub fn new(at: u32) -> Fields {
        Fields { next: at }
    }

    /// The address of the next field, which is of type `T`.
    #[inline]
    pub fn place<T: Value>(&mut self) -> u32 {
        let at = self.next.next_multiple_of(T::ALIGN);
        self.next = at + T::SIZE;
        at
    }
}

impl<T: Value> Value for Option<T> {
    const SIZE: u32 = Layout::variant(&[Layout::of::<()>(), Layout::of::<T>()]).bytes;
    const ALIGN: u32 = T::ALIGN;
    const FLAT: usize = 1 + T::FLAT;

    #[cfg(test)]
    fn describe(text: &mut String) {
        text.push_str("option<");
        T::describe(text);
        text.push('>');
    }
}

impl<T: Lift> Lift for Option<T> {
    fn lift_flat(call: &mut Call<'_>, slots: &mut Slots<'_>) -> Option<T> {
        let case = lift_discriminant(slots, 2);
        let mut payload = slots.split(T::FLAT);
        (case == 1).then(|| T::lift_flat(call, &mut payload))
    }

    fn load(call: &mut Call<'_>, at: u32) -> Option<T> {
        let case = load_discriminant(call, at, 2);
        (case == 1).then(|| T::load(call, at + T::ALIGN))
    }
}

impl<T: Lower> Lower for Option<T> {
    fn lower_flat(self, call: &mut Call<'_>, slots: &mut Slots<'_>) {
        *slots.next_slot() = self.is_some().into();
        let mut payload = slots.split(T::FLAT);
        if let Some(value) = self {
            value.lower_flat(call, &mut payload);
        }
    }

    fn store(self, call: &mut Call<'_>, at: u32) {
        self.is_some().store(call, at);
        if let Some(value) = self {
            value.store(call, at + T::ALIGN);
        }
    }
}

impl<T: Value, E: Value> Value for Result<T, E> {
    const SIZE: u32 = Layout::variant(&[Layout::of::<T>(), Layout::of::<E>()]).bytes;
    const ALIGN: u32 = Layout::variant(&[Layout::of::<T>(), Layout::of::<E>()]).align;
    const FLAT: usize = Layout::variant(&[Layout::of::<T>(), Layout::of::<E>()]).flat;

    #[cfg(test)]
    fn describe(text: &mut String) {
        text.push_str("result<");
        T::describe(text);
        text.push(',');
        E::describe(text);
        text.push('>');
    }
}

impl<T: Lift, E: Lift> Lift for Result<T, E> {
    fn lift_flat(call: &mut Call<'_>, slots: &mut Slots<'_>) -> Result<T, E> {
        let case = lift_discriminant(slots, 2);
        let mut payload = slots.split(Self::FLAT - 1);
        match case {
            0 => Ok(T::lift_flat(call, &mut payload)),
            _ => Err(E::lift_flat(call, &mut payload)),
        }
    }

    fn load(call: &mut Call<'_>, at: u32) -> Result<T, E> {
        // The discriminant is one byte, so the payload begins at the alignment.
        match load_discriminant(call, at, 2) {
            0 => Ok(T::load(call, at + Self::ALIGN)),
            _ => Err(E::load(call, at + Self::ALIGN)),
        }
    }
}

impl<T: Lower, E: Lower> Lower for Result<T, E> {
    fn lower_flat(self, call: &mut Call<'_>, slots: &mut Slots<'_>) {
        *slots.next_slot() = self.is_err().into();
        let mut payload = slots.split(Self::FLAT - 1);
        match self {
            Ok(value) => value.lower_flat(call, &mut payload),
            Err(value) => value.lower_flat(call, &mut payload),
        }
    }

    fn store(self, call: &mut Call<'_>, at: u32) {
        self.is_err().store(call, at);
        match self {
            Ok(value) => value.store(call, at + Self::ALIGN),
            Err(value) => value.store(call, at + Self::ALIGN),
        }
    }
}

macro_rules! tuples {
    ($( ( $($type:ident $index:tt),+ ) )*) => {
        $(
            impl<$($type: Value),+> Value for ($($type,)+) {
                const SIZE: u32 = Layout::record(&[$(Layout::of::<$type>()),+]).bytes;
                const ALIGN: u32 = Layout::record(&[$(Layout::of::<$type>()),+]).align;
                const FLAT: usize = 0 $(+ $type::FLAT)+;

                #[cfg(test)]
                fn describe(text: &mut String) {
                    text.push_str("tuple<");
                    $(
                        if $index != 0 {
                            text.push(',');
                        }
                        $type::describe(text);
                    )+
                    text.push('>');
                }
            }

            impl<$($type: Lift),+> Lift for ($($type,)+) {
                #[inline]
                fn lift_flat(call: &mut Call<'_>, slots: &mut Slots<'_>) -> Self {
                    ($($type::lift_flat(call, slots),)+)
                }

                #[inline]
                fn load(call: &mut Call<'_>, at: u32) -> Self {
                    let mut fields = Fields::new(at);
                    ($($type::load(call, fields.place::<$type>()),)+)
                }
            }

            impl<$($type: Lower),+> Lower for ($($type,)+) {
                #[inline]
                fn lower_flat(self, call: &mut Call<'_>, slots: &mut Slots<'_>) {
                    $( self.$index.lower_flat(call, slots); )+
                }

                #[inline]
                fn store(self, call: &mut Call<'_>, at: u32) {
                    let mut fields = Fields::new(at);
                    $( self.$index.store(call, fields.place::<$type>()); )+
                }
            }
        )*
    };
}

tuples! {
    (A 0)
    (A 0, B 1)
    (A 0, B 1, C 2)
    (A 0, B 1, C 2, D 3)
    (A 0, B 1, C 2, D 3, E 4)
    (A 0, B 1, C 2, D 3, E 4, F 5)
    (A 0, B 1, C 2, D 3, E 4, F 5, G 6)
    (A 0, B 1, C 2, D 3, E 4, F 5, G 6, H 7)
}
