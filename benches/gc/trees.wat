;; Binary trees by hand: one of 2,097,151 nodes lives all the time, while 128 of 32,767 nodes each
;; come and go. It traps unless each has as many nodes as it should.
(module
  (type $node (struct (field (ref null $node)) (field (ref null $node))))
  (memory (export "memory") 1)
  (func $grow (param $depth i32) (result (ref $node))
    (if (result (ref $node)) (local.get $depth)
      (then (struct.new $node
        (call $grow (i32.sub (local.get $depth) (i32.const 1)))
        (call $grow (i32.sub (local.get $depth) (i32.const 1)))))
      (else (struct.new_default $node))))
  (func $count (param $tree (ref null $node)) (result i32)
    (if (result i32) (ref.is_null (local.get $tree))
      (then (i32.const 0))
      (else (i32.add (i32.const 1)
        (i32.add
          (call $count (struct.get $node 0 (local.get $tree)))
          (call $count (struct.get $node 1 (local.get $tree))))))))
  (func $check (param $tree (ref $node)) (param $depth i32)
    (if (i32.ne (call $count (local.get $tree))
          (i32.sub (i32.shl (i32.const 2) (local.get $depth)) (i32.const 1)))
      (then unreachable)))
  (func (export "_start") (local $long (ref null $node)) (local $times i32)
    (local.set $long (call $grow (i32.const 20)))
    (local.set $times (i32.const 128))
    (loop $more
      (call $check (call $grow (i32.const 14)) (i32.const 14))
      (local.set $times (i32.sub (local.get $times) (i32.const 1)))
      (br_if $more (local.get $times)))
    (call $check (ref.as_non_null (local.get $long)) (i32.const 20))))
