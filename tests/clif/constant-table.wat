;; Nothing changes the table: its code pointers are constant data, one load away, and elements of
;; another type lead to a trap there, so that no signature is compared.
(module
  (type $binary (func (param i32 i32) (result i32)))
  (table funcref (elem $add $subtract $negate))
  (func $add (type $binary) (i32.add (local.get 0) (local.get 1)))
  (func $subtract (type $binary) (i32.sub (local.get 0) (local.get 1)))
  (func $negate (param i32) (result i32) (i32.sub (i32.const 0) (local.get 0)))
  (func (export "run") (param i32) (result i32)
    (call_indirect (type $binary) (i32.const 7) (i32.const 5) (local.get 0))))
