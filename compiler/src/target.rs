//! What can be compiled for: a row of [`TARGETS`] each. Nothing else asks which processor it is,
//! but where machine code is encoded.

use std::collections::BTreeSet;

/// A processor and a system.
#[derive(PartialEq, Eq, Debug)]
pub struct Target {
    /// As `--target` takes it and messages say it.
    pub name: &'static str,
    /// What rustc and linkers call it.
    pub triple: &'static str,
    /// What container images call it.
    pub oci_architecture: &'static str,
    pub arch: Arch,
    pub system: System,
    /// The largest page size that a kernel for it may have: what is mapped on its own is so aligned.
    pub page_bytes: u64,
    /// Levels of processors, the oldest first; the names are those of `-C target-cpu`.
    pub levels: &'static [Level],
    /// The level that code is for when nothing else is asked for.
    pub default_level: usize,
    /// What processors may have beyond the oldest level, by the bits of
    /// [`wasmelt_abi::Rare::features`]; the names are those of `-C target-feature`.
    pub features: &'static [Feature],
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Arch {
    X86_64,
    Aarch64,
    Riscv64,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum System {
    Linux,
    Macos,
    Windows,
}

/// Processors that have some features.
#[derive(PartialEq, Eq, Debug)]
pub struct Level {
    pub name: &'static str,
    pub features: &'static [&'static str],
}

/// A feature, and what Cranelift calls it.
#[derive(PartialEq, Eq, Debug)]
pub struct Feature {
    pub name: &'static str,
    pub(crate) setting: &'static str,
}

/// `-C target-cpu`.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum TargetCpu {
    /// The target's default level.
    Default,
    /// The name of one of its levels.
    Level(&'static str),
    /// Whatever the compiling machine has.
    Native,
}

const X86_64_V2: &[&str] = &["sse3", "ssse3", "sse4.1", "sse4.2", "popcnt", "cmpxchg16b"];
const X86_64_V3: &[&str] = &[
    "sse3",
    "ssse3",
    "sse4.1",
    "sse4.2",
    "popcnt",
    "cmpxchg16b",
    "avx",
    "avx2",
    "fma",
    "bmi1",
    "bmi2",
    "lzcnt",
];

const X86_64_LEVELS: &[Level] = &[
    level("x86-64", &[]),
    level("x86-64-v2", X86_64_V2),
    level("x86-64-v3", X86_64_V3),
];

const X86_64_FEATURES: &[Feature] = &[
    feature("sse3", "has_sse3"),
    feature("ssse3", "has_ssse3"),
    feature("sse4.1", "has_sse41"),
    feature("sse4.2", "has_sse42"),
    feature("popcnt", "has_popcnt"),
    feature("cmpxchg16b", "has_cmpxchg16b"),
    feature("avx", "has_avx"),
    feature("avx2", "has_avx2"),
    feature("fma", "has_fma"),
    feature("bmi1", "has_bmi1"),
    feature("bmi2", "has_bmi2"),
    feature("lzcnt", "has_lzcnt"),
];

const AARCH64_LEVELS: &[Level] = &[
    level("armv8-a", &[]),
    level("armv8.1-a", &["lse"]),
    level("armv8.4-a", &["lse", "dotprod"]),
];

const AARCH64_FEATURES: &[Feature] = &[
    feature("lse", "has_lse"),
    feature("dotprod", "has_dotprod"),
    feature("fp16", "has_fp16"),
    feature("i8mm", "has_i8mm"),
];

pub static TARGETS: [Target; 7] = [
    Target {
        name: "x86_64-linux",
        triple: "x86_64-unknown-linux-musl",
        page_bytes: 4 << 10,
        ..X86_64
    },
    Target {
        name: "aarch64-linux",
        triple: "aarch64-unknown-linux-musl",
        page_bytes: 64 << 10,
        ..AARCH64
    },
    Target {
        name: "riscv64-linux",
        triple: "riscv64gc-unknown-linux-musl",
        oci_architecture: "riscv64",
        arch: Arch::Riscv64,
        system: System::Linux,
        page_bytes: 4 << 10,
        levels: &[
            level("rv64gc", &[]),
            level("rva22u64", &["zba", "zbb", "zbs"]),
            level(
                "rva23u64",
                &["zba", "zbb", "zbs", "v", "zcb", "zfa", "zicond"],
            ),
        ],
        default_level: 0,
        features: &[
            feature("zba", "has_zba"),
            feature("zbb", "has_zbb"),
            feature("zbs", "has_zbs"),
            feature("v", "has_v"),
            feature("zcb", "has_zcb"),
            feature("zfa", "has_zfa"),
            feature("zicond", "has_zicond"),
        ],
    },
    Target {
        name: "x86_64-macos",
        triple: "x86_64-apple-darwin",
        system: System::Macos,
        page_bytes: 4 << 10,
        ..X86_64
    },
    Target {
        name: "aarch64-macos",
        triple: "aarch64-apple-darwin",
        system: System::Macos,
        page_bytes: 16 << 10,
        // Apple's processors have had both from the first one.
        default_level: 2,
        ..AARCH64
    },
    Target {
        name: "x86_64-windows",
        triple: "x86_64-pc-windows-gnu",
        system: System::Windows,
        page_bytes: 4 << 10,
        ..X86_64
    },
    Target {
        name: "aarch64-windows",
        triple: "aarch64-pc-windows-msvc",
        system: System::Windows,
        page_bytes: 4 << 10,
        ..AARCH64
    },
];

/// What the rows of a processor have in common; the rest each says of itself.
const X86_64: Target = Target {
    name: "",
    triple: "",
    oci_architecture: "amd64",
    arch: Arch::X86_64,
    system: System::Linux,
    page_bytes: 0,
    levels: X86_64_LEVELS,
    default_level: 1,
    features: X86_64_FEATURES,
};

const AARCH64: Target = Target {
    name: "",
    triple: "",
    oci_architecture: "arm64",
    arch: Arch::Aarch64,
    system: System::Linux,
    page_bytes: 0,
    levels: AARCH64_LEVELS,
    default_level: 0,
    features: AARCH64_FEATURES,
};

const fn level(name: &'static str, features: &'static [&'static str]) -> Level {
    Level { name, features }
}

const fn feature(name: &'static str, setting: &'static str) -> Feature {
    Feature { name, setting }
}

/// Processors that have the most significant byte of a number first.
const BIG_ENDIAN: [&str; 6] = [
    "s390x",
    "powerpc64",
    "ppc64",
    "sparc64",
    "aarch64_be",
    "mips64",
];

impl Target {
    /// The target of this machine, or the first where there is none.
    #[must_use]
    pub fn host() -> &'static Target {
        let own = std::env::consts::ARCH;
        let is_own = |target: &&Target| target.name.strip_suffix("-linux") == Some(own);
        TARGETS.iter().find(is_own).unwrap_or(&TARGETS[0])
    }

    /// What executables for it would need that there is not, where only objects can be made.
    #[must_use]
    pub fn missing(&self) -> Option<&'static str> {
        match (self.system, self.arch) {
            (System::Linux | System::Macos, _) | (System::Windows, Arch::X86_64) => None,
            (System::Windows, _) => Some(
                "what the runtime library has for each processor (traps, fibers, exceptions, by the \
                 convention of Windows) and a linker of PE executables",
            ),
        }
    }

    /// How far its executables have been tried, where they have never been run on such a system.
    #[must_use]
    pub fn untried(&self) -> Option<&'static str> {
        match (self.system, self.arch) {
            (System::Macos, _) => Some(
                "executables are linked and their structure is checked; none has ever been run on \
                 macOS",
            ),
            (System::Windows, Arch::X86_64) => {
                Some("executables have been run under Wine, never on Windows")
            }
            (System::Linux | System::Windows, _) => None,
        }
    }

    /// Whether a store across the end of what can be written may have written its first bytes when it
    /// faults.
    pub(crate) fn stores_may_be_split(&self) -> bool {
        match self.arch {
            Arch::X86_64 => false,
            Arch::Aarch64 | Arch::Riscv64 => true,
        }
    }

    /// What rustc calls it with the C library that embedders of libraries have, where libraries can be
    /// made for it.
    #[must_use]
    pub fn library_triple(&self) -> Option<String> {
        let triple = self.triple.strip_suffix("-musl")?;
        Some(format!("{triple}-gnu"))
    }

    /// A target by its name or by a triple: system and processor count, the vendor and the C library
    /// do not.
    #[must_use]
    pub fn named(name: &str) -> Option<&'static Target> {
        let mut parts = name.split('-');
        let processor = match parts.next()? {
            "arm64" => "aarch64",
            "amd64" | "x64" => "x86_64",
            "riscv64gc" => "riscv64",
            other => other,
        };
        let rest: Vec<&str> = parts.collect();
        let system = match rest[..] {
            ["linux"] => System::Linux,
            ["linux", libc] | [_, "linux", libc] if libc.starts_with("musl") || libc == "gnu" => {
                System::Linux
            }
            ["macos" | "darwin"] | ["apple", "darwin" | "macos" | "macosx"] => System::Macos,
            ["windows"] | ["pc", "windows"] => System::Windows,
            ["windows", abi] | ["pc", "windows", abi]
                if ["msvc", "gnu", "gnullvm"].contains(&abi) =>
            {
                System::Windows
            }
            _ => return None,
        };
        let is_it = |target: &&Target| {
            target.system == system && target.name.split('-').next() == Some(processor)
        };
        TARGETS.iter().find(is_it)
    }

    /// Why there is no target of this name, where it is one that others know.
    #[must_use]
    pub fn refusal(name: &str) -> Option<&'static str> {
        let processor = name.split('-').next()?;
        BIG_ENDIAN.contains(&processor).then_some(
            "it is big-endian, and WebAssembly's memory is little-endian: contexts, tables and the \
             description of the program are written in the order of memory",
        )
    }

    #[must_use]
    pub fn level(&self, name: &str) -> Option<&'static Level> {
        self.levels.iter().find(|level| level.name == name)
    }

    #[must_use]
    pub fn default_level(&self) -> &'static Level {
        &self.levels[self.default_level]
    }

    #[must_use]
    pub fn feature(&self, name: &str) -> Option<&'static Feature> {
        self.features.iter().find(|feature| feature.name == name)
    }

    /// The features that code for `cpu` may use, with those that are switched one by one.
    pub(crate) fn features(
        &self,
        cpu: TargetCpu,
        switched: &[(&'static str, bool)],
    ) -> Vec<&'static Feature> {
        let of_level = |level: &'static Level| level.features.iter().copied().collect();
        let mut names: BTreeSet<&str> = match cpu {
            TargetCpu::Default => of_level(self.default_level()),
            TargetCpu::Level(name) => self.level(name).map(of_level).unwrap_or_default(),
            TargetCpu::Native => native_features().into_iter().collect(),
        };
        for &(name, is_on) in switched {
            match is_on {
                true => names.insert(name),
                false => names.remove(name),
            };
        }
        let features = self.features.iter();
        features
            .filter(|feature| names.contains(feature.name))
            .collect()
    }

    /// Those of them that the default level does not have, as bits: what a processor may lack.
    pub(crate) fn unusual_features(
        &self,
        cpu: TargetCpu,
        switched: &[(&'static str, bool)],
    ) -> u64 {
        let used = self.features(cpu, switched);
        let usual = self.default_level().features;
        let is_unusual =
            |feature: &Feature| used.contains(&feature) && !usual.contains(&feature.name);
        let bits = self.features.iter().enumerate();
        bits.filter(|(_, feature)| is_unusual(feature))
            .fold(0, |bits, (bit, _)| bits | 1 << bit)
    }
}

#[cfg(target_arch = "x86_64")]
fn native_features() -> Vec<&'static str> {
    macro_rules! detected {
        ($($name:tt),*) => {{
            let mut features = Vec::new();
            $( if std::arch::is_x86_feature_detected!($name) { features.push($name); } )*
            features
        }};
    }
    wasmelt_abi::for_each_x86_64_feature!(detected)
}

#[cfg(target_arch = "aarch64")]
fn native_features() -> Vec<&'static str> {
    let mut features = Vec::new();
    if std::arch::is_aarch64_feature_detected!("lse") {
        features.push("lse");
    }
    if std::arch::is_aarch64_feature_detected!("dotprod") {
        features.push("dotprod");
    }
    if std::arch::is_aarch64_feature_detected!("fp16") {
        features.push("fp16");
    }
    if std::arch::is_aarch64_feature_detected!("i8mm") {
        features.push("i8mm");
    }
    features
}

#[cfg(not(any(target_arch = "x86_64", target_arch = "aarch64")))]
fn native_features() -> Vec<&'static str> {
    Vec::new()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_triples_are_known() {
        let name = |text| Target::named(text).map(|target| target.name);
        for text in [
            "aarch64-linux",
            "arm64-linux",
            "aarch64-linux-musl",
            "aarch64-linux-gnu",
            "aarch64-unknown-linux-musl",
            "aarch64-unknown-linux-gnu",
        ] {
            assert_eq!(name(text), Some("aarch64-linux"), "{text}");
        }
        assert_eq!(name("riscv64gc-unknown-linux-gnu"), Some("riscv64-linux"));
        assert_eq!(name("x86_64-pc-linux-gnu"), Some("x86_64-linux"));
        for target in &TARGETS {
            assert_eq!(name(target.name), Some(target.name));
            assert_eq!(name(target.triple), Some(target.name));
        }
        assert_eq!(name("arm64-apple-macosx"), Some("aarch64-macos"));
        assert_eq!(name("x86_64-pc-windows-gnu"), Some("x86_64-windows"));
        for text in [
            "aarch64",
            "linux",
            "",
            "aarch64-linux-android",
            "aarch64-windows-darwin",
            "riscv64-windows",
            "riscv64-macos",
            "s390x-linux",
            "mips-linux",
        ] {
            assert_eq!(name(text), None, "{text}");
        }
    }

    #[test]
    fn levels_name_features_that_there_are() {
        for target in &TARGETS {
            for level in target.levels {
                for feature in level.features {
                    assert!(target.feature(feature).is_some(), "{feature}");
                }
            }
            let names: BTreeSet<&str> = target.features.iter().map(|f| f.name).collect();
            assert_eq!(names.len(), target.features.len());
        }
    }

    #[test]
    fn the_runtime_knows_the_features() {
        use wasmelt_abi::features::{AARCH64, RISCV64, X86_64};
        for target in &TARGETS {
            let known: &[&str] = match target.arch {
                Arch::X86_64 => &X86_64,
                Arch::Aarch64 => &AARCH64,
                Arch::Riscv64 => &RISCV64,
            };
            let names: Vec<&str> = target.features.iter().map(|f| f.name).collect();
            assert_eq!(names, known);
        }
    }

    #[test]
    fn what_the_default_level_lacks_is_unusual() {
        let x86_64 = &TARGETS[0];
        assert_eq!(x86_64.unusual_features(TargetCpu::Default, &[]), 0);
        let v3 = TargetCpu::Level("x86-64-v3");
        assert_eq!(x86_64.unusual_features(v3, &[]), 0b1111_1100_0000);
        let switched = [("avx2", false), ("fma", false)];
        assert_eq!(x86_64.unusual_features(v3, &switched), 0b1110_0100_0000);
        let lse = [("lse", true)];
        assert_eq!(TARGETS[1].unusual_features(TargetCpu::Default, &lse), 1);
    }
}
