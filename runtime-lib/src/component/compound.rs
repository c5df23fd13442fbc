//! Values of types with parts: strings, lists, options, results, tuples. See `values`.

use crate::component::call::Call;
use crate::component::layout::{Layout, discriminant_bytes};
use crate::component::values::{Lift, Lower, Slots, Value, invalid_discriminant};
use crate::vm::trap::raise;
use wasmelt_abi::{LIST_BYTES_MAX, PtrType, TrapCode};

impl Value for String {
    const LAYOUT: Layout = Layout::RANGE;

    #[cfg(test)]
    fn describe(text: &mut String) {
        text.push_str("string");
    }
}

impl Lift for String {
    fn lift_flat(call: &mut Call<'_>, slots: &mut Slots<'_>) -> String {
        let range = slots.take_range(call);
        call.load_string(range)
    }

    fn load(call: &mut Call<'_>, at: u64) -> String {
        let range = call.load_range(at);
        call.load_string(range)
    }
}

impl Lower for String {
    fn lower_flat(self, call: &mut Call<'_>, slots: &mut Slots<'_>) {
        self.as_str().lower_flat(call, slots);
    }

    fn store(self, call: &mut Call<'_>, at: u64) {
        self.as_str().store(call, at);
    }
}

impl Value for &str {
    const LAYOUT: Layout = Layout::RANGE;

    #[cfg(test)]
    fn describe(text: &mut String) {
        text.push_str("string");
    }
}

impl Lower for &str {
    fn lower_flat(self, call: &mut Call<'_>, slots: &mut Slots<'_>) {
        slots.put_range(call.store_string(self));
    }

    fn store(self, call: &mut Call<'_>, at: u64) {
        let range = call.store_string(self);
        call.store_range(range, at);
    }
}

impl<T: Value> Value for Vec<T> {
    const LAYOUT: Layout = Layout::RANGE;

    #[cfg(test)]
    fn describe(text: &mut String) {
        text.push_str("list<");
        T::describe(text);
        text.push('>');
    }
}

impl<T: Lift> Lift for Vec<T> {
    fn lift_flat(call: &mut Call<'_>, slots: &mut Slots<'_>) -> Vec<T> {
        let range = slots.take_range(call);
        load_list_from_range(call, range)
    }

    fn load(call: &mut Call<'_>, at: u64) -> Vec<T> {
        let range = call.load_range(at);
        load_list_from_range(call, range)
    }
}

fn load_list_from_range<T: Lift>(call: &mut Call<'_>, range: (u64, u64)) -> Vec<T> {
    let ptr_type = call.ptr_type();
    let (bytes, align) = (T::LAYOUT.bytes(ptr_type), T::LAYOUT.align(ptr_type));
    let len = call.check_list(range, bytes, align);
    T::load_list(call, range.0, len)
}

impl<T: Lower> Lower for Vec<T> {
    fn lower_flat(self, call: &mut Call<'_>, slots: &mut Slots<'_>) {
        slots.put_range(store_list_into_range(call, self));
    }

    fn store(self, call: &mut Call<'_>, at: u64) {
        let range = store_list_into_range(call, self);
        call.store_range(range, at);
    }
}

fn store_list_into_range<T: Lower>(call: &mut Call<'_>, list: Vec<T>) -> (u64, u64) {
    let len = list.len() as u64;
    let bytes = len * u64::from(T::LAYOUT.bytes(call.ptr_type()));
    if bytes > LIST_BYTES_MAX.into() {
        raise(TrapCode::ListTooLong)
    }
    let at = call.allocate(T::LAYOUT.align(call.ptr_type()), bytes);
    T::store_list(list, call, at);
    (at, len)
}

/// The discriminant at an address, checked.
#[inline]
pub fn load_discriminant(call: &mut Call<'_>, at: u64, cases: usize) -> u32 {
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
pub fn store_discriminant(call: &mut Call<'_>, at: u64, case: u32, cases: usize) {
    match discriminant_bytes(cases) {
        1 => (case as u8).store(call, at),
        2 => (case as u16).store(call, at),
        _ => case.store(call, at),
    }
}

/// Walks over the fields of a record in memory.
#[derive(Debug)]
pub struct Fields {
    next: u64,
    ptr_type: PtrType,
}

impl Fields {
    /// Of a record at this address, which is inside the memory.
    #[inline]
    #[must_use]
    pub fn new(call: &Call<'_>, at: u64) -> Fields {
        Fields {
            next: at,
            ptr_type: call.ptr_type(),
        }
    }

    /// The address of the next field, which is of type `T`.
    #[inline]
    pub fn place<T: Value>(&mut self) -> u64 {
        let mask = u64::from(T::LAYOUT.align(self.ptr_type)) - 1;
        let at = (self.next + mask) & !mask;
        self.next = at + u64::from(T::LAYOUT.bytes(self.ptr_type));
        at
    }
}

/// Where the payload of an option or result is: the discriminant is one byte, so it begins at the
/// alignment.
#[inline]
fn payload<T: Value>(call: &Call<'_>, at: u64) -> u64 {
    at + u64::from(T::LAYOUT.align(call.ptr_type()))
}

impl<T: Value> Value for Option<T> {
    const LAYOUT: Layout = Layout::variant(&[<()>::LAYOUT, T::LAYOUT]);

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

    fn load(call: &mut Call<'_>, at: u64) -> Option<T> {
        let case = load_discriminant(call, at, 2);
        (case == 1).then(|| T::load(call, payload::<Self>(call, at)))
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

    fn store(self, call: &mut Call<'_>, at: u64) {
        self.is_some().store(call, at);
        if let Some(value) = self {
            value.store(call, payload::<Self>(call, at));
        }
    }
}

impl<T: Value, E: Value> Value for Result<T, E> {
    const LAYOUT: Layout = Layout::variant(&[T::LAYOUT, E::LAYOUT]);

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

    fn load(call: &mut Call<'_>, at: u64) -> Result<T, E> {
        let payload = payload::<Self>(call, at);
        match load_discriminant(call, at, 2) {
            0 => Ok(T::load(call, payload)),
            _ => Err(E::load(call, payload)),
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

    fn store(self, call: &mut Call<'_>, at: u64) {
        self.is_err().store(call, at);
        let payload = payload::<Self>(call, at);
        match self {
            Ok(value) => value.store(call, payload),
            Err(value) => value.store(call, payload),
        }
    }
}

macro_rules! tuples {
    ($( ( $($type:ident $index:tt),+ ) )*) => {
        $(
            impl<$($type: Value),+> Value for ($($type,)+) {
                const LAYOUT: Layout = Layout::record(&[$($type::LAYOUT),+]);

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
                fn load(call: &mut Call<'_>, at: u64) -> Self {
                    let mut fields = Fields::new(call, at);
                    ($($type::load(call, fields.place::<$type>()),)+)
                }
            }

            impl<$($type: Lower),+> Lower for ($($type,)+) {
                #[inline]
                fn lower_flat(self, call: &mut Call<'_>, slots: &mut Slots<'_>) {
                    $( self.$index.lower_flat(call, slots); )+
                }

                #[inline]
                fn store(self, call: &mut Call<'_>, at: u64) {
                    let mut fields = Fields::new(call, at);
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
