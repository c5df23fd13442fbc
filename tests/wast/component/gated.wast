;;! component_model_fixed_length_lists = true

;; Types that Wasmtime has behind a switch: maps, and lists of fixed length, which the component
;; model has behind one too. (`-W component-model-map,component-model-fixed-length-lists` there.)

(component
  (core module $m
    (memory (export "memory") 1)
    (global $free (mut i32) (i32.const 1024))
    (func (export "realloc") (param i32 i32 i32 i32) (result i32)
      (local $at i32)
      (local.set $at
        (i32.and
          (i32.add (global.get $free) (i32.sub (local.get 2) (i32.const 1)))
          (i32.sub (i32.const 0) (local.get 2))))
      (global.set $free (i32.add (local.get $at) (local.get 3)))
      (local.get $at))
    (func (export "list") (param i32 i32) (result i32)
      (i32.store offset=16 (i32.const 0) (local.get 0))
      (i32.store offset=20 (i32.const 0) (local.get 1))
      (i32.const 16))
    (func (export "three") (param i32 i32 i32) (result i32)
      (i32.store16 offset=32 (i32.const 0) (local.get 2))
      (i32.store16 offset=34 (i32.const 0) (local.get 1))
      (i32.store16 offset=36 (i32.const 0) (local.get 0))
      (i32.const 32))
    (func (export "twenty") (param i32) (result i32) (local.get 0)))
  (core instance $i (instantiate $m))
  (alias core export $i "memory" (core memory $memory))
  (alias core export $i "realloc" (core func $realloc))
  (func (export "echo") (param "m" (map string u64)) (result (map string u64))
    (canon lift (core func $i "list") (memory $memory) (realloc $realloc)))
  (func (export "nested") (param "m" (map u8 (map char bool))) (result (map u8 (map char bool)))
    (canon lift (core func $i "list") (memory $memory) (realloc $realloc)))
  (func (export "turn") (param "l" (list u16 3)) (result (list u16 3))
    (canon lift (core func $i "three") (memory $memory)))
  ;; Twenty flat values lie in memory.
  (func (export "twenty") (param "l" (list u8 20)) (result (list u8 20))
    (canon lift (core func $i "twenty") (memory $memory) (realloc $realloc)))
)
(assert_return (invoke "echo" (map.const)) (map.const))
(assert_return
  (invoke "echo" (map.const
    (entry (str.const "one") (u64.const 1))
    (entry (str.const "") (u64.const 18446744073709551615))))
  (map.const
    (entry (str.const "one") (u64.const 1))
    (entry (str.const "") (u64.const 18446744073709551615))))
(assert_return
  (invoke "nested" (map.const
    (entry (u8.const 7) (map.const))
    (entry (u8.const 8) (map.const (entry (char.const "x") (bool.const true))))))
  (map.const
    (entry (u8.const 7) (map.const))
    (entry (u8.const 8) (map.const (entry (char.const "x") (bool.const true))))))
(assert_return
  (invoke "turn" (list.const (u16.const 1) (u16.const 2) (u16.const 65535)))
  (list.const (u16.const 65535) (u16.const 2) (u16.const 1)))
(assert_return
  (invoke "twenty" (list.const
    (u8.const 0) (u8.const 1) (u8.const 2) (u8.const 3) (u8.const 4) (u8.const 5) (u8.const 6)
    (u8.const 7) (u8.const 8) (u8.const 9) (u8.const 10) (u8.const 11) (u8.const 12) (u8.const 13)
    (u8.const 14) (u8.const 15) (u8.const 16) (u8.const 17) (u8.const 18) (u8.const 255)))
  (list.const
    (u8.const 0) (u8.const 1) (u8.const 2) (u8.const 3) (u8.const 4) (u8.const 5) (u8.const 6)
    (u8.const 7) (u8.const 8) (u8.const 9) (u8.const 10) (u8.const 11) (u8.const 12) (u8.const 13)
    (u8.const 14) (u8.const 15) (u8.const 16) (u8.const 17) (u8.const 18) (u8.const 255)))
