//! `wasi:sockets` of WASI 0.3.

use crate::host_fns;
use crate::wasi::p2::sockets::options;
use crate::wasi::p3::sockets::{lookup, tcp, udp};

host_fns! {
    prefix "wasmelt_p3:";
    "wasi:sockets/types" {
        "[static]tcp-socket.create" => tcp::create;
        "[method]tcp-socket.bind" => tcp::bind;
        "[method]tcp-socket.listen" => tcp::listen;
        "[method]tcp-socket.send" => tcp::send;
        "[method]tcp-socket.receive" => tcp::receive;
        "[method]tcp-socket.get-local-address" => tcp::local_address;
        "[method]tcp-socket.get-remote-address" => tcp::remote_address;
        "[method]tcp-socket.get-is-listening" => tcp::is_listening;
        "[method]tcp-socket.get-address-family" => tcp::address_family;
        "[method]tcp-socket.set-listen-backlog-size" => tcp::set_listen_backlog_size;
        "[method]tcp-socket.get-keep-alive-enabled" => options::keep_alive_enabled::<tcp::TcpSocket>;
        "[method]tcp-socket.set-keep-alive-enabled" => options::set_keep_alive_enabled::<tcp::TcpSocket>;
        "[method]tcp-socket.get-keep-alive-idle-time" => options::keep_alive_idle_time::<tcp::TcpSocket>;
        "[method]tcp-socket.set-keep-alive-idle-time" => options::set_keep_alive_idle_time::<tcp::TcpSocket>;
        "[method]tcp-socket.get-keep-alive-interval" => options::keep_alive_interval::<tcp::TcpSocket>;
        "[method]tcp-socket.set-keep-alive-interval" => options::set_keep_alive_interval::<tcp::TcpSocket>;
        "[method]tcp-socket.get-keep-alive-count" => options::keep_alive_count::<tcp::TcpSocket>;
        "[method]tcp-socket.set-keep-alive-count" => options::set_keep_alive_count::<tcp::TcpSocket>;
        "[method]tcp-socket.get-hop-limit" => options::hop_limit::<tcp::TcpSocket>;
        "[method]tcp-socket.set-hop-limit" => options::set_hop_limit::<tcp::TcpSocket>;
        "[method]tcp-socket.get-receive-buffer-size" => options::receive_buffer_size::<tcp::TcpSocket>;
        "[method]tcp-socket.set-receive-buffer-size" => options::set_receive_buffer_size::<tcp::TcpSocket>;
        "[method]tcp-socket.get-send-buffer-size" => options::send_buffer_size::<tcp::TcpSocket>;
        "[method]tcp-socket.set-send-buffer-size" => options::set_send_buffer_size::<tcp::TcpSocket>;
        "[static]udp-socket.create" => udp::create;
        "[method]udp-socket.bind" => udp::bind;
        "[method]udp-socket.connect" => udp::connect;
        "[method]udp-socket.disconnect" => udp::disconnect;
        "[method]udp-socket.get-local-address" => udp::local_address;
        "[method]udp-socket.get-remote-address" => udp::remote_address;
        "[method]udp-socket.get-address-family" => udp::address_family;
        "[method]udp-socket.get-unicast-hop-limit" => options::hop_limit::<udp::UdpSocket>;
        "[method]udp-socket.set-unicast-hop-limit" => options::set_hop_limit::<udp::UdpSocket>;
        "[method]udp-socket.get-receive-buffer-size" => options::receive_buffer_size::<udp::UdpSocket>;
        "[method]udp-socket.set-receive-buffer-size" => options::set_receive_buffer_size::<udp::UdpSocket>;
        "[method]udp-socket.get-send-buffer-size" => options::send_buffer_size::<udp::UdpSocket>;
        "[method]udp-socket.set-send-buffer-size" => options::set_send_buffer_size::<udp::UdpSocket>;
        async "[method]tcp-socket.connect" => tcp::connect;
        async "[method]udp-socket.send" => udp::send;
        async "[method]udp-socket.receive" => udp::receive;
        drop "tcp-socket" => tcp::TcpSocket;
        drop "udp-socket" => udp::UdpSocket;
    }
    "wasi:sockets/ip-name-lookup" {
        async "resolve-addresses" => lookup::resolve_addresses;
    }
}
