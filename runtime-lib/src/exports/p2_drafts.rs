//! What is a draft yet: `wasi:config`, `wasi:keyvalue`, `wasi:logging`.

use crate::host_fns;
use crate::wasi::p2::{config, keyvalue, logging};

host_fns! {
    "wasi:config/store" {
        "get" => config::get;
        "get-all" => config::get_all;
    }
    "wasi:keyvalue/store" {
        "open" => keyvalue::open;
        "[method]bucket.get" => keyvalue::bucket_get;
        "[method]bucket.set" => keyvalue::bucket_set;
        "[method]bucket.delete" => keyvalue::bucket_delete;
        "[method]bucket.exists" => keyvalue::bucket_exists;
        "[method]bucket.list-keys" => keyvalue::bucket_list_keys;
        drop "bucket" => keyvalue::Bucket;
    }
    "wasi:keyvalue/atomics" {
        "increment" => keyvalue::increment;
    }
    "wasi:keyvalue/batch" {
        "get-many" => keyvalue::get_many;
        "set-many" => keyvalue::set_many;
        "delete-many" => keyvalue::delete_many;
    }
    "wasi:logging/logging" {
        "log" => logging::log;
    }
}
