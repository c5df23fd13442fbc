//! The types of a component in Rust, by their names in WIT, and how they lie in C.

use super::templates::{ENUM, FLAGS, OWN_RESOURCE, RECORD, RESOURCE, TUPLE, VARIANT};
use crate::error::{Error, ErrorKind, Result};
use crate::header::names::RUST_KEYWORDS;
use foldhash::{HashMap, HashMapExt, HashSet, HashSetExt};
use std::fmt::Write;
use wit_parser::{Case, Flag, Handle, Resolve, Type, TypeDef, TypeDefKind, TypeId, TypeOwner};

/// A type of Rust.
#[derive(Clone, Debug)]
pub(super) struct RustType {
    pub(super) name: String,
    /// Passed by value, in Rust and in C.
    pub(super) is_scalar: bool,
    /// It has resources of the program, which a call takes.
    pub(super) gives: bool,
    pub(super) form: Form,
}

/// What a type is to a caller who passes one.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) enum Form {
    Text,
    /// Of elements of this type.
    List(String),
    /// A resource of the program, which is lent.
    Borrow,
    Other,
}

/// Types that have been defined, and their text.
pub(super) struct Types<'a> {
    resolve: &'a Resolve,
    /// Resource types whose values the embedder makes.
    imported: HashSet<TypeId>,
    pub(super) text: String,
    names: HashMap<TypeId, RustType>,
    taken: HashSet<String>,
    /// By numbers of members.
    tuples: HashSet<usize>,
    /// The functions that end resources, by the type.
    drops: HashMap<TypeId, String>,
}

/// Names that the crate has for something else, or that mean something everywhere.
const TAKEN: &[&str] = &[
    "Config",
    "Core",
    "Err",
    "Error",
    "Failure",
    "Imports",
    "Instance",
    "List",
    "None",
    "NonNull",
    "Ok",
    "OkOrErr",
    "Option",
    "Owner",
    "RawOption",
    "RawResult",
    "Rc",
    "Result",
    "Room",
    "Self",
    "Some",
    "String",
    "Value",
    "Vec",
    "CStr",
    "MaybeUninit",
];

impl<'a> Types<'a> {
    pub(super) fn new(
        resolve: &'a Resolve,
        imported: HashSet<TypeId>,
        drops: HashMap<TypeId, String>,
    ) -> Types<'a> {
        Types {
            resolve,
            imported,
            text: String::new(),
            names: HashMap::new(),
            taken: TAKEN.iter().map(|&name| name.to_owned()).collect(),
            tuples: HashSet::new(),
            drops,
        }
    }

    /// The type in Rust, defined if it has to be.
    ///
    /// # Errors
    /// `Unsupported` for what embedders cannot have.
    pub(super) fn rust_type(&mut self, ty: &Type) -> Result<RustType> {
        let scalar = |name: &str| {
            Ok(RustType {
                name: name.to_owned(),
                is_scalar: true,
                gives: false,
                form: Form::Other,
            })
        };
        match ty {
            Type::Bool => scalar("bool"),
            Type::U8 => scalar("u8"),
            Type::U16 => scalar("u16"),
            Type::U32 => scalar("u32"),
            Type::U64 => scalar("u64"),
            Type::S8 => scalar("i8"),
            Type::S16 => scalar("i16"),
            Type::S32 => scalar("i32"),
            Type::S64 => scalar("i64"),
            Type::F32 => scalar("f32"),
            Type::F64 => scalar("f64"),
            Type::Char => scalar("char"),
            Type::String => Ok(RustType {
                form: Form::Text,
                ..compound("String".to_owned(), &[])
            }),
            Type::ErrorContext => Err(unsupported("error contexts")),
            Type::Id(id) => {
                if let Some(known) = self.names.get(id) {
                    return Ok(known.clone());
                }
                let defined = self.defined(*id)?;
                self.names.insert(*id, defined.clone());
                Ok(defined)
            }
        }
    }

    fn defined(&mut self, id: TypeId) -> Result<RustType> {
        let def = &self.resolve.types[id];
        match &def.kind {
            TypeDefKind::Type(ty) => self.rust_type(ty),
            TypeDefKind::Handle(Handle::Own(id)) => self.rust_type(&Type::Id(*id)),
            TypeDefKind::Handle(Handle::Borrow(id)) => {
                let ty = self.rust_type(&Type::Id(*id))?;
                Ok(match ty.gives {
                    true => RustType {
                        gives: false,
                        form: Form::Borrow,
                        name: format!("&{}", ty.name),
                        ..ty
                    },
                    false => ty,
                })
            }
            TypeDefKind::Resource => Ok(self.resource(id, def)),
            TypeDefKind::Record(it) => {
                let fields = it.fields.iter().map(|field| (&field.name, &field.ty));
                self.record(def, fields.collect())
            }
            TypeDefKind::Variant(it) => self.variant(def, &it.cases),
            TypeDefKind::Enum(it) => {
                let names: Vec<&str> = it.cases.iter().map(|case| case.name.as_str()).collect();
                Ok(self.enumeration(def, &names))
            }
            TypeDefKind::Flags(it) => self.flags(def, &it.flags),
            TypeDefKind::Tuple(it) => {
                let types = self.all(it.types.iter())?;
                if self.tuples.insert(types.len()) {
                    self.text.push_str(&tuple(types.len()));
                }
                let names: String = types.iter().map(|ty| format!("{}, ", ty.name)).collect();
                Ok(compound(format!("({names})"), &types))
            }
            TypeDefKind::Option(ty) => {
                let ty = self.rust_type(ty)?;
                Ok(compound(format!("Option<{}>", ty.name), &[ty]))
            }
            TypeDefKind::Result(it) => {
                let mut types = Vec::new();
                let mut names = Vec::new();
                for ty in [&it.ok, &it.err] {
                    let ty = ty.as_ref().map(|ty| self.rust_type(ty)).transpose()?;
                    names.push(ty.as_ref().map_or("()".to_owned(), |ty| ty.name.clone()));
                    types.extend(ty);
                }
                Ok(compound(format!("Result<{}>", names.join(", ")), &types))
            }
            TypeDefKind::List(ty) => {
                let ty = self.rust_type(ty)?;
                Ok(RustType {
                    form: Form::List(ty.name.clone()),
                    ..compound(format!("Vec<{}>", ty.name), &[ty])
                })
            }
            TypeDefKind::FixedLengthList(ty, len) => {
                let ty = self.rust_type(ty)?;
                Ok(compound(format!("[{}; {len}]", ty.name), &[ty]))
            }
            TypeDefKind::Map(..) => Err(unsupported("maps")),
            TypeDefKind::Future(_) | TypeDefKind::Stream(_) => {
                Err(unsupported("streams and futures"))
            }
            TypeDefKind::Unknown => Err(unsupported("a type without a form")),
        }
    }

    fn all<'t>(&mut self, types: impl Iterator<Item = &'t Type>) -> Result<Vec<RustType>> {
        types.map(|ty| self.rust_type(ty)).collect()
    }

    /// The name of a type: of its interface and its own, and no other's.
    fn name(&mut self, def: &TypeDef) -> String {
        let owner = match def.owner {
            TypeOwner::Interface(owner) => self.resolve.interfaces[owner].name.as_deref(),
            TypeOwner::World(_) | TypeOwner::None => None,
        };
        let mut name = camel(owner.unwrap_or_default());
        name.push_str(&camel(def.name.as_deref().unwrap_or("type")));
        while !self.taken.insert(name.clone()) {
            name.push('_');
        }
        name
    }

    fn resource(&mut self, id: TypeId, def: &TypeDef) -> RustType {
        let name = self.name(def);
        let is_own = !self.imported.contains(&id);
        let text = match is_own {
            true => {
                let dropped = self.drops.get(&id).cloned().unwrap_or_default();
                OWN_RESOURCE.replace("@drop", &dropped)
            }
            false => RESOURCE.to_owned(),
        };
        self.text.push_str(&text.replace("@name", &name));
        RustType {
            name,
            is_scalar: true,
            gives: is_own,
            form: Form::Other,
        }
    }

    fn record(&mut self, def: &TypeDef, fields: Vec<(&String, &Type)>) -> Result<RustType> {
        let types = self.all(fields.iter().map(|(_, ty)| *ty))?;
        let name = self.name(def);
        let ty = compound(name.clone(), &types);
        let fields: Vec<(String, &RustType)> = fields
            .iter()
            .map(|(field, _)| snake(field))
            .zip(&types)
            .collect();
        let list = |each: &dyn Fn(&str, &str) -> String| -> String {
            let lines = fields.iter().map(|(field, ty)| each(field, &ty.name));
            lines.collect()
        };
        let text = RECORD
            .replace("@derive", derived(&ty))
            .replace("@name", &name)
            .replace(
                "@fields",
                &list(&|field, ty| format!("    pub {field}: {ty},\n")),
            )
            .replace(
                "@raw",
                &list(&|field, ty| format!("    {field}: <{ty} as Value>::Raw,\n")),
            )
            .replace(
                "@lower",
                &list(&|field, _| format!("            {field}: self.{field}.lower(room),\n")),
            )
            .replace(
                "@load",
                &list(&|field, ty| {
                    format!("                {field}: <{ty} as Value>::load(raw.{field}, owner),\n")
                }),
            )
            .replace(
                "@free",
                &list(&|field, ty| format!("            <{ty} as Value>::free(raw.{field});\n")),
            );
        self.text.push_str(&text);
        Ok(ty)
    }

    fn variant(&mut self, def: &TypeDef, cases: &[Case]) -> Result<RustType> {
        let types = self.all(cases.iter().filter_map(|case| case.ty.as_ref()))?;
        let name = self.name(def);
        let ty = compound(name.clone(), &types);
        let mut held = types.iter();
        let cases: Vec<(String, String, Option<&RustType>)> = cases
            .iter()
            .map(|case| {
                let held = case.ty.as_ref().and_then(|_| held.next());
                (camel(&case.name), snake(&case.name), held)
            })
            .collect();
        let mut parts = [const { String::new() }; 5];
        let [variants, members, lower, load, free] = &mut parts;
        for (tag, (case, member, held)) in cases.iter().enumerate() {
            let _ = match held {
                None => {
                    let _ = writeln!(variants, "    {case},");
                    let _ = writeln!(
                        lower,
                        "            {name}::{case} => ({tag}, MaybeUninit::zeroed()),"
                    );
                    writeln!(load, "                {tag} => {name}::{case},")
                }
                Some(RustType { name: held, .. }) => {
                    let _ = writeln!(variants, "    {case}({held}),");
                    let _ = writeln!(members, "    {member}: <{held} as Value>::Raw,");
                    let _ = write!(
                        lower,
                        "            {name}::{case}(held) => {{\n                \
                         let held = Held{name} {{\n                    {member}: held.lower(room),\n\
                         \x20               }};\n                \
                         ({tag}, MaybeUninit::new(held))\n            }}\n"
                    );
                    let _ = write!(
                        load,
                        "                {tag} => {{\n                    \
                         let held = raw.held.assume_init().{member};\n                    \
                         {name}::{case}(<{held} as Value>::load(held, owner))\n                }}\n"
                    );
                    writeln!(
                        free,
                        "                {tag} => <{held} as Value>::free(raw.held.assume_init().{member}),"
                    )
                }
            };
        }
        if members.is_empty() {
            members.push_str("    none: (),\n");
        }
        let text = VARIANT
            .replace("@derive", derived(&ty))
            .replace("@name", &name)
            .replace("@tag", discriminant(cases.len()))
            .replace("@variants", variants)
            .replace("@members", members)
            .replace("@lower", lower)
            .replace("@load", load)
            .replace("@free", free);
        self.text.push_str(&text);
        Ok(ty)
    }

    fn enumeration(&mut self, def: &TypeDef, names: &[&str]) -> RustType {
        let name = self.name(def);
        let cases = || names.iter().map(|case| camel(case)).enumerate();
        let variants: String = cases().map(|(_, case)| format!("    {case},\n")).collect();
        let load: String = cases()
            .map(|(tag, case)| format!("            {tag} => {name}::{case},\n"))
            .collect();
        let text = ENUM
            .replace("@name", &name)
            .replace("@tag", discriminant(names.len()))
            .replace("@variants", &variants)
            .replace("@load", &load);
        self.text.push_str(&text);
        RustType {
            is_scalar: true,
            ..compound(name, &[])
        }
    }

    fn flags(&mut self, def: &TypeDef, flags: &[Flag]) -> Result<RustType> {
        let holder = match flags.len() {
            0..=8 => "u8",
            9..=16 => "u16",
            17..=32 => "u32",
            _ => return Err(unsupported("more than 32 flags")),
        };
        let name = self.name(def);
        let flags = flags.iter().enumerate().map(|(bit, flag)| {
            let flag = flag.name.replace('-', "_").to_uppercase();
            format!("    pub const {flag}: {name} = {name}(1 << {bit});\n")
        });
        let text = FLAGS
            .replace("@name", &name)
            .replace("@holder", holder)
            .replace("@flags", &flags.collect::<String>());
        self.text.push_str(&text);
        Ok(RustType {
            is_scalar: true,
            ..compound(name, &[])
        })
    }
}

fn compound(name: String, parts: &[RustType]) -> RustType {
    RustType {
        name,
        is_scalar: false,
        gives: parts.iter().any(|part| part.gives),
        form: Form::Other,
    }
}

/// Resources of the program are nobody else's.
fn derived(ty: &RustType) -> &'static str {
    match ty.gives {
        true => "Debug",
        false => "Clone, PartialEq, Debug",
    }
}

fn discriminant(cases: usize) -> &'static str {
    match cases {
        0..=0x100 => "u8",
        0x101..=0x1_0000 => "u16",
        _ => "u32",
    }
}

/// `run-it` as `RunIt`.
pub(super) fn camel(name: &str) -> String {
    let words = name.split(['-', '_']).map(|word| {
        let mut chars = word.chars();
        let first = chars.next().map(|first| first.to_ascii_uppercase());
        first.into_iter().chain(chars).collect::<String>()
    });
    words.collect()
}

/// `run-it` as `run_it`, and not as a word of Rust.
pub(super) fn snake(name: &str) -> String {
    let name = name.replace('-', "_").to_lowercase();
    match RUST_KEYWORDS.contains(&name.as_str()) {
        true => name + "_",
        false => name,
    }
}

/// What makes tuples of so many members values.
fn tuple(members: usize) -> String {
    let each = |text: &dyn Fn(usize) -> String| -> String { (0..members).map(text).collect() };
    TUPLE
        .replace("@count", &members.to_string())
        .replace("@types", &each(&|n| format!("T{n}, ")))
        .replace("@bounds", &each(&|n| format!("T{n}: Value, ")))
        .replace("@copies", &each(&|n| format!("T{n}: Copy, ")))
        .replace("@raws", &each(&|n| format!("T{n}::Raw, ")))
        .replace("@lower", &each(&|n| format!("self.{n}.lower(room), ")))
        .replace("@load", &each(&|n| format!("T{n}::load(raw.{n}, owner), ")))
        .replace("@free", &each(&|n| format!("T{n}::free(raw.{n}); ")))
}

fn unsupported(what: &str) -> Error {
    Error::new(
        ErrorKind::Unsupported,
        format!("{what} in the interface of a library"),
    )
}
