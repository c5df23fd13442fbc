//! Features of the component model that may still change, each behind a switch (`-W`).

use wasmparser::WasmFeatures;

/// A feature that is off unless it is asked for.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Gate {
    /// Lists of fixed length.
    FixedLengthLists,
    /// Functions that are lifted with `async` and without `callback`.
    AsyncStackful,
    /// Synchronous and asynchronous forms of built-ins that the standard has in the other form.
    MoreAsyncBuiltins,
    /// Threads of a task that take turns.
    Threading,
    /// Types of functions that threads may share, and what says how many threads run in parallel.
    SharedEverything,
    /// `error-context`.
    ErrorContext,
    /// 64-bit memories in the canonical ABI.
    Memory64,
}

impl Gate {
    pub const ALL: [Gate; 7] = [
        Gate::FixedLengthLists,
        Gate::AsyncStackful,
        Gate::MoreAsyncBuiltins,
        Gate::Threading,
        Gate::SharedEverything,
        Gate::ErrorContext,
        Gate::Memory64,
    ];

    /// Its key of `-W`, which is Wasmtime's.
    #[must_use]
    pub fn key(self) -> &'static str {
        self.row().0
    }

    /// What people call it.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Gate::FixedLengthLists => "lists of fixed length",
            Gate::AsyncStackful => "`async` functions without a callback",
            Gate::MoreAsyncBuiltins => "further forms of async built-ins",
            Gate::Threading => "threads of a task",
            Gate::SharedEverything => "functions that threads share",
            Gate::ErrorContext => "error contexts",
            Gate::Memory64 => "64-bit memories in components",
        }
    }

    /// What validation allows with it.
    #[must_use]
    pub fn features(self) -> WasmFeatures {
        self.row().1
    }

    /// The gate that is closed, if that is what validation says with this message.
    #[must_use]
    pub fn of_message(message: &str) -> Option<Gate> {
        let named = |gate: &Gate| gate.row().2.iter().any(|end| message.ends_with(end));
        Gate::ALL.into_iter().find(named)
    }

    /// Key, features, and how the validator's messages end when the gate is closed.
    fn row(self) -> (&'static str, WasmFeatures, &'static [&'static str]) {
        match self {
            Gate::FixedLengthLists => (
                "component-model-fixed-length-lists",
                WasmFeatures::CM_FIXED_LENGTH_LISTS,
                &["the component model fixed-length lists feature"],
            ),
            Gate::AsyncStackful => (
                "component-model-async-stackful",
                WasmFeatures::CM_ASYNC_STACKFUL,
                &["the component model async stackful feature"],
            ),
            Gate::MoreAsyncBuiltins => (
                "component-model-more-async-builtins",
                WasmFeatures::CM_MORE_ASYNC_BUILTINS,
                &["the component model more async builtins feature"],
            ),
            Gate::Threading => (
                "component-model-threading",
                WasmFeatures::CM_THREADING,
                &["the component model threading feature"],
            ),
            Gate::SharedEverything => (
                "shared-everything-threads",
                WasmFeatures::SHARED_EVERYTHING_THREADS,
                &["requires the shared-everything-threads proposal"],
            ),
            Gate::ErrorContext => (
                "component-model-error-context",
                WasmFeatures::CM_ERROR_CONTEXT,
                &["the component model error-context feature"],
            ),
            Gate::Memory64 => (
                "component-model-memory64",
                WasmFeatures::CM64,
                &[
                    "the `cm64` feature to be enabled",
                    "the component model 64-bit feature",
                ],
            ),
        }
    }
}
