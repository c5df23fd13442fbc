//! Bytes of code that is kept for another build: numbers and lists of them, one behind the other. What
//! is read may be damaged.

pub struct Writer(pub Vec<u8>);

impl Writer {
    pub fn number(&mut self, number: u32) {
        self.0.extend(number.to_le_bytes());
    }

    pub fn count(&mut self, count: usize) {
        self.number(u32::try_from(count).expect("a function's code is below 4 GiB"));
    }

    pub fn pairs(&mut self, pairs: &[(u32, u32)]) {
        self.count(pairs.len());
        for &(first, second) in pairs {
            self.number(first);
            self.number(second);
        }
    }
}

pub struct Reader<'a>(pub &'a [u8]);

impl<'a> Reader<'a> {
    pub fn take(&mut self, count: usize) -> Option<&'a [u8]> {
        let (taken, rest) = self.0.split_at_checked(count)?;
        self.0 = rest;
        Some(taken)
    }

    pub fn array<const N: usize>(&mut self) -> Option<&'a [u8; N]> {
        self.take(N)?.first_chunk()
    }

    pub fn number(&mut self) -> Option<u32> {
        Some(u32::from_le_bytes(*self.array()?))
    }

    /// A count, and as many of what takes at least `bytes` each.
    pub fn list<T>(
        &mut self,
        bytes: usize,
        mut one: impl FnMut(&mut Self) -> Option<T>,
    ) -> Option<Vec<T>> {
        let count = self.number()? as usize;
        if count > self.0.len() / bytes {
            return None;
        }
        (0..count).map(|_| one(self)).collect()
    }

    pub fn pairs(&mut self) -> Option<Vec<(u32, u32)>> {
        self.list(8, |reader| Some((reader.number()?, reader.number()?)))
    }
}
