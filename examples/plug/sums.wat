;; A component that imports a function of another (`power.wat`) and exports one of its own.
(component
  (import "demo:math/power@0.1.0" (instance $power
    (export "square" (func (param "x" u32) (result u32)))))
  (core func $square (canon lower (func $power "square")))
  (core module $code
    (import "power" "square" (func $square (param i32) (result i32)))
    (func (export "sum") (param i32 i32) (result i32)
      (i32.add (call $square (local.get 0)) (call $square (local.get 1)))))
  (core instance $instance (instantiate $code
    (with "power" (instance (export "square" (func $square))))))
  (func $sum (param "a" u32) (param "b" u32) (result u32)
    (canon lift (core func $instance "sum")))
  (export "sum-of-squares" (func $sum)))
