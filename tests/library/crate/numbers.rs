//! The Rust crate that is made of `numbers.wat`.

use numbers::{Config, Error, Instance};

fn main() {
    let mut instance = Instance::new(&Config::default()).expect("there is memory");
    assert_eq!(instance.add(40, 2), Ok(42));
    assert_eq!(instance.div_mod(-7, 2), Ok((-3, -1)));
    assert_eq!(instance.mix(-1, 1, 0.5, 0.25), Ok(0.75));
    assert_eq!(instance.swap([7; 16]), Ok([7; 16]));
    assert_eq!(instance.new_(), Ok(9));
    assert_eq!(&instance.memory()[16..21], b"hello");
    instance.memory()[100] = 77;
    assert_eq!(instance.load(100), Ok(77));
    assert_eq!(
        (instance.step(), instance.count(), instance.half()),
        (Ok(1), 1, 0.5)
    );
    let other = std::thread::spawn(move || {
        let trap = instance.fail().expect_err("it traps");
        assert!(
            matches!(&trap, Error::Trap(text) if text.contains("unreachable")),
            "{trap}"
        );
        instance.add(1, 1)
    });
    assert_eq!(other.join().expect("no panic"), Err(Error::Ended));
    let config = Config {
        memory_bytes_max: 1,
        ..Config::default()
    };
    assert!(matches!(Instance::new(&config), Err(Error::NoMemory(_))));
}
