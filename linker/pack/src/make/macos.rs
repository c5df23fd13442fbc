//! A pack for macOS: the objects of the runtime archive that a program can need, and the list of what
//! they take from the system's library.
//!
//! There is no file of the system's to ask what its library has. So `libsystem.txt` says it, a name
//! each line, which whoever adds one has looked up: a name that neither the archive nor that list has
//! is told here, and not by the loader of a user's machine.

use std::collections::{BTreeSet, HashMap};

use object::macho::{N_EXT, N_PEXT};
use object::{File, Object, ObjectSymbol, SymbolFlags};

use super::source::{MakeError, Source};
use super::{archive, write_with_imports};

/// What `libSystem.B.dylib` has in macOS 11, of what was ever asked for. Names with `$` are those of one
/// processor alone.
const SYSTEM: &str = include_str!("libsystem.txt");

/// Where programs begin, and how the names begin that compiled code knows and that it defines.
const ENTRY: &[u8] = b"_main";
const OURS: &[u8] = b"_wasmelt_";

/// Makes a pack of the runtime archive.
///
/// # Errors
/// When a file is not what it should be, and when it refers to what nobody is known to have.
pub fn make_for_macos(
    target: &str,
    provenance: &str,
    runtime: &Source,
    level: i32,
) -> Result<Vec<u8>, MakeError> {
    let members = members(runtime)?;
    let (kept, imports) = reach(&members);
    let known: BTreeSet<&[u8]> = SYSTEM.lines().map(str::as_bytes).collect();
    let unknown: Vec<_> = imports.difference(&known).collect();
    if !unknown.is_empty() {
        let names = unknown.iter().map(|name| String::from_utf8_lossy(name));
        let names = names.collect::<Vec<_>>().join(", ");
        let reason = format!("macOS is not known to have {names}");
        return Err(MakeError::new(&runtime.name, reason));
    }
    let mut text = imports.into_iter().collect::<Vec<_>>().join(&b'\n');
    text.push(b'\n');
    let kept: Vec<(String, &[u8])> = kept
        .into_iter()
        .map(|index| (members[index].name.clone(), members[index].bytes))
        .collect();
    write_with_imports(target, provenance, runtime, &kept, &text, level)
}

/// An object of the archive, with the names that others know it by, and those that it asks for.
struct Member<'a> {
    name: String,
    bytes: &'a [u8],
    defined: Vec<&'a [u8]>,
    undefined: Vec<&'a [u8]>,
}

/// The objects of an archive; the compiler's own data is none.
fn members(source: &Source) -> Result<Vec<Member<'_>>, MakeError> {
    let error = |error: object::read::Error| MakeError::new(&source.name, error);
    let is_object = |bytes: &[u8]| matches!(File::parse(bytes), Ok(File::MachO64(_)));
    let mut members = Vec::new();
    for (name, bytes) in archive::objects(source, is_object)? {
        let file = File::parse(bytes).map_err(error)?;
        let mut member = Member {
            name,
            bytes,
            defined: Vec::new(),
            undefined: Vec::new(),
        };
        for symbol in file.symbols() {
            let text = symbol.name_bytes().map_err(error)?;
            if symbol.is_undefined() {
                member.undefined.push(text);
            } else if let SymbolFlags::MachO { n_type, .. } = symbol.flags()
                && n_type.0 & (N_EXT.0 | N_PEXT.0) != 0
            {
                member.defined.push(text);
            }
        }
        members.push(member);
    }
    Ok(members)
}

/// The numbers of the members that compiled code can reach, ascending, and what these need of the
/// system. The first of several that define a name counts.
fn reach<'a>(members: &[Member<'a>]) -> (BTreeSet<usize>, BTreeSet<&'a [u8]>) {
    let mut definers: HashMap<&[u8], usize> = HashMap::new();
    for (index, member) in members.iter().enumerate() {
        for name in &member.defined {
            definers.entry(name).or_insert(index);
        }
    }
    let roots = definers.iter();
    let roots = roots.filter(|(name, _)| **name == ENTRY || name.starts_with(OURS));
    let mut rest: Vec<usize> = roots.map(|(_, index)| *index).collect();
    let (mut kept, mut imports) = (BTreeSet::new(), BTreeSet::new());
    while let Some(index) = rest.pop() {
        if !kept.insert(index) {
            continue;
        }
        for name in &members[index].undefined {
            match definers.get(name) {
                Some(definer) => rest.push(*definer),
                // What compiled code defines.
                None if name.starts_with(OURS) => {}
                None => {
                    imports.insert(*name);
                }
            }
        }
    }
    (kept, imports)
}
