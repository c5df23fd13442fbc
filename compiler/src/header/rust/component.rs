//! A Rust crate over the library that a component becomes: functions with types of Rust, resources that
//! end when they are dropped, and a trait for what the component imports.

use super::types::{Form, RustType, Types, snake};
use crate::error::{Error, ErrorKind, Result};
use crate::header::types::resources;
use crate::header::{Named, decoded, named_items};
use crate::plan::{ComponentImport, LibraryFn, LibraryItem, LinkPlan, library_prefix};
use foldhash::{HashMap, HashMapExt};
use std::fmt::Write;
use wit_parser::{Function, FunctionKind, Resolve, Type, TypeId, WorldId};

/// What every crate has; `@` stands before what is put in.
const SOURCE: &str = include_str!("component.rs.in");

/// What a crate has if the program imports something.
const PROVIDED: &str = r#"
/// A function of [`Imports`] has failed, which ends the program's call with a trap that names this
/// number. A panic does the same.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Failure(pub i32);

/// What the program imports.
pub trait Imports {
@trait}

fn provided(
    user: *mut c_void,
    body: impl FnOnce(&mut dyn Imports) -> Result<(), Failure>,
) -> i32 {
    let body = || {
        // SAFETY: `Instance::new` has passed it, and the instance has it for itself.
        let imports = unsafe { &mut *user.cast::<Box<dyn Imports>>() };
        body(&mut **imports)
    };
    match std::panic::catch_unwind(std::panic::AssertUnwindSafe(body)) {
        Ok(Ok(())) => 0,
        Ok(Err(Failure(0))) | Err(_) => 1,
        Ok(Err(Failure(status))) => status,
    }
}
"#;

/// The source of the crate.
///
/// # Errors
/// `Unsupported` for types that an embedder cannot have.
pub(super) fn source(plan: &LinkPlan<'_>, program: &str, wasm: &[u8]) -> Result<String> {
    let prefix = library_prefix(program);
    let (resolve, world) = decoded(wasm)?;
    let items = &resolve.worlds[world];
    let imported = resources(&resolve, items.imports.values());
    if !imported.is_disjoint(&resources(&resolve, items.exports.values())) {
        return Err(Error::new(
            ErrorKind::Unsupported,
            "resources of an interface that is also imported",
        ));
    }
    let exports = named_items(&resolve, &items.exports);
    let mut drops = HashMap::new();
    for of_library in &plan.library.fns {
        if let Some((_, Named::Type(id))) = find(&exports, &of_library.name) {
            drops.insert(*id, of_library.symbol.clone());
        }
    }
    let mut crate_ = Crate {
        prefix: prefix.clone(),
        resolve: &resolve,
        types: Types::new(&resolve, imported, drops),
        declarations: String::new(),
        methods: String::new(),
        of_resources: String::new(),
    };
    // Functions of async type are waited for.
    let is_waited_for = |it: &&LibraryFn| !matches!(it.item, LibraryItem::Start);
    for of_library in plan.library.fns.iter().filter(is_waited_for) {
        match find(&exports, &of_library.name) {
            Some((_, Named::Function(function))) => crate_.export(of_library, function)?,
            Some((_, Named::Type(_))) => {
                let symbol = &of_library.symbol;
                let _ = writeln!(
                    crate_.declarations,
                    "        pub fn {symbol}(app: *mut c_void, handle: u32) -> i32;"
                );
            }
            None => {}
        }
    }
    let provided = crate_.imports(plan, world)?;
    Ok(crate_.text(&provided))
}

fn find<'i, 'r>(items: &'i [(String, Named<'r>)], name: &str) -> Option<&'i (String, Named<'r>)> {
    items.iter().find(|(known, _)| known == name)
}

struct Crate<'r> {
    prefix: String,
    resolve: &'r Resolve,
    types: Types<'r>,
    declarations: String,
    methods: String,
    /// Functions of resources.
    of_resources: String,
}

/// What stands for what the program imports.
#[derive(Default)]
struct Provided {
    /// The trait, and the functions that C calls.
    text: String,
    /// Members of the structure.
    members: String,
    /// Their values.
    values: String,
}

/// A parameter: name, type of Rust, how it is passed to C, and what C takes.
struct Param {
    name: String,
    ty: String,
    lowered: String,
    raw: String,
    is_scalar: bool,
}

impl Param {
    fn of(name: &str, ty: &RustType) -> Param {
        let name = snake(name);
        let type_name = &ty.name;
        let (in_rust, lowered) = match &ty.form {
            Form::Text => ("&str".to_owned(), format!("lower_text({name}, &mut room)")),
            Form::List(element) if !ty.gives => (
                format!("&[{element}]"),
                format!("lower_slice::<{element}>({name}, &mut room)"),
            ),
            _ if ty.is_scalar || ty.gives => (
                type_name.clone(),
                format!("<{type_name} as Value>::lower(&{name}, &mut room)"),
            ),
            _ => (
                format!("&{type_name}"),
                format!("<{type_name} as Value>::lower({name}, &mut room)"),
            ),
        };
        Param {
            ty: in_rust,
            lowered,
            raw: format!("<{} as Value>::Raw", type_name.replace('&', "&'static ")),
            is_scalar: ty.is_scalar,
            name,
        }
    }
}

impl Crate<'_> {
    /// A function of the program.
    fn export(&mut self, of_library: &LibraryFn, function: &Function) -> Result<()> {
        let mut params = Vec::new();
        for param in &function.params {
            params.push(Param::of(&param.name, &self.types.rust_type(&param.ty)?));
        }
        let result = self.result(function)?;
        self.declare(&of_library.symbol, &params, result.as_ref());
        let resource = function.kind.resource();
        let is_method = matches!(
            function.kind,
            FunctionKind::Method(_) | FunctionKind::AsyncMethod(_)
        );
        let name = self.function_name(of_library, function, resource);
        let receiver = match (resource, is_method) {
            (None, _) | (Some(_), true) => "&self",
            (Some(_), false) => "instance: &Instance",
        };
        let core = match resource {
            Some(_) if !is_method => "instance.core",
            _ => "self.core",
        };
        let skipped = usize::from(is_method);
        let list: String = params
            .iter()
            .skip(skipped)
            .map(|param| format!(", {}: {}", param.name, param.ty))
            .collect();
        let given = result.as_ref().map_or("()", |ty| &ty.name);
        let mut text = format!(
            "\n    /// `{}`\n    pub fn {name}({receiver}{list}) -> Result<{given}, Error> {{\n\
             \x20       let mut room = Room::lent();\n",
            of_library.name
        );
        let mut args = String::new();
        for (position, param) in params.iter().enumerate() {
            let lowered = match position < skipped {
                true => "self.handle.get()",
                false => &param.lowered,
            };
            let _ = writeln!(text, "        let p{position} = {lowered};");
            let address = if param.is_scalar { "" } else { "&" };
            let _ = write!(args, ", {address}p{position}");
        }
        let call = |out: &str| {
            format!(
                "        // SAFETY: the instance is there, and the arguments are as it expects.\n\
                 \x20       let status = unsafe {{\n            sys::{}({core}.handle.as_ptr(){args}{out})\n\
                 \x20       }};\n",
                of_library.symbol
            )
        };
        match &result {
            None => {
                let _ = write!(text, "{}        {core}.check(status)\n    }}\n", call(""));
            }
            Some(ty) => {
                let ty = &ty.name;
                let _ = write!(
                    text,
                    "        let mut result = MaybeUninit::<<{ty} as Value>::Raw>::uninit();\n\
                     {}        {core}.check(status)?;\n\
                     \x20       // SAFETY: it has been given.\n\
                     \x20       Ok(unsafe {{ take::<{ty}>(result.assume_init(), &{core}) }})\n    }}\n",
                    call(", result.as_mut_ptr()")
                );
            }
        }
        match resource {
            None => self.methods.push_str(&text),
            Some(id) => {
                let ty = self.types.rust_type(&Type::Id(id))?.name;
                let text = text.strip_prefix('\n').unwrap_or(&text);
                let _ = write!(self.of_resources, "\nimpl {ty} {{\n{text}}}\n");
            }
        }
        Ok(())
    }

    fn result(&mut self, function: &Function) -> Result<Option<RustType>> {
        let result = function.result.as_ref();
        result.map(|ty| self.types.rust_type(ty)).transpose()
    }

    /// That of a resource's function is without the resource's.
    fn function_name(
        &self,
        of_library: &LibraryFn,
        function: &Function,
        resource: Option<TypeId>,
    ) -> String {
        match (resource, &function.kind) {
            (None, _) => {
                let name = of_library.symbol.strip_prefix(&self.prefix);
                let name = name.unwrap_or_default().strip_prefix('_');
                snake(name.unwrap_or_default())
            }
            (_, FunctionKind::Constructor(_)) => "new".to_owned(),
            _ => snake(function.item_name()),
        }
    }

    fn declare(&mut self, symbol: &str, params: &[Param], result: Option<&RustType>) {
        let _ = write!(
            self.declarations,
            "        pub fn {symbol}(app: *mut c_void"
        );
        let list = raw_list(params, result);
        let _ = writeln!(self.declarations, "{list}) -> i32;");
    }

    /// What the program imports.
    fn imports(&mut self, plan: &LinkPlan<'_>, world: WorldId) -> Result<Provided> {
        let imports = &plan.library.component_imports;
        if imports.is_empty() {
            return Ok(Provided::default());
        }
        let items = named_items(self.resolve, &self.resolve.worlds[world].imports);
        let mut provided = Provided::default();
        let mut functions = String::new();
        let mut of_trait = String::new();
        for import in imports {
            let missing = || {
                Error::new(
                    ErrorKind::Unsupported,
                    format!("the world in WIT has no import `{}`", import.name),
                )
            };
            match find(&items, &import.name).ok_or_else(missing)? {
                (_, Named::Function(function)) => {
                    self.import(
                        import,
                        function,
                        &mut provided,
                        (&mut of_trait, &mut functions),
                    )?;
                }
                (_, Named::Type(id)) => {
                    let ty = self.types.rust_type(&Type::Id(*id))?.name;
                    let field = snake(&import.field);
                    let _ = write!(
                        of_trait,
                        "\n    /// A resource is gone.\n    \
                         fn {field}(&mut self, resource: {ty}) {{}}\n"
                    );
                    let _ = write!(
                        functions,
                        "\nunsafe extern \"C\" fn import_{field}(user: *mut c_void, rep: u32) {{\n    \
                         provided(user, |imports| {{\n        \
                         imports.{field}({ty} {{ rep }});\n        Ok(())\n    }});\n}}\n"
                    );
                    let _ = writeln!(
                        provided.members,
                        "    {field}: unsafe extern \"C\" fn(*mut c_void, u32),"
                    );
                    let _ = writeln!(provided.values, "            {field}: import_{field},");
                }
            }
        }
        provided.text = PROVIDED.replace("@trait", of_trait.trim_start_matches('\n')) + &functions;
        let _ = write!(
            provided.text,
            "\n#[repr(C)]\nstruct Provided {{\n    user: *mut c_void,\n{}}}\n",
            provided.members
        );
        Ok(provided)
    }

    /// A function that the program imports.
    fn import(
        &mut self,
        import: &ComponentImport,
        function: &Function,
        provided: &mut Provided,
        (of_trait, functions): (&mut String, &mut String),
    ) -> Result<()> {
        let field = snake(&import.field);
        let mut types = Vec::new();
        for param in &function.params {
            types.push((snake(&param.name), self.types.rust_type(&param.ty)?));
        }
        let result = self.result(function)?;
        if types
            .iter()
            .map(|(_, ty)| ty)
            .chain(&result)
            .any(|ty| ty.gives)
        {
            return Err(Error::new(
                ErrorKind::Unsupported,
                format!(
                    "the import `{}` has resources of the program's own",
                    import.name
                ),
            ));
        }
        // A trait has `self` for the first parameter already.
        let name = |name: &str| match name {
            "self_" => "this".to_owned(),
            name => name.to_owned(),
        };
        let list: String = types
            .iter()
            .map(|(param, ty)| format!(", {}: {}", name(param), ty.name))
            .collect();
        let given = result.as_ref().map_or("()", |ty| &ty.name);
        let _ = write!(
            of_trait,
            "\n    /// `{}`\n    #[allow(clippy::missing_errors_doc)]\n    \
             fn {field}(&mut self{list}) -> Result<{given}, Failure>;\n",
            import.name
        );
        let params: Vec<Param> = types
            .iter()
            .map(|(param, ty)| Param::of(param, ty))
            .collect();
        let raw = raw_list(&params, result.as_ref());
        let _ = write!(
            functions,
            "\nunsafe extern \"C\" fn import_{field}(user: *mut c_void{raw}) -> i32 {{\n    \
             provided(user, |imports| {{\n"
        );
        for (position, (_, ty)) in types.iter().enumerate() {
            let place = if ty.is_scalar { "" } else { "*" };
            let _ = write!(
                functions,
                "        // SAFETY: the library vouches for the argument.\n        \
                 let a{position} = unsafe {{ <{} as Value>::load({place}p{position}, None) }};\n",
                ty.name
            );
        }
        let args: Vec<String> = (0..types.len())
            .map(|position| format!("a{position}"))
            .collect();
        let args = args.join(", ");
        let _ = match &result {
            None => write!(functions, "        imports.{field}({args})\n    }})\n}}\n"),
            Some(_) => write!(
                functions,
                "        let given = imports.{field}({args})?;\n        \
                 let given = given.lower(&mut Room::given());\n        \
                 // SAFETY: the library vouches for the place.\n        \
                 unsafe {{ result.write(given) }};\n        Ok(())\n    }})\n}}\n"
            ),
        };
        let _ = writeln!(
            provided.members,
            "    {field}: unsafe extern \"C\" fn(user: *mut c_void{raw}) -> i32,"
        );
        let _ = writeln!(provided.values, "            {field}: import_{field},");
        Ok(())
    }

    fn text(self, provided: &Provided) -> String {
        let has_imports = !provided.text.is_empty();
        let pick = |text: &str| {
            if has_imports {
                text.to_owned()
            } else {
                String::new()
            }
        };
        let new_imports = format!(
            "        let user: Box<Box<dyn Imports>> = Box::new(Box::new(imports));\n        \
             let user = Box::into_raw(user);\n        \
             let provided = Box::new(Provided {{\n            user: user.cast(),\n{}        }});\n        \
             let provided = Given {{ user, provided: Box::into_raw(provided) }};\n",
            provided.values
        );
        let given = "
/// What an instance has got of its imports.
struct Given {
    user: *mut Box<dyn Imports>,
    provided: *mut Provided,
}

impl Drop for Given {
    fn drop(&mut self) {
        // SAFETY: both are boxes that nobody else has, as the instance is gone.
        unsafe {
            drop(Box::from_raw(self.provided));
            drop(Box::from_raw(self.user));
        }
    }
}
";
        let types = format!(
            "{}{}{}{}",
            self.types.text,
            self.of_resources,
            provided.text,
            pick(given)
        );
        let room_given = "
    /// For what is given away.
    fn given() -> Room {
        Room {
            blocks: Vec::new(),
            is_given: true,
        }
    }
";
        let address = match has_imports {
            true => "provided.provided.cast_const().cast()",
            false => "std::ptr::null()",
        };
        SOURCE
            .replace("@declarations", &self.declarations)
            .replace(
                "@core_fields",
                &pick("    /// It goes after the instance.\n    provided: Given,\n"),
            )
            .replace("@new_params", &pick(", imports: impl Imports + 'static"))
            .replace("@new_imports", &pick(&new_imports))
            .replace("@imports_address", address)
            .replace("@core_values", &pick(", provided"))
            .replace("@methods", &self.methods)
            .replace("@types", &types)
            .replace("@room_given", &pick(room_given))
            .replace("@app", &self.prefix)
    }
}

/// Parameters as C has them, behind another.
fn raw_list(params: &[Param], result: Option<&RustType>) -> String {
    let mut list = String::new();
    for (position, param) in params.iter().enumerate() {
        let address = if param.is_scalar { "" } else { "*const " };
        let _ = write!(list, ", p{position}: {address}{}", param.raw);
    }
    if let Some(ty) = result {
        let _ = write!(list, ", result: *mut <{} as Value>::Raw", ty.name);
    }
    list
}
