//! Machine code from an earlier build, for functions that are compiled from the same.
//!
//! The key of a function is a digest of its CLIF as it goes into Cranelift, with everything inlined,
//! and of Cranelift's settings: all that its code depends on. Names of other functions are not in it,
//! since CLIF refers to them by their positions in a list beside it; so functions may be renumbered
//! from build to build.

use super::bytes::{Reader, Writer};
use super::counted;
use super::inlined::Inlined;
use super::isa::holds_addresses;
use super::portable::PortableCode;
use crate::translate::Translation;
use blake3::Hasher;
use cranelift_codegen::ir;
use foldhash::{HashMap, HashMapExt};
use std::collections::BTreeMap;
use std::hash::Hash;
use std::ops::Range;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};

const KEY_BYTES: usize = blake3::OUT_LEN;

/// Identifies what a function's code is made from.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct Key([u8; KEY_BYTES]);

impl Key {
    pub fn new(translation: Translation<'_>, func: &ir::Function, inlined: &Inlined) -> Key {
        let Translation { isa, options, .. } = translation;
        let mut digest = Digest::default();
        func.stencil.hash(&mut digest);
        // The code does not depend on it, but what is told to debuggers of values does.
        inlined.hash_values(&mut digest);
        counted::digest(func, &inlined.counts, &mut digest);
        isa.triple().hash(&mut digest);
        isa.flags().hash(&mut digest);
        isa.isa_flags_hash_key().hash(&mut digest);
        options.registers().hash(&mut digest);
        options.spill_cleanup.hash(&mut digest);
        options.short_encodings.hash(&mut digest);
        options.loop_padding.hash(&mut digest);
        options.branch_tables.hash(&mut digest);
        options.byte_loops.hash(&mut digest);
        options.byte_order.hash(&mut digest);
        options.jump_threading.hash(&mut digest);
        options.simplify.hash(&mut digest);
        holds_addresses(options, translation.plan).hash(&mut digest);
        digest.into_key()
    }
}

/// Gathers what is hashed, which comes in pieces of a few bytes.
#[derive(Default)]
pub struct Digest {
    gathered: Vec<u8>,
    hasher: Hasher,
}

impl Digest {
    const GATHERED_MAX: usize = 16 << 10;

    pub fn into_key(mut self) -> Key {
        self.hasher.update(&self.gathered);
        Key(*self.hasher.finalize().as_bytes())
    }
}

impl std::hash::Hasher for Digest {
    fn write(&mut self, bytes: &[u8]) {
        if self.gathered.len() + bytes.len() > Self::GATHERED_MAX {
            self.hasher.update(&self.gathered);
            self.gathered.clear();
        }
        if bytes.len() > Self::GATHERED_MAX {
            self.hasher.update(bytes);
        } else {
            self.gathered.extend_from_slice(bytes);
        }
    }

    fn finish(&self) -> u64 {
        unreachable!("64 bits would not tell functions apart")
    }
}

/// Machine code of functions, from the last build and for the next.
///
/// It does not know which compiler made it: who keeps it must give it to no other.
#[derive(Debug)]
pub struct CodeCache {
    earlier: Vec<u8>,
    places: HashMap<Key, Range<usize>>,
    used: Mutex<BTreeMap<Key, Used>>,
    reused: AtomicUsize,
}

/// A function as it was compiled in the last build.
#[derive(Debug)]
pub struct Kept {
    pub code: PortableCode,
    /// What the code refers to, by position.
    pub names: Vec<ir::UserExternalName>,
    pub inlined: Inlined,
}

#[derive(Debug)]
enum Used {
    Earlier(Range<usize>),
    New(Vec<u8>),
}

impl CodeCache {
    /// Takes what [`Self::into_bytes`] gave after the last build, or nothing. What is damaged of it is
    /// left out.
    #[must_use]
    pub fn new(earlier: Vec<u8>) -> CodeCache {
        CodeCache {
            places: places(&earlier),
            earlier,
            used: Mutex::default(),
            reused: AtomicUsize::new(0),
        }
    }

    /// How many functions were taken from the last build.
    #[must_use]
    pub fn reused(&self) -> usize {
        self.reused.load(Ordering::Relaxed)
    }

    pub(super) fn find(&self, key: Key, func: &ir::Function) -> Option<PortableCode> {
        let place = self.places.get(&key)?;
        let names = func.params.user_named_funcs().len();
        let code = PortableCode::from_bytes(&self.earlier[place.clone()], names)?;
        self.reused.fetch_add(1, Ordering::Relaxed);
        self.keep(key, Used::Earlier(place.clone()));
        Some(code)
    }

    pub(super) fn add(&self, key: Key, code: &PortableCode) {
        if let Some(bytes) = code.to_bytes() {
            self.keep(key, Used::New(bytes));
        }
    }

    /// The function that was made from a source ([`super::unchanged`]).
    pub(super) fn find_source(&self, source: Key) -> Option<Kept> {
        let place = self.places.get(&source)?;
        let mut reader = Reader(&self.earlier[place.clone()]);
        let key = Key(*reader.array()?);
        let names = reader.pairs()?.into_iter();
        let names: Vec<_> = names
            .map(|(namespace, index)| ir::UserExternalName { namespace, index })
            .collect();
        let inlined = Inlined::read(&mut reader)?;
        let code_place = self.places.get(&key).filter(|_| reader.0.is_empty())?;
        let code = PortableCode::from_bytes(&self.earlier[code_place.clone()], names.len())?;
        self.reused.fetch_add(1, Ordering::Relaxed);
        self.keep(source, Used::Earlier(place.clone()));
        self.keep(key, Used::Earlier(code_place.clone()));
        Some(Kept {
            code,
            names,
            inlined,
        })
    }

    /// Notes of which CLIF a source has become: that with this key.
    pub(super) fn add_source(&self, source: Key, key: Key, func: &ir::Function, inlined: &Inlined) {
        let mut writer = Writer(key.0.to_vec());
        let names = func.params.user_named_funcs().values();
        let names: Vec<_> = names.map(|name| (name.namespace, name.index)).collect();
        writer.pairs(&names);
        if inlined.write(&mut writer) {
            self.keep(source, Used::New(writer.0));
        }
    }

    fn keep(&self, key: Key, used: Used) {
        let mut all = self.used.lock().unwrap_or_else(PoisonError::into_inner);
        all.insert(key, used);
    }

    /// What the next build can use: the functions of this one. Nothing if that is what there was.
    #[must_use]
    pub fn into_bytes(self) -> Option<Vec<u8>> {
        let used = self
            .used
            .into_inner()
            .unwrap_or_else(PoisonError::into_inner);
        let is_new = |used: &Used| matches!(used, Used::New(_));
        if used.len() == self.places.len() && !used.values().any(is_new) {
            return None;
        }
        let mut bytes = Vec::new();
        for (key, code) in &used {
            let code = match code {
                Used::Earlier(place) => &self.earlier[place.clone()],
                Used::New(code) => code,
            };
            let length = u32::try_from(code.len()).expect("a function's code is below 4 GiB");
            bytes.extend_from_slice(&key.0);
            bytes.extend_from_slice(&length.to_le_bytes());
            bytes.extend_from_slice(code);
        }
        Some(bytes)
    }
}

/// Where what belongs to each key lies.
fn places(bytes: &[u8]) -> HashMap<Key, Range<usize>> {
    let mut places = HashMap::new();
    let mut rest = bytes;
    while let Some((key, behind)) = rest.split_first_chunk::<KEY_BYTES>()
        && let Some((length, behind)) = behind.split_first_chunk()
        && let Some((code, behind)) = behind.split_at_checked(u32::from_le_bytes(*length) as usize)
    {
        let end = bytes.len() - behind.len();
        places.insert(Key(*key), end - code.len()..end);
        rest = behind;
    }
    places
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_build_has_used_is_kept() {
        let code = PortableCode {
            bytes: vec![0xc3],
            start: None,
            relocs: Vec::new(),
            traps: Vec::new(),
            call_sites: Vec::new(),
            lines: Vec::new(),
            values: Vec::new(),
            saved: Vec::new(),
        };
        let keys = [1, 2, 3].map(|byte| Key([byte; KEY_BYTES]));
        let func = ir::Function::new();
        let first = CodeCache::new(Vec::new());
        assert_eq!(first.find(keys[0], &func), None);
        first.add(keys[0], &code);
        first.add(keys[1], &code);
        let bytes = first.into_bytes().unwrap();

        let same = CodeCache::new(bytes.clone());
        assert_eq!(same.find(keys[0], &func).as_ref(), Some(&code));
        assert_eq!(same.find(keys[1], &func).as_ref(), Some(&code));
        assert_eq!(same.reused(), 2);
        assert_eq!(same.into_bytes(), None);

        // One that is not there any more, and one that is new.
        let other = CodeCache::new(bytes.clone());
        assert!(other.find(keys[1], &func).is_some());
        other.add(keys[2], &code);
        let other = CodeCache::new(other.into_bytes().unwrap());
        assert_eq!(other.find(keys[0], &func), None);
        assert!(other.find(keys[2], &func).is_some());

        // Cut off within the second.
        let cut = CodeCache::new(bytes[..bytes.len() - 1].to_vec());
        assert!(cut.find(keys[0], &func).is_some());
        assert_eq!(cut.find(keys[1], &func), None);
    }
}
