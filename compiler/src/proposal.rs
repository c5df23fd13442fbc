//! Proposals of WebAssembly and of the component model that can be allowed or switched off by name
//! (`-W`).

use wasmparser::WasmFeatures;

macro_rules! proposals {
    ($($variant:ident $key:literal $features:expr, $compiled:literal, $name:literal;)*) => {
        /// A proposal. Those that are compiled are allowed unless they are switched off; of the
        /// others the phase that would have to compile them says so.
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
        pub enum Proposal {
            $(#[doc = $name] $variant,)*
        }

        impl Proposal {
            pub const ALL: &[Proposal] = &[$(Proposal::$variant,)*];

            /// Its key of `-W`, which is Wasmtime's.
            #[must_use]
            pub fn key(self) -> &'static str {
                match self {
                    $(Proposal::$variant => $key,)*
                }
            }

            /// What people call it.
            #[must_use]
            pub fn name(self) -> &'static str {
                match self {
                    $(Proposal::$variant => $name,)*
                }
            }

            #[must_use]
            pub fn is_compiled(self) -> bool {
                match self {
                    $(Proposal::$variant => $compiled,)*
                }
            }

            /// What validation refuses without it.
            pub(crate) fn features(self) -> WasmFeatures {
                match self {
                    $(Proposal::$variant => $features,)*
                }
            }
        }
    };
}

proposals! {
    BulkMemory "bulk-memory" WasmFeatures::BULK_MEMORY, true, "bulk memory instructions";
    MultiValue "multi-value" WasmFeatures::MULTI_VALUE, true, "several results";
    ReferenceTypes "reference-types" WasmFeatures::REFERENCE_TYPES, true, "reference types";
    Simd "simd" WasmFeatures::SIMD, true, "vectors of 128 bits";
    MultiMemory "multi-memory" WasmFeatures::MULTI_MEMORY, true, "several memories";
    Memory64 "memory64" WasmFeatures::MEMORY64, true, "64-bit memories and tables";
    TailCall "tail-call" WasmFeatures::TAIL_CALL, true, "tail calls";
    ExtendedConst "extended-const" WasmFeatures::EXTENDED_CONST, true, "arithmetic in constants";
    Exceptions "exceptions" WasmFeatures::EXCEPTIONS, true, "exceptions";
    LegacyExceptions "legacy-exceptions" WasmFeatures::LEGACY_EXCEPTIONS, true,
        "exceptions as they were first";
    FunctionReferences "function-references" WasmFeatures::FUNCTION_REFERENCES, true,
        "typed function references";
    Threads "threads" WasmFeatures::THREADS, true, "atomic instructions";
    WideArithmetic "wide-arithmetic" WasmFeatures::WIDE_ARITHMETIC, true,
        "arithmetic of 128 bits";
    ComponentModel "component-model" WasmFeatures::COMPONENT_MODEL, true, "components";
    ComponentModelAsync "component-model-async" WasmFeatures::CM_ASYNC, true,
        "async components, streams and futures";
    ComponentModelMap "component-model-map" WasmFeatures::CM_MAP, true, "maps in components";
    ComponentModelImplements "component-model-implements" WasmFeatures::CM_IMPLEMENTS, true,
        "several imports of one interface";
    ComponentModelGc "component-model-gc" WasmFeatures::CM_GC, false,
        "garbage collection in components";
    Gc "gc" WasmFeatures::GC, true, "garbage collection";
    RelaxedSimd "relaxed-simd" WasmFeatures::RELAXED_SIMD, true, "relaxed SIMD";
    SharedMemory "shared-memory" WasmFeatures::empty(), true, "shared memories";
    StackSwitching "stack-switching" WasmFeatures::STACK_SWITCHING, false, "stack switching";
    CustomPageSizes "custom-page-sizes" WasmFeatures::CUSTOM_PAGE_SIZES, true,
        "memories with pages of other sizes";
}
