//! Positions in ordered spaces, one type each, so that they cannot be mixed up.

macro_rules! index {
    ($( $(#[$doc:meta])* $name:ident; )*) => {
        $(
            $(#[$doc])*
            #[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Debug)]
            pub struct $name(pub u32);

            impl $name {
                /// # Panics
                /// When `index` does not fit 32 bits; wasm's own limits are far below that.
                #[must_use]
                pub fn new(index: usize) -> $name {
                    $name(u32::try_from(index).expect("wasm limits index spaces to 32 bits"))
                }

                #[must_use]
                pub fn index(self) -> usize {
                    self.0 as usize
                }
            }
        )*
    };
}

/// A type of a module.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Debug)]
pub struct TypeIndex(pub u32);

impl TypeIndex {
    #[must_use]
    pub fn index(self) -> usize {
        self.0 as usize
    }
}

index! {
    /// A function of a module, imported ones first.
    FuncIndex;
    /// A table of a module.
    TableIndex;
    /// A memory of a module.
    MemoryIndex;
    /// A global of a module.
    GlobalIndex;
    /// A tag of a module.
    TagIndex;
    /// A data segment of a module.
    DataIndex;
    /// An element segment of a module.
    ElemIndex;
    /// A core instance of the program, in the order of instantiation.
    InstanceIndex;
    /// A function of the program that may be compiled.
    FuncId;
    /// A host function.
    HostFnId;
    /// A table of the program.
    TableId;
    /// A memory of the program.
    MemoryId;
    /// A global of the program.
    GlobalId;
    /// A tag of the program; also its number at run time.
    TagId;
    /// A type of the program. That of a function is also its number at run time, unless there are
    /// subtypes of such types.
    SigId;
    /// An object of the image.
    ObjectId;
    /// A region of the store: a memory and the contexts below it.
    RegionIndex;
    /// A resource type: one of the host, or one that the instantiation of a component made.
    ResourceId;
    /// An instance of a component.
    ComponentId;
    /// A core function that a `canon` definition makes.
    CanonId;
    /// A lifted function.
    LiftId;
    /// Canonical options, with all that they refer to.
    OptionsId;
}
