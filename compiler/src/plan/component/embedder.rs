//! What the embedder of a library provides to components: every import that is not WASI's. Its
//! functions are those of a structure, in the order in which they are found here.

use crate::canonical::{FuncTyId, Ty, TyId};
use crate::error::{Error, ErrorKind, Result};
use crate::index::ResourceId;
use crate::plan::linked::{Embedded, EmbedderFn, Linked, Resource};

/// Whether the embedder provides what is imported from this interface.
pub(super) fn provides(interface: &str) -> bool {
    !interface.starts_with("wasi:")
}

/// The position of a function that the embedder provides.
///
/// # Errors
/// `Unsupported` for a function with values that have no form in C.
pub(super) fn function(
    linked: &mut Linked<'_>,
    interface: &str,
    name: &str,
    ty: FuncTyId,
) -> Result<u32> {
    let func = linked.types.func(ty);
    let params = func.params.iter().map(|(_, ty)| (*ty, true));
    let mut values = params.chain(func.result.map(|ty| (ty, false)));
    let why = values.find_map(|(ty, is_param)| linked.why_not_in_c(ty, is_param));
    if let Some(why) = why {
        let what = match interface {
            "" => format!("`{name}`"),
            interface => format!("`{interface}` `{name}`"),
        };
        let message = format!("the import {what} has {why}, which have no form in C");
        return Err(Error::new(ErrorKind::Unsupported, message)
            .note("the embedder of a library provides what is not WASI's"));
    }
    Ok(linked.embedder_fn(interface, name, Embedded::Func(ty)))
}

/// A resource type whose values the embedder makes.
pub(super) fn resource(linked: &mut Linked<'_>, interface: &str, name: &str) -> ResourceId {
    let id = ResourceId::new(linked.resources.len());
    let dropped = linked.embedder_fn(interface, name, Embedded::Drop(id));
    linked.add_resource(Resource::Embedder { dropped })
}

impl Linked<'_> {
    fn embedder_fn(&mut self, interface: &str, name: &str, item: Embedded) -> u32 {
        let known = self
            .embedder_fns
            .iter()
            .position(|it| it.interface == interface && it.name == name && it.item == item);
        let position = known.unwrap_or_else(|| {
            self.embedder_fns.push(EmbedderFn {
                interface: interface.to_owned(),
                name: name.to_owned(),
                item,
            });
            self.embedder_fns.len() - 1
        });
        u32::try_from(position).expect("a file has fewer bytes")
    }

    /// What of a type an embedder cannot have, in words. A function of the embedder has the program's
    /// own resources only if they are given away.
    pub(in crate::plan) fn why_not_in_c(&self, ty: TyId, is_imports: bool) -> Option<&'static str> {
        let why = |ty: &TyId| self.why_not_in_c(*ty, is_imports);
        let types = &self.types;
        match types.ty(ty) {
            Ty::Own(resource) | Ty::Borrow(resource) => {
                let is_borrow = matches!(types.ty(ty), Ty::Borrow(_));
                match self.resources[resource.index()] {
                    Resource::Embedder { .. } => None,
                    Resource::Guest { .. } if is_borrow && is_imports => {
                        Some("borrowed resources of the program's own")
                    }
                    Resource::Guest { .. } => None,
                    Resource::Host { .. } | Resource::Missing { .. } => Some("resources of WASI"),
                }
            }
            Ty::Stream(_) | Ty::Future(_) => Some("streams or futures"),
            Ty::ErrorContext => Some("error contexts"),
            Ty::Map(..) => Some("maps"),
            Ty::List(element) | Ty::FixedList(element, _) => why(element),
            Ty::Record(_) | Ty::Tuple(_) => types.members(ty).iter().find_map(why),
            Ty::Variant(_) | Ty::Option(_) | Ty::Result(..) => {
                let held = types.cases(ty).into_iter().flatten().flatten();
                held.into_iter().find_map(|ty| why(&ty))
            }
            _ => None,
        }
    }
}
