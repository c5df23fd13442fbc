//! `wasi:filesystem` of WASI 0.2.

use wasmelt_abi::Program;

use crate::host_fns;
use crate::wasi::p2::filesystem;

host_fns! {
    "wasi:filesystem/types" {
        "[method]descriptor.read-via-stream" => filesystem::read_via_stream;
        "[method]descriptor.write-via-stream" => filesystem::write_via_stream;
        "[method]descriptor.append-via-stream" => filesystem::append_via_stream;
        "[method]descriptor.advise" => filesystem::advise;
        "[method]descriptor.sync-data" => filesystem::sync_data;
        "[method]descriptor.get-flags" => filesystem::get_flags;
        "[method]descriptor.get-type" => filesystem::get_type;
        "[method]descriptor.set-size" => filesystem::set_size;
        "[method]descriptor.set-times" => filesystem::set_times;
        "[method]descriptor.read" => filesystem::read;
        "[method]descriptor.write" => filesystem::write;
        "[method]descriptor.read-directory" => filesystem::read_directory;
        "[method]descriptor.sync" => filesystem::sync;
        "[method]descriptor.create-directory-at" => filesystem::create_directory_at;
        "[method]descriptor.stat" => filesystem::stat;
        "[method]descriptor.stat-at" => filesystem::stat_at;
        "[method]descriptor.set-times-at" => filesystem::set_times_at;
        "[method]descriptor.link-at" => filesystem::link_at;
        "[method]descriptor.open-at" => filesystem::open_at;
        "[method]descriptor.readlink-at" => filesystem::readlink_at;
        "[method]descriptor.remove-directory-at" => filesystem::remove_directory_at;
        "[method]descriptor.rename-at" => filesystem::rename_at;
        "[method]descriptor.symlink-at" => filesystem::symlink_at;
        "[method]descriptor.unlink-file-at" => filesystem::unlink_file_at;
        "[method]descriptor.is-same-object" => filesystem::is_same_object;
        "[method]descriptor.metadata-hash" => filesystem::metadata_hash;
        "[method]descriptor.metadata-hash-at" => filesystem::metadata_hash_at;
        "[method]directory-entry-stream.read-directory-entry" => filesystem::read_directory_entry;
        "filesystem-error-code" => filesystem::filesystem_error_code;
        drop "descriptor" => filesystem::File;
        drop "directory-entry-stream" => filesystem::DirectoryEntryStream;
    }
    "wasi:filesystem/preopens" {
        "get-directories" => filesystem::get_directories;
    }
}

/// `Program::host_init` of a program with preopened directories.
#[unsafe(export_name = "wasmelt_p2_init")]
extern "C" fn init(program: &'static Program) {
    filesystem::init(program);
}
