//! Relocations of both processors in one form, with what is added to the address that they name.

/// What an address is of.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Target {
    Symbol(usize),
    /// A place in a section.
    Place {
        section: usize,
        offset: u64,
    },
}

/// What is written where.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Form {
    /// The address, in 8 bytes.
    Pointer,
    /// Its distance from another, in so many bytes.
    Distance {
        from: Target,
        bytes: u8,
    },
    /// Its distance from behind these 4 bytes (x86-64).
    Relative,
    /// As above, of the place where the address is.
    GotRelative,
    /// As above, of what describes data that each thread has.
    ThreadRelative,
    /// The distance of a call or a jump.
    Branch,
    /// The distance of its page, and its place in that (AArch64).
    Page,
    PageOffset,
    GotPage,
    GotPageOffset,
    ThreadPage,
    ThreadPageOffset,
    /// The distance of the place where the address is, in 4 bytes (AArch64).
    GotPointer,
}

impl Form {
    /// Whether it is about the place where an address is.
    pub(super) fn is_of_got(self) -> bool {
        matches!(
            self,
            Form::GotRelative | Form::GotPage | Form::GotPageOffset | Form::GotPointer
        )
    }
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Reloc {
    pub(super) offset: u64,
    pub(super) form: Form,
    pub(super) target: Target,
    pub(super) addend: i64,
}
