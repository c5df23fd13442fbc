//! The types of a component in C, by their names in WIT.
//!
//! Each type of C lies in memory as the canonical ABI has it for addresses of 64 bits. A type without
//! a name of its own is called by what it is made of: `app_list_string_t`. What owns memory has a
//! function that frees it.

use super::names::member;
use crate::error::{Error, Result};
use foldhash::{HashMap, HashMapExt, HashSet, HashSetExt};
use std::fmt::Write;
use wit_parser::{
    Handle, Resolve, Type, TypeDef, TypeDefKind, TypeId, TypeOwner, WorldId, WorldItem,
};

/// A type of C.
#[derive(Clone, Debug)]
pub(super) struct CType {
    /// Such as `uint32_t` or `app_string_t`.
    pub(super) name: String,
    /// What other names are made of: `u32`, `string`.
    word: String,
    /// Passed by value.
    pub(super) is_scalar: bool,
    /// There is a function that frees what it refers to.
    owns: bool,
}

/// Types that have been defined, and their text.
pub(super) struct Types<'a> {
    resolve: &'a Resolve,
    prefix: &'a str,
    pub(super) text: String,
    known: HashMap<TypeId, CType>,
    /// Names in C that have been given.
    taken: HashSet<String>,
    /// Resource types whose values the embedder makes.
    imported: HashSet<TypeId>,
}

fn scalar(name: &str, word: &str) -> CType {
    CType {
        name: name.to_owned(),
        word: word.to_owned(),
        is_scalar: true,
        owns: false,
    }
}

/// The type that holds a number of one of so many cases.
fn discriminant(cases: usize) -> &'static str {
    match cases {
        0..=0x100 => "uint8_t",
        0x101..=0x1_0000 => "uint16_t",
        _ => "uint32_t",
    }
}

impl<'a> Types<'a> {
    /// The types of a world's functions.
    ///
    /// # Errors
    /// `Unsupported` for resources of an interface that is imported and exported: the two are not the
    /// same, but have one name.
    pub(super) fn new(resolve: &'a Resolve, world: WorldId, prefix: &'a str) -> Result<Types<'a>> {
        let world = &resolve.worlds[world];
        let [imported, exported] =
            [&world.imports, &world.exports].map(|items| resources(resolve, items.values()));
        if !imported.is_disjoint(&exported) {
            return Err(unsupported(
                "resources of an interface that is also imported",
            ));
        }
        Ok(Types {
            resolve,
            prefix,
            text: String::new(),
            known: HashMap::new(),
            taken: HashSet::new(),
            imported,
        })
    }

    /// The type in C, defined before it is used.
    ///
    /// # Errors
    /// `Unsupported` for what embedders cannot have.
    pub(super) fn c_type(&mut self, ty: &Type) -> Result<CType> {
        Ok(match ty {
            Type::Bool => scalar("bool", "bool"),
            Type::U8 => scalar("uint8_t", "u8"),
            Type::U16 => scalar("uint16_t", "u16"),
            Type::U32 => scalar("uint32_t", "u32"),
            Type::U64 => scalar("uint64_t", "u64"),
            Type::S8 => scalar("int8_t", "s8"),
            Type::S16 => scalar("int16_t", "s16"),
            Type::S32 => scalar("int32_t", "s32"),
            Type::S64 => scalar("int64_t", "s64"),
            Type::F32 => scalar("float", "f32"),
            Type::F64 => scalar("double", "f64"),
            Type::Char => scalar("uint32_t", "char"),
            Type::String => self.string(),
            Type::ErrorContext => return Err(unsupported("error contexts")),
            Type::Id(id) => return self.defined(*id),
        })
    }

    fn string(&mut self) -> CType {
        let ty = self.compound("string".to_owned(), true);
        if self.taken.insert(ty.name.clone()) {
            let (name, prefix) = (&ty.name, self.prefix);
            let _ = write!(
                self.text,
                "\n/* UTF-8, without a zero at the end. */\n\
                 typedef struct {prefix}_string {{\n    char *ptr;\n    size_t len;\n}} {name};\n\
                 static inline void {prefix}_string_free({name} *it)\n{{\n    free(it->ptr);\n}}\n"
            );
        }
        ty
    }

    fn compound(&self, word: String, owns: bool) -> CType {
        CType {
            name: format!("{}_{word}_t", self.prefix),
            word,
            is_scalar: false,
            owns,
        }
    }

    fn defined(&mut self, id: TypeId) -> Result<CType> {
        if let Some(known) = self.known.get(&id) {
            return Ok(known.clone());
        }
        let def = &self.resolve.types[id];
        let ty = match &def.kind {
            TypeDefKind::Type(ty) => self.c_type(ty)?,
            TypeDefKind::Handle(Handle::Own(id) | Handle::Borrow(id)) => self.defined(*id)?,
            kind => {
                let named = def.name.as_ref().map(|name| self.free_name(def, name));
                match kind {
                    TypeDefKind::Resource => self.resource(id, named.unwrap_or_default()),
                    kind => self.define(kind, named)?,
                }
            }
        };
        self.known.insert(id, ty.clone());
        Ok(ty)
    }

    /// The name of a type in C, which no other type has: interfaces of several packages may have the
    /// same name.
    fn free_name(&self, def: &TypeDef, name: &str) -> String {
        let owner = match def.owner {
            TypeOwner::Interface(owner) => self.resolve.interfaces[owner].name.as_deref(),
            TypeOwner::World(_) | TypeOwner::None => None,
        };
        let owner = owner.map_or(String::new(), |owner| format!("{owner}_"));
        let mut name = format!("{owner}{name}").replace('-', "_");
        while self.taken.contains(&format!("{}_{name}_t", self.prefix)) {
            name.push('_');
        }
        name
    }

    /// A resource: a number that is either a handle, or whatever the embedder wants it to be.
    fn resource(&mut self, id: TypeId, name: String) -> CType {
        let ty = CType {
            is_scalar: true,
            ..self.compound(name, false)
        };
        self.taken.insert(ty.name.clone());
        let (comment, member) = match self.imported.contains(&id) {
            true => ("What the embedder knows a resource of its own by.", "rep"),
            false => ("A resource of the program; 0 is none.", "handle"),
        };
        let _ = write!(
            self.text,
            "\n/* {comment} */\ntypedef struct {}_{} {{ uint32_t {member}; }} {};\n",
            self.prefix, ty.word, ty.name
        );
        ty
    }

    fn define(&mut self, kind: &TypeDefKind, named: Option<String>) -> Result<CType> {
        match kind {
            TypeDefKind::Enum(it) => {
                let names = it.cases.iter().map(|case| case.name.as_str());
                Ok(
                    self.numbers(named, names, discriminant(it.cases.len()), |n| {
                        n.to_string()
                    }),
                )
            }
            TypeDefKind::Flags(it) => {
                let names = it.flags.iter().map(|flag| flag.name.as_str());
                let holder = match it.flags.len() {
                    0..=8 => "uint8_t",
                    9..=16 => "uint16_t",
                    17..=32 => "uint32_t",
                    _ => return Err(unsupported("more than 32 flags")),
                };
                Ok(self.numbers(named, names, holder, |n| format!("(1u << {n})")))
            }
            TypeDefKind::Record(it) => {
                let fields = it
                    .fields
                    .iter()
                    .map(|field| (member(&field.name), &field.ty));
                self.record(named, "record", fields.collect())
            }
            TypeDefKind::Tuple(it) => {
                let fields = it.types.iter().enumerate();
                let fields = fields.map(|(position, ty)| (format!("f{position}"), ty));
                let kind = format!("tuple{}", it.types.len());
                self.record(named, &kind, fields.collect())
            }
            TypeDefKind::Variant(it) => {
                let cases: Vec<_> = it
                    .cases
                    .iter()
                    .map(|case| (member(&case.name), case.ty.as_ref()))
                    .collect();
                let tag = discriminant(cases.len());
                let ty = self.cases(named.clone(), "variant", (tag, "tag"), &cases)?;
                self.constants(&ty, it.cases.iter().map(|case| case.name.as_str()), |n| {
                    n.to_string()
                });
                Ok(ty)
            }
            TypeDefKind::Option(some) => {
                let cases = [(String::new(), None), ("val".to_owned(), Some(some))];
                self.cases(named, "option", ("bool", "is_some"), &cases)
            }
            TypeDefKind::Result(it) => {
                let cases = [
                    ("ok".to_owned(), it.ok.as_ref()),
                    ("err".to_owned(), it.err.as_ref()),
                ];
                self.cases(named, "result", ("bool", "is_err"), &cases)
            }
            TypeDefKind::List(element) => self.list(named, element),
            TypeDefKind::FixedLengthList(element, len) => self.fixed_list(named, element, *len),
            TypeDefKind::Map(..) => Err(unsupported("maps")),
            TypeDefKind::Future(_) | TypeDefKind::Stream(_) => {
                Err(unsupported("streams and futures"))
            }
            TypeDefKind::Type(_)
            | TypeDefKind::Handle(_)
            | TypeDefKind::Resource
            | TypeDefKind::Unknown => Err(unsupported("a type without a form")),
        }
    }

    /// `enum` and `flags`: a number, and names for its values.
    fn numbers<'n>(
        &mut self,
        named: Option<String>,
        names: impl Iterator<Item = &'n str>,
        holder: &str,
        value: impl Fn(usize) -> String,
    ) -> CType {
        let word = named.unwrap_or_else(|| "number".to_owned());
        let ty = CType {
            is_scalar: true,
            ..self.compound(word, false)
        };
        self.taken.insert(ty.name.clone());
        let _ = write!(self.text, "\ntypedef {holder} {};\n", ty.name);
        self.constants(&ty, names, value);
        ty
    }

    fn constants<'n>(
        &mut self,
        ty: &CType,
        names: impl Iterator<Item = &'n str>,
        value: impl Fn(usize) -> String,
    ) {
        for (position, name) in names.enumerate() {
            let word = format!("{}_{}_{name}", self.prefix, ty.word).replace('-', "_");
            let _ = writeln!(
                self.text,
                "#define {} {}",
                word.to_uppercase(),
                value(position)
            );
        }
    }

    /// Begins the definition of a type, whose members are known, unless it has been defined.
    fn begin(&mut self, named: Option<String>, kind: &str, parts: &[&CType]) -> (CType, bool) {
        let word = named.unwrap_or_else(|| {
            let words = parts.iter().map(|part| format!("_{}", part.word));
            format!("{kind}{}", words.collect::<String>())
        });
        let ty = self.compound(word, parts.iter().any(|part| part.owns));
        let is_new = self.taken.insert(ty.name.clone());
        (ty, is_new)
    }

    fn free_begin(&mut self, ty: &CType) {
        let (prefix, word, name) = (self.prefix, &ty.word, &ty.name);
        let _ = write!(
            self.text,
            "static inline void {prefix}_{word}_free({name} *it)\n{{\n"
        );
    }

    fn free(&self, ty: &CType, place: &str) -> String {
        format!("{}_{}_free({place})", self.prefix, ty.word)
    }

    fn record(
        &mut self,
        named: Option<String>,
        kind: &str,
        fields: Vec<(String, &Type)>,
    ) -> Result<CType> {
        let types: Vec<CType> = fields
            .iter()
            .map(|(_, ty)| self.c_type(ty))
            .collect::<Result<_>>()?;
        let (ty, is_new) = self.begin(named, kind, &types.iter().collect::<Vec<_>>());
        if !is_new {
            return Ok(ty);
        }
        let _ = write!(
            self.text,
            "\ntypedef struct {}_{} {{\n",
            self.prefix, ty.word
        );
        for ((name, _), field) in fields.iter().zip(&types) {
            let _ = writeln!(self.text, "    {} {name};", field.name);
        }
        let _ = writeln!(self.text, "}} {};", ty.name);
        if ty.owns {
            self.free_begin(&ty);
            for ((name, _), field) in fields.iter().zip(&types).filter(|(_, field)| field.owns) {
                let free = self.free(field, &format!("&it->{name}"));
                let _ = writeln!(self.text, "    {free};");
            }
            self.text.push_str("}\n");
        }
        Ok(ty)
    }

    /// A discriminant, and what each case holds. The first case of an option has no name.
    fn cases(
        &mut self,
        named: Option<String>,
        kind: &str,
        (tag_type, tag): (&str, &str),
        cases: &[(String, Option<&Type>)],
    ) -> Result<CType> {
        let mut types: Vec<Option<CType>> = Vec::with_capacity(cases.len());
        for (_, ty) in cases {
            types.push(ty.map(|ty| self.c_type(ty)).transpose()?);
        }
        let void = scalar("void", "void");
        let is_option = cases.first().is_some_and(|(name, _)| name.is_empty());
        let parts: Vec<&CType> = types
            .iter()
            .skip(usize::from(is_option))
            .map(|ty| ty.as_ref().unwrap_or(&void))
            .collect();
        let (ty, is_new) = self.begin(named, kind, &parts);
        if !is_new {
            return Ok(ty);
        }
        let _ = write!(
            self.text,
            "\ntypedef struct {}_{} {{\n    {tag_type} {tag};\n",
            self.prefix, ty.word
        );
        let held: Vec<(usize, &String, &CType)> = cases
            .iter()
            .zip(&types)
            .enumerate()
            .filter_map(|(position, ((name, _), ty))| Some((position, name, ty.as_ref()?)))
            .collect();
        if is_option {
            for (_, name, held) in &held {
                let _ = writeln!(self.text, "    {} {name};", held.name);
            }
        } else if !held.is_empty() {
            self.text.push_str("    union {\n");
            for (_, name, held) in &held {
                let _ = writeln!(self.text, "        {} {name};", held.name);
            }
            self.text.push_str("    } val;\n");
        }
        let _ = writeln!(self.text, "}} {};", ty.name);
        if ty.owns {
            self.free_begin(&ty);
            for (position, name, held) in held.iter().filter(|(_, _, held)| held.owns) {
                let place = match is_option {
                    true => format!("&it->{name}"),
                    false => format!("&it->val.{name}"),
                };
                let free = self.free(held, &place);
                let _ = writeln!(
                    self.text,
                    "    if (it->{tag} == {position})\n        {free};"
                );
            }
            self.text.push_str("}\n");
        }
        Ok(ty)
    }

    fn list(&mut self, named: Option<String>, element: &Type) -> Result<CType> {
        let element = self.c_type(element)?;
        let (ty, is_new) = self.begin(named, "list", &[&element]);
        let ty = CType { owns: true, ..ty };
        if is_new {
            let _ = write!(
                self.text,
                "\ntypedef struct {}_{} {{\n    {} *ptr;\n    size_t len;\n}} {};\n",
                self.prefix, ty.word, element.name, ty.name
            );
            self.free_begin(&ty);
            if element.owns {
                let free = self.free(&element, "&it->ptr[i]");
                let _ = writeln!(
                    self.text,
                    "    for (size_t i = 0; i < it->len; i++)\n        {free};"
                );
            }
            self.text.push_str("    free(it->ptr);\n}\n");
        }
        Ok(ty)
    }

    fn fixed_list(&mut self, named: Option<String>, element: &Type, len: u32) -> Result<CType> {
        let element = self.c_type(element)?;
        let (ty, is_new) = self.begin(named, &format!("list{len}"), &[&element]);
        if is_new {
            let _ = write!(
                self.text,
                "\ntypedef struct {}_{} {{\n    {} items[{len}];\n}} {};\n",
                self.prefix, ty.word, element.name, ty.name
            );
            if ty.owns {
                self.free_begin(&ty);
                let free = self.free(&element, "&it->items[i]");
                let _ = writeln!(
                    self.text,
                    "    for (size_t i = 0; i < {len}; i++)\n        {free};\n}}"
                );
            }
        }
        Ok(ty)
    }
}

/// The resource types that a world's interfaces, and the world itself, define.
pub(super) fn resources<'w>(
    resolve: &Resolve,
    items: impl Iterator<Item = &'w WorldItem>,
) -> HashSet<TypeId> {
    let types = items.flat_map(|item| match item {
        WorldItem::Interface { id, .. } => {
            resolve.interfaces[*id].types.values().copied().collect()
        }
        WorldItem::Type { id, .. } => vec![*id],
        WorldItem::Function(_) => Vec::new(),
    });
    types
        .filter(|id| matches!(resolve.types[*id].kind, TypeDefKind::Resource))
        .collect()
}

fn unsupported(what: &str) -> Error {
    Error::new(
        crate::error::ErrorKind::Unsupported,
        format!("{what} in the interface of a library"),
    )
}
