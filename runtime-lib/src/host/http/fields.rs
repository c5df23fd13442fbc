//! Fields of messages: names and values with their order, and what a guest may do with them.
//!
//! A name keeps the case in which it was first given; names are compared without case. Fields are
//! shared until they are changed, so that a copy costs nothing.

use std::rc::Rc;

/// Bytes that the fields a guest makes may have, each field counted with [`FIELD_BYTES`] besides.
pub const FIELDS_BYTES_MAX: usize = 128 * 1024;

/// What a field costs beside its name and value.
const FIELD_BYTES: usize = 64;

/// Names that belong to the connection and not to the message, or to whoever speaks for the guest.
const FORBIDDEN: [&str; 9] = [
    "connection",
    "host",
    "http2-settings",
    "keep-alive",
    "proxy-authenticate",
    "proxy-authorization",
    "proxy-connection",
    "transfer-encoding",
    "upgrade",
];

/// Why fields were not changed.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum FieldsError {
    InvalidSyntax,
    Forbidden,
    Immutable,
    TooLarge,
}

/// One field.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Field {
    /// A token.
    pub name: Rc<str>,
    pub value: Vec<u8>,
}

/// The fields of a message, of its header or its trailer.
#[derive(Clone, Default, Debug)]
pub struct Fields {
    fields: Rc<Vec<Field>>,
    /// As [`FIELDS_BYTES_MAX`] counts.
    bytes: usize,
    immutable: bool,
}

impl Fields {
    /// Fields that a guest makes.
    ///
    /// # Errors
    /// As [`Fields::append`].
    pub fn from_list(list: Vec<(String, Vec<u8>)>) -> Result<Fields, FieldsError> {
        let mut fields = Fields::default();
        for (name, value) in list {
            fields.append(&name, value)?;
        }
        Ok(fields)
    }

    /// Fields that have come from elsewhere, with names in lower case as all guests expect. What is
    /// [`is_forbidden`] is left out. The guest cannot change them.
    #[must_use]
    pub fn received(list: impl IntoIterator<Item = (String, Vec<u8>)>) -> Fields {
        let mut fields = Fields {
            immutable: true,
            ..Fields::default()
        };
        for (mut name, value) in list {
            name.make_ascii_lowercase();
            if !is_forbidden(&name) {
                fields.push(name.into(), value);
            }
        }
        fields
    }

    /// All fields, in order.
    pub fn iter(&self) -> impl Iterator<Item = &Field> {
        self.fields.iter()
    }

    /// The values of a name.
    pub fn values<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a [u8]> {
        self.named(name).map(|field| &*field.value)
    }

    fn named<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a Field> {
        let of_name = move |field: &&Field| field.name.eq_ignore_ascii_case(name);
        self.fields.iter().filter(of_name)
    }

    #[must_use]
    pub fn has(&self, name: &str) -> bool {
        self.named(name).next().is_some()
    }

    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.fields.is_empty()
    }

    /// Gives the name these values only, in the place of a new field.
    ///
    /// # Errors
    /// As [`Fields::append`]; nothing is changed then.
    pub fn set(&mut self, name: &str, values: Vec<Vec<u8>>) -> Result<(), FieldsError> {
        check_name(name)?;
        for (index, value) in values.iter().enumerate() {
            check_value(name, value, index > 0)?;
        }
        self.require_mutable()?;
        let mut changed = self.clone();
        changed.remove(name);
        for value in values {
            changed.add(name, value)?;
        }
        *self = changed;
        Ok(())
    }

    /// Adds a field.
    ///
    /// # Errors
    /// [`FieldsError::InvalidSyntax`] for what is no name or no value of it,
    /// [`FieldsError::Forbidden`] for names that a guest does not set, [`FieldsError::Immutable`]
    /// for fields that cannot be changed, [`FieldsError::TooLarge`] beyond [`FIELDS_BYTES_MAX`].
    pub fn append(&mut self, name: &str, value: Vec<u8>) -> Result<(), FieldsError> {
        check_name(name)?;
        check_value(name, &value, self.has(name))?;
        self.require_mutable()?;
        self.add(name, value)
    }

    /// Takes all values of a name out.
    ///
    /// # Errors
    /// As [`Fields::append`], of the name.
    pub fn delete(&mut self, name: &str) -> Result<Vec<Vec<u8>>, FieldsError> {
        check_name(name)?;
        self.require_mutable()?;
        Ok(self.remove(name))
    }

    /// A copy that can be changed.
    #[must_use]
    pub fn to_mutable(&self) -> Fields {
        Fields {
            immutable: false,
            ..self.clone()
        }
    }

    /// The same fields, which can no longer be changed.
    #[must_use]
    pub fn to_immutable(&self) -> Fields {
        Fields {
            immutable: true,
            ..self.clone()
        }
    }

    /// The same, in which these stand for all others of their names. What they are has been checked.
    #[must_use]
    pub fn replaced(&self, by: &[(String, Vec<u8>)]) -> Fields {
        let mut fields = self.clone();
        for (name, _) in by {
            fields.remove(name);
        }
        for (name, value) in by {
            fields.push(name.as_str().into(), value.clone());
        }
        fields
    }

    fn require_mutable(&self) -> Result<(), FieldsError> {
        match self.immutable {
            false => Ok(()),
            true => Err(FieldsError::Immutable),
        }
    }

    fn add(&mut self, name: &str, value: Vec<u8>) -> Result<(), FieldsError> {
        if self.bytes + size(name, &value) > FIELDS_BYTES_MAX {
            return Err(FieldsError::TooLarge);
        }
        let known = self.named(name).next().map(|field| Rc::clone(&field.name));
        self.push(known.unwrap_or_else(|| name.into()), value);
        Ok(())
    }

    fn push(&mut self, name: Rc<str>, value: Vec<u8>) {
        self.bytes += size(&name, &value);
        Rc::make_mut(&mut self.fields).push(Field { name, value });
    }

    fn remove(&mut self, name: &str) -> Vec<Vec<u8>> {
        if !self.has(name) {
            return Vec::new();
        }
        let fields = Rc::make_mut(&mut self.fields);
        let of_name = fields.extract_if(.., |field| field.name.eq_ignore_ascii_case(name));
        let removed: Vec<Field> = of_name.collect();
        let sizes = removed.iter().map(|field| size(&field.name, &field.value));
        self.bytes -= sizes.sum::<usize>();
        removed.into_iter().map(|field| field.value).collect()
    }
}

fn size(name: &str, value: &[u8]) -> usize {
    name.len() + value.len() + FIELD_BYTES
}

/// Whether the name, in any case, is one that a guest neither sets nor sees.
#[must_use]
pub fn is_forbidden(name: &str) -> bool {
    FORBIDDEN
        .iter()
        .any(|forbidden| forbidden.eq_ignore_ascii_case(name))
}

/// `token` of RFC 9110, section 5.6.2.
#[must_use]
pub fn is_token(text: &[u8]) -> bool {
    let is_char = |byte: &u8| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(byte);
    !text.is_empty() && text.iter().all(is_char)
}

/// `field-content` of RFC 9110, section 5.5, with spaces at both ends, which the wire takes away.
#[must_use]
pub fn is_value(value: &[u8]) -> bool {
    let is_char = |byte: &u8| matches!(byte, b'\t' | 0x20..=0x7e | 0x80..);
    value.iter().all(is_char)
}

fn check_name(name: &str) -> Result<(), FieldsError> {
    if !is_token(name.as_bytes()) {
        return Err(FieldsError::InvalidSyntax);
    }
    match is_forbidden(name) {
        true => Err(FieldsError::Forbidden),
        false => Ok(()),
    }
}

/// `again` says that the name has a value already, of which a length has only one.
fn check_value(name: &str, value: &[u8], again: bool) -> Result<(), FieldsError> {
    let is_length = name.eq_ignore_ascii_case("content-length");
    if !is_value(value) || is_length && (again || parse_length(value).is_none()) {
        return Err(FieldsError::InvalidSyntax);
    }
    Ok(())
}

/// The value of `Content-Length`: `1*DIGIT`, nothing else.
#[must_use]
pub fn parse_length(value: &[u8]) -> Option<u64> {
    let digits = !value.is_empty() && value.iter().all(u8::is_ascii_digit);
    let text = digits.then(|| std::str::from_utf8(value).ok()).flatten();
    text?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entries(fields: &Fields) -> Vec<(&str, &[u8])> {
        fields
            .iter()
            .map(|field| (&*field.name, &*field.value))
            .collect()
    }

    #[test]
    fn names_are_compared_without_case_and_keep_the_first() {
        let mut fields = Fields::default();
        fields.append("Foo", b"1".to_vec()).unwrap();
        fields.append("bar", b"2".to_vec()).unwrap();
        fields.append("FOO", b"3".to_vec()).unwrap();
        assert_eq!(
            entries(&fields),
            [("Foo", &b"1"[..]), ("bar", b"2"), ("Foo", b"3")]
        );
        assert_eq!(fields.values("foo").collect::<Vec<_>>(), [b"1", b"3"]);
        assert!(fields.has("fOO") && !fields.has("fo"));
        fields.set("FOO", vec![b"4".to_vec()]).unwrap();
        assert_eq!(entries(&fields), [("bar", &b"2"[..]), ("FOO", b"4")]);
        assert_eq!(fields.delete("BAR"), Ok(vec![b"2".to_vec()]));
        assert_eq!(fields.delete("BAR"), Ok(vec![]));
        fields.set("foo", vec![]).unwrap();
        assert!(fields.is_empty());
        assert_eq!(fields.bytes, 0);
    }

    #[test]
    fn syntax_comes_before_what_is_forbidden_and_that_before_immutability() {
        let fixed = &mut Fields::default().to_immutable();
        let syntax = Err(FieldsError::InvalidSyntax);
        for name in ["", " a", "a:", "a\"", "a\n", "ä", "a b"] {
            assert_eq!(fixed.append(name, vec![]), syntax, "{name:?}");
        }
        for value in [&b"\0"[..], b"\n", b"\r", b"\x7f", b"a\x1fb"] {
            assert_eq!(fixed.append("a", value.to_vec()), syntax, "{value:?}");
        }
        for name in FORBIDDEN {
            let name = name.to_ascii_uppercase();
            let forbidden = Err(FieldsError::Forbidden);
            assert_eq!(fixed.append(&name, b"\n".to_vec()), forbidden);
            assert_eq!(fixed.set(&name, vec![]), forbidden);
            assert_eq!(fixed.delete(&name), Err(FieldsError::Forbidden));
        }
        assert_eq!(fixed.append("a", vec![]), Err(FieldsError::Immutable));
        assert_eq!(fixed.delete("a"), Err(FieldsError::Immutable));
        let mut copy = fixed.to_mutable();
        for value in [&b""[..], b" ", b"\t", b"\x80\xff", b" a b "] {
            copy.append("a", value.to_vec()).unwrap();
        }
        assert_eq!(copy.values("a").nth(4), Some(&b" a b "[..]));
        assert_eq!(copy.append("te", b"trailers".to_vec()), Ok(()));
    }

    #[test]
    fn there_is_one_content_length() {
        let mut fields = Fields::default();
        let syntax = Err(FieldsError::InvalidSyntax);
        for value in ["", "+5", " 5", "5 ", "0x5", "18446744073709551616"] {
            assert_eq!(fields.append("content-length", value.into()), syntax);
        }
        let largest = b"18446744073709551615".to_vec();
        fields.append("Content-Length", largest.clone()).unwrap();
        assert_eq!(fields.append("content-length", largest), syntax);
        assert_eq!(
            fields.set("content-length", vec![b"1".to_vec(), b"1".to_vec()]),
            syntax
        );
        fields.set("content-length", vec![b"7".to_vec()]).unwrap();
        assert_eq!(fields.values("content-length").next(), Some(&b"7"[..]));
    }

    #[test]
    fn fields_have_a_limit() {
        let mut fields = Fields::default();
        let value = vec![b'a'; FIELDS_BYTES_MAX - FIELD_BYTES - 1];
        fields.append("a", value.clone()).unwrap();
        let large = Err(FieldsError::TooLarge);
        assert_eq!(fields.append("b", vec![]), large);
        assert_eq!(fields.set("a", vec![value.clone(), vec![]]), large);
        assert_eq!(fields.values("a").count(), 1, "nothing has changed");
        fields.set("a", vec![value]).unwrap();
        fields.delete("a").unwrap();
        fields.append("b", vec![]).unwrap();
        let many = (0..10_000).map(|_| (String::from("c"), Vec::new()));
        assert_eq!(
            Fields::from_list(many.collect()).err(),
            Some(FieldsError::TooLarge)
        );
    }

    #[test]
    fn received_fields_are_in_lower_case_without_what_is_forbidden() {
        let list = ["Host", "X-Name", "CONNECTION", "Te"];
        let list = list.map(|name| (name.to_owned(), b"v".to_vec()));
        let mut fields = Fields::received(list);
        assert_eq!(entries(&fields), [("x-name", &b"v"[..]), ("te", b"v")]);
        assert_eq!(fields.delete("te"), Err(FieldsError::Immutable));
    }
}
