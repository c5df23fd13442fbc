;; Of the modules with which components are made, one of functions that call through a table and
;; one that fills the table, nothing is left between caller and callee: the table is constant, and
;; its element is chosen by a constant. `run` calls the lowered function itself.

(component
  (import "wasi:random/random@0.2.0" (instance $random
    (export "get-random-bytes" (func (param "len" u64) (result (list u8))))))

  (core module $main
    (import "wasi:random/random@0.2.0" "get-random-bytes" (func $bytes (param i64 i32)))
    (memory (export "memory") 1)
    (func (export "realloc") (param i32 i32 i32 i32) (result i32) (i32.const 1024))
    (func (export "run") (result i32)
      (call $bytes (i64.const 4) (i32.const 16))
      (i32.load (i32.load (i32.const 16)))))

  (core module $shim
    (type $t (func (param i64 i32)))
    (table (export "$imports") 1 1 funcref)
    (func (export "0") (param i64 i32)
      (call_indirect (type $t) (local.get 0) (local.get 1) (i32.const 0))))

  (core module $fixups
    (import "" "0" (func $f (param i64 i32)))
    (import "" "$imports" (table 1 1 funcref))
    (elem (i32.const 0) func $f))

  (core instance $shim (instantiate $shim))
  (core instance $main (instantiate $main
    (with "wasi:random/random@0.2.0" (instance (export "get-random-bytes" (func $shim "0"))))))
  (alias core export $main "memory" (core memory $memory))
  (alias core export $main "realloc" (core func $realloc))
  (core func $bytes (canon lower (func $random "get-random-bytes")
    (memory $memory) (realloc $realloc)))
  (core instance (instantiate $fixups
    (with "" (instance
      (export "0" (func $bytes))
      (export "$imports" (table $shim "$imports"))))))
  (func (export "run") (result u32) (canon lift (core func $main "run"))))
