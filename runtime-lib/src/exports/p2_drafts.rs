//! What is a draft yet: `wasi:blobstore`, `wasi:config`, `wasi:keyvalue`, `wasi:logging`, `wasi:tls`.

use crate::host_fns;
use crate::wasi::p2::{blobstore, config, keyvalue, logging, tls};

host_fns! {
    "wasi:blobstore/types" {
        "[static]outgoing-value.new-outgoing-value" => blobstore::outgoing_value_new;
        "[method]outgoing-value.outgoing-value-write-body" => blobstore::outgoing_value_write_body;
        "[static]outgoing-value.finish" => blobstore::outgoing_value_finish;
        "[static]incoming-value.incoming-value-consume-sync" =>
            blobstore::incoming_value_consume_sync;
        "[static]incoming-value.incoming-value-consume-async" =>
            blobstore::incoming_value_consume_async;
        "[method]incoming-value.size" => blobstore::incoming_value_size;
        drop "outgoing-value" => blobstore::OutgoingValue;
        drop "incoming-value" => blobstore::IncomingValue;
    }
    "wasi:blobstore/container" {
        "[method]container.name" => blobstore::container_name;
        "[method]container.info" => blobstore::container_info;
        "[method]container.get-data" => blobstore::container_get_data;
        "[method]container.write-data" => blobstore::container_write_data;
        "[method]container.list-objects" => blobstore::container_list_objects;
        "[method]container.delete-object" => blobstore::container_delete_object;
        "[method]container.delete-objects" => blobstore::container_delete_objects;
        "[method]container.has-object" => blobstore::container_has_object;
        "[method]container.object-info" => blobstore::container_object_info;
        "[method]container.clear" => blobstore::container_clear;
        "[method]stream-object-names.read-stream-object-names" => blobstore::names_read;
        "[method]stream-object-names.skip-stream-object-names" => blobstore::names_skip;
        drop "container" => blobstore::Container;
        drop "stream-object-names" => blobstore::Names;
    }
    "wasi:blobstore/blobstore" {
        "create-container" => blobstore::create_container;
        "get-container" => blobstore::get_container;
        "delete-container" => blobstore::delete_container;
        "container-exists" => blobstore::container_exists;
        "copy-object" => blobstore::copy_object;
        "move-object" => blobstore::move_object;
    }
    "wasi:config/store" {
        "get" => config::get;
        "get-all" => config::get_all;
    }
    "wasi:keyvalue/store" {
        "open" => keyvalue::open::<keyvalue::Bucket>;
        "[method]bucket.get" => keyvalue::bucket_get::<keyvalue::Bucket>;
        "[method]bucket.set" => keyvalue::bucket_set::<keyvalue::Bucket>;
        "[method]bucket.delete" => keyvalue::bucket_delete::<keyvalue::Bucket>;
        "[method]bucket.exists" => keyvalue::bucket_exists::<keyvalue::Bucket>;
        "[method]bucket.list-keys" => keyvalue::bucket_list_keys;
        drop "bucket" => keyvalue::Bucket;
    }
    "wasi:keyvalue/atomics" {
        "increment" => keyvalue::increment;
    }
    "wasi:keyvalue/batch" {
        "get-many" => keyvalue::get_many::<keyvalue::Bucket>;
        "set-many" => keyvalue::set_many::<keyvalue::Bucket>;
        "delete-many" => keyvalue::delete_many::<keyvalue::Bucket>;
    }
    "wasi:keyvalue-draft2/store" {
        "open" => keyvalue::open::<keyvalue::Bucket2>;
        "[method]bucket.get" => keyvalue::bucket_get::<keyvalue::Bucket2>;
        "[method]bucket.set" => keyvalue::bucket_set::<keyvalue::Bucket2>;
        "[method]bucket.delete" => keyvalue::bucket_delete::<keyvalue::Bucket2>;
        "[method]bucket.exists" => keyvalue::bucket_exists::<keyvalue::Bucket2>;
        "[method]bucket.list-keys" => keyvalue::bucket_list_keys2;
        drop "bucket" => keyvalue::Bucket2;
    }
    "wasi:keyvalue-draft2/atomics" {
        "[static]cas.new" => keyvalue::cas_new;
        "[method]cas.current" => keyvalue::cas_current;
        "increment" => keyvalue::increment2;
        "swap" => keyvalue::swap;
        drop "cas" => keyvalue::Cas;
    }
    "wasi:keyvalue-draft2/batch" {
        "get-many" => keyvalue::get_many::<keyvalue::Bucket2>;
        "set-many" => keyvalue::set_many::<keyvalue::Bucket2>;
        "delete-many" => keyvalue::delete_many::<keyvalue::Bucket2>;
    }
    "wasi:logging/logging" {
        "log" => logging::log;
    }
    "wasi:tls/types" {
        "[constructor]client-handshake" => tls::handshake_new;
        "[static]client-handshake.finish" => tls::handshake_finish;
        "[method]client-connection.close-output" => tls::connection_close_output;
        "[method]future-client-streams.subscribe" => tls::future_subscribe;
        "[method]future-client-streams.get" => tls::future_get;
        drop "client-handshake" => tls::Handshake;
        drop "client-connection" => tls::Connection;
        drop "future-client-streams" => tls::FutureStreams;
    }
}
