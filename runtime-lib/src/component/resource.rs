//! Resources of the host: what handles of WASI stand for.
//!
//! One slab per store holds them all. A rep is an index into it; the type of the value is known
//! from the resource type of the handle, which is checked where the handle is lifted.

use std::any::{Any, TypeId};
use std::marker::PhantomData;
use std::ptr;

use wasmelt_abi::TrapCode;

/// A value that handles of one resource type of the host stand for.
pub trait Resource: 'static {
    /// The interface without its version: `wasi:io/streams`.
    const INTERFACE: &'static str;
    /// Its name there: `input-stream`.
    const NAME: &'static str;
    /// Whether it is one of WASI 0.3, whose interfaces have the names of those of 0.2.
    const IS_P3: bool = false;
    /// The number of the resource type.
    const NUMBER: u32 = match Self::IS_P3 {
        true => wasmelt_abi::host_resource_p3(Self::INTERFACE, Self::NAME),
        false => wasmelt_abi::host_resource(Self::INTERFACE, Self::NAME),
    };

    /// Why the guest must not drop it now.
    #[inline]
    fn forbids_drop(&self) -> Option<TrapCode> {
        None
    }
}

/// `own<T>`: whoever has it passes it to the guest, or takes the resource back with
/// [`Resources::take`].
#[derive(Debug)]
pub struct Own<T> {
    rep: u32,
    resource: PhantomData<fn() -> T>,
}

/// `borrow<T>`: valid as long as the call that it came with.
#[derive(Debug)]
pub struct Borrow<T> {
    rep: u32,
    resource: PhantomData<fn() -> T>,
}

impl<T> Clone for Borrow<T> {
    fn clone(&self) -> Borrow<T> {
        *self
    }
}

impl<T> Copy for Borrow<T> {}

/// A reference to a resource: [`Own`] or [`Borrow`].
pub trait Rep<T> {
    /// Index of the resource.
    fn rep(&self) -> u32;
}

impl<T> Rep<T> for Own<T> {
    #[inline]
    fn rep(&self) -> u32 {
        self.rep
    }
}

impl<T> Rep<T> for Borrow<T> {
    #[inline]
    fn rep(&self) -> u32 {
        self.rep
    }
}

impl<T> Own<T> {
    /// The same resource, as long as it is not given away.
    #[must_use]
    #[inline]
    pub fn borrow(&self) -> Borrow<T> {
        Borrow::from_rep(self.rep)
    }

    #[inline]
    pub(super) fn from_rep(rep: u32) -> Own<T> {
        Own {
            rep,
            resource: PhantomData,
        }
    }
}

impl<T> Borrow<T> {
    #[inline]
    pub(super) fn from_rep(rep: u32) -> Borrow<T> {
        Borrow {
            rep,
            resource: PhantomData,
        }
    }
}

/// The resources of one store, and what else the host keeps for it.
#[derive(Debug, Default)]
pub struct Resources {
    slots: Vec<Slot>,
    /// Index of the first free slot plus 1, or 0.
    first_free: u32,
    /// At most one value a type.
    singletons: Vec<Box<dyn Any>>,
}

#[derive(Debug)]
enum Slot {
    Used(Box<dyn Any>),
    /// What `first_free` was before.
    Free(u32),
}

const KNOWN: &str = "a handle of this resource type stands for a value of this type";

impl Resources {
    /// Adds a resource.
    pub fn push<T: Resource>(&mut self, value: T) -> Own<T> {
        let slot = Slot::Used(Box::new(value));
        let Some(index) = self.first_free.checked_sub(1) else {
            self.slots.push(slot);
            return Own::from_rep(self.slots.len() as u32 - 1);
        };
        if let Slot::Free(next) = std::mem::replace(&mut self.slots[index as usize], slot) {
            self.first_free = next;
        }
        Own::from_rep(index)
    }

    /// # Panics
    /// When the host has kept a [`Borrow`] beyond its call.
    #[inline]
    pub fn get<T: Resource>(&self, handle: &impl Rep<T>) -> &T {
        self.find(handle).expect(KNOWN)
    }

    /// # Panics
    /// When the host has kept a [`Borrow`] beyond its call.
    #[inline]
    pub fn get_mut<T: Resource>(&mut self, handle: &impl Rep<T>) -> &mut T {
        match self.slots.get_mut(handle.rep() as usize) {
            Some(Slot::Used(value)) => cast_mut(&mut **value).expect(KNOWN),
            _ => panic!("{KNOWN}"),
        }
    }

    /// Two resources of different types.
    ///
    /// # Panics
    /// When the host has kept a [`Borrow`] beyond its call.
    pub fn get_two_mut<A: Resource, B: Resource>(
        &mut self,
        a: &impl Rep<A>,
        b: &impl Rep<B>,
    ) -> (&mut A, &mut B) {
        let reps = [a.rep() as usize, b.rep() as usize];
        match self.slots.get_disjoint_mut(reps) {
            Ok([Slot::Used(a), Slot::Used(b)]) => (
                cast_mut(&mut **a).expect(KNOWN),
                cast_mut(&mut **b).expect(KNOWN),
            ),
            _ => panic!("{KNOWN}"),
        }
    }

    /// The resource, unless it is gone.
    pub fn find<T: Resource>(&self, handle: &impl Rep<T>) -> Option<&T> {
        match self.slots.get(handle.rep() as usize)? {
            Slot::Used(value) => cast(&**value),
            Slot::Free(_) => None,
        }
    }

    /// Removes a resource.
    ///
    /// # Panics
    /// Never: an [`Own`] is the only one of its resource.
    #[allow(clippy::needless_pass_by_value, reason = "the handle is used up")]
    pub fn take<T: Resource>(&mut self, handle: Own<T>) -> T {
        let slot = &mut self.slots[handle.rep as usize];
        match std::mem::replace(slot, Slot::Free(self.first_free)) {
            Slot::Used(value) => {
                self.first_free = handle.rep + 1;
                *cast_box(value).expect(KNOWN)
            }
            Slot::Free(_) => panic!("{KNOWN}"),
        }
    }

    /// The store's one value of this type, which begins as the default.
    pub fn singleton<T: Default + 'static>(&mut self) -> &mut T {
        let known = self.singletons.iter().position(|value| is::<T>(&**value));
        let index = known.unwrap_or_else(|| {
            self.singletons.push(Box::new(T::default()));
            self.singletons.len() - 1
        });
        cast_mut(&mut *self.singletons[index])
            .expect("a value of this type was found or added there")
    }
}

/// Whether the type of a value has this id. The ids are passed to it, and not compared in place,
/// because as operands they would be constants of one section, which every executable that needs
/// any of them would hold whole.
#[inline(never)]
fn has_type(value: &dyn Any, id: &TypeId) -> bool {
    value.type_id() == *id
}

fn is<T: 'static>(value: &dyn Any) -> bool {
    has_type(value, const { &TypeId::of::<T>() })
}

fn cast<T: 'static>(value: &dyn Any) -> Option<&T> {
    // SAFETY: the value is a `T`.
    is::<T>(value).then(|| unsafe { &*ptr::from_ref(value).cast::<T>() })
}

fn cast_mut<T: 'static>(value: &mut dyn Any) -> Option<&mut T> {
    // SAFETY: the value is a `T`.
    is::<T>(value).then(|| unsafe { &mut *ptr::from_mut(value).cast::<T>() })
}

fn cast_box<T: 'static>(value: Box<dyn Any>) -> Option<Box<T>> {
    // SAFETY: the value is a `T`, so its box is one of a `T`.
    is::<T>(&*value).then(|| unsafe { Box::from_raw(Box::into_raw(value).cast::<T>()) })
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Input(u32);
    struct Output(String);

    impl Resource for Input {
        const INTERFACE: &'static str = "wasi:io/streams";
        const NAME: &'static str = "input-stream";
    }

    impl Resource for Output {
        const INTERFACE: &'static str = "wasi:io/streams";
        const NAME: &'static str = "output-stream";
    }

    #[test]
    fn resources_are_found_and_taken() {
        assert_ne!(Input::NUMBER, Output::NUMBER);
        let mut resources = Resources::default();
        let first = resources.push(Input(5));
        let second = resources.push(Output("a".to_owned()));
        resources.get_mut(&first).0 += 1;
        let (input, output) = resources.get_two_mut(&first, &second);
        output.0.push_str(&input.0.to_string());
        assert_eq!(resources.get(&second).0, "a6");
        let stale = Borrow::<Input>::from_rep(first.rep());
        assert_eq!(resources.take(first).0, 6);
        assert!(resources.find(&stale).is_none());
        let reused = resources.push(Output(String::new()));
        assert_eq!(reused.rep(), 0);
        assert!(resources.find(&stale).is_none());
        assert_eq!(resources.push(Input(1)).rep(), 2);
    }

    #[test]
    fn singletons_keep_their_value() {
        let mut resources = Resources::default();
        *resources.singleton::<u32>() = 7;
        resources.singleton::<String>().push('x');
        assert_eq!(*resources.singleton::<u32>(), 7);
        assert_eq!(resources.singleton::<String>(), "x");
    }
}
