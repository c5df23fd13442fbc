;; What stops a component: values that are none, addresses out of bounds, what `realloc` may not
;; give back, and what `realloc` and `post-return` may not call.

;; Results that are no values, from the result's address.
(component definition $Results
  (core module $m
    (memory (export "memory") 1)
    (data (i32.const 16) "\00\d8\00\00")          ;; a surrogate
    (data (i32.const 20) "\00\00\11\00")          ;; beyond the last character
    (data (i32.const 24) "\02\00\00\00")          ;; the third case of two
    (data (i32.const 32) "\fc\ff\00\00\02\00\00\00") ;; two numbers from 65532
    (data (i32.const 40) "\01\00\00\00\01\00\00\00") ;; a number at 1
    (data (i32.const 48) "\00\00\00\00\00\00\00\10") ;; 2^28 of them
    (data (i32.const 56) "\00\00\01\00\00\00\00\00") ;; none, at the end of the memory
    (func (export "at") (param i32) (result i32) (local.get 0)))
  (core instance $i (instantiate $m))
  (alias core export $i "memory" (core memory $memory))
  (func (export "char") (param "c" u32) (result char) (canon lift (core func $i "at")))
  (func (export "chars") (param "at" u32) (result (tuple char char))
    (canon lift (core func $i "at") (memory $memory)))
  (func (export "option") (param "at" u32) (result (option u32))
    (canon lift (core func $i "at") (memory $memory)))
  (type $e' (enum "a" "b"))
  (export $e "e" (type $e'))
  (func (export "enum") (param "case" u32) (result $e) (canon lift (core func $i "at")))
  (func (export "numbers") (param "at" u32) (result (list u32))
    (canon lift (core func $i "at") (memory $memory))))
(component instance $r $Results)
(assert_return (invoke "char" (u32.const 0x10ffff)) (char.const "\u{10ffff}"))
(assert_trap (invoke "char" (u32.const 0xdfff)) "invalid `char` bit pattern")
(component instance $r $Results)
(assert_trap (invoke "char" (u32.const 0x110000)) "invalid `char` bit pattern")
(component instance $r $Results)
(assert_trap (invoke "chars" (u32.const 16)) "invalid `char` bit pattern")
(component instance $r $Results)
(assert_trap (invoke "option" (u32.const 24)) "discriminant 2 out of range [0..2)")
(component instance $r $Results)
(assert_trap (invoke "enum" (u32.const 2)) "discriminant 2 out of range [0..2)")
(component instance $r $Results)
(assert_trap (invoke "numbers" (u32.const 32)) "list pointer/length out of bounds of memory")
(component instance $r $Results)
(assert_trap (invoke "numbers" (u32.const 40)) "list pointer is not aligned")
(component instance $r $Results)
(assert_trap (invoke "numbers" (u32.const 48)) "")
(component instance $r $Results)
(assert_return (invoke "numbers" (u32.const 56)) (list.const))
(assert_trap (invoke "numbers" (u32.const 65533)) "pointer not aligned")
(component instance $r $Results)
(assert_trap (invoke "numbers" (u32.const 65536)) "pointer out of bounds of memory")

;; What `realloc` gives for an argument: the address that the script sets before.
(component definition $Realloc
  (core module $m
    (memory (export "memory") 1)
    (global $next (mut i32) (i32.const 0))
    (func (export "set") (param i32) (global.set $next (local.get 0)))
    (func (export "realloc") (param i32 i32 i32 i32) (result i32) (global.get $next))
    (func (export "take") (param i32 i32)))
  (core instance $i (instantiate $m))
  (alias core export $i "memory" (core memory $memory))
  (alias core export $i "realloc" (core func $realloc))
  (func (export "set") (param "at" u32) (canon lift (core func $i "set")))
  (func (export "bytes") (param "l" (list u8))
    (canon lift (core func $i "take") (memory $memory) (realloc $realloc)))
  (func (export "wide") (param "l" (list u64))
    (canon lift (core func $i "take") (memory $memory) (realloc $realloc)))
  (func (export "text") (param "s" string)
    (canon lift (core func $i "take") (memory $memory) (realloc $realloc) string-encoding=utf16)))
(component instance $a $Realloc)
(assert_return (invoke "set" (u32.const 65536)))
(assert_return (invoke "bytes" (list.const)))
(assert_return (invoke "set" (u32.const 65535)))
(assert_return (invoke "bytes" (list.const (u8.const 1))))
(assert_trap (invoke "bytes" (list.const (u8.const 1) (u8.const 2))) "realloc return: beyond end of memory")
(component instance $a $Realloc)
(assert_return (invoke "set" (u32.const 4)))
(assert_trap (invoke "wide" (list.const (u64.const 1))) "realloc return: result not aligned")
(component instance $a $Realloc)
(assert_return (invoke "set" (u32.const 1)))
(assert_trap (invoke "text" (str.const "a")) "realloc return: result not aligned")
(component instance $a $Realloc)
(assert_return (invoke "set" (u32.const 65534)))
(assert_return (invoke "text" (str.const "a")))
(assert_trap (invoke "text" (str.const "ab")) "realloc return: beyond end of memory")

;; `realloc` and `post-return` must not call imports; `post-return` gets the flat result, and runs
;; after the result was read.
(component definition $Leave
  (component $other
    (core module $m (func (export "f")))
    (core instance $i (instantiate $m))
    (func (export "f") (canon lift (core func $i "f"))))
  (component $c
    (import "f" (func $f))
    (core func $f' (canon lower (func $f)))
    (core module $m
      (import "" "f" (func $f))
      (memory (export "memory") 1)
      (data (i32.const 16) "\20\00\00\00\02\00\00\00")
      (data (i32.const 32) "ok")
      (global $seen (mut i32) (i32.const 0))
      (func (export "realloc") (param i32 i32 i32 i32) (result i32) (call $f) (i32.const 0))
      (func (export "take") (param i32 i32))
      (func (export "give") (result i32) (i32.const 16))
      (func (export "seen") (result i32) (global.get $seen))
      (func (export "clear") (param i32)
        (global.set $seen (local.get 0))
        (memory.fill (i32.const 32) (i32.const 0x78) (i32.const 2)))
      (func (export "leave") (param i32) (call $f)))
    (core instance $i (instantiate $m (with "" (instance (export "f" (func $f'))))))
    (alias core export $i "memory" (core memory $memory))
    (alias core export $i "realloc" (core func $realloc))
    (func (export "take") (param "l" (list u8))
      (canon lift (core func $i "take") (memory $memory) (realloc $realloc)))
    (func (export "give") (result string)
      (canon lift (core func $i "give") (memory $memory) (post-return (core func $i "clear"))))
    (func (export "give-and-leave") (result string)
      (canon lift (core func $i "give") (memory $memory) (post-return (core func $i "leave"))))
    (func (export "seen") (result u32) (canon lift (core func $i "seen"))))
  (instance $other (instantiate $other))
  (instance $c (instantiate $c (with "f" (func $other "f"))))
  (export "take" (func $c "take"))
  (export "give" (func $c "give"))
  (export "give-and-leave" (func $c "give-and-leave"))
  (export "seen" (func $c "seen")))
(component instance $l $Leave)
(assert_return (invoke "give") (str.const "ok"))
(assert_return (invoke "seen") (u32.const 16))
(assert_return (invoke "give") (str.const "xx"))
(assert_trap (invoke "take" (list.const (u8.const 1))) "cannot leave component instance")
(component instance $l $Leave)
(assert_trap (invoke "give-and-leave") "cannot leave component instance")

;; An exception does not leave a component.
(component
  (core module $m
    (tag $t)
    (func (export "throw") (throw $t)))
  (core instance $i (instantiate $m))
  (func (export "throw") (canon lift (core func $i "throw"))))
(assert_trap (invoke "throw") "uncaught exception propagated out of component")
