;; A core module with garbage-collected objects and exceptions, which calls its embedder.
(module
  (import "env" "back" (func $back (param i32) (result i32)))
  (type $node (struct (field (mut i32)) (field (mut (ref null $node)))))
  (type $bytes (array (mut i8)))
  (type $sum (func (param (ref null $node)) (result i32)))
  (tag $failure (param (ref null $node)))
  (memory (export "memory") 1)
  ;; Objects of the image.
  (global $root (ref $node) (struct.new $node (i32.const 5) (ref.null $node)))
  (global $list (mut (ref null $node)) (ref.null $node))
  (table $functions 1 funcref)
  (elem (table $functions) (i32.const 0) func $sum)
  (func $sum (type $sum)
    (local $total i32)
    (loop $next
      (if (ref.is_null (local.get 0)) (then (return (local.get $total))))
      (local.set $total (i32.add (local.get $total) (struct.get $node 0 (local.get 0))))
      (local.set 0 (struct.get $node 1 (local.get 0)))
      (br $next))
    (unreachable))
  (func (export "_initialize")
    (struct.set $node 1 (global.get $root) (struct.new $node (i32.const 1) (ref.null $node))))
  ;; Puts so many objects in front of a list, and says what all have.
  (func (export "add") (param $count i32) (result i32)
    (loop $more
      (global.set $list (struct.new $node (local.get $count) (global.get $list)))
      (br_if $more (local.tee $count (i32.sub (local.get $count) (i32.const 1)))))
    (call_indirect $functions (type $sum) (global.get $list) (i32.const 0)))
  (func (export "root") (result i32)
    (call $sum (global.get $root)))
  ;; Garbage.
  (func $churn (export "churn") (param $count i32)
    (loop $more
      (drop (array.new $bytes (i32.const 255) (i32.const 1000)))
      (drop (struct.new $node (i32.const -1) (ref.null $node)))
      (br_if $more (local.tee $count (i32.sub (local.get $count) (i32.const 1))))))
  ;; Calls the embedder with an object that only this call has, and an exception that holds another.
  (func (export "deep") (param $depth i32) (result i32)
    (local $mine (ref null $node)) (local $exception exnref)
    (local.set $mine (struct.new $node (local.get $depth) (ref.null $node)))
    (local.set $exception
      (block $caught (result exnref)
        (try_table (result exnref) (catch_all_ref $caught)
          (throw $failure (struct.new $node (i32.const 100) (ref.null $node))))))
    (i32.add
      (call $back (local.get $depth))
      (i32.add
        (struct.get $node 0 (local.get $mine))
        (struct.get $node 0
          (block $caught (result (ref null $node))
            (try_table (catch $failure $caught) (throw_ref (local.get $exception)))
            (unreachable))))))
  (func (export "null") (result i32)
    (struct.get $node 0 (ref.null $node))))
