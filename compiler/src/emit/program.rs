//! The description of the program: `wasmelt_abi::Program` and all that it points to.

use super::blob::{Address, Blob};
use super::code::Target;
use super::embedded::Layout as Tree;
use super::placement;
use super::text::Text;
use crate::canonical::TyId;
use crate::dwarf::Sources;
use crate::index::{DataIndex, ElemIndex, InstanceIndex};
use crate::options::Options;
use crate::plan::{Hierarchy, LinkPlan, Record, Reference, Reloc, TableStorage, Value};
use crate::profile::Layout;
use foldhash::{HashMap, HashMapExt};
use std::mem::{offset_of, size_of};
use wasmelt_abi::{
    CallSite, CodeMap, Export, FuncRef, HARDEN_SYMBOL, Handler, Instance, P0_PREFIX, P1_PREFIX,
    P1_THREADS_PREFIX, P2_INIT, P2_PREFIX, P2_PREOPENS, P3_PREFIX, PROFILE_COUNTERS_SYMBOL, Policy,
    PolicyFlags, Program, Region, STAMP_SYMBOL, Slice, Str, TableInit, ValueType,
};
use wasmparser::ValType;

/// Writes the description at the end of a blob.
pub(super) struct Writer<'a> {
    pub(super) plan: &'a LinkPlan<'a>,
    pub(super) options: &'a Options,
    pub(super) counters: Option<&'a Layout>,
    pub(super) sources: &'a Sources,
    pub(super) text: &'a Text,
    pub(super) embedded: Tree<'a>,
    /// The first region's contents are in the image section, not here.
    image_is_mapped: bool,
    pub(super) blob: Blob,
    funcrefs: u64,
    data: HashMap<(usize, DataIndex), u64>,
    elements: HashMap<(InstanceIndex, ElemIndex), u64>,
    pub(super) type_descs: HashMap<TyId, u64>,
    pub(super) records: HashMap<Record, u64>,
}

const ADDRESS_BYTES: usize = 8;

/// Start and number of items; the start is `None` for an empty slice.
pub(super) type Items = (Option<u64>, usize);

impl<'a> Writer<'a> {
    pub(super) fn new(
        plan: &'a LinkPlan<'a>,
        options: &'a Options,
        counters: Option<&'a Layout>,
        sources: &'a Sources,
        text: &'a Text,
    ) -> Self {
        Writer {
            plan,
            options,
            counters,
            sources,
            text,
            embedded: Tree::of(&options.policy),
            image_is_mapped: placement::image_is_mapped(plan, options),
            blob: Blob::default(),
            funcrefs: 0,
            data: HashMap::new(),
            elements: HashMap::new(),
            type_descs: HashMap::new(),
            records: HashMap::new(),
        }
    }

    /// Writes everything; gives the offset of the `Program`.
    pub(super) fn write(&mut self) -> u64 {
        self.write_funcrefs();
        self.write_data();
        self.write_elements();
        self.write_records();
        let regions = self.write_regions();
        let tables = self.write_tables();
        let instances = self.write_instances();
        let exports = self.write_exports();
        let component_exports = self.write_component_exports();
        let at = self.write_program(regions, tables, instances, exports);
        self.slice(
            at + offset_of!(Program, component_exports) as u64,
            component_exports,
        );
        self.blob.set_u64(
            at + offset_of!(Program, component_instances) as u64,
            self.plan.linked.instances.len() as u64,
        );
        self.write_code_map(at + offset_of!(Program, code) as u64);
        self.write_policy(at + offset_of!(Program, policy) as u64);
        at
    }

    /// What an address in an image refers to, once the blob's contents are placed.
    pub(super) fn address(&self, reloc: Reloc) -> Address {
        match reloc {
            Reloc::Code(func) => Address::Code(func),
            Reloc::FuncRef(position) => {
                Address::Blob(self.funcrefs + (position * size_of::<FuncRef>()) as u64)
            }
            Reloc::Data { unit, segment } => Address::Blob(self.data[&(unit, segment)]),
            Reloc::Elements { instance, segment } => {
                Address::Blob(self.elements[&(instance, segment)])
            }
            Reloc::Record(record) => Address::Blob(self.records[&record]),
            Reloc::ProfileCounters => Address::Symbol(PROFILE_COUNTERS_SYMBOL.to_owned()),
        }
    }

    fn write_funcrefs(&mut self) {
        let plan = self.plan;
        // With objects, they are in the first region's contexts.
        if plan.heap_plan.is_some() {
            return;
        }
        self.funcrefs = self
            .blob
            .reserve(plan.funcrefs.len() * size_of::<FuncRef>());
        for (position, &func) in plan.funcrefs.iter().enumerate() {
            let at = self.funcrefs + (position * size_of::<FuncRef>()) as u64;
            let sig = plan.sig_of(func).expect("references have wasm types");
            let region = &plan.regions[plan.region_of(func).index()];
            self.blob
                .set_address(at + offset_of!(FuncRef, code) as u64, Address::Code(func));
            self.blob.set_u64(
                at + offset_of!(FuncRef, sig) as u64,
                plan.heap.number_of(sig).into(),
            );
            self.blob.set_u64(
                at + offset_of!(FuncRef, instance_offset) as u64,
                region.memory_offset,
            );
        }
    }

    fn write_data(&mut self) {
        for instance in &self.plan.instances {
            for &segment in instance.data.keys() {
                let bytes = self.plan.units[instance.unit].module.data[segment.index()].bytes;
                let at = *self
                    .data
                    .entry((instance.unit, segment))
                    .or_insert_with(|| self.blob.raw(bytes));
                debug_assert!(at <= self.blob.bytes.len() as u64);
            }
        }
    }

    fn write_elements(&mut self) {
        for (index, instance) in self.plan.instances.iter().enumerate() {
            for (&segment, values) in &instance.element_values {
                let at = self.values(values);
                self.elements
                    .insert((InstanceIndex::new(index), segment), at);
            }
        }
    }

    /// References as 8-byte elements.
    fn values(&mut self, values: &[Value]) -> u64 {
        let at = self.blob.reserve(values.len() * ADDRESS_BYTES);
        for (position, value) in values.iter().enumerate() {
            self.reference(at + (position * ADDRESS_BYTES) as u64, *value);
        }
        at
    }

    fn reference(&mut self, at: u64, value: Value) {
        match self.plan.reference(value) {
            Reference::Word(word) => self.blob.set_u64(at, word),
            Reference::Address(reloc) => {
                let address = self.address(reloc);
                self.blob.set_address(at, address);
            }
        }
    }

    /// Sets a slice's start and length.
    pub(super) fn slice(&mut self, at: u64, (start, len): Items) {
        if let Some(start) = start {
            let field = at + offset_of!(Slice<u8>, start) as u64;
            self.blob.set_address(field, Address::Blob(start));
        }
        self.blob
            .set_u64(at + offset_of!(Slice<u8>, len) as u64, len as u64);
    }

    pub(super) fn str(&mut self, at: u64, text: &[u8]) {
        let start = self.blob.raw(text);
        self.slice(at, (Some(start), text.len()));
    }

    /// Room for an array of structures.
    pub(super) fn array(&mut self, count: usize, item_bytes: usize) -> u64 {
        self.blob.reserve(count * item_bytes)
    }

    fn write_regions(&mut self) -> Items {
        let plan = self.plan;
        let array = self.array(plan.regions.len(), size_of::<Region>());
        for (position, region) in plan.regions.iter().enumerate() {
            let at = array + (position * size_of::<Region>()) as u64;
            let field = |offset: usize| at + offset as u64;
            self.blob.set_u64(
                field(offset_of!(Region, memory_offset)),
                region.memory_offset,
            );
            self.blob
                .set_u64(field(offset_of!(Region, below_bytes)), region.below_bytes);
            if let Some(memory) = region.memory {
                let memory = &plan.memories[memory.index()];
                self.blob
                    .set_u64(field(offset_of!(Region, memory_bytes)), memory.bytes);
                self.blob.set_u64(
                    field(offset_of!(Region, reserved_bytes)),
                    memory.bytes_reserved,
                );
            }
            if position == 0 && self.image_is_mapped {
                continue;
            }
            let below = self.blob.reserve(region.below.bytes.len());
            let start = usize::try_from(below).expect("64-bit host");
            self.blob.bytes[start..start + region.below.bytes.len()]
                .copy_from_slice(&region.below.bytes);
            for &(offset, reloc) in &region.below.relocs {
                let address = self.address(reloc);
                self.blob
                    .set_address(below + region.below.position(offset) as u64, address);
            }
            let contexts = (Some(below), region.below.bytes.len());
            self.slice(field(offset_of!(Region, below_image)), contexts);
            if let Some(memory) = region.memory {
                let (offset, image) = plan.memories[memory.index()].trimmed_image();
                self.blob
                    .set_u64(field(offset_of!(Region, image_offset)), offset);
                let start = self.blob.raw(image);
                self.slice(field(offset_of!(Region, image)), (Some(start), image.len()));
            }
        }
        (Some(array), plan.regions.len())
    }

    fn write_tables(&mut self) -> Items {
        let plan = self.plan;
        let growable: Vec<_> = plan
            .tables
            .iter()
            .filter_map(|table| match table.storage {
                TableStorage::Growable(slot) => Some((table, slot)),
                _ => None,
            })
            .collect();
        let array = self.array(growable.len(), size_of::<TableInit>());
        for (position, &(table, slot)) in growable.iter().enumerate() {
            let at = array + (position * size_of::<TableInit>()) as u64;
            let region = &plan.regions[slot.region.index()];
            let offset = region
                .memory_offset
                .wrapping_add_signed(i64::from(slot.offset));
            self.blob
                .set_u64(at + offset_of!(TableInit, table_offset) as u64, offset);
            let image = self.values(&table.elements);
            let field = at + offset_of!(TableInit, image) as u64;
            self.slice(field, (Some(image), table.elements.len()));
            self.reference(at + offset_of!(TableInit, fill) as u64, table.fill);
        }
        (Some(array), growable.len())
    }

    fn write_instances(&mut self) -> Items {
        let plan = self.plan;
        let array = self.array(plan.instances.len(), size_of::<Instance>());
        for (position, instance) in plan.instances.iter().enumerate() {
            let at = array + (position * size_of::<Instance>()) as u64;
            if let Some(func) = instance.instantiate {
                let field = at + offset_of!(Instance, instantiate) as u64;
                self.blob.set_address(field, Address::Code(func));
            }
            let unit = &plan.units[instance.unit];
            self.str(at + offset_of!(Instance, name) as u64, unit.name.as_bytes());
            let component = unit.component.map_or(0, |c| c as u64 + 1);
            self.blob
                .set_u64(at + offset_of!(Instance, component) as u64, component);
        }
        (Some(array), plan.instances.len())
    }

    fn write_exports(&mut self) -> Items {
        let plan = self.plan;
        let array = self.array(plan.exports.len(), size_of::<Export>());
        for (position, export) in plan.exports.iter().enumerate() {
            let at = array + (position * size_of::<Export>()) as u64;
            let field = |offset: usize| at + offset as u64;
            self.blob.set_u64(
                field(offset_of!(Export, instance)),
                u64::from(export.instance.0),
            );
            self.str(field(offset_of!(Export, name)), export.name.as_bytes());
            self.blob
                .set_address(field(offset_of!(Export, call)), Address::Code(export.call));
            let params: Vec<u8> = export.params.iter().map(|&t| self.value_type(t)).collect();
            self.str(field(offset_of!(Export, params)), &params);
            let results: Vec<u8> = export.results.iter().map(|&t| self.value_type(t)).collect();
            self.str(field(offset_of!(Export, results)), &results);
        }
        (Some(array), plan.exports.len())
    }

    fn write_program(
        &mut self,
        regions: Items,
        tables: Items,
        instances: Items,
        exports: Items,
    ) -> u64 {
        let stamp = self.blob.reserve(ADDRESS_BYTES);
        self.blob
            .set_address(stamp, Address::Symbol(STAMP_SYMBOL.to_owned()));
        let plan = self.plan;
        let at = self.blob.reserve(size_of::<Program>());
        let field = |offset: usize| at + offset as u64;
        self.blob.set_u64(
            field(offset_of!(Program, version)),
            u64::from(wasmelt_abi::VERSION),
        );
        let policy = &self.options.policy;
        let restricts = policy.is_restricted() || self.features() != 0 || plan.profile.is_some();
        let main = match restricts && !plan.is_library() {
            true => "wasmelt_main_restricted",
            false => self.main_on_trap(),
        };
        self.blob.set_address(
            field(offset_of!(Program, main)),
            Address::Symbol(main.to_owned()),
        );
        let leaves = self.options.on_trap.key().is_some();
        if restricts || policy.has_rare() || plan.threads.is_some() || leaves {
            let rare = Address::Blob(self.write_rare());
            self.blob
                .set_address(field(offset_of!(Program, rare)), rare);
        }
        if let Some(entry) = plan.entry {
            self.blob
                .set_address(field(offset_of!(Program, entry)), Address::Code(entry));
        }
        // A server restricts itself once it knows which files its command line names.
        let init = match policy.is_hardened && plan.server.is_none() {
            true => Some(HARDEN_SYMBOL.to_owned()),
            false => self.host_init(),
        };
        if let Some(init) = init {
            let init = Address::Symbol(init);
            self.blob
                .set_address(field(offset_of!(Program, host_init)), init);
        }
        self.blob
            .set_u64(field(offset_of!(Program, store_bytes)), plan.store_bytes);
        // An executable that may be anywhere has its memory where the kernel chooses, too, unless
        // references to objects in it are constants.
        let base = match self.options.position_independent && plan.heap_plan.is_none() {
            true => 0,
            false => plan.memory_address() - plan.regions[0].below_bytes,
        };
        self.blob
            .set_u64(field(offset_of!(Program, image_store_base)), base);
        let mapped = match self.image_is_mapped {
            true => placement::mapped_bytes(plan),
            false => 0,
        };
        self.blob
            .set_u64(field(offset_of!(Program, image_mapped_bytes)), mapped);
        self.slice(field(offset_of!(Program, regions)), regions);
        self.slice(field(offset_of!(Program, tables)), tables);
        self.slice(field(offset_of!(Program, instances)), instances);
        self.slice(field(offset_of!(Program, exports)), exports);
        let funcrefs = Address::Blob(self.funcrefs);
        self.blob
            .set_address(field(offset_of!(Program, funcrefs)), funcrefs);
        at
    }

    /// What makes descriptors of preopened directories, and for WASI 0.1 of inherited sockets,
    /// where the program calls functions that can have to do with them.
    pub(super) fn host_init(&self) -> Option<String> {
        let policy = &self.options.policy;
        let init = |target: &Target| {
            let Target::Host(host) = target else {
                return None;
            };
            let symbol = &self.plan.host_fns[host.index()].symbol;
            let name = symbol.strip_prefix(P2_PREFIX);
            if name.or_else(|| symbol.strip_prefix(P3_PREFIX)) == Some(P2_PREOPENS) {
                return policy.has_directories().then(|| P2_INIT.to_owned());
            }
            let mut prefixes = [P1_THREADS_PREFIX, P1_PREFIX, P0_PREFIX].iter();
            let name = prefixes.find_map(|prefix| symbol.strip_prefix(prefix))?;
            let needed =
                policy.has_directories() || policy.inherit_network && name.starts_with("sock_");
            needed.then(|| format!("{P1_PREFIX}init"))
        };
        self.text.relocs.iter().find_map(|r| init(&r.target))
    }

    fn write_code_map(&mut self, at: u64) {
        let field = |offset: usize| at + offset as u64;
        let text = self.text;
        self.blob
            .set_address(field(offset_of!(CodeMap, text_start)), Address::Text);
        self.blob.set_u64(
            field(offset_of!(CodeMap, text_bytes)),
            text.bytes.len() as u64,
        );
        let offsets = self.blob.u32s(text.traps.iter().map(|t| t.0));
        self.slice(
            field(offset_of!(CodeMap, trap_offsets)),
            (Some(offsets), text.traps.len()),
        );
        let codes: Vec<u8> = text.traps.iter().map(|t| t.1).collect();
        let codes = self.blob.raw(&codes);
        self.blob
            .set_address(field(offset_of!(CodeMap, trap_codes)), Address::Blob(codes));
        self.write_names(at);
        self.write_handlers(at);
        if let Some(places) = self.write_places() {
            let places = Address::Blob(places);
            self.blob
                .set_address(field(offset_of!(CodeMap, places)), places);
        }
    }

    fn write_names(&mut self, at: u64) {
        let field = |offset: usize| at + offset as u64;
        let functions = &self.text.functions;
        let starts = self.blob.u32s(functions.iter().map(|f| f.1));
        self.slice(
            field(offset_of!(CodeMap, function_offsets)),
            (Some(starts), functions.len()),
        );
        let mut names = Vec::new();
        let mut offsets = Vec::with_capacity(functions.len() + 1);
        for &(id, ..) in functions {
            offsets.push(u32::try_from(names.len()).expect("names are below 4 GiB"));
            names.extend_from_slice(self.plan.funcs[id.index()].name.as_bytes());
        }
        offsets.push(u32::try_from(names.len()).expect("names are below 4 GiB"));
        let offsets = self.blob.u32s(offsets);
        self.blob.set_address(
            field(offset_of!(CodeMap, name_offsets)),
            Address::Blob(offsets),
        );
        self.str(field(offset_of!(CodeMap, names)), &names);
    }

    fn write_handlers(&mut self, at: u64) {
        let field = |offset: usize| at + offset as u64;
        let sites = &self.text.call_sites;
        let mut words = Vec::with_capacity((sites.len() + 1) * 3);
        let mut handlers = Vec::new();
        const { assert!(size_of::<CallSite>() == 12 && size_of::<Handler>() == 8) };
        for site in sites {
            let first = u32::try_from(handlers.len() / 2).expect("fewer handlers than code bytes");
            words.extend([site.return_offset, site.fp_to_sp_bytes, first]);
            handlers.extend(
                site.handlers
                    .iter()
                    .flat_map(|&(tag, landing)| [tag, landing]),
            );
        }
        let end = u32::try_from(handlers.len() / 2).expect("fewer handlers than code bytes");
        words.extend([u32::MAX, 0, end]);
        let words = self.blob.u32s(words);
        self.slice(
            field(offset_of!(CodeMap, call_sites)),
            (Some(words), sites.len()),
        );
        let handlers = self.blob.u32s(handlers);
        self.blob.set_address(
            field(offset_of!(CodeMap, handlers)),
            Address::Blob(handlers),
        );
    }

    fn write_policy(&mut self, at: u64) {
        let policy = &self.options.policy;
        let field = |offset: usize| at + offset as u64;
        self.write_preopens(at);
        let env = self.variables(&policy.env);
        self.slice(field(offset_of!(Policy, env)), env);
        if let Some(argv0) = &policy.argv0 {
            self.str(field(offset_of!(Policy, argv0)), argv0.as_bytes());
        }
        let args = self.array(policy.args.len(), size_of::<Str>());
        for (position, arg) in policy.args.iter().enumerate() {
            self.str(args + (position * size_of::<Str>()) as u64, arg.as_bytes());
        }
        self.slice(
            field(offset_of!(Policy, args)),
            (Some(args), policy.args.len()),
        );
        let flags = (u64::from(policy.inherit_env) * PolicyFlags::INHERIT_ENV)
            | (u64::from(policy.inherit_network) * PolicyFlags::INHERIT_NETWORK)
            | (u64::from(policy.allow_ip_name_lookup) * PolicyFlags::ALLOW_IP_NAME_LOOKUP)
            | (u64::from(policy.no_tcp) * PolicyFlags::NO_TCP)
            | (u64::from(policy.no_udp) * PolicyFlags::NO_UDP);
        self.blob.set_u64(field(offset_of!(Policy, flags)), flags);
        let stack = self.options.stack_bytes_max.unwrap_or(0);
        self.blob
            .set_u64(field(offset_of!(Policy, stack_bytes_max)), stack);
    }

    pub(super) fn value_type(&self, ty: ValType) -> u8 {
        let ty = match ty {
            ValType::I32 => ValueType::I32,
            ValType::I64 => ValueType::I64,
            ValType::F32 => ValueType::F32,
            ValType::F64 => ValueType::F64,
            ValType::V128 => ValueType::V128,
            ValType::Ref(ty) => match self.plan.sigs.hierarchy(ty.heap_type()) {
                Hierarchy::Func => ValueType::FuncRef,
                Hierarchy::Extern => ValueType::ExternRef,
                Hierarchy::Exn => ValueType::ExnRef,
                Hierarchy::Any => ValueType::AnyRef,
            },
        };
        ty as u8
    }
}
