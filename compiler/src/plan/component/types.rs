//! Types of components to those of the program: index spaces hold what they are.

use super::evaluate::Evaluator;
use super::space::{Space, TypeDef};
use crate::canonical::{Case, Field, FuncTy, FuncTyId, Ty, TyId};
use crate::error::{Error, Result};
use crate::index::ComponentId;
use crate::plan::linked::Resource;
use wasmparser::{
    ComponentDefinedType, ComponentFuncType, ComponentType, ComponentValType, PrimitiveValType,
    ValType,
};

impl<'a> Evaluator<'_, 'a> {
    /// A type that a definition gives. `instance` is whose resource type it is, if it is one.
    pub(super) fn type_def(
        &mut self,
        space: &Space<'a>,
        ty: &'a ComponentType<'a>,
        instance: Option<ComponentId>,
        offset: u64,
    ) -> Result<TypeDef<'a>> {
        Ok(match ty {
            ComponentType::Defined(ty) => self.defined_type(space, ty),
            ComponentType::Func(ty) => TypeDef::Func(self.func_type(space, ty)),
            ComponentType::Instance(declarations) => TypeDef::Instance(declarations, space.clone()),
            ComponentType::Component(_) => TypeDef::Other,
            ComponentType::Resource { rep, dtor } => {
                if *rep != ValType::I32 {
                    let what = "resources that are represented by numbers of 64 bits";
                    return Err(Error::unsupported(what, offset));
                }
                let Some(instance) = instance else {
                    let what = "resource types defined in types";
                    return Err(Error::unsupported(what, offset));
                };
                let dtor = dtor.map(|index| space.borrow().core_funcs[index as usize]);
                let resource = Resource::Guest { instance, dtor };
                TypeDef::Resource(self.linked.add_resource(resource))
            }
        })
    }

    fn func_type(&mut self, space: &Space<'a>, ty: &ComponentFuncType<'_>) -> FuncTyId {
        let params = ty.params.iter();
        let params = params
            .map(|(name, ty)| ((*name).to_owned(), self.value_type(space, *ty)))
            .collect();
        let result = ty.result.map(|ty| self.value_type(space, ty));
        self.linked.types.intern_func(FuncTy {
            params,
            result,
            is_async: ty.async_,
        })
    }

    pub(super) fn value_type(&mut self, space: &Space<'a>, ty: ComponentValType) -> TyId {
        match ty {
            ComponentValType::Primitive(ty) => self.linked.types.intern(primitive(ty)),
            ComponentValType::Type(index) => match space.borrow().types[index as usize] {
                TypeDef::Value(ty) => ty,
                _ => unreachable!("validated: a value type"),
            },
        }
    }

    fn defined_type(&mut self, space: &Space<'a>, ty: &ComponentDefinedType<'_>) -> TypeDef<'a> {
        let resource = |index: u32| match space.borrow().types[index as usize] {
            TypeDef::Resource(id) => id,
            _ => unreachable!("validated: a resource type"),
        };
        let names = |names: &[&str]| names.iter().map(|&n| n.to_owned()).collect();
        let mut value = |ty: &ComponentValType| self.value_type(space, *ty);
        let ty = match ty {
            ComponentDefinedType::Primitive(ty) => primitive(*ty),
            ComponentDefinedType::Record(fields) => Ty::Record(
                fields
                    .iter()
                    .map(|(name, ty)| Field {
                        name: (*name).to_owned(),
                        ty: value(ty),
                    })
                    .collect(),
            ),
            ComponentDefinedType::Variant(cases) => Ty::Variant(
                cases
                    .iter()
                    .map(|case| Case {
                        name: case.name.to_owned(),
                        ty: case.ty.as_ref().map(&mut value),
                    })
                    .collect(),
            ),
            ComponentDefinedType::List(ty) => Ty::List(value(ty)),
            ComponentDefinedType::Map(key, element) => Ty::Map(value(key), value(element)),
            ComponentDefinedType::FixedLengthList(ty, len) => Ty::FixedList(value(ty), *len),
            ComponentDefinedType::Tuple(types) => Ty::Tuple(types.iter().map(value).collect()),
            ComponentDefinedType::Flags(labels) => Ty::Flags(names(labels)),
            ComponentDefinedType::Enum(labels) => Ty::Enum(names(labels)),
            ComponentDefinedType::Option(ty) => Ty::Option(value(ty)),
            ComponentDefinedType::Result { ok, err } => {
                Ty::Result(ok.as_ref().map(&mut value), err.as_ref().map(&mut value))
            }
            ComponentDefinedType::Own(index) => Ty::Own(resource(*index)),
            ComponentDefinedType::Borrow(index) => Ty::Borrow(resource(*index)),
            ComponentDefinedType::Stream(ty) => Ty::Stream(ty.as_ref().map(value)),
            ComponentDefinedType::Future(ty) => Ty::Future(ty.as_ref().map(value)),
        };
        TypeDef::Value(self.linked.types.intern(ty))
    }
}

fn primitive(ty: PrimitiveValType) -> Ty {
    match ty {
        PrimitiveValType::Bool => Ty::Bool,
        PrimitiveValType::S8 => Ty::S8,
        PrimitiveValType::U8 => Ty::U8,
        PrimitiveValType::S16 => Ty::S16,
        PrimitiveValType::U16 => Ty::U16,
        PrimitiveValType::S32 => Ty::S32,
        PrimitiveValType::U32 => Ty::U32,
        PrimitiveValType::S64 => Ty::S64,
        PrimitiveValType::U64 => Ty::U64,
        PrimitiveValType::F32 => Ty::F32,
        PrimitiveValType::F64 => Ty::F64,
        PrimitiveValType::Char => Ty::Char,
        PrimitiveValType::String => Ty::String,
        PrimitiveValType::ErrorContext => Ty::ErrorContext,
    }
}
