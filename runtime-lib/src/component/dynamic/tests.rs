//! Text to values and back, by types made by hand.

use std::ptr::null;

use super::{Value, complete, lift, list, show, value};
use crate::component::tests::{Guest, trap_text};
use crate::component::types::Type;
use wasmelt_abi::{Slice, TypeDesc, TypeKind, TypeMember};

fn leaked<T>(items: Vec<T>) -> Slice<T> {
    let items = Box::leak(items.into_boxed_slice());
    Slice {
        start: items.as_ptr(),
        len: items.len() as u64,
    }
}

/// A type with these members; sizes do not matter for text.
fn ty(kind: TypeKind, members: &[(&'static str, Option<Type>)]) -> Type {
    sized(kind, 0, members)
}

fn sized(kind: TypeKind, len: u32, members: &[(&'static str, Option<Type>)]) -> Type {
    let members = members.iter().map(|(name, ty)| TypeMember {
        name: leaked(name.as_bytes().to_vec()),
        ty: ty.map_or(null(), Type::desc),
    });
    let desc = Box::leak(Box::new(TypeDesc {
        kind: kind as u32,
        len,
        bytes: [0; 2],
        align: [1; 2],
        flat_len: 0,
        definer: 0,
        members: leaked(members.collect()),
    }));
    Type::at(desc).unwrap()
}

fn plain(kind: TypeKind) -> Type {
    ty(kind, &[])
}

fn of(kind: TypeKind, member: Type) -> Type {
    ty(kind, &[("", Some(member))])
}

/// What a text is read as and shown again.
fn again(ty: Type, text: &str) -> Result<String, String> {
    value(ty, text).map(|value| show(ty, &value))
}

#[track_caller]
fn same(ty: Type, texts: &[&str]) {
    for text in texts {
        assert_eq!(again(ty, text).as_deref(), Ok(*text));
    }
}

#[track_caller]
fn becomes(ty: Type, pairs: &[(&str, &str)]) {
    for (text, expected) in pairs {
        assert_eq!(again(ty, text).as_deref(), Ok(*expected), "{text}");
    }
}

#[track_caller]
fn refused(ty: Type, texts: &[&str]) {
    for text in texts {
        assert!(again(ty, text).is_err(), "{text}");
    }
}

#[test]
fn numbers() {
    same(plain(TypeKind::Bool), &["true", "false"]);
    refused(plain(TypeKind::Bool), &["1", "True", "%true", ""]);
    same(plain(TypeKind::S8), &["-128", "0", "127"]);
    refused(
        plain(TypeKind::S8),
        &[
            "128", "-129", "+1", "1.0", "1e1", "01", "0x1", "- 1", "1 2", "nan", "1a",
        ],
    );
    same(plain(TypeKind::U64), &["18446744073709551615"]);
    refused(plain(TypeKind::U64), &["18446744073709551616", "-1"]);
    same(plain(TypeKind::S64), &["-9223372036854775808"]);
    same(plain(TypeKind::U32), &["4294967295"]);
    same(
        plain(TypeKind::F32),
        &["1", "-0", "0.1", "nan", "inf", "-inf"],
    );
    becomes(
        plain(TypeKind::F64),
        &[("1e3", "1000"), ("2.50", "2.5"), (" 1E-2 // small", "0.01")],
    );
    refused(
        plain(TypeKind::F64),
        &[".5", "5.", "1e", "-nan", "infinity"],
    );
}

#[test]
fn characters_and_strings() {
    same(
        plain(TypeKind::Char),
        &["'x'", r"'\''", r"'\u{7f}'", "'☃'", r"'\n'"],
    );
    becomes(
        plain(TypeKind::Char),
        &[(r"'\u{41}'", "'A'"), ("'\"'", r#"'\"'"#)],
    );
    refused(
        plain(TypeKind::Char),
        &[
            "''",
            "'ab'",
            "'",
            "x",
            r"'\x'",
            r"'\u{d800}'",
            r"'\u{1234567}'",
            "'''",
        ],
    );
    same(
        plain(TypeKind::String),
        &[r#""""#, r#""a\'b\"c\\d\te""#, r#""\u{0}ü☃""#],
    );
    becomes(
        plain(TypeKind::String),
        &[
            (r#""it's""#, r#""it\'s""#),
            ("\"\"\"\n  one\n    two\\t\n  \"\"\"", r#""one\n  two\t""#),
            ("\"\"\"\r\nx\r\n\"\"\"", r#""x""#),
        ],
    );
    refused(
        plain(TypeKind::String),
        &[
            "\"",
            "\"a\nb\"",
            "a",
            r#""\q""#,
            "\"\"\"a\"\"\"",
            "\"\"\"\na\"\"\"",
            r#""a"b"#,
        ],
    );
}

#[test]
fn lists_and_tuples() {
    let bytes = of(TypeKind::List, plain(TypeKind::U8));
    same(bytes, &["[]", "[1]", "[1, 2, 3]"]);
    becomes(bytes, &[(" [ 1 ,2, ] ", "[1, 2]")]);
    refused(
        bytes,
        &["[1 2]", "[,]", "[1,,2]", "[1", "[256]", "{1}", "[1]]"],
    );
    let pair = ty(
        TypeKind::Tuple,
        &[("", Some(plain(TypeKind::U8))), ("", Some(bytes))],
    );
    same(pair, &["(1, [2])"]);
    refused(pair, &["(1)", "(1, [2], 3)", "()"]);
    let fixed = sized(TypeKind::FixedList, 2, &[("", Some(plain(TypeKind::U8)))]);
    same(fixed, &["[1, 2]"]);
    refused(fixed, &["[1]", "[1, 2, 3]"]);
}

#[test]
fn records_and_flags() {
    let maybe = of(TypeKind::Option, plain(TypeKind::U8));
    let record = ty(
        TypeKind::Record,
        &[("a", Some(plain(TypeKind::U8))), ("some-b", Some(maybe))],
    );
    same(record, &["{a: 1}", "{a: 1, some-b: some(2)}"]);
    becomes(
        record,
        &[
            ("{some-b: none, %a: 1,}", "{a: 1}"),
            ("{some-b:2,a:1}", "{a: 1, some-b: some(2)}"),
        ],
    );
    refused(
        record,
        &[
            "{}",
            "{:}",
            "{a: 1, a: 2}",
            "{a: 1, c: 2}",
            "{some-b: 1}",
            "{a 1}",
        ],
    );
    let optional = ty(TypeKind::Record, &[("b", Some(maybe))]);
    same(optional, &["{:}"]);
    refused(optional, &["{}"]);
    let flags = ty(
        TypeKind::Flags,
        &[("read", None), ("ok", None), ("x", None)],
    );
    same(flags, &["{}", "{read}", "{read, ok, x}"]);
    becomes(flags, &[("{x,%read}", "{read, x}")]);
    refused(flags, &["{x, x}", "{y}", "read", "{x: 1}"]);
}

#[test]
fn cases() {
    let colour = ty(TypeKind::Enum, &[("red", None), ("none", None)]);
    same(colour, &["red", "%none"]);
    becomes(colour, &[("%red", "red")]);
    refused(colour, &["none", "blue", "red(1)", "1"]);
    let shape = ty(
        TypeKind::Variant,
        &[
            ("dot", None),
            ("circle", Some(plain(TypeKind::F32))),
            ("err", Some(colour)),
        ],
    );
    same(shape, &["dot", "circle(1.5)", "%err(red)"]);
    refused(shape, &["circle", "dot(1)", "err(red)", "circle(1"]);
    let maybe = of(TypeKind::Option, colour);
    becomes(
        maybe,
        &[
            ("red", "some(red)"),
            ("none", "none"),
            ("some(%none)", "some(%none)"),
        ],
    );
    refused(maybe, &["some", "some()", "none(1)"]);
    let nested = of(TypeKind::Option, maybe);
    same(nested, &["none", "some(none)", "some(some(red))"]);
    refused(nested, &["red"]);
    let outcome = ty(
        TypeKind::Result,
        &[("", Some(plain(TypeKind::U8))), ("", None)],
    );
    becomes(
        outcome,
        &[("1", "ok(1)"), ("ok(1)", "ok(1)"), ("err", "err")],
    );
    refused(outcome, &["ok", "err(1)", "x"]);
    let bare = ty(TypeKind::Result, &[("", None), ("", None)]);
    same(bare, &["ok", "err"]);
    refused(bare, &["1", "ok(1)"]);
}

#[test]
fn maps() {
    let map = ty(
        TypeKind::Map,
        &[
            ("", Some(plain(TypeKind::String))),
            ("", Some(plain(TypeKind::U8))),
        ],
    );
    same(map, &["{}", r#"{"a": 1, "b": 2}"#]);
    becomes(
        map,
        &[
            ("{:}", "{}"),
            (r#"{"a": 1, "b": 2, "\u{61}": 3}"#, r#"{"a": 3, "b": 2}"#),
            (r#"[("a", 1)]"#, r#"{"a": 1}"#),
        ],
    );
    refused(map, &["{a: 1}", r#"{"a"}"#, r#"["a"]"#]);
}

#[test]
fn arguments() {
    let byte = plain(TypeKind::U8);
    let maybe = of(TypeKind::Option, byte);
    let none = Value::Case(0, None);
    assert_eq!(list(&[], "()"), Ok(Vec::new()));
    assert_eq!(
        list(&[byte, maybe], "(1)"),
        Ok(vec![Value::Unsigned(1), none.clone()])
    );
    assert!(list(&[byte, maybe], "()").is_err());
    assert!(list(&[byte], "(1, 2)").is_err());
    assert!(list(&[byte], "(1) 2").is_err());
    assert!(list(&[byte], "1").is_err());
    assert_eq!(
        complete(&[maybe, maybe], Vec::new()),
        Ok(vec![none.clone(), none])
    );
    assert!(value(plain(TypeKind::Own), "1").is_err());
}

/// The type with this layout and so many flat values.
fn laid_out(ty: Type, bytes: u32, align: u32, flat: u32) -> Type {
    // SAFETY: it is that of a type.
    let desc = unsafe { &*ty.desc() };
    let members = Slice {
        start: desc.members.start,
        len: desc.members.len,
    };
    let desc = Box::leak(Box::new(TypeDesc {
        kind: desc.kind,
        len: desc.len,
        bytes: [bytes; 2],
        align: [align; 2],
        flat_len: flat,
        definer: 0,
        members,
    }));
    Type::at(desc).unwrap()
}

fn returned(ty: Type, slots: &[u64]) -> String {
    let mut guest = Guest::new();
    guest.write(100, "héllo".as_bytes());
    guest.write(200, &(1..=17).collect::<Vec<u8>>());
    show(
        ty,
        &lift::lift_result(&mut guest.call(), ty, ty.flat_fits(), slots),
    )
}

#[test]
fn flat_results_of_tasks() {
    let text = laid_out(plain(TypeKind::String), 8, 4, 2);
    let byte = laid_out(plain(TypeKind::U8), 1, 1, 1);
    let bytes = laid_out(of(TypeKind::List, byte), 8, 4, 2);
    let float = laid_out(plain(TypeKind::F64), 8, 8, 1);
    let maybe = laid_out(of(TypeKind::Option, text), 12, 4, 3);
    let pair = sized(TypeKind::FixedList, 2, &[("", Some(byte))]);
    let pair = laid_out(pair, 2, 1, 2);
    let members = [maybe, bytes, pair, float].map(|ty| ("", Some(ty)));
    let all = laid_out(ty(TypeKind::Tuple, &members), 32, 8, 8);
    let half = 0.5_f64.to_bits();
    assert_eq!(
        returned(all, &[1, 100, 6, 200, 3, 7, 8, half]),
        r#"(some("héllo"), [1, 2, 3], [7, 8], 0.5)"#
    );
    // The slots of the case that it is not have anything in them.
    assert_eq!(
        returned(all, &[0, 9, 9, 200, 0, 7, 8, half]),
        "(none, [], [7, 8], 0.5)"
    );
}

#[test]
fn results_of_tasks_with_too_many_flat_values() {
    let byte = laid_out(plain(TypeKind::U8), 1, 1, 1);
    let many = ty(TypeKind::Tuple, &[("", Some(byte)); 17]);
    let many = laid_out(many, 17, 1, 17);
    let expected: Vec<String> = (1..=17).map(|number| number.to_string()).collect();
    assert_eq!(returned(many, &[200]), format!("({})", expected.join(", ")));
    let outside = trap_text(|| _ = returned(many, &[(64 << 10) - 16]));
    assert_eq!(outside, "pointer out of bounds of memory");
}
