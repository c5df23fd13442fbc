//! What fields of structs may hold, once that has been gathered (`contents_gathered.rs`).

use super::sigs::{SigTable, TypeKind};
use super::value::Value;
use crate::index::SigId;
use std::collections::BTreeSet;
use std::sync::Arc;

/// What the fields of a program's structs may hold.
#[derive(Default, Hash, Debug)]
pub struct FieldContents {
    /// By [`SigId`] and field; empty when nothing is to be known.
    pub(super) fields: Vec<Vec<Possible>>,
    /// By [`SigId`]: whether an object of exactly the type is ever made.
    pub(super) made: Vec<bool>,
    /// Fields, by the highest type that has them, that are read.
    pub(super) read: BTreeSet<(SigId, u32)>,
    /// Fields, likewise, that are written once the object is made.
    pub(super) written: BTreeSet<(SigId, u32)>,
}

/// What a place may hold.
#[derive(Clone, Default, PartialEq, Eq, Hash, Debug)]
pub enum Possible {
    #[default]
    Any,
    /// One of these, in order: none where there is no such place.
    Values(Arc<[Value]>),
}

impl FieldContents {
    /// What a field of an object of a type, or of one below it, may hold.
    #[must_use]
    pub fn field(&self, ty: SigId, field: u32) -> &Possible {
        match self.fields.get(ty.index()) {
            Some(fields) => &fields[field as usize],
            None => &Possible::Any,
        }
    }

    /// Whether objects of exactly a type can exist.
    pub(super) fn is_made(&self, ty: SigId) -> bool {
        self.made.get(ty.index()).copied().unwrap_or(true)
    }

    /// Whether a field always holds what the object was made with.
    #[must_use]
    pub fn stays(&self, sigs: &SigTable, ty: SigId, field: u32) -> bool {
        !self.fields.is_empty() && !self.written.contains(&(declarer(sigs, ty, field), field))
    }

    /// Whether a field that no type above has takes room in objects.
    pub(super) fn is_stored(&self, ty: SigId, field: u32) -> bool {
        match self.field(ty, field) {
            Possible::Values(values) if values.len() < 2 => false,
            _ => self.fields.is_empty() || self.read.contains(&(ty, field)),
        }
    }
}

/// The highest type that has a field.
pub(super) fn declarer(sigs: &SigTable, mut ty: SigId, field: u32) -> SigId {
    while let Some(above) = sigs.types()[ty.index()].supertype
        && let TypeKind::Struct(fields) = &sigs.types()[above.index()].kind
        && (field as usize) < fields.len()
    {
        ty = above;
    }
    ty
}
