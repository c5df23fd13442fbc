;; A call inside of a `try_table` names its handlers; what does not throw costs nothing.
(module
  (tag $tag (param i32))
  (func $may_throw (param i32)
    (if (local.get 0) (then (throw $tag (i32.const 5)))))
  (func (export "run") (param i32) (result i32)
    (block $caught (result i32)
      (try_table (catch $tag $caught) (call $may_throw (local.get 0)))
      (i32.const 1))))
