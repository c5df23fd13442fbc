//! `wasi:filesystem` of WASI 0.3.

use crate::host_fns;
use crate::wasi::p3::filesystem;

host_fns! {
    prefix "wasmelt_p3:";
    "wasi:filesystem/types" {
        "[method]descriptor.read-via-stream" => filesystem::read_via_stream;
        "[method]descriptor.write-via-stream" => filesystem::write_via_stream;
        "[method]descriptor.append-via-stream" => filesystem::append_via_stream;
        "[method]descriptor.read-directory" => filesystem::read_directory;
        async "[method]descriptor.advise" => filesystem::advise;
        async "[method]descriptor.sync-data" => filesystem::sync_data;
        async "[method]descriptor.get-flags" => filesystem::get_flags;
        async "[method]descriptor.get-type" => filesystem::get_type;
        async "[method]descriptor.set-size" => filesystem::set_size;
        async "[method]descriptor.set-times" => filesystem::set_times;
        async "[method]descriptor.sync" => filesystem::sync;
        async "[method]descriptor.create-directory-at" => filesystem::create_directory_at;
        async "[method]descriptor.stat" => filesystem::stat;
        async "[method]descriptor.stat-at" => filesystem::stat_at;
        async "[method]descriptor.set-times-at" => filesystem::set_times_at;
        async "[method]descriptor.link-at" => filesystem::link_at;
        async "[method]descriptor.open-at" => filesystem::open_at;
        async "[method]descriptor.readlink-at" => filesystem::readlink_at;
        async "[method]descriptor.remove-directory-at" => filesystem::remove_directory_at;
        async "[method]descriptor.rename-at" => filesystem::rename_at;
        async "[method]descriptor.symlink-at" => filesystem::symlink_at;
        async "[method]descriptor.unlink-file-at" => filesystem::unlink_file_at;
        async "[method]descriptor.is-same-object" => filesystem::is_same_object;
        async "[method]descriptor.metadata-hash" => filesystem::metadata_hash;
        async "[method]descriptor.metadata-hash-at" => filesystem::metadata_hash_at;
        drop "descriptor" => filesystem::File;
    }
    "wasi:filesystem/preopens" {
        "get-directories" => filesystem::get_directories;
    }
}
