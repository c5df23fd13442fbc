//! The Rust crate that is made of `relay.wat`, whose imports are a trait that is implemented here.

use relay::{
    Config, Error, Failure, Imports, Instance, KindsColor, KindsEverything, KindsPoint, KindsShape,
    ThingsThing,
};
use std::cell::RefCell;
use std::rc::Rc;

#[derive(Default)]
struct Things {
    names: Vec<String>,
    dropped: Vec<u32>,
}

struct Host(Rc<RefCell<Things>>);

impl Imports for Host {
    fn kinds_same(&mut self, it: KindsEverything) -> Result<KindsEverything, Failure> {
        Ok(it)
    }

    fn kinds_join(&mut self, a: String, b: String) -> Result<String, Failure> {
        match b.as_str() {
            "panic" => panic!("a panic is a trap"),
            _ => Ok(a + &b),
        }
    }

    fn kinds_next(&mut self, _: KindsColor, minus: i8, half: f32) -> Result<KindsColor, Failure> {
        assert_eq!((minus, half), (-100, 0.5));
        Ok(KindsColor::Blue)
    }

    fn kinds_parse(&mut self, text: String) -> Result<Result<u32, String>, Failure> {
        Ok(text.parse().map_err(|_| text))
    }

    fn kinds_nothing(&mut self) -> Result<(), Failure> {
        Err(Failure(-7))
    }

    fn kinds_total(&mut self, numbers: Vec<u32>) -> Result<u64, Failure> {
        Ok(numbers.into_iter().map(u64::from).sum())
    }

    fn default(&mut self, n: u32) -> Result<u32, Failure> {
        Ok(n + 1)
    }

    fn things_thing_new(&mut self, name: String) -> Result<ThingsThing, Failure> {
        let names = &mut self.0.borrow_mut().names;
        names.push(name);
        Ok(ThingsThing {
            rep: names.len() as u32 - 1,
        })
    }

    fn things_thing_name(&mut self, this: ThingsThing) -> Result<String, Failure> {
        Ok(self.0.borrow().names[this.rep as usize].clone())
    }

    fn things_thing_heavier(
        &mut self,
        a: ThingsThing,
        b: ThingsThing,
    ) -> Result<Option<ThingsThing>, Failure> {
        let len = |thing: ThingsThing| self.0.borrow().names[thing.rep as usize].len();
        Ok((len(a) > len(b)).then_some(a))
    }

    fn things_thing_drop(&mut self, thing: ThingsThing) {
        self.0.borrow_mut().dropped.push(thing.rep);
    }
}

fn main() {
    let things = Rc::new(RefCell::new(Things::default()));
    let new = || Instance::new(&Config::default(), Host(things.clone())).expect("there is memory");
    let instance = new();
    let value = KindsEverything {
        yes: true,
        small: 200,
        short: -30000,
        word: 4_000_000_000,
        long: i64::MIN,
        single: 0.1,
        double: -1e300,
        letter: '😀',
        text: "text".to_owned(),
        color: KindsColor::Green,
        access: Default::default(),
        shape: KindsShape::Polygon(vec![KindsPoint { x: 1, y: 2 }]),
        names: vec!["one".to_owned(), String::new()],
        maybe: Some("maybe".to_owned()),
        outcome: Err("why".to_owned()),
        empty: Err(()),
        pair: (9, u64::MAX),
        nested: vec![vec![1, u16::MAX], Vec::new()],
        both: Some(None),
    };
    for _ in 0..100 {
        assert_eq!(instance.same(&value).as_ref(), Ok(&value));
    }
    assert_eq!(instance.join("größer ", "als").as_deref(), Ok("größer als"));
    assert_eq!(instance.next(KindsColor::Red, -100, 0.5), Ok(KindsColor::Blue));
    assert_eq!(instance.parse("77"), Ok(Ok(77)));
    assert_eq!(instance.parse("none"), Ok(Err("none".to_owned())));
    assert_eq!(instance.total(&[1, 2, u32::MAX]), Ok(u64::from(u32::MAX) + 3));
    assert_eq!(instance.default(41), Ok(42));
    assert_eq!(instance.name_of_new("stone").as_deref(), Ok("stone"));
    assert_eq!(things.borrow().dropped, [1, 0]);
    let own = ThingsThing { rep: 0 };
    assert_eq!(instance.name_of(own).as_deref(), Ok("stone"));
    instance.keep(own).expect("no trap");
    assert_eq!(instance.kept_name().as_deref(), Ok("stone"));
    assert_eq!(instance.give_back(), Ok(own));
    let failed = instance.nothing().expect_err("it fails");
    assert!(matches!(&failed, Error::Trap(text) if text.contains("status -7")));
    let other = new();
    std::panic::set_hook(Box::new(|_| {}));
    assert!(matches!(other.join("", "panic"), Err(Error::Trap(_))));
    assert_eq!(other.default(1), Err(Error::Ended));
}
