;; A component that exports one function; `sums.wat` imports it.
(component
  (core module $code
    (func (export "square") (param i32) (result i32)
      (i32.mul (local.get 0) (local.get 0))))
  (core instance $instance (instantiate $code))
  (func $square (param "x" u32) (result u32)
    (canon lift (core func $instance "square")))
  (instance $power (export "square" (func $square)))
  (export "demo:math/power@0.1.0" (instance $power)))
