//! `wasi:config`, version 0.2.0-rc.1: variables that the build has set or named.

use crate::component::Call;
use crate::host::environment::named;
use crate::variant;
use crate::vm::process::draft_policy;

variant! {
    /// `error`: nothing here can fail.
    #[derive(Clone, PartialEq, Eq, Debug)]
    pub enum Error {
        Upstream(String),
        Io(String),
    }
}

fn pairs() -> impl Iterator<Item = (String, String)> {
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    named(&draft_policy().config).map(move |variable| (text(variable.name), text(variable.value)))
}

/// `get`.
pub fn get(_: &mut Call<'_>, key: String) -> Result<Option<String>, Error> {
    let found = pairs().find(|(name, _)| *name == key);
    Ok(found.map(|(_, value)| value))
}

/// `get-all`.
pub fn get_all(_: &mut Call<'_>) -> Result<Vec<(String, String)>, Error> {
    Ok(pairs().collect())
}
