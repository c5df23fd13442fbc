;; Guard pages check bounds: an access is an extension of the index and the load or store itself.
(module
  (memory 1)
  (func (export "run") (param i32 i64) (result i32)
    (i64.store offset=8 (local.get 0) (local.get 1))
    (i32.load8_s offset=65528 (local.get 0))))
