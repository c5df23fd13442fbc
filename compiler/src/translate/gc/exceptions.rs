//! Exceptions of a program with objects, which may refer to them: they are objects like any other.

use super::super::translator::FuncTranslator;
use super::fields::Extension;
use crate::plan::ExceptionLayout;
use cranelift_codegen::ir::{InstBuilder, Value, types};

impl FuncTranslator<'_, '_> {
    /// ```text
    /// v2 = …                              ; allocates an object with the number of the tag
    /// v3 = iconst.i32 1
    /// store heap v3, v2+4                 ; shared, so that nobody but the collector frees it
    /// store heap value, v2+8
    /// ```
    pub(in super::super) fn new_exception(
        &mut self,
        exception: &ExceptionLayout,
        values: &[Value],
    ) -> Value {
        let bytes = i64::from(exception.layout.bytes);
        let object = self.allocate_number(exception.number, bytes);
        let flags = self.heap_flags(None);
        let shared = self.builder.ins().iconst(types::I32, 1);
        let values = std::iter::once(&shared).chain(values);
        let places = exception.fields.iter().zip(&exception.layout.offsets);
        for ((field, &offset), &value) in places.zip(values) {
            let offset = offset
                .expect("exceptions have all their fields")
                .cast_signed();
            self.store_to(*field, value, flags, object, offset);
        }
        object
    }

    /// What [`Self::new_exception`] has stored.
    pub(in super::super) fn exception_fields(
        &mut self,
        exception: &ExceptionLayout,
        object: Value,
    ) -> Vec<Value> {
        let flags = self.heap_flags(None);
        let places = exception.fields.iter().zip(&exception.layout.offsets);
        places
            .skip(1)
            .map(|(field, &offset)| {
                let offset = offset
                    .expect("exceptions have all their fields")
                    .cast_signed();
                self.load_from(*field, Extension::Unsigned, flags, object, offset)
            })
            .collect()
    }
}
