//! What a program has of WASI's drafts: `wasmelt_abi::DraftPolicy`, which only those have that call
//! functions of theirs.

use super::blob::Address;
use super::program::{Items, Writer};
use crate::options::{EnvVar, Policy};
use std::mem::{offset_of, size_of};
use wasmelt_abi::{DRAFTS_SYMBOL, DraftPolicy, KEYVALUE_FILE_SYMBOL, LogFlags};

/// What the names of interfaces that keep pairs begin with.
const KEYVALUE: [&str; 2] = ["wasi:keyvalue/", "wasi:keyvalue-draft2/"];
/// And of those that keep objects.
const BLOBSTORE: &str = "wasi:blobstore/";
const ALL: [&str; 5] = [
    BLOBSTORE,
    "wasi:config/",
    KEYVALUE[0],
    KEYVALUE[1],
    "wasi:logging/",
];

impl Writer<'_> {
    /// The name of the `DraftPolicy` and where it is, of a program that calls functions of drafts.
    pub(super) fn write_drafts(&mut self) -> (&'static str, Option<u64>) {
        let at = self.calls_host(&ALL).then(|| self.write_draft_policy());
        (DRAFTS_SYMBOL, at)
    }

    fn write_draft_policy(&mut self) -> u64 {
        let policy: &Policy = &self.options.policy;
        let at = self.blob.reserve(size_of::<DraftPolicy>());
        let field = |offset: usize| at + offset as u64;
        let config = self.variables(&policy.config);
        self.slice(field(offset_of!(DraftPolicy, config)), config);
        let pairs = self.variables(&policy.keyvalue.pairs);
        self.slice(field(offset_of!(DraftPolicy, pairs)), pairs);
        let buckets = &policy.keyvalue.buckets;
        self.texts(field(offset_of!(DraftPolicy, buckets)), buckets);
        if let Some(file) = self.keyvalue_file() {
            self.str(field(offset_of!(DraftPolicy, file)), file.as_bytes());
            let provide = Address::Symbol(KEYVALUE_FILE_SYMBOL.to_owned());
            let field = field(offset_of!(DraftPolicy, provide_file));
            self.blob.set_address(field, provide);
        }
        if let Some(dir) = self.blobstore_dir() {
            self.str(field(offset_of!(DraftPolicy, blobs)), dir.as_bytes());
        }
        let level = policy.log.level as u64;
        self.blob
            .set_u64(field(offset_of!(DraftPolicy, log_level)), level);
        let flags = u64::from(policy.log.is_json) * LogFlags::JSON;
        self.blob
            .set_u64(field(offset_of!(DraftPolicy, log_flags)), flags);
        at
    }

    /// The file that a program opens for the pairs that it keeps, if it does.
    pub(super) fn keyvalue_file(&self) -> Option<String> {
        let file = self.options.policy.keyvalue.file.as_ref()?;
        self.calls_host(&KEYVALUE).then(|| file.clone())
    }

    /// The directory that a program keeps containers in, if it does.
    pub(super) fn blobstore_dir(&self) -> Option<String> {
        let dir = self.options.policy.blobstore_dir.as_ref()?;
        self.calls_host(&[BLOBSTORE]).then(|| dir.clone())
    }

    /// Writes an array of `wasmelt_abi::EnvVar`.
    pub(super) fn variables(&mut self, variables: &[EnvVar]) -> Items {
        let array = self.array(variables.len(), size_of::<wasmelt_abi::EnvVar>());
        for (position, variable) in variables.iter().enumerate() {
            let at = array + (position * size_of::<wasmelt_abi::EnvVar>()) as u64;
            let field = |offset: usize| at + offset as u64;
            let name = field(offset_of!(wasmelt_abi::EnvVar, name));
            self.str(name, variable.name.as_bytes());
            if let Some(value) = &variable.value {
                let at = field(offset_of!(wasmelt_abi::EnvVar, value));
                self.str(at, value.as_bytes());
            }
        }
        (Some(array), variables.len())
    }
}
