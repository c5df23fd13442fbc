//! Values of components: as arguments in WAVE text, and as what an answer in WAVE text has to be.

use std::fmt::Write;

use wast::component::WastVal;

/// A value, as its text is put together.
#[derive(Clone, Debug)]
pub enum Value {
    /// A number, a character or a string: only this text.
    Text(String),
    List(Vec<Value>),
    Tuple(Vec<Value>),
    Map(Vec<(Value, Value)>),
    Record(Vec<(String, Value)>),
    /// A case of a variant, enum, option or result.
    Case(String, Option<Box<Value>>),
    Flags(Vec<String>),
}

impl Value {
    #[must_use]
    pub fn of(value: &WastVal<'_>) -> Value {
        let all = |values: &[WastVal<'_>]| values.iter().map(Value::of).collect();
        match value {
            WastVal::Bool(value) => Value::Text(value.to_string()),
            WastVal::U8(value) => Value::Text(value.to_string()),
            WastVal::S8(value) => Value::Text(value.to_string()),
            WastVal::U16(value) => Value::Text(value.to_string()),
            WastVal::S16(value) => Value::Text(value.to_string()),
            WastVal::U32(value) => Value::Text(value.to_string()),
            WastVal::S32(value) => Value::Text(value.to_string()),
            WastVal::U64(value) => Value::Text(value.to_string()),
            WastVal::S64(value) => Value::Text(value.to_string()),
            // Which NaN it is does not survive a call.
            WastVal::F32(value) => Value::Text(match f32::from_bits(value.bits) {
                value if value.is_nan() => "nan".to_owned(),
                value => value.to_string(),
            }),
            WastVal::F64(value) => Value::Text(match f64::from_bits(value.bits) {
                value if value.is_nan() => "nan".to_owned(),
                value => value.to_string(),
            }),
            WastVal::Char(value) => Value::Text(quoted('\'', &value.to_string())),
            WastVal::String(value) => Value::Text(quoted('"', value)),
            WastVal::List(values) => Value::List(all(values)),
            WastVal::Tuple(values) => Value::Tuple(all(values)),
            WastVal::Map(entries) => {
                let entries = entries.iter();
                Value::Map(entries.map(|(k, v)| (Value::of(k), Value::of(v))).collect())
            }
            WastVal::Record(fields) => {
                let fields = fields.iter();
                Value::Record(
                    fields
                        .map(|(name, v)| ((*name).to_owned(), Value::of(v)))
                        .collect(),
                )
            }
            WastVal::Variant(name, payload) => Value::case(&label(name), payload.as_deref()),
            WastVal::Enum(name) => Value::case(&label(name), None),
            WastVal::Option(None) => Value::case("none", None),
            WastVal::Option(Some(value)) => Value::case("some", Some(value)),
            WastVal::Result(Ok(value)) => Value::case("ok", value.as_deref()),
            WastVal::Result(Err(value)) => Value::case("err", value.as_deref()),
            WastVal::Flags(names) => {
                Value::Flags(names.iter().map(|name| (*name).to_owned()).collect())
            }
        }
    }

    fn case(name: &str, payload: Option<&WastVal<'_>>) -> Value {
        Value::Case(
            name.to_owned(),
            payload.map(|payload| Box::new(Value::of(payload))),
        )
    }

    /// The text of an argument.
    #[must_use]
    pub fn text(&self) -> String {
        let texts = |values: &[Value]| values.iter().map(Value::text).collect::<Vec<_>>();
        match self {
            Value::Text(text) => text.clone(),
            Value::List(values) => format!("[{}]", texts(values).join(", ")),
            Value::Tuple(values) => format!("({})", texts(values).join(", ")),
            Value::Map(entries) => {
                let entries = entries.iter();
                let entries = entries.map(|(k, v)| format!("{}: {}", k.text(), v.text()));
                format!("{{{}}}", entries.collect::<Vec<_>>().join(", "))
            }
            Value::Record(fields) => {
                let fields = fields.iter();
                let fields = fields.map(|(name, value)| format!("{name}: {}", value.text()));
                format!("{{{}}}", fields.collect::<Vec<_>>().join(", "))
            }
            Value::Case(name, None) => name.clone(),
            Value::Case(name, Some(payload)) => format!("{name}({})", payload.text()),
            Value::Flags(names) => format!("{{{}}}", names.join(", ")),
        }
    }

    /// Whether an answer is the text of this value.
    #[must_use]
    pub fn matches(&self, answer: &str) -> bool {
        self.strip(answer) == Some("")
    }

    /// What follows the text of this value at the start of `answer`.
    fn strip<'t>(&self, answer: &'t str) -> Option<&'t str> {
        match self {
            Value::Text(text) => answer.strip_prefix(text.as_str()),
            // A script may give a map as the list of its entries.
            Value::List(values) if answer.starts_with('{') => {
                strip_items(answer, ('{', '}'), values, |value, rest| match value {
                    Value::Tuple(entry) => strip_entry(entry.first()?, entry.get(1)?, rest),
                    _ => None,
                })
            }
            Value::List(values) => {
                strip_items(answer, ('[', ']'), values, |value, rest| value.strip(rest))
            }
            Value::Tuple(values) => {
                strip_items(answer, ('(', ')'), values, |value, rest| value.strip(rest))
            }
            Value::Map(entries) => strip_items(answer, ('{', '}'), entries, |(k, v), rest| {
                strip_entry(k, v, rest)
            }),
            Value::Record(fields) => strip_record(fields, answer),
            Value::Case(name, None) => answer.strip_prefix(name.as_str()),
            Value::Case(name, Some(payload)) => {
                let rest = answer.strip_prefix(name.as_str())?.strip_prefix('(')?;
                payload.strip(rest)?.strip_prefix(')')
            }
            Value::Flags(names) => {
                let (set, rest) = answer.strip_prefix('{')?.split_once('}')?;
                let mut set: Vec<&str> = set.split(", ").filter(|name| !name.is_empty()).collect();
                let mut names: Vec<&str> = names.iter().map(String::as_str).collect();
                set.sort_unstable();
                names.sort_unstable();
                (set == names).then_some(rest)
            }
        }
    }
}

/// Fields that are `none` are left out, and a record of which nothing is left is `{:}`.
fn strip_record<'t>(fields: &[(String, Value)], answer: &'t str) -> Option<&'t str> {
    let is_none = |value: &Value| matches!(value, Value::Case(name, None) if name == "none");
    let shown: Vec<&(String, Value)> = fields.iter().filter(|(_, v)| !is_none(v)).collect();
    if shown.is_empty() {
        return answer.strip_prefix("{:}");
    }
    strip_items(answer, ('{', '}'), &shown, |(name, value), rest| {
        value.strip(rest.strip_prefix(name.as_str())?.strip_prefix(": ")?)
    })
}

fn strip_entry<'t>(key: &Value, value: &Value, rest: &'t str) -> Option<&'t str> {
    value.strip(key.strip(rest)?.strip_prefix(": ")?)
}

fn strip_items<'t, T>(
    answer: &'t str,
    (open, close): (char, char),
    items: &[T],
    strip: impl Fn(&T, &'t str) -> Option<&'t str>,
) -> Option<&'t str> {
    let mut rest = answer.strip_prefix(open)?;
    for (position, item) in items.iter().enumerate() {
        if position > 0 {
            rest = rest.strip_prefix(", ")?;
        }
        rest = strip(item, rest)?;
    }
    rest.strip_prefix(close)
}

/// A case that has the name of a keyword has a `%` before it.
fn label(name: &str) -> String {
    let keywords = ["true", "false", "some", "none", "ok", "err", "inf", "nan"];
    let mark = if keywords.contains(&name) { "%" } else { "" };
    format!("{mark}{name}")
}

fn quoted(quote: char, text: &str) -> String {
    let mut quoted = String::from(quote);
    for c in text.chars() {
        let _ = match c {
            '\\' | '"' | '\'' | '\t' | '\r' | '\n' => write!(quoted, "{}", c.escape_default()),
            c if c.is_control() => write!(quoted, "{}", c.escape_unicode()),
            c => write!(quoted, "{}", c.escape_debug()),
        };
    }
    quoted.push(quote);
    quoted
}
