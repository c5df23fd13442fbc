//! Streams and futures as parameters and results of host functions.

use std::any::TypeId;
use std::cell::RefCell;
use std::future::poll_fn;
use std::marker::PhantomData;
use std::rc::Rc;
use std::task::{Poll, Waker};

use super::host::{
    Consume, ConsumeBytes, Elements, Produce, ProduceBytes, Receiver, Resolution, Sink, Source,
    Typed,
};
use super::model::{Element, Family, Shared};
use super::transit::{lift_async_value, lower_async_value};
use crate::component::call::Call;
use crate::component::layout::Layout;
use crate::component::values::{Lift, Lower, Slots, Value};
use wasmelt_abi::PtrType;

/// `stream<T>`: a readable end. One that is made from a producer is passed to the guest, and one
/// that comes from the guest is read by a consumer. Dropping it closes the stream.
pub struct StreamReader<T> {
    end: Reader,
    element: PhantomData<fn() -> T>,
}

/// `future<T>`: a readable end, as [`StreamReader`].
pub struct FutureReader<T> {
    end: Reader,
    value: PhantomData<fn() -> T>,
}

/// Resolves a future: what [`Resolver::new`] makes one with. Dropped without a value, it leaves
/// the future unresolved for ever.
pub struct Resolver<T>(Rc<RefCell<Resolved<T>>>);

struct Resolved<T> {
    value: Option<T>,
    /// Who waits for it.
    waker: Option<Waker>,
}

/// A readable end that the host has at the moment.
struct Reader(Option<Rc<Shared>>);

impl Drop for Reader {
    fn drop(&mut self) {
        if let Some(shared) = self.0.take() {
            shared.drop_guest_end();
        }
    }
}

impl Reader {
    fn new(family: Family, element: Element, source: Source) -> Reader {
        Reader(Some(Shared::of_source(family, element, source)))
    }

    /// `lift_async_value`.
    fn lift(call: &Call<'_>, family: Family, element: Element, handle: u32) -> Reader {
        let is_of_type = |shared: &Shared| shared.element() == element;
        let (store, instance) = (call.store(), call.instance());
        Reader(Some(lift_async_value(
            store, instance, family, handle, is_of_type,
        )))
    }

    fn take(mut self) -> Rc<Shared> {
        self.0.take().expect("a reader is used once")
    }

    fn lower(self, call: &Call<'_>) -> u32 {
        lower_async_value(call.store(), call.instance(), self.take())
    }
}

/// The type of elements on the host's side.
fn element<T: Value + 'static>() -> Element {
    Element {
        bytes: T::LAYOUT.bytes(PtrType::I32),
        align: T::LAYOUT.align(PtrType::I32),
        is_u8: TypeId::of::<T>() == TypeId::of::<u8>(),
    }
}

impl StreamReader<u8> {
    /// A stream of the bytes that a producer gives.
    pub fn of_bytes(producer: impl ProduceBytes) -> StreamReader<u8> {
        StreamReader::from_source(Source::Bytes(Box::new(producer)))
    }

    /// Lets a consumer have all bytes of the stream.
    pub fn consume_bytes(self, consumer: impl ConsumeBytes) {
        let sink = Sink::Bytes(Box::new(consumer));
        self.end.take().attach(sink);
    }
}

impl<T: Value + 'static> StreamReader<T> {
    fn from_source(source: Source) -> StreamReader<T> {
        StreamReader {
            end: Reader::new(Family::Stream, element::<T>(), source),
            element: PhantomData,
        }
    }

    /// A stream of the elements that a producer gives. Bytes have [`StreamReader::of_bytes`].
    pub fn of(producer: impl Produce<T>) -> StreamReader<T>
    where
        T: Lower,
    {
        assert!(!element::<T>().is_u8, "bytes have producers of their own");
        StreamReader::from_source(Source::Elements(Typed::new(producer)))
    }

    /// A stream of the elements of an iterator, which are there without waiting.
    pub fn of_iter(elements: impl Iterator<Item = T> + 'static) -> StreamReader<T>
    where
        T: Lower,
    {
        StreamReader::of(Elements(elements))
    }

    /// Lets a consumer have all elements of the stream. Bytes have
    /// [`StreamReader::consume_bytes`].
    pub fn consume(self, consumer: impl Consume<T>)
    where
        T: Lift,
    {
        assert!(!element::<T>().is_u8, "bytes have consumers of their own");
        let sink = Sink::Elements(Typed::new(consumer));
        self.end.take().attach(sink);
    }
}

impl<T: Value + 'static> FutureReader<T> {
    /// A future that has the value of a future of the host, which is polled when the guest reads.
    pub fn of(future: impl Future<Output = T> + 'static) -> FutureReader<T>
    where
        T: Lower,
    {
        let source = Source::Elements(Typed::new(Resolution::new(future)));
        FutureReader {
            end: Reader::new(Family::Future, element::<T>(), source),
            value: PhantomData,
        }
    }

    /// A future that has this value.
    pub fn ready(value: T) -> FutureReader<T>
    where
        T: Lower,
    {
        FutureReader::of(std::future::ready(value))
    }

    /// Calls `then` when the guest has written the value.
    pub fn on_value(self, then: impl FnOnce(T) + 'static)
    where
        T: Lift,
    {
        let sink = Sink::Elements(Typed::new(Receiver(Some(then))));
        self.end.take().attach(sink);
    }
}

impl<T: Lower + 'static> Resolver<T> {
    /// A future, and what resolves it.
    #[must_use]
    pub fn new() -> (Resolver<T>, FutureReader<T>) {
        let resolved = Rc::new(RefCell::new(Resolved {
            value: None,
            waker: None,
        }));
        let awaited = Rc::clone(&resolved);
        let future = poll_fn(move |cx| {
            let mut resolved = awaited.borrow_mut();
            if let Some(value) = resolved.value.take() {
                return Poll::Ready(value);
            }
            resolved.waker = Some(cx.waker().clone());
            Poll::Pending
        });
        (Resolver(resolved), FutureReader::of(future))
    }

    pub fn resolve(self, value: T) {
        let waker = {
            let mut resolved = self.0.borrow_mut();
            resolved.value = Some(value);
            resolved.waker.take()
        };
        if let Some(waker) = waker {
            waker.wake();
        }
    }
}

macro_rules! readers {
    ($( $type:ident $field:ident $family:ident $open:literal )*) => {
        $(
            impl<T: Value + 'static> Value for $type<T> {
                const LAYOUT: Layout = Layout::number(4);

                #[cfg(test)]
                fn describe(text: &mut String) {
                    text.push_str($open);
                    T::describe(text);
                    text.push('>');
                }
            }

            impl<T: Value + 'static> Lift for $type<T> {
                fn lift_flat(call: &mut Call<'_>, slots: &mut Slots<'_>) -> $type<T> {
                    let handle = slots.take_u32();
                    $type {
                        end: Reader::lift(call, Family::$family, element::<T>(), handle),
                        $field: PhantomData,
                    }
                }

                fn load(call: &mut Call<'_>, at: u64) -> $type<T> {
                    let handle = u32::load(call, at);
                    $type {
                        end: Reader::lift(call, Family::$family, element::<T>(), handle),
                        $field: PhantomData,
                    }
                }
            }

            impl<T: Value + 'static> Lower for $type<T> {
                fn lower_flat(self, call: &mut Call<'_>, slots: &mut Slots<'_>) {
                    *slots.next_slot() = self.end.lower(call).into();
                }

                fn store(self, call: &mut Call<'_>, at: u64) {
                    self.end.lower(call).store(call, at);
                }
            }
        )*
    };
}

readers! {
    StreamReader element Stream "stream<"
    FutureReader value Future "future<"
}
