;;! shared_everything_threads = true

;; `thread.available-parallelism`: threads of a component take turns, so it is one.
(component
  (core module $m
    (type $plain (func (result i32)))
    (type $number (shared (func (result i32))))
    (import "" "parallelism" (func $parallelism (type $number)))
    (func $shared (type $number) (i32.add (i32.const 40) (i32.const 1)))
    (func (export "parallelism") (type $plain) (call $parallelism))
    (func (export "sum") (type $plain) (i32.add (call $parallelism) (call $shared))))
  (core func $parallelism (canon thread.available_parallelism))
  (core instance $m (instantiate $m
    (with "" (instance (export "parallelism" (func $parallelism))))))
  (func (export "parallelism") (result u32) (canon lift (core func $m "parallelism")))
  (func (export "sum") (result u32) (canon lift (core func $m "sum"))))
(assert_return (invoke "parallelism") (u32.const 1))
(assert_return (invoke "sum") (u32.const 42))
