//! The text of types in Rust; `@` stands before what is put in.

pub(super) const RESOURCE: &str = "
/// A resource of whoever implements [`Imports`], by a number that may be any.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct @name {
    pub rep: u32,
}

impl Value for @name {
    type Raw = u32;

    fn lower(&self, _: &mut Room) -> u32 {
        self.rep
    }

    unsafe fn load(rep: u32, _: Owner<'_>) -> @name {
        @name { rep }
    }
}
";

pub(super) const OWN_RESOURCE: &str = r#"
/// A resource of the program, which ends when this is dropped.
#[derive(Debug)]
pub struct @name {
    /// 0 if it has been given away.
    handle: std::cell::Cell<u32>,
    core: Rc<Core>,
}

impl Drop for @name {
    fn drop(&mut self) {
        let handle = self.handle.get();
        if handle != 0 {
            // SAFETY: the instance is there. If it has been ended, so has the resource.
            unsafe { sys::@drop(self.core.handle.as_ptr(), handle) };
        }
    }
}

impl Value for @name {
    type Raw = u32;

    fn lower(&self, _: &mut Room) -> u32 {
        self.handle.replace(0)
    }

    unsafe fn load(raw: u32, owner: Owner<'_>) -> @name {
        let core = owner.expect("only results of the program have its resources");
        @name {
            handle: std::cell::Cell::new(raw),
            core: core.clone(),
        }
    }
}

impl Value for &@name {
    type Raw = u32;

    fn lower(&self, _: &mut Room) -> u32 {
        self.handle.get()
    }

    unsafe fn load(_: u32, _: Owner<'_>) -> Self {
        unreachable!("what is lent is no result")
    }
}
"#;

pub(super) const RECORD: &str = "
#[derive(@derive)]
pub struct @name {
@fields}

#[derive(Clone, Copy)]
#[repr(C)]
struct Raw@name {
@raw}

impl Value for @name {
    type Raw = Raw@name;

    fn lower(&self, room: &mut Room) -> Raw@name {
        Raw@name {
@lower        }
    }

    unsafe fn load(raw: Raw@name, owner: Owner<'_>) -> @name {
        // SAFETY: the caller vouches for the members.
        unsafe {
            @name {
@load            }
        }
    }

    unsafe fn free(raw: Raw@name) {
        // SAFETY: as above.
        unsafe {
@free        }
    }
}
";

pub(super) const VARIANT: &str = "
#[derive(@derive)]
pub enum @name {
@variants}

#[derive(Clone, Copy)]
#[repr(C)]
struct Raw@name {
    tag: @tag,
    held: MaybeUninit<Held@name>,
}

#[derive(Clone, Copy)]
#[repr(C)]
union Held@name {
@members}

impl Value for @name {
    type Raw = Raw@name;

    fn lower(&self, room: &mut Room) -> Raw@name {
        let (tag, held) = match self {
@lower        };
        Raw@name { tag, held }
    }

    unsafe fn load(raw: Raw@name, owner: Owner<'_>) -> @name {
        // SAFETY: the tag says what is there, which the caller vouches for.
        unsafe {
            match raw.tag {
@load                tag => unreachable!(\"the library gives no case {tag}\"),
            }
        }
    }

    unsafe fn free(raw: Raw@name) {
        // SAFETY: as above.
        unsafe {
            match raw.tag {
@free                _ => {}
            }
        }
    }
}
";

pub(super) const ENUM: &str = "
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
#[repr(@tag)]
pub enum @name {
@variants}

impl Value for @name {
    type Raw = @tag;

    fn lower(&self, _: &mut Room) -> @tag {
        *self as @tag
    }

    unsafe fn load(raw: @tag, _: Owner<'_>) -> @name {
        match raw {
@load            case => unreachable!(\"the library gives no case {case}\"),
        }
    }
}
";

pub(super) const FLAGS: &str = "
#[derive(Clone, Copy, Default, PartialEq, Eq, Hash, Debug)]
pub struct @name(@holder);

impl @name {
@flags
    pub fn bits(self) -> @holder {
        self.0
    }

    pub fn contains(self, others: @name) -> bool {
        self.0 & others.0 == others.0
    }
}

impl std::ops::BitOr for @name {
    type Output = @name;

    fn bitor(self, others: @name) -> @name {
        @name(self.0 | others.0)
    }
}

impl Value for @name {
    type Raw = @holder;

    fn lower(&self, _: &mut Room) -> @holder {
        self.0
    }

    unsafe fn load(raw: @holder, _: Owner<'_>) -> @name {
        @name(raw)
    }
}
";

pub(super) const TUPLE: &str = "
#[derive(Clone, Copy)]
#[repr(C)]
struct RawTuple@count<@copies>(@types);

impl<@bounds> Value for (@types) {
    type Raw = RawTuple@count<@raws>;

    fn lower(&self, room: &mut Room) -> Self::Raw {
        RawTuple@count(@lower)
    }

    unsafe fn load(raw: Self::Raw, owner: Owner<'_>) -> Self {
        // SAFETY: the caller vouches for the members.
        unsafe { (@load) }
    }

    unsafe fn free(raw: Self::Raw) {
        // SAFETY: as above.
        unsafe { @free }
    }
}
";
