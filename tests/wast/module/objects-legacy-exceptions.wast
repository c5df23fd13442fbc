;;! gc_stress = true
;; The older instructions for exceptions, in a module with objects.
(module
  (import "wasmtime" "gc" (func $gc))
  (type $box (struct (field i32)))
  (tag $boxed (param (ref $box) i32))
  (func $throw (param $n i32)
    (throw $boxed (struct.new $box (local.get $n)) (i32.const 1)))
  (func (export "catch") (param $n i32) (result i32)
    (local $one i32)
    try (result (ref $box) i32)
      local.get $n
      call $throw
      unreachable
    catch $boxed
    end
    (local.set $one)
    (call $gc)
    (drop (struct.new $box (i32.const 0)))
    (i32.add (struct.get $box 0) (local.get $one)))
  (func (export "rethrow") (param $n i32) (result i32)
    (local $box (ref null $box))
    try (result (ref $box) i32)
      try
        local.get $n
        call $throw
      catch_all
        (call $gc)
        (drop (struct.new $box (i32.const 0)))
        rethrow 0
      end
      unreachable
    catch $boxed
    end
    (drop)
    (struct.get $box 0)))
(assert_return (invoke "catch" (i32.const 4)) (i32.const 5))
(assert_return (invoke "rethrow" (i32.const 6)) (i32.const 6))
