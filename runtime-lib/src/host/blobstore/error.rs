//! Why a store does not do what it was asked.

use crate::host;

/// Longer names are refused. The large services that keep objects have this limit too.
pub const NAME_BYTES_MAX: usize = 1024;

/// Why a store did not do what it was asked.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Error {
    NoContainer,
    ContainerExists,
    NoObject,
    NameTooLong,
    /// The store's directory cannot be opened.
    NoStore(host::Error),
    System(host::Error),
}

pub type Result<T> = std::result::Result<T, Error>;

impl From<host::Error> for Error {
    fn from(error: host::Error) -> Error {
        Error::System(error)
    }
}

impl Error {
    /// For people.
    #[must_use]
    pub fn text(&self) -> String {
        let (what, error) = match self {
            Error::NoContainer => return String::from("there is no such container"),
            Error::ContainerExists => return String::from("the container is there already"),
            Error::NoObject => return String::from("there is no such object"),
            Error::NameTooLong => {
                return format!("a name has more than {NAME_BYTES_MAX} bytes");
            }
            Error::NoStore(error) => ("the directory of the containers cannot be opened", error),
            Error::System(error) => ("the system refuses it", error),
        };
        format!("{what}: {}", error.name())
    }
}
