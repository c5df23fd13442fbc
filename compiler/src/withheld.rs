//! Parts of the host that a program is not to have although they are there.

/// What of the host's interfaces is withheld; nothing by default.
#[derive(Clone, Copy, Default, PartialEq, Eq, Debug)]
pub struct Withheld {
    /// All of WASI (`-S cli=n`).
    pub wasi: bool,
    /// `wasi_unstable` (`-S preview0=n`).
    pub p0: bool,
    /// WASI 0.3 (`-S p3=n`).
    pub p3: bool,
    /// `wasi:http` (`-S http=n`).
    pub http: bool,
    /// `wasi:blobstore` (`-S blobstore=n`).
    pub blobstore: bool,
    /// `wasi:config` (`-S config=n`).
    pub config: bool,
    /// `wasi:keyvalue` (`-S keyvalue=n`).
    pub keyvalue: bool,
    /// `wasi:logging` (`-S logging=n`).
    pub logging: bool,
    /// `network-error-code` (`-S network-error-code=n`).
    pub network_error_code: bool,
    /// wasi-threads (`-S threads=n`).
    pub threads: bool,
}

impl Withheld {
    /// By which key of `-S` the function of a module or interface is withheld, if it is.
    pub(crate) fn key_of(self, module: &str, function: &str) -> Option<&'static str> {
        let (interface, version) = module.split_once('@').unwrap_or((module, ""));
        let is_p0 = module == "wasi_unstable";
        let is_wasi = interface.starts_with("wasi:") || interface.starts_with("wasi_") || is_p0;
        let is_p3 = interface.starts_with("wasi:") && version.starts_with("0.3");
        let is_network_error_code =
            interface == "wasi:sockets/network" && function == "network-error-code";
        let rows = [
            (self.wasi && is_wasi, "cli"),
            (self.threads && module == "wasi", "threads"),
            (self.p0 && is_p0, "preview0"),
            (self.p3 && is_p3, "p3"),
            (self.http && interface.starts_with("wasi:http/"), "http"),
            (
                self.blobstore && interface.starts_with("wasi:blobstore/"),
                "blobstore",
            ),
            (
                self.config && interface.starts_with("wasi:config/"),
                "config",
            ),
            (
                self.keyvalue && interface.starts_with("wasi:keyvalue/"),
                "keyvalue",
            ),
            (
                self.logging && interface.starts_with("wasi:logging/"),
                "logging",
            ),
            (
                self.network_error_code && is_network_error_code,
                "network-error-code",
            ),
        ];
        rows.into_iter()
            .find_map(|(is_withheld, key)| is_withheld.then_some(key))
    }
}

#[cfg(test)]
mod tests {
    use super::Withheld;

    #[test]
    fn parts_are_told_apart() {
        let all = Withheld {
            wasi: false,
            p0: true,
            p3: true,
            http: true,
            blobstore: true,
            config: true,
            keyvalue: true,
            logging: true,
            network_error_code: true,
            threads: true,
        };
        let cases = [
            ("wasi_unstable", "fd_read", Some("preview0")),
            ("wasi_snapshot_preview1", "fd_read", None),
            ("wasi:cli/stdin@0.3.0", "read-via-stream", Some("p3")),
            ("wasi:cli/stdin@0.2.3", "get-stdin", None),
            ("wasi:http/types@0.2.0", "f", Some("http")),
            (
                "wasi:sockets/network@0.2.0",
                "network-error-code",
                Some("network-error-code"),
            ),
            (
                "wasi:blobstore/container@0.2.0-draft",
                "[method]container.name",
                Some("blobstore"),
            ),
            ("wasi:config/store@0.2.0-rc.1", "get", Some("config")),
            (
                "wasi:keyvalue/batch@0.2.0-draft",
                "get-many",
                Some("keyvalue"),
            ),
            ("wasi:logging/logging", "log", Some("logging")),
            ("wasi", "thread-spawn", Some("threads")),
            ("demo:cli/x@0.3.0", "f", None),
        ];
        for (module, function, key) in cases {
            assert_eq!(all.key_of(module, function), key, "{module}");
            assert_eq!(Withheld::default().key_of(module, function), None);
        }
        let wasi = Withheld {
            wasi: true,
            ..Withheld::default()
        };
        assert_eq!(
            wasi.key_of("wasi:cli/stdin@0.2.3", "get-stdin"),
            Some("cli")
        );
        assert_eq!(wasi.key_of("env", "f"), None);
    }
}
