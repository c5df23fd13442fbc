//! The Rust crate that is made of `counters.wat`: resources of a component.

use counters::{Config, CountingCounter, Error, Instance};

fn main() {
    let instance = Instance::new(&Config::default()).expect("there is memory");
    let first = CountingCounter::new(&instance, 40).expect("no trap");
    let second = CountingCounter::new(&instance, 100).expect("no trap");
    assert_eq!(first.step(2), Ok(42));
    assert_eq!(CountingCounter::sum(&instance, &[&first, &second, &first]), Ok(184));
    assert_eq!(instance.counting_live(), Ok(2));
    let joined = CountingCounter::join(&instance, first, second).expect("no trap");
    assert_eq!((joined.step(0), instance.counting_live()), (Ok(142), Ok(1)));
    drop(joined);
    assert_eq!(instance.counting_live(), Ok(0));
    let several = instance.counting_several(10).expect("no trap");
    assert_eq!((several.len(), instance.counting_live()), (10, Ok(10)));
    drop(several);
    assert!(matches!(instance.counting_maybe(0), Ok(None)));
    let maybe = instance.counting_maybe(5).expect("no trap").expect("a counter");
    assert_eq!((maybe.step(1), instance.counting_live()), (Ok(6), Ok(1)));
    // A resource keeps the instance.
    drop(instance);
    assert_eq!(maybe.step(1), Ok(7));
    assert!(matches!(maybe.fail(), Err(Error::Trap(_))));
    assert_eq!(maybe.step(1), Err(Error::Ended));
}
