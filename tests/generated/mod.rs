//! Random modules, the same ones for the same seeds.

use arbitrary::Unstructured;
use wasm_smith::{Config, Module};

/// Numbers that look random: a counter, mixed.
#[derive(Debug)]
pub struct Random(u64);

impl Random {
    #[must_use]
    pub fn new(seed: u64) -> Random {
        Random(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15))
    }

    pub fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// Below `limit`, which is not zero.
    pub fn below(&mut self, limit: usize) -> usize {
        (self.next() % limit as u64) as usize
    }

    pub fn bytes(&mut self, count: usize) -> Vec<u8> {
        (0..count).map(|_| self.next() as u8).collect()
    }
}

/// A valid module for a seed; `adjust` changes the configuration, which asks for no imports, no
/// custom sections and small memories and tables.
#[must_use]
pub fn module(seed: u64, adjust: impl FnOnce(&mut Config)) -> Module {
    let mut random = Random::new(seed);
    let mut config = Config {
        max_imports: 0,
        min_funcs: 1,
        max_funcs: 20,
        max_instructions: 200,
        max_memories: 2,
        max_tables: 3,
        max_memory32_bytes: 10 << 16,
        memory_max_size_required: true,
        max_table_elements: 1000,
        table_max_size_required: true,
        export_everything: true,
        compact_imports_enabled: false,
        custom_page_sizes_enabled: false,
        gc_enabled: false,
        memory64_enabled: false,
        relaxed_simd_enabled: false,
        threads_enabled: false,
        ..Config::default()
    };
    adjust(&mut config);
    let len = 512 + random.below(6000);
    let bytes = random.bytes(len);
    Module::new(config, &mut Unstructured::new(&bytes)).expect("there are bytes enough")
}
