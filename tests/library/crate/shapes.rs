//! The Rust crate that is made of `shapes.wat`: values of every kind, to a component and back.

use shapes::{
    Config, Error, Instance, KindsAccess, KindsColor, KindsEverything, KindsPoint, KindsShape,
};

fn everything() -> KindsEverything {
    KindsEverything {
        yes: true,
        small: 200,
        short: -30000,
        word: 4_000_000_000,
        long: i64::MIN,
        single: 0.1,
        double: -1e300,
        letter: '😀',
        text: "größer".to_owned(),
        color: KindsColor::Green,
        access: KindsAccess::READ | KindsAccess::RUN_IT,
        shape: KindsShape::Polygon(vec![KindsPoint { x: 1, y: 2 }, KindsPoint { x: -3, y: -4 }]),
        names: vec!["one".to_owned(), String::new(), "drei".to_owned()],
        maybe: Some("maybe".to_owned()),
        outcome: Ok(KindsPoint { x: 5, y: 6 }),
        empty: Err(()),
        pair: (9, u64::MAX),
        nested: vec![vec![1, u16::MAX], Vec::new(), vec![7]],
        both: Some(None),
    }
}

fn main() {
    let instance = Instance::new(&Config::default()).expect("there is memory");
    assert_eq!(instance.add(u32::MAX, 3), Ok(2));
    assert_eq!(instance.kinds_half(-3.0), Ok(-1.5));
    assert_eq!(instance.kinds_minus(100), Ok(-100));
    assert_eq!(instance.kinds_negate(true), Ok(false));
    assert_eq!(instance.kinds_next(KindsColor::Blue), Ok(KindsColor::Red));
    let access = instance.kinds_all(KindsAccess::WRITE).expect("no trap");
    assert!(access.contains(KindsAccess::READ | KindsAccess::WRITE) && access.bits() == 7);
    let point = KindsPoint { x: 3, y: -4 };
    let moved = instance.kinds_move_by(&point, 10, 20);
    assert_eq!(moved, Ok(KindsPoint { x: 13, y: 16 }));
    assert_eq!(instance.nothing(), Ok(()));
    let joined = instance.join("größer ", "als nichts");
    assert_eq!(joined.as_deref(), Ok("größer als nichts"));
    assert_eq!(instance.join("", "").as_deref(), Ok(""));
    let numbers: Vec<u32> = (0..100_000).map(|n| n * 7).collect();
    let sum = numbers.iter().map(|&n| u64::from(n)).sum();
    assert_eq!(instance.total(&numbers), Ok(sum));
    let mut value = everything();
    for _ in 0..100 {
        assert_eq!(instance.kinds_same(&value).as_ref(), Ok(&value));
    }
    value.shape = KindsShape::Nothing;
    value.outcome = Err("why".to_owned());
    value.maybe = None;
    assert_eq!(instance.kinds_same(&value).as_ref(), Ok(&value));
    assert_eq!(instance.fail("7"), Ok(Ok(u32::from(b'7'))));
    assert_eq!(instance.fail("no number"), Ok(Err("no number".to_owned())));
    let trap = instance.fail("").expect_err("it traps");
    assert!(matches!(&trap, Error::Trap(text) if text.contains("unreachable")));
    assert_eq!(instance.fail("7"), Err(Error::Ended));
}
