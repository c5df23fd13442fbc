;; Modules that link dynamically inside a component: each writes its part of one table when it is
;; instantiated, at an offset that an imported global gives. The table is constant afterwards, so
;; the call in `run` is a load from an array, without a signature check.
(component
  (core module $env
    (memory (export "memory") 1)
    (table (export "table") 4 funcref)
    (global (export "base-a") i32 (i32.const 0))
    (global (export "base-b") i32 (i32.const 2)))
  (core module $a
    (import "env" "memory" (memory 1))
    (import "env" "table" (table 1 funcref))
    (import "env" "base" (global $base i32))
    (func $double (param i32) (result i32) (i32.mul (local.get 0) (i32.const 2)))
    (func $store (param i32) (result i32)
      (i32.store (i32.const 8) (local.get 0))
      (local.get 0))
    (elem (global.get $base) func $double $store))
  (core module $b
    (import "env" "memory" (memory 1))
    (import "env" "table" (table 1 funcref))
    (import "env" "base" (global $base i32))
    (func $load (param i32) (result i32) (i32.load (local.get 0)))
    (elem (global.get $base) func $load))
  (core module $main
    (import "env" "memory" (memory 1))
    (import "env" "table" (table 1 funcref))
    (type $unary (func (param i32) (result i32)))
    (func (export "run") (result i32)
      (call_indirect (type $unary)
        (i32.const 0)
        (i32.load (i32.const 0)))))
  (core instance $env (instantiate $env))
  (core instance $env-a
    (export "memory" (memory $env "memory"))
    (export "table" (table $env "table"))
    (export "base" (global $env "base-a")))
  (core instance $env-b
    (export "memory" (memory $env "memory"))
    (export "table" (table $env "table"))
    (export "base" (global $env "base-b")))
  (core instance (instantiate $a (with "env" (instance $env-a))))
  (core instance (instantiate $b (with "env" (instance $env-b))))
  (core instance $main (instantiate $main (with "env" (instance $env))))
  (func $run (result (result)) (canon lift (core func $main "run")))
  (instance $cli (export "run" (func $run)))
  (export "wasi:cli/run@0.2.0" (instance $cli)))
