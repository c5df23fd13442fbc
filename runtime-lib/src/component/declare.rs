//! Declarations of WIT types: each makes the Rust type and its [`Value`], [`Lift`] and [`Lower`].
//! The names in WIT follow from the Rust names: `LinkCount`, `link_count` and `LINK_COUNT` are
//! `link-count`.
//!
//! [`Value`]: crate::component::Value
//! [`Lift`]: crate::component::Lift
//! [`Lower`]: crate::component::Lower

/// A name as in WIT.
#[cfg(test)]
#[must_use]
pub fn wit_name(rust: &str) -> String {
    let rust = rust.strip_prefix("r#").unwrap_or(rust);
    if !rust.contains(|c: char| c.is_ascii_lowercase()) {
        return rust.to_ascii_lowercase().replace('_', "-");
    }
    let mut name = String::new();
    for char in rust.chars() {
        if char.is_ascii_uppercase() && !name.is_empty() {
            name.push('-');
        }
        name.push(if char == '_' {
            '-'
        } else {
            char.to_ascii_lowercase()
        });
    }
    name
}

/// `record! { pub struct Datetime { seconds: u64, nanoseconds: u32 } }`; all fields are public.
#[macro_export]
macro_rules! record {
    (
        $(#[$meta:meta])*
        $vis:vis struct $name:ident { $( $(#[$field_meta:meta])* $field:ident : $type:ty ),+ $(,)? }
    ) => {
        $(#[$meta])*
        $vis struct $name {
            $( $(#[$field_meta])* pub $field: $type ),+
        }

        $crate::record_values! { $name { $( $field: $type ),+ } }
    };
}

/// `record_values! { Datetime { seconds: u64, nanoseconds: u32 } }`: as `record!`, for a type that
/// is declared elsewhere.
#[macro_export]
macro_rules! record_values {
    ($name:ident { $( $field:ident : $type:ty ),+ $(,)? }) => {
        const _: () = {
            use $crate::component::{Call, Fields, Layout, Lift, Lower, Slots, Value};

            impl Value for $name {
                const LAYOUT: Layout = Layout::record(&[$(<$type as Value>::LAYOUT),+]);

                #[cfg(test)]
                fn describe(text: &mut String) {
                    let mut separator = "record{";
                    $(
                        text.push_str(separator);
                        text.push_str(&$crate::component::wit_name(stringify!($field)));
                        text.push(':');
                        <$type as Value>::describe(text);
                        separator = ",";
                    )+
                    text.push_str(&separator.replace(',', "}"));
                }
            }

            impl Lift for $name {
                fn lift_flat(call: &mut Call<'_>, slots: &mut Slots<'_>) -> Self {
                    $( let $field = <$type as Lift>::lift_flat(call, slots); )+
                    Self { $($field),+ }
                }

                fn load(call: &mut Call<'_>, at: u64) -> Self {
                    let mut fields = Fields::new(call, at);
                    $( let $field = <$type as Lift>::load(call, fields.place::<$type>()); )+
                    Self { $($field),+ }
                }
            }

            impl Lower for $name {
                fn lower_flat(self, call: &mut Call<'_>, slots: &mut Slots<'_>) {
                    $( self.$field.lower_flat(call, slots); )+
                }

                fn store(self, call: &mut Call<'_>, at: u64) {
                    let mut fields = Fields::new(call, at);
                    $( self.$field.store(call, fields.place::<$type>()); )+
                }
            }
        };
    };
}

/// `variant! { pub enum NewTimestamp { NoChange, Now, Timestamp(Datetime) } }`.
#[macro_export]
macro_rules! variant {
    (
        $(#[$meta:meta])*
        $vis:vis enum $name:ident { $( $(#[$case_meta:meta])* $case:ident $( ($type:ty) )? ),+ $(,)? }
    ) => {
        $(#[$meta])*
        $vis enum $name {
            $( $(#[$case_meta])* $case $( ($type) )? ),+
        }

        $crate::variant_values! { $name { $( $case $( ($type) )? ),+ } }
    };
}

/// `variant_values! { NewTimestamp { NoChange, Now, Timestamp(Datetime) } }`: as `variant!`, for a
/// type that is declared elsewhere.
#[macro_export]
macro_rules! variant_values {
    ($name:ident { $( $case:ident $( ($type:ty) )? ),+ $(,)? }) => {
        const _: () = {
            use $crate::component::{
                Call, Layout, Lift, Lower, Slots, Value, lift_discriminant, load_discriminant,
                store_discriminant,
            };

            /// Types of the payloads.
            const CASES: &[Layout] =
                &[$( <$crate::variant_values!(@payload $($type)?) as Value>::LAYOUT ),+];

            /// The discriminants.
            enum Index { $($case),+ }

            impl Value for $name {
                const LAYOUT: Layout = Layout::variant(CASES);

                #[cfg(test)]
                fn describe(text: &mut String) {
                    let mut separator = "variant{";
                    $(
                        text.push_str(separator);
                        text.push_str(&$crate::component::wit_name(stringify!($case)));
                        $(
                            text.push(':');
                            <$type as Value>::describe(text);
                        )?
                        separator = ",";
                    )+
                    text.push_str(&separator.replace(',', "}"));
                }
            }

            impl Lift for $name {
                fn lift_flat(call: &mut Call<'_>, slots: &mut Slots<'_>) -> Self {
                    // Cases without payloads do not need it.
                    let _ = &call;
                    let case = lift_discriminant(slots, CASES.len());
                    let payload = &mut slots.split(Self::FLAT - 1);
                    $(
                        if case == Index::$case as u32 {
                            return $crate::variant_values!(
                                @lift $name $case call payload lift_flat $($type)?
                            );
                        }
                    )+
                    unreachable!("the discriminant was checked")
                }

                fn load(call: &mut Call<'_>, at: u64) -> Self {
                    let case = load_discriminant(call, at, CASES.len());
                    let payload = at + Layout::payload_offset(CASES, call.ptr_type());
                    $(
                        if case == Index::$case as u32 {
                            return $crate::variant_values!(@lift $name $case call payload load $($type)?);
                        }
                    )+
                    unreachable!("the discriminant was checked")
                }
            }

            impl Lower for $name {
                fn lower_flat(self, call: &mut Call<'_>, slots: &mut Slots<'_>) {
                    let _ = &call;
                    let discriminant = slots.next_slot();
                    let payload = &mut slots.split(Self::FLAT - 1);
                    $(
                        if let $crate::variant_values!(@pattern $name $case value $($type)?) = self {
                            *discriminant = Index::$case as u64;
                            return $crate::variant_values!(@lower call payload value lower_flat $($type)?);
                        }
                    )+
                }

                fn store(self, call: &mut Call<'_>, at: u64) {
                    let payload = at + Layout::payload_offset(CASES, call.ptr_type());
                    $(
                        if let $crate::variant_values!(@pattern $name $case value $($type)?) = self {
                            store_discriminant(call, at, Index::$case as u32, CASES.len());
                            return $crate::variant_values!(@lower call payload value store $($type)?);
                        }
                    )+
                }
            }
        };
    };
    (@payload) => { () };
    (@payload $type:ty) => { $type };
    (@lift $name:ident $case:ident $call:ident $from:ident $lift:ident) => {{
        let _ = $from;
        $name::$case
    }};
    (@lift $name:ident $case:ident $call:ident $from:ident $lift:ident $type:ty) => {
        $name::$case(<$type as Lift>::$lift($call, $from))
    };
    (@pattern $name:ident $case:ident $value:ident) => { $name::$case };
    (@pattern $name:ident $case:ident $value:ident $type:ty) => { $name::$case($value) };
    (@lower $call:ident $to:ident $value:ident $lower:ident) => {{
        let _ = $to;
    }};
    (@lower $call:ident $to:ident $value:ident $lower:ident $type:ty) => {
        $value.$lower($call, $to)
    };
}

/// `enumeration! { pub enum IpAddressFamily { Ipv4, Ipv6 } }`.
#[macro_export]
macro_rules! enumeration {
    (
        $(#[$meta:meta])*
        $vis:vis enum $name:ident { $( $(#[$case_meta:meta])* $case:ident ),+ $(,)? }
    ) => {
        $(#[$meta])*
        #[derive(Clone, Copy, PartialEq, Eq, Debug)]
        $vis enum $name {
            $( $(#[$case_meta])* $case ),+
        }

        const _: () = {
            use $crate::component::{
                Call, Layout, Lift, Lower, Slots, Value, discriminant_bytes, lift_discriminant,
                load_discriminant, store_discriminant,
            };

            const CASES: &[$name] = &[$($name::$case),+];

            impl Value for $name {
                const LAYOUT: Layout = Layout::number(discriminant_bytes(CASES.len()));

                #[cfg(test)]
                fn describe(text: &mut String) {
                    let names = [$($crate::component::wit_name(stringify!($case))),+];
                    text.push_str(&format!("enum{{{}}}", names.join(",")));
                }
            }

            impl Lift for $name {
                fn lift_flat(_: &mut Call<'_>, slots: &mut Slots<'_>) -> Self {
                    CASES[lift_discriminant(slots, CASES.len()) as usize]
                }

                fn load(call: &mut Call<'_>, at: u64) -> Self {
                    CASES[load_discriminant(call, at, CASES.len()) as usize]
                }
            }

            impl Lower for $name {
                fn lower_flat(self, _: &mut Call<'_>, slots: &mut Slots<'_>) {
                    *slots.next_slot() = self as u64;
                }

                fn store(self, call: &mut Call<'_>, at: u64) {
                    store_discriminant(call, at, self as u32, CASES.len());
                }
            }
        };
    };
}

/// `flags! { pub struct OpenFlags { CREATE, DIRECTORY, EXCLUSIVE, TRUNCATE } }`: each is a constant
/// of the type, whose values are combined with `|`.
#[macro_export]
macro_rules! flags {
    (
        $(#[$meta:meta])*
        $vis:vis struct $name:ident { $( $(#[$flag_meta:meta])* $flag:ident ),+ $(,)? }
    ) => {
        $(#[$meta])*
        #[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
        $vis struct $name(u32);

        #[allow(clippy::allow_attributes, dead_code, reason = "types declare all their flags")]
        impl $name {
            $crate::flags! { @bit 1; $( [$(#[$flag_meta])* $flag] )+ }

            /// All flags.
            const ALL: u32 = 0 $(| Self::$flag.0)+;

            #[must_use]
            pub const fn empty() -> Self {
                Self(0)
            }

            /// Whether all flags of `other` are set.
            #[must_use]
            pub const fn contains(self, other: Self) -> bool {
                self.0 & other.0 == other.0
            }

            #[must_use]
            pub const fn is_empty(self) -> bool {
                self.0 == 0
            }
        }

        impl std::ops::BitOr for $name {
            type Output = Self;

            fn bitor(self, other: Self) -> Self {
                Self(self.0 | other.0)
            }
        }

        impl std::ops::BitOrAssign for $name {
            fn bitor_assign(&mut self, other: Self) {
                self.0 |= other.0;
            }
        }

        const _: () = {
            use $crate::component::{Call, Layout, Lift, Lower, Slots, Value};

            const BYTES: u32 = match $name::ALL {
                ..0x100 => 1,
                0x100..0x1_0000 => 2,
                _ => 4,
            };

            impl Value for $name {
                const LAYOUT: Layout = Layout::number(BYTES);

                #[cfg(test)]
                fn describe(text: &mut String) {
                    let names = [$($crate::component::wit_name(stringify!($flag))),+];
                    text.push_str(&format!("flags{{{}}}", names.join(",")));
                }
            }

            impl Lift for $name {
                fn lift_flat(_: &mut Call<'_>, slots: &mut Slots<'_>) -> Self {
                    Self(slots.take_u32() & Self::ALL)
                }

                fn load(call: &mut Call<'_>, at: u64) -> Self {
                    let bits = match BYTES {
                        1 => u8::load(call, at).into(),
                        2 => u16::load(call, at).into(),
                        _ => u32::load(call, at),
                    };
                    Self(bits & Self::ALL)
                }
            }

            impl Lower for $name {
                fn lower_flat(self, _: &mut Call<'_>, slots: &mut Slots<'_>) {
                    *slots.next_slot() = self.0.into();
                }

                fn store(self, call: &mut Call<'_>, at: u64) {
                    match BYTES {
                        1 => (self.0 as u8).store(call, at),
                        2 => (self.0 as u16).store(call, at),
                        _ => self.0.store(call, at),
                    }
                }
            }
        };
    };
    (@bit $bit:expr;) => {};
    (@bit $bit:expr; [$(#[$meta:meta])* $flag:ident] $($rest:tt)*) => {
        $(#[$meta])*
        pub const $flag: Self = Self($bit);
        $crate::flags! { @bit $bit << 1; $($rest)* }
    };
}
