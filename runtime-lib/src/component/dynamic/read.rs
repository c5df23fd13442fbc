//! WAVE text to values, by type: the notation of `wasmtime run --invoke` and of the crate
//! wasm-wave, described in its README.
//!
//! Text is read only as far as its type asks for, so that nesting is limited by the type.

use std::str::FromStr;

use super::value::{KEYWORDS, Value, kind_name, unique};
use crate::component::types::Type;
use wasmelt_abi::TypeKind;

/// Reads the text of one value.
///
/// # Errors
/// What is wrong with it, and where.
pub fn value(ty: Type, text: &str) -> Result<Value, String> {
    let mut reader = Reader { text, at: 0 };
    let value = reader.value(ty)?;
    reader.end()?;
    Ok(value)
}

/// Reads a list of values in parentheses. Options at its end may be left out.
///
/// # Errors
/// As [`value`].
pub fn list(types: &[Type], text: &str) -> Result<Vec<Value>, String> {
    let mut reader = Reader { text, at: 0 };
    let mut values = Vec::with_capacity(types.len());
    reader.items('(', ')', |reader| {
        let ty = types
            .get(values.len())
            .ok_or_else(|| reader.wrong("there are more values than parameters"))?;
        values.push(reader.value(*ty)?);
        Ok(())
    })?;
    reader.end()?;
    complete(types, values)
}

/// Adds the options that were left out.
///
/// # Errors
/// When something else is missing.
pub fn complete(types: &[Type], mut values: Vec<Value>) -> Result<Vec<Value>, String> {
    let given = values.len();
    for ty in types.iter().skip(given) {
        if ty.kind() != TypeKind::Option {
            return Err(format!(
                "{} argument{} expected, but {given} {} given",
                types.len(),
                if types.len() == 1 { "" } else { "s" },
                if given == 1 { "was" } else { "were" },
            ));
        }
        values.push(Value::Case(0, None));
    }
    Ok(values)
}

struct Reader<'t> {
    text: &'t str,
    at: usize,
}

impl<'t> Reader<'t> {
    fn value(&mut self, ty: Type) -> Result<Value, String> {
        Ok(match ty.kind() {
            TypeKind::Bool => match self.keyword() {
                Some("true") => Value::Bool(true),
                Some("false") => Value::Bool(false),
                _ => return Err(self.expected(ty)),
            },
            TypeKind::S8 => Value::Signed(self.number::<i8>(ty)?.into()),
            TypeKind::S16 => Value::Signed(self.number::<i16>(ty)?.into()),
            TypeKind::S32 => Value::Signed(self.number::<i32>(ty)?.into()),
            TypeKind::S64 => Value::Signed(self.number(ty)?),
            TypeKind::U8 => Value::Unsigned(self.number::<u8>(ty)?.into()),
            TypeKind::U16 => Value::Unsigned(self.number::<u16>(ty)?.into()),
            TypeKind::U32 => Value::Unsigned(self.number::<u32>(ty)?.into()),
            TypeKind::U64 => Value::Unsigned(self.number(ty)?),
            TypeKind::F32 => Value::F32(self.number(ty)?),
            TypeKind::F64 => Value::F64(self.number(ty)?),
            TypeKind::Char => Value::Char(self.char(ty)?),
            TypeKind::String => Value::String(self.string(ty)?),
            TypeKind::List | TypeKind::FixedList => self.elements(ty)?,
            TypeKind::Record => self.record(ty)?,
            TypeKind::Tuple => self.tuple(ty)?,
            TypeKind::Map => self.map(ty)?,
            TypeKind::Variant | TypeKind::Enum => self.variant(ty)?,
            TypeKind::Option | TypeKind::Result => self.option_or_result(ty)?,
            TypeKind::Flags => self.flags(ty)?,
            TypeKind::Own
            | TypeKind::Borrow
            | TypeKind::Stream
            | TypeKind::Future
            | TypeKind::ErrorContext => {
                return Err(format!("{} cannot be given as text", kind_name(ty)));
            }
        })
    }

    fn elements(&mut self, ty: Type) -> Result<Value, String> {
        let mut values = Vec::new();
        self.items('[', ']', |reader| {
            values.push(reader.value(ty.element())?);
            Ok(())
        })?;
        if ty.kind() == TypeKind::FixedList && values.len() != ty.fixed_len() as usize {
            return Err(self.wrong(&format!("the list has to have {} elements", ty.fixed_len())));
        }
        Ok(Value::Sequence(values))
    }

    fn tuple(&mut self, ty: Type) -> Result<Value, String> {
        let types: Vec<Type> = ty.members().flatten().collect();
        let mut values = Vec::with_capacity(types.len());
        self.items('(', ')', |reader| {
            let ty = types.get(values.len());
            let ty = ty.ok_or_else(|| reader.wrong("the tuple has fewer values"))?;
            values.push(reader.value(*ty)?);
            Ok(())
        })?;
        if values.len() != types.len() {
            return Err(self.wrong(&format!("the tuple has {} values", types.len())));
        }
        Ok(Value::Sequence(values))
    }

    fn record(&mut self, ty: Type) -> Result<Value, String> {
        let mut fields: Vec<Option<Value>> = (0..ty.member_count()).map(|_| None).collect();
        let start = self.at;
        if !self.symbols(&["{", ":", "}"]) {
            self.items('{', '}', |reader| {
                let name = reader.label().ok_or_else(|| reader.expected(ty))?;
                let position = ty.position(name);
                let slot = position.and_then(|position| fields.get_mut(position as usize));
                let (Some(position), Some(slot)) = (position, slot) else {
                    return Err(reader.wrong(&format!("the record has no field `{name}`")));
                };
                reader.symbol(':')?;
                if slot.is_some() {
                    return Err(reader.wrong(&format!("the field `{name}` is given twice")));
                }
                let field = ty.member(position).expect("fields have types");
                *slot = Some(reader.value(field)?);
                Ok(())
            })?;
            if fields.iter().all(Option::is_none) {
                self.at = start;
                return Err(self.wrong("a record without fields is written `{:}`"));
            }
        }
        let mut values = Vec::with_capacity(fields.len());
        for (position, field) in (0..).zip(fields) {
            let left_out = || {
                let kind = ty.member(position)?.kind();
                (kind == TypeKind::Option).then_some(Value::Case(0, None))
            };
            values.push(field.or_else(left_out).ok_or_else(|| {
                self.wrong(&format!("the field `{}` is missing", ty.name(position)))
            })?);
        }
        Ok(Value::Sequence(values))
    }

    /// A map may also be given as the list of its entries, with all of them kept: scripts write it
    /// so.
    fn map(&mut self, ty: Type) -> Result<Value, String> {
        let value = ty.member(1).expect("a map has values");
        let mut entries = Vec::new();
        if self.next_is('[') {
            self.items('[', ']', |reader| {
                reader.symbol('(')?;
                let key = reader.value(ty.element())?;
                reader.symbol(',')?;
                entries.push(Value::Sequence(vec![key, reader.value(value)?]));
                reader.symbol(')')
            })?;
            return Ok(Value::Sequence(entries));
        }
        if !self.symbols(&["{", ":", "}"]) {
            self.items('{', '}', |reader| {
                let key = reader.value(ty.element())?;
                reader.symbol(':')?;
                entries.push(Value::Sequence(vec![key, reader.value(value)?]));
                Ok(())
            })?;
        }
        Ok(Value::Sequence(unique(&entries).cloned().collect()))
    }

    fn variant(&mut self, ty: Type) -> Result<Value, String> {
        if self
            .peek_label()
            .is_some_and(|label| KEYWORDS.contains(&label))
        {
            return Err(self.expected(ty));
        }
        let name = self.label().ok_or_else(|| self.expected(ty))?;
        let case = ty
            .position(name)
            .ok_or_else(|| self.wrong(&format!("there is no case `{name}`")))?;
        self.payload(ty, case)
    }

    /// The payload of a case whose name has been read.
    fn payload(&mut self, ty: Type, case: u32) -> Result<Value, String> {
        let Some(payload) = ty.case(case) else {
            return Ok(Value::Case(case, None));
        };
        self.symbol('(')?;
        let payload = self.value(payload)?;
        self.symbol(')')?;
        Ok(Value::Case(case, Some(Box::new(payload))))
    }

    /// A value of what the first case of a result or an option's `some` holds may stand for it,
    /// unless that is an option or a result itself.
    fn option_or_result(&mut self, ty: Type) -> Result<Value, String> {
        let (case, flat) = match (ty.kind(), self.peek_label()) {
            (TypeKind::Option, Some("none")) => (Some(0), 1),
            (TypeKind::Option, Some("some")) => (Some(1), 1),
            (TypeKind::Option, _) => (None, 1),
            (_, Some("ok")) => (Some(0), 0),
            (_, Some("err")) => (Some(1), 0),
            _ => (None, 0),
        };
        if let Some(case) = case {
            self.label();
            return self.payload(ty, case);
        }
        match ty.case(flat) {
            Some(payload) if !matches!(payload.kind(), TypeKind::Option | TypeKind::Result) => {
                let payload = self.value(payload)?;
                Ok(Value::Case(flat, Some(Box::new(payload))))
            }
            _ => Err(self.expected(ty)),
        }
    }

    fn flags(&mut self, ty: Type) -> Result<Value, String> {
        let mut set = 0_u32;
        self.items('{', '}', |reader| {
            let name = reader.label().ok_or_else(|| reader.expected(ty))?;
            let flag = ty
                .position(name)
                .ok_or_else(|| reader.wrong(&format!("there is no flag `{name}`")))?;
            if set >> flag & 1 != 0 {
                return Err(reader.wrong(&format!("the flag `{name}` is given twice")));
            }
            set |= 1 << flag;
            Ok(())
        })?;
        Ok(Value::Flags(set))
    }

    /// Comma-separated items between two symbols; a comma behind the last one is fine.
    fn items(
        &mut self,
        open: char,
        close: char,
        mut item: impl FnMut(&mut Self) -> Result<(), String>,
    ) -> Result<(), String> {
        self.symbol(open)?;
        loop {
            if self.next_is(close) {
                return self.symbol(close);
            }
            item(self)?;
            if self.next_is(close) {
                return self.symbol(close);
            }
            self.symbol(',')?;
        }
    }

    fn number<T: FromStr>(&mut self, ty: Type) -> Result<T, String> {
        let rest = self.rest();
        let len = match rest.strip_prefix("-inf") {
            Some(_) => 4,
            None => match self.peek_label() {
                Some(word @ ("inf" | "nan")) => word.len(),
                _ => number_len(rest),
            },
        };
        let number = rest
            .get(..len)
            .and_then(|text| text.parse().ok())
            .ok_or_else(|| self.expected(ty))?;
        self.at += len;
        Ok(number)
    }

    fn char(&mut self, ty: Type) -> Result<char, String> {
        let rest = self.rest();
        let inner = rest.strip_prefix('\'').ok_or_else(|| self.expected(ty))?;
        let (c, len) = match inner.chars().next() {
            Some('\\') => unescaped(inner).ok_or_else(|| self.wrong("unknown escape"))?,
            Some(c) if c != '\'' && c != '\n' => (c, c.len_utf8()),
            _ => return Err(self.expected(ty)),
        };
        if !inner.get(len..).is_some_and(|rest| rest.starts_with('\'')) {
            return Err(self.expected(ty));
        }
        self.at += len + 2;
        Ok(c)
    }

    fn string(&mut self, ty: Type) -> Result<String, String> {
        let rest = self.rest();
        if let Some(inner) = rest.strip_prefix("\"\"\"") {
            let len = inner
                .find("\"\"\"")
                .ok_or_else(|| self.wrong("the string does not end"))?;
            let text = self.multiline(&inner[..len])?;
            self.at += len + 6;
            return Ok(text);
        }
        let inner = rest.strip_prefix('"').ok_or_else(|| self.expected(ty))?;
        let mut escaped = false;
        let len = inner
            .find(|c| {
                let ends = (c == '"' && !escaped) || c == '\n';
                escaped = c == '\\' && !escaped;
                ends
            })
            .filter(|&len| inner[len..].starts_with('"'))
            .ok_or_else(|| self.wrong("the string does not end"))?;
        let text = self.unescape(&inner[..len])?;
        self.at += len + 2;
        Ok(text)
    }

    /// The text between the lines of `"""`, without the indentation of the closing one.
    fn multiline(&self, inner: &str) -> Result<String, String> {
        let mut lines = inner.split('\n');
        let first = lines.next().unwrap_or_default();
        let indent = lines.next_back();
        let Some(indent) = indent.filter(|last| last.chars().all(|c| c == ' ')) else {
            return Err(self.wrong("the closing `\"\"\"` needs a line of its own"));
        };
        if !first.strip_suffix('\r').unwrap_or(first).is_empty() {
            return Err(self.wrong("the opening `\"\"\"` ends its line"));
        }
        let mut text = String::new();
        for (number, line) in lines.enumerate() {
            let line = line
                .strip_prefix(indent)
                .ok_or_else(|| self.wrong("a line of the string is indented too little"))?;
            if number > 0 {
                text.push('\n');
            }
            text.push_str(&self.unescape(line.strip_suffix('\r').unwrap_or(line))?);
        }
        Ok(text)
    }

    fn unescape(&self, mut rest: &str) -> Result<String, String> {
        let mut text = String::with_capacity(rest.len());
        while let Some(start) = rest.find('\\') {
            text.push_str(&rest[..start]);
            let (c, len) = unescaped(&rest[start..]).ok_or_else(|| self.wrong("unknown escape"))?;
            text.push(c);
            rest = &rest[start + len..];
        }
        text.push_str(rest);
        Ok(text)
    }

    /// The next label, without its `%`.
    fn label(&mut self) -> Option<&'t str> {
        let label = self.peek_label()?;
        self.at += label.len();
        Some(label.strip_prefix('%').unwrap_or(label))
    }

    /// The next label as it stands there.
    fn peek_label(&mut self) -> Option<&'t str> {
        let rest = self.rest();
        let name = rest.strip_prefix('%').unwrap_or(rest);
        if !name.starts_with(|c: char| c.is_ascii_alphabetic()) {
            return None;
        }
        let len = name
            .find(|c: char| !c.is_ascii_alphanumeric() && c != '-')
            .unwrap_or(name.len());
        rest.get(..len + rest.len() - name.len())
    }

    /// The next label if it is a keyword.
    fn keyword(&mut self) -> Option<&'t str> {
        let label = self.peek_label().filter(|label| KEYWORDS.contains(label))?;
        self.at += label.len();
        Some(label)
    }

    fn next_is(&mut self, symbol: char) -> bool {
        self.rest().starts_with(symbol)
    }

    fn symbol(&mut self, symbol: char) -> Result<(), String> {
        if !self.next_is(symbol) {
            return Err(self.wrong(&format!("expected `{symbol}`")));
        }
        self.at += symbol.len_utf8();
        Ok(())
    }

    /// Passes these symbols if all of them follow.
    fn symbols(&mut self, symbols: &[&str]) -> bool {
        let start = self.at;
        for symbol in symbols {
            if !self.rest().starts_with(symbol) {
                self.at = start;
                return false;
            }
            self.at += symbol.len();
        }
        true
    }

    /// What follows behind white space and comments.
    fn rest(&mut self) -> &'t str {
        loop {
            let rest = self.text.get(self.at..).unwrap_or_default();
            let token = rest.trim_start_matches([' ', '\t', '\n', '\r']);
            self.at += rest.len() - token.len();
            if !token.starts_with("//") {
                return token;
            }
            self.at += token.find('\n').unwrap_or(token.len());
        }
    }

    fn end(&mut self) -> Result<(), String> {
        if self.rest().is_empty() {
            Ok(())
        } else {
            Err(self.wrong("something follows behind the value"))
        }
    }

    fn expected(&mut self, ty: Type) -> String {
        self.rest();
        self.wrong(&format!("expected {}", kind_name(ty)))
    }

    fn wrong(&self, what: &str) -> String {
        let rest = self.text.get(self.at..).unwrap_or_default();
        match rest.chars().next() {
            None => format!("{what}, but the text ends"),
            Some(_) => format!("{what}, at `{}`", rest.chars().take(20).collect::<String>()),
        }
    }
}

/// Bytes of the number that a text begins with: as in JSON.
fn number_len(text: &str) -> usize {
    let digits = |from: usize| {
        let rest = text.get(from..).unwrap_or_default();
        let len = rest.find(|c: char| !c.is_ascii_digit());
        from + len.unwrap_or(rest.len())
    };
    let follows = |at: usize, symbols: &[char]| {
        let rest = text.get(at..).unwrap_or_default();
        usize::from(rest.starts_with(symbols))
    };
    let start = follows(0, &['-']);
    let mut end = digits(start);
    if end == start {
        return 0;
    }
    if text
        .get(start..end)
        .is_some_and(|int| int.len() > 1 && int.starts_with('0'))
    {
        return start + 1;
    }
    if follows(end, &['.']) == 1 && digits(end + 1) > end + 1 {
        end = digits(end + 1);
    }
    if follows(end, &['e', 'E']) == 1 {
        let exponent = end + 1 + follows(end + 1, &['+', '-']);
        if digits(exponent) > exponent {
            end = digits(exponent);
        }
    }
    end
}

/// The character that an escape at the start of a text stands for, and the bytes it takes.
fn unescaped(text: &str) -> Option<(char, usize)> {
    let escape = text.strip_prefix('\\')?;
    Some(match escape.chars().next()? {
        c @ ('\\' | '\'' | '"') => (c, 2),
        't' => ('\t', 2),
        'n' => ('\n', 2),
        'r' => ('\r', 2),
        'u' => {
            let digits = escape.strip_prefix("u{")?.split('}').next()?;
            let whole = digits.len() + 4;
            let plain = (1..=6).contains(&digits.len())
                && digits.chars().all(|digit| digit.is_ascii_hexdigit())
                && text.get(whole - 1..whole) == Some("}");
            let code = plain.then(|| u32::from_str_radix(digits, 16).ok())??;
            (char::from_u32(code)?, whole)
        }
        _ => return None,
    })
}
