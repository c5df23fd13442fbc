;; A field that holds one value in the whole program is that value: the first call is one by name, and
;; what is left of the two loads before it is the null check. Another holds one of two functions: one is
;; compared with. A test for a type that has no objects fails. Objects have no room for fields that are
;; never read.
(module
  (type $f (func (param i32) (result i32)))
  (type $class (struct (field $first (ref $f)) (field $second (ref $f))))
  (type $object (sub (struct (field $class (ref $class)) (field $number (mut i32)) (field $unread (mut i64)))))
  (type $below (sub final $object (struct (field $class (ref $class)) (field $number (mut i32)) (field $unread (mut i64)))))
  (import "wasi_snapshot_preview1" "sched_yield" (func $yield (result i32)))
  (elem declare func $a $b)
  (func $a (type $f) (i32.div_u (local.get 0) (call $yield)))
  (func $b (type $f) (i32.rem_u (local.get 0) (call $yield)))
  (global $x (ref $class) (struct.new $class (ref.func $a) (ref.func $b)))
  (global $y (ref $class) (struct.new $class (ref.func $a) (ref.func $a)))
  (func $new (result (ref $object))
    (struct.new $object
      (select (result (ref $class)) (global.get $x) (global.get $y) (call $yield))
      (call $yield) (i64.const 5)))
  (func $calls (param $o (ref null $object)) (result i32)
    (call_ref $f
      (call_ref $f
        (ref.test (ref $below) (local.get $o))
        (struct.get $class $first (struct.get $object $class (local.get $o))))
      (struct.get $class $second (struct.get $object $class (local.get $o)))))
  (func (export "run") (result i32) (i32.add (call $calls (call $new)) (struct.get $object $number (call $new)))))
