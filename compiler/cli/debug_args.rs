//! `-g` and `--strip`.

use clap::{Args, ValueEnum};
use wasmelt_compiler::DebugInfo;
use wasmelt_linker::Strip;

use crate::keys::Settings;

/// What is known of the source.
#[derive(Args, Debug)]
#[command(next_help_heading = "Code")]
pub(crate) struct DebugArgs {
    /// Backtraces with offsets and lines, and DWARF for debuggers. `-g1`, which is `-g=line-tables`,
    /// leaves out variables and types
    #[arg(short = 'g', long = "debug-info", value_enum, value_name = "LEVEL", num_args = 0..=1, require_equals = true,
        default_missing_value = "full")]
    debug: Option<DebugLevel>,

    /// The digits of `-g0`, `-g1` and `-g2`
    #[arg(short = '0', hide = true, requires = "debug", overrides_with_all = ["one", "two"])]
    zero: bool,
    #[arg(short = '1', hide = true, requires = "debug", overrides_with_all = ["zero", "two"])]
    one: bool,
    #[arg(short = '2', hide = true, requires = "debug", overrides_with_all = ["zero", "one"])]
    two: bool,

    /// Leave symbols and debug information out of the executable, as `-C strip=symbols`
    #[arg(long)]
    strip: bool,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug, ValueEnum)]
enum DebugLevel {
    #[value(alias = "0")]
    None,
    #[value(alias = "1")]
    LineTables,
    #[value(alias = "2")]
    Full,
}

impl DebugArgs {
    pub(crate) fn level(&self) -> DebugInfo {
        match self.debug {
            None => DebugInfo::None,
            _ if self.zero => DebugInfo::None,
            _ if self.one => DebugInfo::Lines,
            _ if self.two => DebugInfo::Full,
            Some(DebugLevel::None) => DebugInfo::None,
            Some(DebugLevel::LineTables) => DebugInfo::Lines,
            Some(DebugLevel::Full) => DebugInfo::Full,
        }
    }

    /// What is left out.
    pub(crate) fn strip(&self, settings: &Settings) -> Strip {
        match (settings.strip, settings.options.debug_info) {
            _ if self.strip => Strip::Symbols,
            (Some(asked), _) => asked,
            (None, DebugInfo::None) => Strip::Internals,
            (None, DebugInfo::Lines | DebugInfo::Full) => Strip::None,
        }
    }
}
