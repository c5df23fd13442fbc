//! An interface of the host as a row of a table: its types and functions, written as text. The
//! tables are `p2`, `p2_http`, `p3` and `spectest`.

/// An interface of the host, without its version.
///
/// Types are written without spaces and parameter names: `(borrow<$descriptor>,u64)->result<_,
/// $error-code>`. `$name` is a type of the interface. A type's definition is a type, `resource`,
/// or the full name of a type of another interface, `wasi:io/error.error`.
#[derive(Clone, Copy, Debug)]
pub struct HostInterface {
    pub name: &'static str,
    /// Name and definition.
    pub types: &'static [(&'static str, &'static str)],
    /// Name and type.
    pub fns: &'static [(&'static str, &'static str)],
}
