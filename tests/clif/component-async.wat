;; A call of an async function from one component to another. The caller's code passes its slots and
;; the record of the call to the runtime, which makes a task of it; the callee is called through
;; pieces that the record names: its parameters are passed, its core function and its callback are
;; called, and its result is passed when `task.return` is called.

(component
  (component $library
    (core func $return (canon task.return (result u32)))
    (core module $m
      (import "" "return" (func $return (param i32)))
      (func (export "double") (param i32) (result i32)
        (call $return (i32.mul (local.get 0) (i32.const 2)))
        (i32.const 0 (; exit ;)))
      (func (export "callback") (param i32 i32 i32) (result i32) unreachable))
    (core instance $m (instantiate $m (with "" (instance (export "return" (func $return))))))
    (func (export "double") async (param "a" u8) (result u32)
      (canon lift (core func $m "double") async (callback (core func $m "callback")))))

  (component $user
    (import "double" (func $double async (param "a" u8) (result u32)))
    (core module $memory (memory (export "memory") 1))
    (core instance $memory (instantiate $memory))
    (core func $double (canon lower (func $double) async (memory (core memory $memory "memory"))))
    (core func $return (canon task.return (result u32)))
    (core module $m
      (import "" "memory" (memory 1))
      (import "" "double" (func $double (param i32 i32) (result i32)))
      (import "" "return" (func $return (param i32)))
      (func (export "run") (param i32) (result i32)
        (if (i32.ne (call $double (local.get 0) (i32.const 8)) (i32.const 2 (; returned ;)))
          (then unreachable))
        (call $return (i32.load (i32.const 8)))
        (i32.const 0))
      (func (export "callback") (param i32 i32 i32) (result i32) unreachable))
    (core instance $m (instantiate $m
      (with "" (instance (export "double" (func $double)) (export "return" (func $return))
        (export "memory" (memory $memory "memory"))))))
    (func (export "run") async (param "a" u8) (result u32)
      (canon lift (core func $m "run") async (callback (core func $m "callback")))))

  (instance $library (instantiate $library))
  (instance $user (instantiate $user (with "double" (func $library "double"))))
  (export "run" (func $user "run")))
