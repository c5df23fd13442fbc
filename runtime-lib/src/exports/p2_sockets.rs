//! `wasi:sockets` of WASI 0.2.

use crate::host_fns;
use crate::wasi::p2::sockets::{lookup, network, options, tcp, udp};

host_fns! {
    "wasi:sockets/network" {
        "network-error-code" => network::network_error_code;
        drop "network" => network::Network;
    }
    "wasi:sockets/instance-network" {
        "instance-network" => network::instance_network;
    }
    "wasi:sockets/ip-name-lookup" {
        "[method]resolve-address-stream.resolve-next-address" => lookup::resolve_next_address;
        "[method]resolve-address-stream.subscribe" => lookup::subscribe;
        "resolve-addresses" => lookup::resolve_addresses;
        drop "resolve-address-stream" => lookup::ResolveAddressStream;
    }
    "wasi:sockets/tcp" {
        "[method]tcp-socket.start-bind" => tcp::start_bind;
        "[method]tcp-socket.finish-bind" => tcp::finish_bind;
        "[method]tcp-socket.start-connect" => tcp::start_connect;
        "[method]tcp-socket.finish-connect" => tcp::finish_connect;
        "[method]tcp-socket.start-listen" => tcp::start_listen;
        "[method]tcp-socket.finish-listen" => tcp::finish_listen;
        "[method]tcp-socket.accept" => tcp::accept;
        "[method]tcp-socket.local-address" => tcp::local_address;
        "[method]tcp-socket.remote-address" => tcp::remote_address;
        "[method]tcp-socket.is-listening" => tcp::is_listening;
        "[method]tcp-socket.address-family" => tcp::address_family;
        "[method]tcp-socket.set-listen-backlog-size" => tcp::set_listen_backlog_size;
        "[method]tcp-socket.keep-alive-enabled" => options::keep_alive_enabled::<tcp::Socket>;
        "[method]tcp-socket.set-keep-alive-enabled" => options::set_keep_alive_enabled::<tcp::Socket>;
        "[method]tcp-socket.keep-alive-idle-time" => options::keep_alive_idle_time::<tcp::Socket>;
        "[method]tcp-socket.set-keep-alive-idle-time" => options::set_keep_alive_idle_time::<tcp::Socket>;
        "[method]tcp-socket.keep-alive-interval" => options::keep_alive_interval::<tcp::Socket>;
        "[method]tcp-socket.set-keep-alive-interval" => options::set_keep_alive_interval::<tcp::Socket>;
        "[method]tcp-socket.keep-alive-count" => options::keep_alive_count::<tcp::Socket>;
        "[method]tcp-socket.set-keep-alive-count" => options::set_keep_alive_count::<tcp::Socket>;
        "[method]tcp-socket.hop-limit" => options::hop_limit::<tcp::Socket>;
        "[method]tcp-socket.set-hop-limit" => options::set_hop_limit::<tcp::Socket>;
        "[method]tcp-socket.receive-buffer-size" => options::receive_buffer_size::<tcp::Socket>;
        "[method]tcp-socket.set-receive-buffer-size" => options::set_receive_buffer_size::<tcp::Socket>;
        "[method]tcp-socket.send-buffer-size" => options::send_buffer_size::<tcp::Socket>;
        "[method]tcp-socket.set-send-buffer-size" => options::set_send_buffer_size::<tcp::Socket>;
        "[method]tcp-socket.subscribe" => tcp::subscribe;
        "[method]tcp-socket.shutdown" => tcp::shutdown;
        drop "tcp-socket" => tcp::Socket;
    }
    "wasi:sockets/tcp-create-socket" {
        "create-tcp-socket" => tcp::create_tcp_socket;
    }
    "wasi:sockets/udp" {
        "[method]udp-socket.start-bind" => udp::start_bind;
        "[method]udp-socket.finish-bind" => udp::finish_bind;
        "[method]udp-socket.stream" => udp::stream;
        "[method]udp-socket.local-address" => udp::local_address;
        "[method]udp-socket.remote-address" => udp::remote_address;
        "[method]udp-socket.address-family" => udp::address_family;
        "[method]udp-socket.unicast-hop-limit" => options::hop_limit::<udp::Socket>;
        "[method]udp-socket.set-unicast-hop-limit" => options::set_hop_limit::<udp::Socket>;
        "[method]udp-socket.receive-buffer-size" => options::receive_buffer_size::<udp::Socket>;
        "[method]udp-socket.set-receive-buffer-size" => options::set_receive_buffer_size::<udp::Socket>;
        "[method]udp-socket.send-buffer-size" => options::send_buffer_size::<udp::Socket>;
        "[method]udp-socket.set-send-buffer-size" => options::set_send_buffer_size::<udp::Socket>;
        "[method]udp-socket.subscribe" => udp::subscribe;
        "[method]incoming-datagram-stream.receive" => udp::receive;
        "[method]incoming-datagram-stream.subscribe" => udp::incoming_subscribe;
        "[method]outgoing-datagram-stream.check-send" => udp::check_send;
        "[method]outgoing-datagram-stream.send" => udp::send;
        "[method]outgoing-datagram-stream.subscribe" => udp::outgoing_subscribe;
        drop "udp-socket" => udp::Socket;
        drop "incoming-datagram-stream" => udp::Incoming;
        drop "outgoing-datagram-stream" => udp::Outgoing;
    }
    "wasi:sockets/udp-create-socket" {
        "create-udp-socket" => udp::create_udp_socket;
    }
}
