;; A small function takes in one level of its calls of itself; a constant is subtracted by adding.
(module
  (func $sum (param i32) (result i32)
    (if (result i32) (i32.eqz (local.get 0))
      (then (i32.const 0))
      (else (i32.add (local.get 0) (call $sum (i32.sub (local.get 0) (i32.const 1)))))))
  (func (export "run") (param i32) (result i32)
    (call $sum (local.get 0))))
