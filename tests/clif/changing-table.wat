;; Code writes the table: a call checks index, null and signature.
(module
  (type $none (func))
  (table $t 4 funcref)
  (func $set (table.set $t (i32.const 1) (ref.func $set)))
  (elem declare func $set)
  (func (export "run") (param i32)
    (call $set)
    (call_indirect $t (type $none) (local.get 0))))
