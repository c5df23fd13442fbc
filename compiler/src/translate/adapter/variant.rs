//! Variants, enums, options and results.

use super::{Source, Target, Way};
use crate::canonical::{TyId, Types};
use crate::translate::clif::clif_type;
use crate::translate::control::block_args;
use crate::translate::translator::FuncTranslator;
use cranelift_codegen::ir::condcodes::IntCC;
use cranelift_codegen::ir::{Block, InstBuilder, JumpTableData, MemFlagsData, Type, Value, types};
use wasmelt_abi::TrapCode;
use wasmparser::ValType;

impl FuncTranslator<'_, '_> {
    /// ```text
    /// v2 = icmp_imm uge v1, cases                         ; v1 is the discriminant
    /// trapnz v2, invalid discriminant
    /// br_table v1, [block1, block2, block1]
    /// block1:                                             ; cases with the same payload type
    ///     …                                               ; the payload
    ///     jump block3(v4, v5)
    /// block2:
    ///     …
    /// block3(v6: i64, v7: i32):                           ; flat payload of any case
    /// ```
    pub(super) fn variant(
        &mut self,
        way: Way,
        ty: TyId,
        source: Source<'_>,
        target: Target,
    ) -> Vec<Value> {
        let types = &self.linked().types;
        let cases = types.cases(ty).expect("it has cases");
        let bytes = Types::discriminant_bytes(cases.len());
        let discriminant = self.raw(source, bytes);
        let count = i64::try_from(cases.len()).expect("far below 2^63");
        let invalid =
            self.builder
                .ins()
                .icmp_imm_s(IntCC::UnsignedGreaterThanOrEqual, discriminant, count);
        self.trap_if(invalid, TrapCode::InvalidDiscriminant);
        let mut results = self.put(target, bytes, discriminant);
        if cases.iter().all(Option::is_none) {
            return results;
        }
        let joined = match target {
            Target::Flat => &types.flat_values(ty, self.ptr(way.to))[1..],
            Target::Memory(..) => &[],
        };
        let end = self.builder.create_block();
        for &ty in joined {
            self.builder.append_block_param(end, clif_type(ty));
        }
        let offsets =
            [way.from, way.to].map(|options| types.payload_offset(&cases, self.ptr(options)));
        for (payload, block) in self.branch_to_cases(discriminant, &cases) {
            self.enter(block);
            let payload = self.payload(way, payload, source, target, offsets, joined);
            let args = block_args(&payload);
            self.builder.ins().jump(end, &args);
        }
        self.enter(end);
        results.extend_from_slice(self.builder.block_params(end));
        results
    }

    /// Branches to one block for each type of payload, the discriminant being valid.
    fn branch_to_cases(
        &mut self,
        discriminant: Value,
        cases: &[Option<TyId>],
    ) -> Vec<(Option<TyId>, Block)> {
        let mut blocks: Vec<(Option<TyId>, Block)> = Vec::new();
        let mut block_of = std::collections::HashMap::new();
        let mut targets = Vec::with_capacity(cases.len());
        for &payload in cases {
            let block = *block_of.entry(payload).or_insert_with(|| {
                let block = self.builder.create_block();
                blocks.push((payload, block));
                block
            });
            targets.push(block);
        }
        match (&blocks[..], &targets[..]) {
            ([(_, only)], _) => {
                self.builder.ins().jump(*only, &[]);
            }
            (_, [first, second]) => {
                self.builder
                    .ins()
                    .brif(discriminant, *second, &[], *first, &[]);
            }
            _ => {
                let (last, others) = targets.split_last().expect("several cases");
                let mut call = |block: &Block| self.builder.func.dfg.block_call(*block, &[]);
                let default = call(last);
                let entries: Vec<_> = others.iter().map(call).collect();
                let data = JumpTableData::new(default, &entries);
                let table = self.builder.create_jump_table(data);
                self.builder.ins().br_table(discriminant, table);
            }
        }
        blocks
    }

    /// Passes the payload of one case; gives flat values of the joined types, zeros behind it.
    fn payload(
        &mut self,
        way: Way,
        payload: Option<TyId>,
        source: Source<'_>,
        target: Target,
        [from, to]: [u32; 2],
        joined: &[ValType],
    ) -> Vec<Value> {
        let mut results = Vec::with_capacity(joined.len());
        if let Some(ty) = payload {
            let flat = match source {
                Source::Flat(values) => self.unjoined(way, &values[1..], ty),
                Source::Memory(..) => Vec::new(),
            };
            let part = source.part(from, &flat);
            let values = self.pass(way, ty, part, target.part(to));
            for (value, &ty) in values.into_iter().zip(joined) {
                results.push(self.as_flat(value, clif_type(ty)));
            }
        }
        for &ty in &joined[results.len()..] {
            results.push(self.zero(ty));
        }
        results
    }

    /// `CoerceValueIter` of `lift_flat_variant`.
    fn unjoined(&mut self, way: Way, values: &[Value], ty: TyId) -> Vec<Value> {
        let flat = self.linked().types.flat_values(ty, self.ptr(way.from));
        values
            .iter()
            .zip(flat)
            .map(|(&value, &ty)| self.as_flat(value, clif_type(ty)))
            .collect()
    }

    /// The bits of a flat value as one of another type: integers are extended with zeros, or cut.
    fn as_flat(&mut self, value: Value, wanted: Type) -> Value {
        let have = self.builder.func.dfg.value_type(value);
        let integer = |ty: Type| {
            if ty.bytes() == 4 {
                types::I32
            } else {
                types::I64
            }
        };
        let bits = self.bits_as(value, integer(have));
        let bits = match (integer(have), integer(wanted)) {
            (types::I32, types::I64) => self.builder.ins().uextend(types::I64, bits),
            (types::I64, types::I32) => self.builder.ins().ireduce(types::I32, bits),
            _ => bits,
        };
        self.bits_as(bits, wanted)
    }

    fn bits_as(&mut self, value: Value, ty: Type) -> Value {
        if self.builder.func.dfg.value_type(value) == ty {
            return value;
        }
        self.builder.ins().bitcast(ty, MemFlagsData::new(), value)
    }
}
