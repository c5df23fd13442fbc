;; Small callees become part of their callers, through several levels.
(module
  (func $square (param i32) (result i32) (i32.mul (local.get 0) (local.get 0)))
  (func $both (param i32 i32) (result i32)
    (i32.add (call $square (local.get 0)) (call $square (local.get 1))))
  (func (export "run") (param i32) (result i32) (call $both (local.get 0) (i32.const 3))))
