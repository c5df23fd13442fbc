//! The numbers of the host's resource types: their positions in the tables of its interfaces.

use crate::interface::HostInterface;
use crate::p2::P2;
use crate::p2_drafts::P2_DRAFTS;
use crate::p2_http::P2_HTTP;
use crate::p3::P3;
use crate::p3_drafts::P3_DRAFTS;
use crate::p3_http::P3_HTTP;
use crate::spectest::SPECTEST;

/// Number of the program's first own resource type.
pub const GUEST_RESOURCES: u32 = 256;

/// The number of a resource type of the host, WASI 0.3 excepted; the program's own are numbered
/// from [`GUEST_RESOURCES`] on. 0 is no resource type.
///
/// # Panics
/// When there is no such resource.
#[must_use]
pub const fn host_resource(interface: &str, resource: &str) -> u32 {
    let groups = [P2, P2_HTTP, SPECTEST, P2_DRAFTS];
    resource_position(&groups, interface, resource)
}

/// As [`host_resource`], for WASI 0.3, whose interfaces have the same names.
///
/// # Panics
/// When there is no such resource.
#[must_use]
pub const fn host_resource_p3(interface: &str, resource: &str) -> u32 {
    P3_RESOURCES + resource_position(&[P3, P3_HTTP, P3_DRAFTS], interface, resource)
}

/// The resource types of WASI 0.3 are numbered behind this.
const P3_RESOURCES: u32 = GUEST_RESOURCES / 2;

/// The position of a resource type among those of the groups, from 1.
const fn resource_position(
    groups: &[&'static [HostInterface]],
    interface: &str,
    resource: &str,
) -> u32 {
    let mut number = 0;
    let mut group = 0;
    while group < groups.len() {
        let interfaces = groups[group];
        let mut i = 0;
        while i < interfaces.len() {
            let mut t = 0;
            while t < interfaces[i].types.len() {
                let (name, definition) = interfaces[i].types[t];
                if same(definition, "resource") {
                    number += 1;
                    if same(interfaces[i].name, interface) && same(name, resource) {
                        return number;
                    }
                }
                t += 1;
            }
            i += 1;
        }
        group += 1;
    }
    panic!("no such resource of the host")
}

const fn same(a: &str, b: &str) -> bool {
    let (a, b) = (a.as_bytes(), b.as_bytes());
    if a.len() != b.len() {
        return false;
    }
    let mut i = 0;
    while i < a.len() {
        if a[i] != b[i] {
            return false;
        }
        i += 1;
    }
    true
}
