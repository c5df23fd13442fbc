//! Which capabilities a program's imports need, whether it was granted them, and by which flag.

use wasmelt_compiler::Policy;

use crate::diagnostic::Diagnostic;

/// Something that a program can do only when it is granted.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Capability {
    Filesystem,
    Environment,
    Sockets,
    NameLookup,
    Http,
    Blobstore,
}

impl Capability {
    pub(crate) const ALL: [Capability; 6] = [
        Capability::Filesystem,
        Capability::Environment,
        Capability::Sockets,
        Capability::NameLookup,
        Capability::Http,
        Capability::Blobstore,
    ];

    /// What the host function `name` of `module`, or of an interface, needs; none when it works
    /// without a grant.
    pub(crate) fn of(module: &str, name: &str) -> Option<Capability> {
        match module.split('@').next()? {
            "wasi_snapshot_preview1" | "wasi_unstable" => match name {
                "environ_get" => Some(Capability::Environment),
                _ if name.starts_with("path_") => Some(Capability::Filesystem),
                _ if name.starts_with("sock_") => Some(Capability::Sockets),
                _ => None,
            },
            "wasi:cli/environment" if name == "get-environment" => Some(Capability::Environment),
            // Descriptors of files come from these alone; every program asks for the directories.
            "wasi:filesystem/types" if name.ends_with("-at") => Some(Capability::Filesystem),
            "wasi:sockets/tcp-create-socket" | "wasi:sockets/udp-create-socket" => {
                Some(Capability::Sockets)
            }
            // As WASI 0.3 makes them.
            "wasi:sockets/types" if name.ends_with("-socket.create") => Some(Capability::Sockets),
            "wasi:sockets/ip-name-lookup" if name == "resolve-addresses" => {
                Some(Capability::NameLookup)
            }
            "wasi:http/outgoing-handler" | "wasi:http/client" => Some(Capability::Http),
            "wasi:blobstore/blobstore" => Some(Capability::Blobstore),
            _ => None,
        }
    }

    /// As in "imports …".
    pub(crate) fn name(self) -> &'static str {
        match self {
            Capability::Filesystem => "the filesystem",
            Capability::Environment => "the environment",
            Capability::Sockets => "sockets",
            Capability::NameLookup => "name lookup",
            Capability::Http => "requests of HTTP",
            Capability::Blobstore => "containers of objects",
        }
    }

    /// The flag that grants it.
    pub(crate) fn flag(self) -> &'static str {
        match self {
            Capability::Filesystem => "--dir .",
            Capability::Environment => "--env NAME",
            Capability::Sockets => "-S inherit-network",
            Capability::NameLookup => "-S allow-ip-name-lookup",
            Capability::Http => "-S http",
            Capability::Blobstore => "-S blobstore-dir=DIR",
        }
    }

    fn is_granted(self, policy: &Policy) -> bool {
        match self {
            Capability::Filesystem => !policy.dirs.is_empty() || !policy.embedded.is_empty(),
            Capability::Environment => policy.inherit_env || !policy.env.is_empty(),
            Capability::Sockets => policy.inherit_network,
            Capability::NameLookup => policy.allow_ip_name_lookup,
            Capability::Http => policy.grants_http(),
            Capability::Blobstore => policy.blobstore_dir.is_some(),
        }
    }
}

/// The capabilities that these imports need, in a fixed order.
pub(crate) fn needed(imports: &[(String, String)]) -> Vec<Capability> {
    let needs = |capability| {
        imports
            .iter()
            .any(|(module, name)| Capability::of(module, name) == Some(capability))
    };
    Capability::ALL
        .into_iter()
        .filter(|&capability| needs(capability))
        .collect()
}

/// What to tell the user about a program that imports more than it is granted.
pub(crate) fn missing_grants(
    program: &str,
    imports: &[(String, String)],
    policy: &Policy,
) -> Option<Diagnostic> {
    let missing: Vec<Capability> = needed(imports)
        .into_iter()
        .filter(|capability| !capability.is_granted(policy))
        .collect();
    // Most languages' libraries import the environment whether the program reads it or not.
    if missing.is_empty() || missing == [Capability::Environment] {
        return None;
    }
    let names: Vec<&str> = missing.iter().map(|capability| capability.name()).collect();
    let flags: Vec<String> = missing
        .iter()
        .map(|capability| format!("`{}`", capability.flag()))
        .collect();
    let what = match &*names {
        [one] => (*one).to_owned(),
        [first @ .., last] => format!("{} and {last}", first.join(", ")),
        [] => unreachable!("there is at least one"),
    };
    let message = format!("`{program}` imports {what}, which it is not granted");
    let all = match *missing {
        // A native program knows no containers.
        [Capability::Blobstore] => "",
        _ => ", or everything a native program has with `-A`",
    };
    let flags = flags.join(", ");
    Some(Diagnostic::information(message).help(format!("grant with {flags}{all}")))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn imports(names: &[&str]) -> Vec<(String, String)> {
        names
            .iter()
            .map(|name| (String::from("wasi_snapshot_preview1"), (*name).into()))
            .collect()
    }

    #[test]
    fn only_what_matters_is_told() {
        let none = Policy::default();
        assert_eq!(
            missing_grants("app", &imports(&["fd_write", "environ_get"]), &none),
            None
        );
        let files = imports(&["path_open", "environ_get"]);
        let told = missing_grants("app", &files, &none).unwrap();
        assert_eq!(
            told.message,
            "`app` imports the filesystem and the environment, which it is not granted"
        );
        let granted = Policy {
            inherit_env: true,
            ..Policy::default()
        };
        let told = missing_grants("app", &files, &granted).unwrap();
        assert_eq!(
            told.message,
            "`app` imports the filesystem, which it is not granted"
        );
    }

    #[test]
    fn interfaces_of_any_version_are_known() {
        let imports = [
            ("wasi:filesystem/preopens@0.2.6", "get-directories"),
            ("wasi:filesystem/types@0.2.6", "[method]descriptor.stat"),
            ("wasi:sockets/tcp-create-socket", "create-tcp-socket"),
            ("wasi:sockets/ip-name-lookup@0.2.0", "resolve-addresses"),
            ("wasi:cli/environment@0.2.12", "get-arguments"),
        ];
        let imports = imports.map(|(module, name)| (module.to_owned(), name.to_owned()));
        assert_eq!(
            needed(&imports),
            [Capability::Sockets, Capability::NameLookup]
        );
        let told = missing_grants("app", &imports, &Policy::default()).unwrap();
        assert_eq!(
            told.message,
            "`app` imports sockets and name lookup, which it is not granted"
        );
        let opens = (
            String::from("wasi:filesystem/types@0.2.6"),
            String::from("[method]descriptor.open-at"),
        );
        assert_eq!(needed(&[opens]), [Capability::Filesystem]);
    }
}
