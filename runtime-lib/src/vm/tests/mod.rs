//! Stores of a program that has memories, globals and a table, and no code.

mod stores;

use wasmelt_abi::{MemoryHeader, Program, Region, Slice, Table, TableInit};

use super::process;
use super::space::Space;
use super::store::Store;

const PAGE: u64 = 4 << 10;
const WASM_PAGE: u64 = 64 << 10;

/// Where byte 0 of the memories is, in a store.
const FIRST_MEMORY: u64 = PAGE;
const SECOND_MEMORY: u64 = FIRST_MEMORY + 40 * WASM_PAGE + 2 * PAGE;

/// Below the first memory, from its byte 0 down.
const GLOBAL: usize = size_of::<MemoryHeader>() + 8;
const TABLE: usize = GLOBAL + size_of::<Table>();

/// What the first memory has at 100, and its global.
const TEXT: &[u8] = b"from the image";
const NUMBER: u64 = 42;

fn leaked<T>(items: Vec<T>) -> Slice<T> {
    let items = Box::leak(items.into_boxed_slice());
    Slice {
        start: items.as_ptr(),
        len: items.len() as u64,
    }
}

/// What lies below a memory.
fn below(pages: u64, memory_pages: u64, words: &[(usize, u64)]) -> Slice<u8> {
    let mut bytes = vec![0; (pages * PAGE) as usize];
    let header = bytes.len() - size_of::<MemoryHeader>();
    let fields = [
        (std::mem::offset_of!(MemoryHeader, flags), 16 << 32),
        (
            std::mem::offset_of!(MemoryHeader, bytes_max),
            40 * WASM_PAGE,
        ),
        (
            std::mem::offset_of!(MemoryHeader, bytes_reserved),
            40 * WASM_PAGE,
        ),
        (
            std::mem::offset_of!(MemoryHeader, bytes),
            memory_pages * WASM_PAGE,
        ),
    ];
    for (at, value) in fields {
        bytes[header + at..][..8].copy_from_slice(&u64::to_le_bytes(value));
    }
    let len = bytes.len();
    for (below, value) in words {
        bytes[len - below..][..8].copy_from_slice(&value.to_le_bytes());
    }
    leaked(bytes)
}

fn program() -> &'static Program {
    let of_table = |field: usize, value: u64| (TABLE - field, value);
    let words = [
        (GLOBAL, NUMBER),
        of_table(std::mem::offset_of!(Table, len), 3),
        of_table(std::mem::offset_of!(Table, len_max), 20_000),
    ];
    let region = |memory_offset, below_image, pages, image| Region {
        memory_offset,
        below_bytes: PAGE,
        below_image,
        memory_bytes: pages * WASM_PAGE,
        reserved_bytes: 40 * WASM_PAGE,
        image,
        image_offset: 100,
    };
    let first = below(1, 20, &words);
    let regions = vec![
        region(FIRST_MEMORY, first, 20, leaked(TEXT.to_vec())),
        region(SECOND_MEMORY, below(1, 1, &[]), 1, leaked(Vec::new())),
    ];
    let tables = vec![TableInit {
        table_offset: FIRST_MEMORY - TABLE as u64,
        image: leaked(vec![7]),
        fill: 8,
    }];
    // SAFETY: it is a plain description, and the original is never dropped.
    let nothing = unsafe { std::ptr::read(process::program()) };
    Box::leak(Box::new(Program {
        store_bytes: SECOND_MEMORY + 40 * WASM_PAGE,
        regions: leaked(regions),
        tables: leaked(tables),
        ..nothing
    }))
}

fn space(slots: usize) -> &'static Space {
    let space = Box::leak(Box::new(Space::new()));
    space.open(program(), slots).expect("there is room");
    space
}

fn memory(store: &Store) -> *mut u8 {
    store.base().wrapping_add(FIRST_MEMORY as usize)
}

fn table(store: &Store) -> *mut Table {
    memory(store).wrapping_sub(TABLE).cast()
}

/// Bytes of the first memory.
fn bytes(store: &Store, at: usize, len: usize) -> Vec<u8> {
    // SAFETY: tests look at what is accessible, and nothing else runs.
    unsafe { std::slice::from_raw_parts(memory(store).wrapping_add(at), len) }.to_vec()
}

fn write(store: &Store, at: usize, bytes: &[u8]) {
    // SAFETY: as above.
    unsafe {
        memory(store)
            .wrapping_add(at)
            .copy_from_nonoverlapping(bytes.as_ptr(), bytes.len());
    }
}

fn global(store: &Store) -> *mut u64 {
    memory(store).wrapping_sub(GLOBAL).cast()
}

/// The elements of the table.
fn elements(store: &Store) -> Vec<u64> {
    // SAFETY: as above.
    unsafe {
        let table = &*table(store);
        std::slice::from_raw_parts(table.elements, table.len as usize).to_vec()
    }
}

/// Whether the system finds something at an address.
fn is_accessible(address: *mut u8) -> bool {
    let (_reader, writer) = rustix::pipe::pipe().expect("there is a pipe");
    // SAFETY: only the system looks at the byte, and says so when it cannot.
    let byte = unsafe { std::slice::from_raw_parts(address, 1) };
    rustix::io::write(writer, byte).is_ok()
}
