;; A component with a resource of its own. Printed from the component that
;; `wasm-tools` makes of a module and its WIT.
(component
  (core module $main (;0;)
    (type (;0;) (func (param i32) (result i32)))
    (type (;1;) (func (param i32)))
    (type (;2;) (func (param i32 i32 i32 i32) (result i32)))
    (type (;3;) (func (param i32 i32) (result i32)))
    (type (;4;) (func (param i32 i32) (result i64)))
    (type (;5;) (func (result i32)))
    (import "[export]test:counters/counting@1.0.0" "[resource-new]counter" (func $new (;0;) (type 0) (param i32) (result i32)))
    (import "[export]test:counters/counting@1.0.0" "[resource-rep]counter" (func $rep (;1;) (type 0) (param i32) (result i32)))
    (import "[export]test:counters/counting@1.0.0" "[resource-drop]counter" (func $drop (;2;) (type 1) (param i32)))
    (memory (;0;) 1)
    (global $live (;0;) (mut i32) i32.const 0)
    (global $next (;1;) (mut i32) i32.const 32768)
    (export "memory" (memory 0))
    (export "cabi_realloc" (func 3))
    (export "test:counters/counting@1.0.0#[constructor]counter" (func 5))
    (export "test:counters/counting@1.0.0#[method]counter.step" (func 6))
    (export "test:counters/counting@1.0.0#[method]counter.fail" (func 7))
    (export "test:counters/counting@1.0.0#[static]counter.sum" (func 8))
    (export "test:counters/counting@1.0.0#[static]counter.join" (func 9))
    (export "test:counters/counting@1.0.0#maybe" (func 10))
    (export "test:counters/counting@1.0.0#several" (func 11))
    (export "test:counters/counting@1.0.0#live" (func 12))
    (export "test:counters/counting@1.0.0#[dtor]counter" (func 13))
    (func (;3;) (type 2) (param i32 i32 i32 i32) (result i32)
      i32.const 1024
    )
    (func $make (;4;) (type 0) (param $start i32) (result i32)
      (local $at i32)
      global.get $next
      local.set $at
      local.get $at
      i32.const 4
      i32.add
      global.set $next
      local.get $at
      local.get $start
      i32.store
      global.get $live
      i32.const 1
      i32.add
      global.set $live
      local.get $at
      call $new
    )
    (func (;5;) (type 0) (param i32) (result i32)
      local.get 0
      call $make
    )
    (func (;6;) (type 3) (param i32 i32) (result i32)
      local.get 0
      local.get 0
      i32.load
      local.get 1
      i32.add
      i32.store
      local.get 0
      i32.load
    )
    (func (;7;) (type 1) (param i32)
      unreachable
    )
    (func (;8;) (type 4) (param $at i32) (param $len i32) (result i64)
      (local $sum i64)
      block $done
        loop $next
          local.get $len
          i32.eqz
          br_if $done
          local.get $sum
          local.get $at
          i32.load
          i64.load32_u
          i64.add
          local.set $sum
          local.get $at
          i32.const 4
          i32.add
          local.set $at
          local.get $len
          i32.const 1
          i32.sub
          local.set $len
          br $next
        end
      end
      local.get $sum
    )
    (func (;9;) (type 3) (param i32 i32) (result i32)
      (local $sum i32)
      local.get 0
      call $rep
      i32.load
      local.get 1
      call $rep
      i32.load
      i32.add
      local.set $sum
      local.get 0
      call $drop
      local.get 1
      call $drop
      local.get $sum
      call $make
    )
    (func (;10;) (type 0) (param i32) (result i32)
      i32.const 16
      local.get 0
      i32.const 0
      i32.ne
      i32.store8
      local.get 0
      if ;; label = @1
        i32.const 20
        local.get 0
        call $make
        i32.store
      end
      i32.const 16
    )
    (func (;11;) (type 0) (param i32) (result i32)
      (local $i i32)
      block $done
        loop $next
          local.get $i
          local.get 0
          i32.eq
          br_if $done
          i32.const 64
          local.get $i
          i32.const 4
          i32.mul
          i32.add
          local.get $i
          call $make
          i32.store
          local.get $i
          i32.const 1
          i32.add
          local.set $i
          br $next
        end
      end
      i32.const 16
      i32.const 64
      i32.store
      i32.const 20
      local.get 0
      i32.store
      i32.const 16
    )
    (func (;12;) (type 5) (result i32)
      global.get $live
    )
    (func (;13;) (type 1) (param i32)
      local.get 0
      i32.load
      i32.const 666
      i32.eq
      if ;; label = @1
        unreachable
      end
      global.get $live
      i32.const 1
      i32.sub
      global.set $live
    )
    (@producers
      (processed-by "wit-component" "0.263.0")
    )
  )
  (core module $wit-component-shim-module (;1;)
    (type (;0;) (func (param i32)))
    (table (;0;) 1 1 funcref)
    (export "0" (func $dtor-counter))
    (export "$imports" (table 0))
    (func $dtor-counter (;0;) (type 0) (param i32)
      local.get 0
      i32.const 0
      call_indirect (type 0)
    )
    (@producers
      (processed-by "wit-component" "0.263.0")
    )
  )
  (core instance $wit-component-shim-instance (;0;) (instantiate $wit-component-shim-module))
  (alias core export $wit-component-shim-instance "0" (core func $dtor-counter (;0;)))
  (type $counter (;0;) (resource (rep i32) (dtor $dtor-counter)))
  (core func $resource.new (;1;) (canon resource.new $counter))
  (core func $resource.rep (;2;) (canon resource.rep $counter))
  (core func $resource.drop (;3;) (canon resource.drop $counter))
  (core instance $"[export]test:counters/counting@1.0.0" (;1;)
    (export "[resource-new]counter" (func $resource.new))
    (export "[resource-rep]counter" (func $resource.rep))
    (export "[resource-drop]counter" (func $resource.drop))
  )
  (core instance $main (;2;) (instantiate $main
      (with "[export]test:counters/counting@1.0.0" (instance $"[export]test:counters/counting@1.0.0"))
    )
  )
  (alias core export $main "memory" (core memory $memory (;0;)))
  (core module $wit-component-fixup (;2;)
    (type (;0;) (func (param i32)))
    (import "actual" "0" (func $0 (;0;) (type 0) (param i32)))
    (import "shim" "$imports" (table (;0;) 1 1 funcref))
    (elem (;0;) (i32.const 0) func $0)
    (@producers
      (processed-by "wit-component" "0.263.0")
    )
  )
  (alias core export $main "test:counters/counting@1.0.0#[dtor]counter" (core func $"test:counters/counting@1.0.0#[dtor]counter" (;4;)))
  (core instance $actual (;3;)
    (export "0" (func $"test:counters/counting@1.0.0#[dtor]counter"))
  )
  (core instance $fixup (;4;) (instantiate $wit-component-fixup
      (with "actual" (instance $actual))
      (with "shim" (instance $wit-component-shim-instance))
    )
  )
  (type (;1;) (own $counter))
  (type (;2;) (func (param "start" u32) (result 1)))
  (alias core export $main "test:counters/counting@1.0.0#[constructor]counter" (core func $"test:counters/counting@1.0.0#[constructor]counter" (;5;)))
  (func $"[constructor]counter" (;0;) (type 2) (canon lift (core func $"test:counters/counting@1.0.0#[constructor]counter")))
  (type (;3;) (borrow $counter))
  (type (;4;) (func (param "self" 3) (param "by" u32) (result u32)))
  (alias core export $main "test:counters/counting@1.0.0#[method]counter.step" (core func $"test:counters/counting@1.0.0#[method]counter.step" (;6;)))
  (func $"[method]counter.step" (;1;) (type 4) (canon lift (core func $"test:counters/counting@1.0.0#[method]counter.step")))
  (type (;5;) (list 3))
  (type (;6;) (func (param "all" 5) (result u64)))
  (alias core export $main "test:counters/counting@1.0.0#[static]counter.sum" (core func $"test:counters/counting@1.0.0#[static]counter.sum" (;7;)))
  (alias core export $main "cabi_realloc" (core func $cabi_realloc (;8;)))
  (func $"[static]counter.sum" (;2;) (type 6) (canon lift (core func $"test:counters/counting@1.0.0#[static]counter.sum") (memory $memory) (realloc $cabi_realloc)))
  (type (;7;) (func (param "a" 1) (param "b" 1) (result 1)))
  (alias core export $main "test:counters/counting@1.0.0#[static]counter.join" (core func $"test:counters/counting@1.0.0#[static]counter.join" (;9;)))
  (func $"[static]counter.join" (;3;) (type 7) (canon lift (core func $"test:counters/counting@1.0.0#[static]counter.join")))
  (type (;8;) (func (param "self" 3)))
  (alias core export $main "test:counters/counting@1.0.0#[method]counter.fail" (core func $"test:counters/counting@1.0.0#[method]counter.fail" (;10;)))
  (func $"[method]counter.fail" (;4;) (type 8) (canon lift (core func $"test:counters/counting@1.0.0#[method]counter.fail")))
  (type (;9;) (option 1))
  (type (;10;) (func (param "start" u32) (result 9)))
  (alias core export $main "test:counters/counting@1.0.0#maybe" (core func $test:counters/counting@1.0.0#maybe (;11;)))
  (func $maybe (;5;) (type 10) (canon lift (core func $test:counters/counting@1.0.0#maybe) (memory $memory)))
  (type (;11;) (list 1))
  (type (;12;) (func (param "count" u32) (result 11)))
  (alias core export $main "test:counters/counting@1.0.0#several" (core func $test:counters/counting@1.0.0#several (;12;)))
  (func $several (;6;) (type 12) (canon lift (core func $test:counters/counting@1.0.0#several) (memory $memory)))
  (type (;13;) (func (result u32)))
  (alias core export $main "test:counters/counting@1.0.0#live" (core func $test:counters/counting@1.0.0#live (;13;)))
  (func $live (;7;) (type 13) (canon lift (core func $test:counters/counting@1.0.0#live)))
  (component $test:counters/counting@1.0.0-shim-component (;0;)
    (import "import-type-counter" (type (;0;) (sub resource)))
    (type (;1;) (own 0))
    (type (;2;) (func (param "start" u32) (result 1)))
    (import "import-constructor-counter" (func (;0;) (type 2)))
    (type (;3;) (borrow 0))
    (type (;4;) (func (param "self" 3) (param "by" u32) (result u32)))
    (import "import-method-counter-step" (func (;1;) (type 4)))
    (type (;5;) (list 3))
    (type (;6;) (func (param "all" 5) (result u64)))
    (import "import-static-counter-sum" (func (;2;) (type 6)))
    (type (;7;) (func (param "a" 1) (param "b" 1) (result 1)))
    (import "import-static-counter-join" (func (;3;) (type 7)))
    (type (;8;) (func (param "self" 3)))
    (import "import-method-counter-fail" (func (;4;) (type 8)))
    (type (;9;) (option 1))
    (type (;10;) (func (param "start" u32) (result 9)))
    (import "import-func-maybe" (func (;5;) (type 10)))
    (type (;11;) (list 1))
    (type (;12;) (func (param "count" u32) (result 11)))
    (import "import-func-several" (func (;6;) (type 12)))
    (type (;13;) (func (result u32)))
    (import "import-func-live" (func (;7;) (type 13)))
    (export (;14;) "counter" (type 0))
    (type (;15;) (own 14))
    (type (;16;) (func (param "start" u32) (result 15)))
    (export (;8;) "[constructor]counter" (func 0) (func (type 16)))
    (type (;17;) (borrow 14))
    (type (;18;) (func (param "self" 17) (param "by" u32) (result u32)))
    (export (;9;) "[method]counter.step" (func 1) (func (type 18)))
    (type (;19;) (list 17))
    (type (;20;) (func (param "all" 19) (result u64)))
    (export (;10;) "[static]counter.sum" (func 2) (func (type 20)))
    (type (;21;) (func (param "a" 15) (param "b" 15) (result 15)))
    (export (;11;) "[static]counter.join" (func 3) (func (type 21)))
    (type (;22;) (func (param "self" 17)))
    (export (;12;) "[method]counter.fail" (func 4) (func (type 22)))
    (type (;23;) (option 15))
    (type (;24;) (func (param "start" u32) (result 23)))
    (export (;13;) "maybe" (func 5) (func (type 24)))
    (type (;25;) (list 15))
    (type (;26;) (func (param "count" u32) (result 25)))
    (export (;14;) "several" (func 6) (func (type 26)))
    (type (;27;) (func (result u32)))
    (export (;15;) "live" (func 7) (func (type 27)))
  )
  (instance $test:counters/counting@1.0.0-shim-instance (;0;) (instantiate $test:counters/counting@1.0.0-shim-component
      (with "import-constructor-counter" (func $"[constructor]counter"))
      (with "import-method-counter-step" (func $"[method]counter.step"))
      (with "import-static-counter-sum" (func $"[static]counter.sum"))
      (with "import-static-counter-join" (func $"[static]counter.join"))
      (with "import-method-counter-fail" (func $"[method]counter.fail"))
      (with "import-func-maybe" (func $maybe))
      (with "import-func-several" (func $several))
      (with "import-func-live" (func $live))
      (with "import-type-counter" (type $counter))
    )
  )
  (export $test:counters/counting@1.0.0 (;1;) "test:counters/counting@1.0.0" (instance $test:counters/counting@1.0.0-shim-instance))
  (@producers
    (processed-by "wit-component" "0.263.0")
  )
)
