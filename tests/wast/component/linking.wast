;; Components inside components: each kind of value between siblings, order of instantiation, core
;; modules as imports, several instances of one component, and re-exported instances.

;; Values between two siblings, flat and in memory. The caller asks for them from the callee and
;; checks the flat values that it gets.
(component
  (core module $libc
    (memory (export "memory") 1)
    (global $free (mut i32) (i32.const 4096))
    (func (export "realloc") (param i32 i32 i32 i32) (result i32)
      (local $at i32)
      (local.set $at
        (i32.and
          (i32.add (global.get $free) (i32.sub (local.get 2) (i32.const 1)))
          (i32.sub (i32.const 0) (local.get 2))))
      (global.set $free (i32.add (local.get $at) (local.get 3)))
      (local.get $at)))

  (component $callee
    (core instance $libc (instantiate $libc))
    (alias core export $libc "memory" (core memory $memory))
    (alias core export $libc "realloc" (core func $realloc))
    (core module $m
      (import "libc" "memory" (memory 1))
      ;; Gives a record back with its parts changed: u8, list<u16>, result<s64, f32>
      (func (export "change") (param i32 i32 i32 i32 i64) (result i32)
        (local $n i32)
        (i32.store8 offset=64 (i32.const 0) (i32.add (local.get 0) (i32.const 1)))
        (i32.store offset=68 (i32.const 0) (local.get 1))
        (i32.store offset=72 (i32.const 0) (local.get 2))
        (loop $next
          (if (i32.lt_u (local.get $n) (local.get 2))
            (then
              (i32.store16
                (i32.add (local.get 1) (i32.shl (local.get $n) (i32.const 1)))
                (i32.add (local.get $n)
                  (i32.load16_u (i32.add (local.get 1) (i32.shl (local.get $n) (i32.const 1))))))
              (local.set $n (i32.add (local.get $n) (i32.const 1)))
              (br $next))))
        (i32.store8 offset=80 (i32.const 0) (local.get 3))
        (if (local.get 3)
          (then (i32.store offset=88 (i32.const 0) (i32.wrap_i64 (local.get 4))))
          (else (i64.store offset=88 (i32.const 0) (i64.mul (local.get 4) (i64.const 2)))))
        (i32.const 64))
      ;; Seventeen flat values: their sum.
      (func (export "sum") (param i32) (result i64)
        (local $n i32) (local $sum i64)
        (loop $next
          (local.set $sum (i64.add (local.get $sum)
            (i64.load (i32.add (local.get 0) (i32.shl (local.get $n) (i32.const 3))))))
          (local.set $n (i32.add (local.get $n) (i32.const 1)))
          (br_if $next (i32.lt_u (local.get $n) (i32.const 17))))
        (local.get $sum))
      ;; What of the parameter is not flags is dropped on the way.
      (func (export "flags") (param i32) (result i32) (i32.or (local.get 0) (i32.const 0xffffff00)))
      (func (export "bool") (param i32) (result i32) (i32.add (local.get 0) (i32.const 4)))
      (func (export "s8") (param i32) (result i32) (local.get 0)))
    (core instance $i (instantiate $m (with "libc" (instance $libc))))
    (type $r' (record (field "a" u8) (field "b" (list u16)) (field "c" (result s64 (error f32)))))
    (export $r "r" (type $r'))
    (func (export "change") (param "r" $r) (result $r)
      (canon lift (core func $i "change") (memory $memory) (realloc $realloc)))
    (func (export "sum")
      (param "a" (tuple u64 u64 u64 u64 u64 u64 u64 u64))
      (param "b" (tuple u64 u64 u64 u64 u64 u64 u64 u64))
      (param "c" u64) (result u64)
      (canon lift (core func $i "sum") (memory $memory) (realloc $realloc)))
    (type $f' (flags "p" "q" "r"))
    (export $f "f" (type $f'))
    (func (export "flags") (param "f" $f) (result $f) (canon lift (core func $i "flags")))
    (func (export "bool") (param "b" bool) (result bool) (canon lift (core func $i "bool")))
    (func (export "s8") (param "b" s8) (result s8) (canon lift (core func $i "s8"))))

  (component $caller
    (import "callee" (instance $callee
      (type $r' (record (field "a" u8) (field "b" (list u16)) (field "c" (result s64 (error f32)))))
      (export "r" (type $r (eq $r')))
      (export "change" (func (param "r" $r) (result $r)))
      (export "sum" (func
        (param "a" (tuple u64 u64 u64 u64 u64 u64 u64 u64))
        (param "b" (tuple u64 u64 u64 u64 u64 u64 u64 u64))
        (param "c" u64) (result u64)))
      (type $f' (flags "p" "q" "r"))
      (export "f" (type $f (eq $f')))
      (export "flags" (func (param "f" $f) (result $f)))
      (export "bool" (func (param "b" bool) (result bool)))
      (export "s8" (func (param "b" s8) (result s8)))))
    (core instance $libc (instantiate $libc))
    (alias core export $libc "memory" (core memory $memory))
    (alias core export $libc "realloc" (core func $realloc))
    (core func $change (canon lower (func $callee "change") (memory $memory) (realloc $realloc)))
    (core func $sum (canon lower (func $callee "sum") (memory $memory)))
    (core func $flags (canon lower (func $callee "flags")))
    (core func $bool (canon lower (func $callee "bool")))
    (core func $s8 (canon lower (func $callee "s8")))
    (core module $m
      (import "libc" "memory" (memory 1))
      (import "callee" "change" (func $change (param i32 i32 i32 i32 i64 i32)))
      (import "callee" "sum" (func $sum (param i32) (result i64)))
      (import "callee" "flags" (func $flags (param i32) (result i32)))
      (import "callee" "bool" (func $bool (param i32) (result i32)))
      (import "callee" "s8" (func $s8 (param i32) (result i32)))
      (data (i32.const 128) "\0a\00\14\00\1e\00")
      (func $check (param i32) (if (i32.eqz (local.get 0)) (then (unreachable))))
      (func (export "run") (result i32)
        (local $n i32)
        ;; ok(21)
        (call $change (i32.const 5) (i32.const 128) (i32.const 3) (i32.const 0) (i64.const 21) (i32.const 256))
        (call $check (i32.eq (i32.load8_u offset=256 (i32.const 0)) (i32.const 6)))
        (call $check (i32.ne (i32.load offset=260 (i32.const 0)) (i32.const 128)))
        (call $check (i32.eq (i32.load offset=264 (i32.const 0)) (i32.const 3)))
        (call $check (i32.eq (i32.load16_u (i32.load offset=260 (i32.const 0))) (i32.const 10)))
        (call $check (i32.eq (i32.load16_u offset=2 (i32.load offset=260 (i32.const 0))) (i32.const 21)))
        (call $check (i32.eq (i32.load16_u offset=4 (i32.load offset=260 (i32.const 0))) (i32.const 32)))
        (call $check (i32.eq (i32.load8_u offset=272 (i32.const 0)) (i32.const 0)))
        (call $check (i64.eq (i64.load offset=280 (i32.const 0)) (i64.const 42)))
        ;; err(1.5), with the upper half of the slot full of noise
        (call $change (i32.const 255) (i32.const 128) (i32.const 0) (i32.const 1)
          (i64.const 0x123456783fc00000) (i32.const 256))
        (call $check (i32.eq (i32.load8_u offset=256 (i32.const 0)) (i32.const 0)))
        (call $check (i32.eq (i32.load offset=264 (i32.const 0)) (i32.const 0)))
        (call $check (i32.eq (i32.load8_u offset=272 (i32.const 0)) (i32.const 1)))
        (call $check (f32.eq (f32.load offset=280 (i32.const 0)) (f32.const 1.5)))
        ;; 1 + 2 + … + 17
        (loop $next
          (i64.store offset=512 (i32.shl (local.get $n) (i32.const 3))
            (i64.extend_i32_u (i32.add (local.get $n) (i32.const 1))))
          (local.set $n (i32.add (local.get $n) (i32.const 1)))
          (br_if $next (i32.lt_u (local.get $n) (i32.const 17))))
        (call $check (i64.eq (call $sum (i32.const 512)) (i64.const 153)))
        (call $check (i32.eq (call $flags (i32.const 0xfd)) (i32.const 5)))
        (call $check (i32.eq (call $bool (i32.const 0)) (i32.const 1)))
        (call $check (i32.eq (call $s8 (i32.const 0x1ff)) (i32.const -1)))
        (i32.const 42)))
    (core instance $i (instantiate $m
      (with "libc" (instance $libc))
      (with "callee" (instance
        (export "change" (func $change)) (export "sum" (func $sum)) (export "flags" (func $flags))
        (export "bool" (func $bool)) (export "s8" (func $s8))))))
    (func (export "run") (result u32) (canon lift (core func $i "run"))))

  (instance $callee (instantiate $callee))
  (instance $caller (instantiate $caller (with "callee" (instance $callee))))
  (export "run" (func $caller "run"))
)
(assert_return (invoke "run") (u32.const 42))
(assert_return (invoke "run") (u32.const 42))

;; Two instances of one component have each a state of their own, and start functions run in the
;; order of the instances.
(component
  (component $counter
    (import "step" (func $step (result u32)))
    (core func $step (canon lower (func $step)))
    (core module $m
      (import "" "step" (func $step (result i32)))
      (global $n (mut i32) (i32.const 0))
      (func $start (global.set $n (call $step)))
      (start $start)
      (func (export "next") (result i32)
        (global.set $n (i32.add (global.get $n) (i32.const 1)))
        (global.get $n)))
    (core instance $i (instantiate $m (with "" (instance (export "step" (func $step))))))
    (func (export "next") (result u32) (canon lift (core func $i "next"))))
  (component $steps
    (core module $m
      (global $n (mut i32) (i32.const 0))
      (func (export "step") (result i32)
        (global.set $n (i32.add (global.get $n) (i32.const 100)))
        (global.get $n)))
    (core instance $i (instantiate $m))
    (func (export "step") (result u32) (canon lift (core func $i "step"))))
  (instance $steps (instantiate $steps))
  (instance $a (instantiate $counter (with "step" (func $steps "step"))))
  (instance $b (instantiate $counter (with "step" (func $steps "step"))))
  (export "a" (func $a "next"))
  (export "b" (func $b "next"))
)
(assert_return (invoke "a") (u32.const 101))
(assert_return (invoke "a") (u32.const 102))
(assert_return (invoke "b") (u32.const 201))
(assert_return (invoke "a") (u32.const 103))

;; Definitions are instantiated once for each `instance`.
(component definition $Once
  (core module $m
    (global $n (mut i32) (i32.const 0))
    (func (export "next") (result i32)
      (global.set $n (i32.add (global.get $n) (i32.const 1)))
      (global.get $n)))
  (core instance $i (instantiate $m))
  (func (export "next") (result u32) (canon lift (core func $i "next"))))
(component instance $one $Once)
(assert_return (invoke "next") (u32.const 1))
(assert_return (invoke "next") (u32.const 2))
(component instance $two $Once)
(assert_return (invoke "next") (u32.const 1))

;; A core module that a component gets from outside, a table and a memory that two core instances
;; share, and an exported core function called through the table.
(component
  (core module $provider
    (memory (export "memory") 1)
    (table (export "table") 4 funcref)
    (elem (i32.const 1) $f)
    (data (i32.const 8) "\2a")
    (func $f (result i32) (i32.load8_u (i32.const 8))))
  (component $user
    (import "provider" (core module $provider
      (export "memory" (memory 1))
      (export "table" (table 4 funcref))))
    (core instance $provider (instantiate $provider))
    (core module $m
      (import "p" "memory" (memory 1))
      (import "p" "table" (table 4 funcref))
      (type $t (func (result i32)))
      (func (export "run") (param i32) (result i32) (call_indirect (type $t) (local.get 0))))
    (core instance $i (instantiate $m (with "p" (instance $provider))))
    (func (export "run") (param "at" u32) (result u32) (canon lift (core func $i "run"))))
  (instance $user (instantiate $user (with "provider" (core module $provider))))
  (export "run" (func $user "run"))
)
(assert_return (invoke "run" (u32.const 1)) (u32.const 42))
(assert_trap (invoke "run" (u32.const 2)) "uninitialized element")

;; A start function that traps.
(assert_trap
  (component
    (core module $m (func $f unreachable) (start $f))
    (core instance (instantiate $m)))
  "unreachable")

;; After a trap, nothing of the component can be called any more.
(component
  (core module $m
    (func (export "trap") unreachable)
    (func (export "fine")))
  (core instance $i (instantiate $m))
  (func (export "trap") (canon lift (core func $i "trap")))
  (func (export "fine") (canon lift (core func $i "fine"))))
(assert_return (invoke "fine"))
(assert_trap (invoke "trap") "unreachable")
(assert_trap (invoke "fine") "cannot enter component instance")

;; A component that nothing provides for.
(assert_unlinkable
  (component (import "no-such-thing" (func)))
  "")
(assert_unlinkable
  (component (import "host" (instance (export "no-such-thing" (func)))))
  "")

;; Not valid: an export that is not there, a type that does not fit, an unknown index.
(assert_invalid
  (component
    (component $c)
    (instance $i (instantiate $c))
    (export "f" (func $i "f")))
  "")
(assert_invalid
  (component
    (component $c (import "f" (func (param "x" u32))))
    (component $d (core module $m (func (export "f"))) (core instance $i (instantiate $m))
      (func (export "f") (canon lift (core func $i "f"))))
    (instance $d (instantiate $d))
    (instance (instantiate $c (with "f" (func $d "f")))))
  "")
(assert_malformed (component binary "\00asm" "\0d\00\01\00" "\0f") "")
