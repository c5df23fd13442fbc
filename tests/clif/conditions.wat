;; Results of comparisons become numbers only where something else than a branch or `select` uses them.
;; -O0
(module
  (func $branch (param i32 f64) (result i32)
    (block (br_if 0 (i32.eqz (i32.lt_u (local.get 0) (i32.const 7))))
      (return (i32.const 1)))
    (if (result i32) (i32.eqz (f64.lt (local.get 1) (f64.const 0)))
      (then (i32.const 2))
      (else (i32.const 3))))
  (func $select (param i64 i64) (result i64)
    (select (local.get 0) (local.get 1) (i64.gt_s (local.get 0) (local.get 1))))
  (func $number (param i32 i32) (result i32) (local i32)
    (br_if 0 (i32.const 9) (local.tee 2 (i32.ne (local.get 0) (local.get 1))))
    (i32.add (local.get 2)))
  (func (export "run") (param i32 f64) (result i32)
    (call $branch (local.get 0) (local.get 1))
    (i32.wrap_i64 (call $select (i64.const 1) (i64.const 2)))
    (call $number)))
