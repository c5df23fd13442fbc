;; Calls from one component to another. Values are lifted and lowered in one step; small adapters
;; are inlined into their callers, with what they call: of `add` nothing is left but the wrapping of
;; its arguments and the test of `may_leave`. No flag says that an instance is entered, as nothing
;; can lead back into it.

(component
  (component $library
    (core module $m
      (memory (export "memory") 1)
      (func (export "realloc") (param i32 i32 i32 i32) (result i32) (i32.const 1024))
      (func (export "add") (param i32 i32) (result i32) (i32.add (local.get 0) (local.get 1)))
      (func (export "first") (param i32 i32) (result i32) (i32.load (local.get 0))))
    (core instance $m (instantiate $m))
    (func (export "add") (param "a" u8) (param "b" s16) (result u32)
      (canon lift (core func $m "add")))
    (func (export "first") (param "list" (list u32)) (result u32)
      (canon lift (core func $m "first")
        (memory (core memory $m "memory")) (realloc (core func $m "realloc")))))

  (component $user
    (import "add" (func $add (param "a" u8) (param "b" s16) (result u32)))
    (import "first" (func $first (param "list" (list u32)) (result u32)))
    (core module $memory (memory (export "memory") 1))
    (core instance $memory (instantiate $memory))
    (core func $add (canon lower (func $add)))
    (core func $first (canon lower (func $first) (memory (core memory $memory "memory"))))
    (core module $m
      (import "" "add" (func $add (param i32 i32) (result i32)))
      (import "" "first" (func $first (param i32 i32) (result i32)))
      (func (export "run") (param i32) (result i32)
        (call $add (local.get 0) (call $first (i32.const 8) (i32.const 2)))))
    (core instance $m (instantiate $m
      (with "" (instance (export "add" (func $add)) (export "first" (func $first))))))
    (func (export "run") (param "a" u32) (result u32) (canon lift (core func $m "run"))))

  (instance $library (instantiate $library))
  (instance $user (instantiate $user
    (with "add" (func $library "add")) (with "first" (func $library "first"))))
  (export "run" (func $user "run")))
