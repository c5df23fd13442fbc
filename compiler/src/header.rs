//! The header of a library: what an embedder calls, in C.
//!
//! Comes in: a plan with what is exported, and by what symbols. Goes out: text that C and C++ take.

mod names;
pub(crate) mod rust;
mod types;

use self::names::member;
use crate::encode;
use crate::error::{Error, ErrorKind, Result};
use crate::plan::{LibraryFn, LibraryItem, LinkPlan, library_prefix};
use std::fmt::Write;
use types::Types;
use wasmparser::ValType;
use wit_component::DecodedWasm;
use wit_parser::{Function, IndexMap, Resolve, Type, TypeId, WorldId, WorldItem, WorldKey};

/// The header of a library with this name, made of a module or of the component `wasm`.
///
/// # Errors
/// When WIT cannot express the component's types, or C has no form for them.
pub(crate) fn header(plan: &LinkPlan<'_>, program: &str, wasm: &[u8]) -> Result<String> {
    let prefix = library_prefix(program);
    let guard = format!("{}_H", prefix.to_uppercase());
    let mut text = format!(
        "/* What {prefix} exports. Made by wasmelt. */\n\
         #ifndef {guard}\n#define {guard}\n\n\
         #include <stdbool.h>\n#include <stddef.h>\n#include <stdint.h>\n\
         #include <stdlib.h>\n\n\
         #ifdef __cplusplus\nextern \"C\" {{\n#endif\n\n"
    );
    if plan.library.fns.iter().any(uses_vectors) || imports_vectors(plan) {
        let _ = writeln!(
            text,
            "typedef struct {prefix}_v128 {{ uint8_t bytes[16]; }} {prefix}_v128_t;\n"
        );
    }
    let shared = named(SHARED, &prefix);
    if plan.linked.has_components {
        let of_component = OfComponent::new(plan, &prefix, wasm)?;
        for part in [&of_component.types, &of_component.imports, &shared] {
            text.push_str(part);
        }
        text.push_str(&of_component.declarations);
    } else {
        text.push_str(&imports(plan, &prefix));
        text.push_str(&shared);
        for of_library in &plan.library.fns {
            text.push('\n');
            text.push_str(&declaration(plan, of_library, &prefix));
        }
    }
    for name in &plan.library.left_out {
        let name = name.replace("*/", "* /");
        let _ = write!(text, "\n/* `{name}` is nothing that C can use. */\n");
    }
    let _ = write!(text, "\n#ifdef __cplusplus\n}}\n#endif\n\n#endif\n");
    Ok(text)
}

/// A text for a library that is called `app`, for one that is called otherwise.
fn named(text: &str, prefix: &str) -> String {
    text.replace("app", prefix)
        .replace("APP", &prefix.to_uppercase())
}

/// What a component adds.
struct OfComponent {
    types: String,
    imports: String,
    declarations: String,
}

impl OfComponent {
    fn new(plan: &LinkPlan<'_>, prefix: &str, wasm: &[u8]) -> Result<OfComponent> {
        let (resolve, world) = decoded(wasm)?;
        let mut types = Types::new(&resolve, world, prefix)?;
        let declarations = exports_of_component(plan, prefix, &resolve, world, &mut types)?;
        let imports = imports_of_component(plan, prefix, &resolve, world, &mut types)?;
        Ok(OfComponent {
            types: match types.text.is_empty() {
                true => String::new(),
                false => types.text.trim_start().to_owned() + "\n",
            },
            imports,
            declarations,
        })
    }
}

/// The world of a component in WIT.
fn decoded(wasm: &[u8]) -> Result<(Resolve, WorldId)> {
    match encode::caught(|| wit_component::decode(wasm)) {
        Some(Ok(DecodedWasm::Component(resolve, world))) => Ok((resolve, world)),
        _ => Err(Error::new(
            ErrorKind::Unsupported,
            "WIT cannot express the types of this component, so there is no header",
        )),
    }
}

fn exports_of_component(
    plan: &LinkPlan<'_>,
    prefix: &str,
    resolve: &Resolve,
    world: WorldId,
    types: &mut Types<'_>,
) -> Result<String> {
    let items = named_items(resolve, &resolve.worlds[world].exports);
    let mut text = String::new();
    for of_library in &plan.library.fns {
        let (name, symbol) = (&of_library.name, &of_library.symbol);
        if let LibraryItem::Poll = of_library.item {
            text.push_str(&named(POLL, prefix));
            continue;
        }
        let found = items.iter().find(|(known, _)| known == name);
        match found {
            Some((_, Named::Function(function))) => {
                let list = typed_parameters(function, types)?;
                let (comment, done) = match of_library.item {
                    LibraryItem::Start => (", which is only begun", begun_parameters(prefix)),
                    _ => ("", String::new()),
                };
                let _ = write!(
                    text,
                    "\n/* {name}{comment} */\n{prefix}_status_t {symbol}({prefix}_t *app{list}{done});\n"
                );
            }
            Some((_, Named::Type(id))) => {
                let ty = types.c_type(&Type::Id(*id))?.name;
                let _ = write!(
                    text,
                    "\n/* The end of a resource. */\n\
                     {prefix}_status_t {symbol}({prefix}_t *app, {ty} self);\n"
                );
            }
            None => {}
        }
    }
    Ok(text)
}

/// The header of a library with functions of async type has this as well.
const POLL: &str = "
/* Has calls go on that functions `..._start` have begun, until one has ended, for so many nanoseconds
   at most; for as long as it takes if that is negative. Then calls `done` of each that has ended. What
   the arguments of a call refer to, and the place of its result, stay there until then. If this does not
   give APP_OK, no call goes on, and each is told the same. `pending` may be NULL, or gets how many calls
   have not ended. */
app_status_t app_poll(app_t *app, int64_t timeout_ns, size_t *pending);
";

/// What a function that begins a call takes behind its result. No name of WIT ends so in C.
fn begun_parameters(prefix: &str) -> String {
    format!(", void (*done_)(void *user, {prefix}_status_t status), void *user_")
}

/// What the embedder provides to a component.
fn imports_of_component(
    plan: &LinkPlan<'_>,
    prefix: &str,
    resolve: &Resolve,
    world: WorldId,
    types: &mut Types<'_>,
) -> Result<String> {
    let imports = &plan.library.component_imports;
    if imports.is_empty() {
        return Ok(no_imports(prefix));
    }
    let items = named_items(resolve, &resolve.worlds[world].imports);
    let mut text = format!(
        "/* What the program imports. A function gives 0; anything else is a trap. What an argument\n   \
         refers to is the program's, and gone when the function returns; what a result refers to comes\n   \
         from `malloc`, and the library frees it. */\n\
         typedef struct {prefix}_imports {{\n    void *user;  /* the first parameter of each */\n"
    );
    for import in imports {
        let (name, field) = (&import.name, member(&import.field));
        match items.iter().find(|(known, _)| known == name) {
            Some((_, Named::Function(function))) => {
                let list = typed_parameters(function, types)?;
                let _ = writeln!(text, "    int32_t (*{field})(void *user{list});");
            }
            Some((_, Named::Type(id))) => {
                let ty = types.c_type(&Type::Id(*id))?.name;
                let _ = writeln!(
                    text,
                    "    void (*{field})(void *user, {ty} self);  /* it is gone; may be NULL */"
                );
            }
            None => {
                return Err(Error::new(
                    ErrorKind::Unsupported,
                    format!("the world in WIT has no import `{name}`, so there is no header"),
                ));
            }
        }
    }
    let _ = write!(text, "}} {prefix}_imports_t;\n\n");
    Ok(text)
}

fn typed_parameters(function: &Function, types: &mut Types<'_>) -> Result<String> {
    let mut list = String::new();
    for param in &function.params {
        let (ty, name) = (types.c_type(&param.ty)?, member(&param.name));
        let _ = match ty.is_scalar {
            true => write!(list, ", {} {name}", ty.name),
            false => write!(list, ", const {} *{name}", ty.name),
        };
    }
    if let Some(result) = &function.result {
        let _ = write!(list, ", {} *result", types.c_type(result)?.name);
    }
    Ok(list)
}

/// Something that a world imports or exports.
enum Named<'r> {
    Function(&'r Function),
    Type(TypeId),
}

/// What a world imports or exports, by the names that a component has for it.
fn named_items<'r>(
    resolve: &'r Resolve,
    items: &'r IndexMap<WorldKey, WorldItem>,
) -> Vec<(String, Named<'r>)> {
    let mut named = Vec::new();
    for (key, item) in items {
        match item {
            WorldItem::Function(function) => {
                named.push((function.name.clone(), Named::Function(function)));
            }
            WorldItem::Interface { id, .. } => {
                let interface = resolve.name_world_key(key);
                let of_interface = &resolve.interfaces[*id];
                let functions = of_interface.functions.values();
                named.extend(
                    functions.map(|it| (format!("{interface}#{}", it.name), Named::Function(it))),
                );
                let types = of_interface.types.iter();
                named.extend(
                    types.map(|(name, id)| (format!("{interface}#{name}"), Named::Type(*id))),
                );
            }
            WorldItem::Type { id, .. } => {
                let name = resolve.types[*id].name.clone().unwrap_or_default();
                named.push((name, Named::Type(*id)));
            }
        }
    }
    named
}

fn no_imports(prefix: &str) -> String {
    format!("typedef struct {prefix}_imports {prefix}_imports_t;  /* there are none */\n\n")
}

/// What the header of every library has, for one that is called `app`.
const SHARED: &str = "\
/* An instance of the program. One thread at a time uses it; different instances are used by different
   threads at the same time. */
typedef struct app app_t;

/* What a call gives. After a trap or an exit the instance can only be deleted. */
typedef enum app_status {
    APP_OK = 0,
    APP_TRAP = 1,      /* a trap: app_message says which, and where */
    APP_EXIT = 2,      /* the program has exited: app_exit_code */
    APP_ENDED = 3,     /* an earlier call has ended the instance */
    APP_NO_MEMORY = 4, /* there is no memory for an instance, or for a result */
    APP_INVALID = 5    /* an argument is not what its type says, or the instance of a component is
                          called by a function of its own imports; nothing was called */
} app_status_t;

/* What may be said about a new instance. Begin with zeros. */
typedef struct app_config {
    uint64_t memory_bytes_max;  /* no memory gets larger; 0: as the program says */
    uint64_t stack_bytes;       /* of the calling thread's stack; 0: as the library was built */
    const app_imports_t *imports;  /* what the program imports; lives as long as the instance */
} app_config_t;

/* Makes an instance; `config` may be NULL. If it fails, *app is NULL. */
app_status_t app_new(const app_config_t *config, app_t **app);

/* The end of an instance; NULL is none. */
void app_delete(app_t *app);

/* How an instance has ended, with a backtrace; of NULL, why this thread's last app_new has failed.
   Valid until the next call. */
const char *app_message(const app_t *app);

/* The code of a program that has exited. */
int32_t app_exit_code(const app_t *app);
";

fn imports_vectors(plan: &LinkPlan<'_>) -> bool {
    let is_vector = |ty: &ValType| *ty == ValType::V128;
    let mut imports = plan.library.imports.iter();
    imports.any(|it| it.ty.params().iter().chain(it.ty.results()).any(is_vector))
}

/// What the embedder provides.
fn imports(plan: &LinkPlan<'_>, prefix: &str) -> String {
    let imports = &plan.library.imports;
    if imports.is_empty() {
        return no_imports(prefix);
    }
    let mut text = format!(
        "/* What the program imports. A function gives 0; anything else is a trap. */\n\
         typedef struct {prefix}_imports {{\n    void *user;  /* the first parameter of each */\n"
    );
    for import in imports {
        let list = parameters(import.ty.params(), import.ty.results(), prefix);
        let _ = writeln!(text, "    int32_t (*{})(void *user{list});", import.field);
    }
    let _ = write!(text, "}} {prefix}_imports_t;\n\n");
    text
}

fn parameters(params: &[ValType], results: &[ValType], prefix: &str) -> String {
    let params = params.iter().enumerate().map(|(position, ty)| match ty {
        ValType::V128 => format!(", const {prefix}_v128_t *p{position}"),
        other => format!(", {} p{position}", c_type(*other, prefix)),
    });
    let results = results.iter().enumerate();
    let results = results.map(|(position, ty)| format!(", {} *r{position}", c_type(*ty, prefix)));
    params.chain(results).collect()
}

fn uses_vectors(of_library: &LibraryFn) -> bool {
    match &of_library.item {
        LibraryItem::Func { params, results } => {
            params.iter().chain(results).any(|ty| *ty == ValType::V128)
        }
        _ => false,
    }
}

fn declaration(plan: &LinkPlan<'_>, of_library: &LibraryFn, prefix: &str) -> String {
    let symbol = &of_library.symbol;
    match &of_library.item {
        LibraryItem::Func { params, results } => {
            let list = parameters(params, results, prefix);
            format!("{prefix}_status_t {symbol}({prefix}_t *app{list});\n")
        }
        LibraryItem::Lift | LibraryItem::Start | LibraryItem::Poll | LibraryItem::Drop => {
            String::new()
        }
        LibraryItem::Memory => format!(
            "/* A memory; it stays where it is. `bytes` may be NULL, or gets its length. */\n\
             uint8_t *{symbol}({prefix}_t *app, uint64_t *bytes);\n"
        ),
        LibraryItem::Global(global) => {
            let ty = c_type(plan.globals[global.index()].ty, prefix);
            format!("void {symbol}({prefix}_t *app, {ty} *value);\n")
        }
    }
}

fn c_type(ty: ValType, prefix: &str) -> String {
    match ty {
        ValType::I32 => "int32_t".to_owned(),
        ValType::I64 => "int64_t".to_owned(),
        ValType::F32 => "float".to_owned(),
        ValType::F64 => "double".to_owned(),
        ValType::V128 => format!("{prefix}_v128_t"),
        ValType::Ref(_) => unreachable!("exports with references are left out"),
    }
}
