//! Buckets in a file: redb keeps it, a bucket is a table.
//!
//! Each change is a transaction, which is on the disk before the guest goes on. Several processes
//! may have the file open; one of them writes at a time.

use std::cell::OnceCell;
use std::fmt::Display;
use std::rc::Rc;

use redb::{
    Builder, ConcurrencyMode, Database, ReadableDatabase, ReadableTable, TableDefinition,
    TableError,
};

use super::{Bucket, Change, Error, Result};

/// What is kept of the file in memory: a program may have little.
const CACHE_BYTES: usize = 16 << 20;

thread_local! {
    static DATABASE: OnceCell<Rc<Database>> = const { OnceCell::new() };
}

/// Buckets of this thread are in a file from now on.
pub fn provide() {
    super::provide(open);
}

fn open(path: &str, name: &str) -> Result<Rc<dyn Bucket>> {
    let database = DATABASE.with(|known| match known.get() {
        Some(database) => Ok(Rc::clone(database)),
        None => {
            let mut builder = Builder::new();
            builder
                .set_cache_size(CACHE_BYTES)
                .set_concurrency_mode(ConcurrencyMode::MultiWriter);
            let database = Rc::new(builder.create(path).map_err(other)?);
            Ok(Rc::clone(known.get_or_init(|| database)))
        }
    })?;
    let table = format!("bucket:{name}");
    Ok(Rc::new(InFile { database, table }))
}

fn other(error: impl Display) -> Error {
    Error::Other(error.to_string())
}

struct InFile {
    database: Rc<Database>,
    table: String,
}

/// The writable table of a bucket.
type Table<'t> = redb::Table<'t, &'static str, &'static [u8]>;

impl InFile {
    fn definition(&self) -> TableDefinition<'_, &'static str, &'static [u8]> {
        TableDefinition::new(&self.table)
    }

    /// Reads, if there is a table; there is one as soon as something was written.
    fn read<T: Default>(
        &self,
        read: impl FnOnce(&redb::ReadOnlyTable<&'static str, &'static [u8]>) -> Result<T>,
    ) -> Result<T> {
        let transaction = self.database.begin_read().map_err(other)?;
        match transaction.open_table(self.definition()) {
            Ok(table) => read(&table),
            Err(TableError::TableDoesNotExist(_)) => Ok(T::default()),
            Err(error) => Err(other(error)),
        }
    }

    /// Writes, or changes nothing where that fails.
    fn write<T>(&self, write: impl FnOnce(&mut Table<'_>) -> Result<T>) -> Result<T> {
        let transaction = self.database.begin_write().map_err(other)?;
        let written = {
            let mut table = transaction.open_table(self.definition()).map_err(other)?;
            write(&mut table)?
        };
        transaction.commit().map_err(other)?;
        Ok(written)
    }
}

impl Bucket for InFile {
    fn get(&self, key: &str) -> Result<Option<Vec<u8>>> {
        self.read(|table| {
            let found = table.get(key).map_err(other)?;
            Ok(found.map(|value| value.value().to_vec()))
        })
    }

    fn set(&self, pairs: &[(String, Vec<u8>)]) -> Result<()> {
        self.write(|table| {
            for (key, value) in pairs {
                table.insert(&**key, &**value).map_err(other)?;
            }
            Ok(())
        })
    }

    fn delete(&self, keys: &[String]) -> Result<()> {
        self.write(|table| {
            for key in keys {
                table.remove(&**key).map_err(other)?;
            }
            Ok(())
        })
    }

    fn keys(&self) -> Result<Vec<String>> {
        self.read(|table| {
            let pairs = table.iter().map_err(other)?;
            let keys = pairs.map(|pair| Ok(pair.map_err(other)?.0.value().to_owned()));
            keys.collect()
        })
    }

    fn update(&self, key: &str, change: &mut Change<'_>) -> Result<()> {
        let transaction = self.database.begin_write().map_err(other)?;
        {
            let mut table = transaction.open_table(self.definition()).map_err(other)?;
            let found = table.get(key).map_err(other)?;
            let found = found.map(|value| value.value().to_vec());
            let Some(value) = change(found.as_deref())? else {
                // What is not committed changes nothing.
                return Ok(());
            };
            table.insert(key, &*value).map_err(other)?;
        }
        transaction.commit().map_err(other)
    }
}
