;; Objects are allocated in place, a field of null faults, and a cast compares the number of a type.
(module
  (type $point (sub (struct (field $x (mut i32)))))
  (type $space (sub final $point (struct (field $x (mut i32)) (field $next (ref null $point)))))
  (func (export "run") (param $a (ref null $point)) (result (ref $space))
    (struct.set $point $x (local.get $a) (i32.const 7))
    (if (i32.eq (struct.get $point $x (local.get $a)) (i32.const 8))
      (then (return (ref.cast (ref $space) (struct.get $space $next (ref.cast (ref null $space) (local.get $a)))))))
    (drop (struct.new $point (i32.const 8)))
    (struct.new $space (i32.const 9) (ref.cast (ref null $space) (local.get $a)))))
