;; A component that gives back what it is given. Printed from the component that `wasm-tools` makes of a
;; module and its WIT.
(component
  (core module $main (;0;)
    (type (;0;) (func (param i32 i32 i32 i32) (result i32)))
    (type (;1;) (func))
    (type (;2;) (func (param i32) (result i32)))
    (type (;3;) (func (param i32)))
    (type (;4;) (func (param f32) (result f32)))
    (type (;5;) (func (param i32 i32) (result i64)))
    (type (;6;) (func (param i32 i32) (result i32)))
    (memory (;0;) 1)
    (global $top (;0;) (mut i32) i32.const 4096)
    (export "memory" (memory 0))
    (export "cabi_realloc" (func $realloc))
    (export "test:shapes/kinds@1.2.0#same" (func 2))
    (export "cabi_post_test:shapes/kinds@1.2.0#same" (func 3))
    (export "test:shapes/kinds@1.2.0#move-by" (func 4))
    (export "test:shapes/kinds@1.2.0#next" (func 5))
    (export "test:shapes/kinds@1.2.0#all" (func 6))
    (export "test:shapes/kinds@1.2.0#half" (func 7))
    (export "test:shapes/kinds@1.2.0#minus" (func 8))
    (export "test:shapes/kinds@1.2.0#negate" (func 9))
    (export "join" (func 10))
    (export "cabi_post_join" (func 11))
    (export "total" (func 12))
    (export "fail" (func 13))
    (export "cabi_post_fail" (func 14))
    (export "add" (func 15))
    (export "nothing" (func 16))
    (func $realloc (;0;) (type 0) (param $old i32) (param $old_bytes i32) (param $align i32) (param $bytes i32) (result i32)
      (local $at i32)
      global.get $top
      local.get $align
      i32.const 1
      i32.sub
      i32.add
      i32.const 0
      local.get $align
      i32.sub
      i32.and
      local.set $at
      local.get $at
      local.get $bytes
      i32.add
      global.set $top
      global.get $top
      memory.size
      i32.const 65536
      i32.mul
      i32.gt_u
      if ;; label = @1
        local.get $bytes
        i32.const 16
        i32.shr_u
        i32.const 1
        i32.add
        memory.grow
        i32.const 0
        i32.lt_s
        if ;; label = @2
          unreachable
        end
      end
      local.get $at
      local.get $old
      local.get $old_bytes
      memory.copy
      local.get $at
    )
    (func $reset (;1;) (type 1)
      i32.const 4096
      global.set $top
    )
    (func (;2;) (type 2) (param i32) (result i32)
      local.get 0
    )
    (func (;3;) (type 3) (param i32)
      call $reset
    )
    (func (;4;) (type 0) (param i32 i32 i32 i32) (result i32)
      i32.const 16
      local.get 0
      local.get 2
      i32.add
      i32.store
      i32.const 20
      local.get 1
      local.get 3
      i32.add
      i32.store
      i32.const 16
    )
    (func (;5;) (type 2) (param i32) (result i32)
      local.get 0
      i32.const 1
      i32.add
      i32.const 3
      i32.rem_u
    )
    (func (;6;) (type 2) (param i32) (result i32)
      local.get 0
      i32.const 5
      i32.or
    )
    (func (;7;) (type 4) (param f32) (result f32)
      local.get 0
      f32.const 0x1p-1 (;=0.5;)
      f32.mul
    )
    (func (;8;) (type 2) (param i32) (result i32)
      i32.const 0
      local.get 0
      i32.sub
    )
    (func (;9;) (type 2) (param i32) (result i32)
      local.get 0
      i32.eqz
    )
    (func (;10;) (type 0) (param i32 i32 i32 i32) (result i32)
      (local $at i32)
      i32.const 0
      i32.const 0
      i32.const 1
      local.get 1
      local.get 3
      i32.add
      call $realloc
      local.set $at
      local.get $at
      local.get 0
      local.get 1
      memory.copy
      local.get $at
      local.get 1
      i32.add
      local.get 2
      local.get 3
      memory.copy
      i32.const 16
      local.get $at
      i32.store
      i32.const 20
      local.get 1
      local.get 3
      i32.add
      i32.store
      i32.const 16
    )
    (func (;11;) (type 3) (param i32)
      call $reset
    )
    (func (;12;) (type 5) (param i32 i32) (result i64)
      (local $sum i64)
      loop $next
        local.get 1
        if ;; label = @2
          local.get $sum
          local.get 0
          i64.load32_u
          i64.add
          local.set $sum
          local.get 0
          i32.const 4
          i32.add
          local.set 0
          local.get 1
          i32.const 1
          i32.sub
          local.set 1
          br $next
        end
      end
      call $reset
      local.get $sum
    )
    (func (;13;) (type 6) (param i32 i32) (result i32)
      local.get 1
      i32.eqz
      if ;; label = @1
        unreachable
      end
      i32.const 16
      local.get 1
      i32.const 1
      i32.ne
      i32.store8
      i32.const 20
      local.get 0
      i32.store
      i32.const 24
      local.get 1
      i32.store
      local.get 1
      i32.const 1
      i32.eq
      if ;; label = @1
        i32.const 20
        local.get 0
        i32.load8_u
        i32.store
      end
      i32.const 16
    )
    (func (;14;) (type 3) (param i32)
      call $reset
    )
    (func (;15;) (type 6) (param i32 i32) (result i32)
      local.get 0
      local.get 1
      i32.add
    )
    (func (;16;) (type 1))
    (@producers
      (processed-by "wit-component" "0.263.0")
    )
  )
  (type (;0;) (enum "red" "green" "blue"))
  (type (;1;) (flags "read" "write" "run-it"))
  (type (;2;) (record (field "x" s32) (field "y" s32)))
  (type (;3;) (list 2))
  (type (;4;) (variant (case "circle" f64) (case "polygon" 3) (case "named" string) (case "nothing")))
  (type (;5;) (list string))
  (type (;6;) (option string))
  (type (;7;) (result 2 (error string)))
  (type (;8;) (result))
  (type (;9;) (tuple u8 u64))
  (type (;10;) (list u16))
  (type (;11;) (list 10))
  (type (;12;) (option u32))
  (type (;13;) (option 12))
  (type (;14;) (record (field "yes" bool) (field "small" u8) (field "short" s16) (field "word" u32) (field "long" s64) (field "single" f32) (field "double" f64) (field "letter" char) (field "text" string) (field "color" 0) (field "access" 1) (field "shape" 4) (field "names" 5) (field "maybe" 6) (field "outcome" 7) (field "empty" 8) (field "pair" 9) (field "nested" 11) (field "both" 13)))
  (core instance $main (;0;) (instantiate $main))
  (alias core export $main "memory" (core memory $memory (;0;)))
  (type (;15;) (func (param "a" string) (param "b" string) (result string)))
  (alias core export $main "join" (core func $join (;0;)))
  (alias core export $main "cabi_realloc" (core func $cabi_realloc (;1;)))
  (alias core export $main "cabi_post_join" (core func $cabi_post_join (;2;)))
  (func $join (;0;) (type 15) (canon lift (core func $join) (memory $memory) (realloc $cabi_realloc) string-encoding=utf8 (post-return $cabi_post_join)))
  (export $"#func1 join" (@name "join") (;1;) "join" (func $join))
  (type (;16;) (list u32))
  (type (;17;) (func (param "numbers" 16) (result u64)))
  (alias core export $main "total" (core func $total (;3;)))
  (func $total (;2;) (type 17) (canon lift (core func $total) (memory $memory) (realloc $cabi_realloc)))
  (export $"#func3 total" (@name "total") (;3;) "total" (func $total))
  (type (;18;) (result u32 (error string)))
  (type (;19;) (func (param "text" string) (result 18)))
  (alias core export $main "fail" (core func $fail (;4;)))
  (alias core export $main "cabi_post_fail" (core func $cabi_post_fail (;5;)))
  (func $fail (;4;) (type 19) (canon lift (core func $fail) (memory $memory) (realloc $cabi_realloc) string-encoding=utf8 (post-return $cabi_post_fail)))
  (export $"#func5 fail" (@name "fail") (;5;) "fail" (func $fail))
  (type (;20;) (func (param "a" u32) (param "b" u32) (result u32)))
  (alias core export $main "add" (core func $add (;6;)))
  (func $add (;6;) (type 20) (canon lift (core func $add)))
  (export $"#func7 add" (@name "add") (;7;) "add" (func $add))
  (type (;21;) (func))
  (alias core export $main "nothing" (core func $nothing (;7;)))
  (func $nothing (;8;) (type 21) (canon lift (core func $nothing)))
  (export $"#func9 nothing" (@name "nothing") (;9;) "nothing" (func $nothing))
  (type (;22;) (func (param "it" 14) (result 14)))
  (alias core export $main "test:shapes/kinds@1.2.0#same" (core func $test:shapes/kinds@1.2.0#same (;8;)))
  (alias core export $main "cabi_post_test:shapes/kinds@1.2.0#same" (core func $cabi_post_test:shapes/kinds@1.2.0#same (;9;)))
  (func $same (;10;) (type 22) (canon lift (core func $test:shapes/kinds@1.2.0#same) (memory $memory) (realloc $cabi_realloc) string-encoding=utf8 (post-return $cabi_post_test:shapes/kinds@1.2.0#same)))
  (type (;23;) (func (param "p" 2) (param "dx" s32) (param "dy" s32) (result 2)))
  (alias core export $main "test:shapes/kinds@1.2.0#move-by" (core func $test:shapes/kinds@1.2.0#move-by (;10;)))
  (func $move-by (;11;) (type 23) (canon lift (core func $test:shapes/kinds@1.2.0#move-by) (memory $memory)))
  (type (;24;) (func (param "c" 0) (result 0)))
  (alias core export $main "test:shapes/kinds@1.2.0#next" (core func $test:shapes/kinds@1.2.0#next (;11;)))
  (func $next (;12;) (type 24) (canon lift (core func $test:shapes/kinds@1.2.0#next)))
  (type (;25;) (func (param "a" 1) (result 1)))
  (alias core export $main "test:shapes/kinds@1.2.0#all" (core func $test:shapes/kinds@1.2.0#all (;12;)))
  (func $all (;13;) (type 25) (canon lift (core func $test:shapes/kinds@1.2.0#all)))
  (type (;26;) (func (param "n" f32) (result f32)))
  (alias core export $main "test:shapes/kinds@1.2.0#half" (core func $test:shapes/kinds@1.2.0#half (;13;)))
  (func $half (;14;) (type 26) (canon lift (core func $test:shapes/kinds@1.2.0#half)))
  (type (;27;) (func (param "n" s8) (result s8)))
  (alias core export $main "test:shapes/kinds@1.2.0#minus" (core func $test:shapes/kinds@1.2.0#minus (;14;)))
  (func $minus (;15;) (type 27) (canon lift (core func $test:shapes/kinds@1.2.0#minus)))
  (type (;28;) (func (param "b" bool) (result bool)))
  (alias core export $main "test:shapes/kinds@1.2.0#negate" (core func $test:shapes/kinds@1.2.0#negate (;15;)))
  (func $negate (;16;) (type 28) (canon lift (core func $test:shapes/kinds@1.2.0#negate)))
  (component $test:shapes/kinds@1.2.0-shim-component (;0;)
    (type (;0;) (enum "red" "green" "blue"))
    (import "import-type-color" (type (;1;) (eq 0)))
    (type (;2;) (flags "read" "write" "run-it"))
    (import "import-type-access" (type (;3;) (eq 2)))
    (type (;4;) (record (field "x" s32) (field "y" s32)))
    (import "import-type-point" (type (;5;) (eq 4)))
    (type (;6;) (list 5))
    (type (;7;) (variant (case "circle" f64) (case "polygon" 6) (case "named" string) (case "nothing")))
    (import "import-type-shape" (type (;8;) (eq 7)))
    (type (;9;) (list string))
    (type (;10;) (option string))
    (type (;11;) (result 5 (error string)))
    (type (;12;) (result))
    (type (;13;) (tuple u8 u64))
    (type (;14;) (list u16))
    (type (;15;) (list 14))
    (type (;16;) (option u32))
    (type (;17;) (option 16))
    (type (;18;) (record (field "yes" bool) (field "small" u8) (field "short" s16) (field "word" u32) (field "long" s64) (field "single" f32) (field "double" f64) (field "letter" char) (field "text" string) (field "color" 1) (field "access" 3) (field "shape" 8) (field "names" 9) (field "maybe" 10) (field "outcome" 11) (field "empty" 12) (field "pair" 13) (field "nested" 15) (field "both" 17)))
    (import "import-type-everything" (type (;19;) (eq 18)))
    (type (;20;) (func (param "it" 19) (result 19)))
    (import "import-func-same" (func (;0;) (type 20)))
    (type (;21;) (func (param "p" 5) (param "dx" s32) (param "dy" s32) (result 5)))
    (import "import-func-move-by" (func (;1;) (type 21)))
    (type (;22;) (func (param "c" 1) (result 1)))
    (import "import-func-next" (func (;2;) (type 22)))
    (type (;23;) (func (param "a" 3) (result 3)))
    (import "import-func-all" (func (;3;) (type 23)))
    (type (;24;) (func (param "n" f32) (result f32)))
    (import "import-func-half" (func (;4;) (type 24)))
    (type (;25;) (func (param "n" s8) (result s8)))
    (import "import-func-minus" (func (;5;) (type 25)))
    (type (;26;) (func (param "b" bool) (result bool)))
    (import "import-func-negate" (func (;6;) (type 26)))
    (type (;27;) (enum "red" "green" "blue"))
    (export (;28;) "color" (type 27))
    (type (;29;) (flags "read" "write" "run-it"))
    (export (;30;) "access" (type 29))
    (type (;31;) (record (field "x" s32) (field "y" s32)))
    (export (;32;) "point" (type 31))
    (type (;33;) (list 32))
    (type (;34;) (variant (case "circle" f64) (case "polygon" 33) (case "named" string) (case "nothing")))
    (export (;35;) "shape" (type 34))
    (type (;36;) (list string))
    (type (;37;) (option string))
    (type (;38;) (result 32 (error string)))
    (type (;39;) (result))
    (type (;40;) (tuple u8 u64))
    (type (;41;) (list u16))
    (type (;42;) (list 41))
    (type (;43;) (option u32))
    (type (;44;) (option 43))
    (type (;45;) (record (field "yes" bool) (field "small" u8) (field "short" s16) (field "word" u32) (field "long" s64) (field "single" f32) (field "double" f64) (field "letter" char) (field "text" string) (field "color" 28) (field "access" 30) (field "shape" 35) (field "names" 36) (field "maybe" 37) (field "outcome" 38) (field "empty" 39) (field "pair" 40) (field "nested" 42) (field "both" 44)))
    (export (;46;) "everything" (type 45))
    (type (;47;) (func (param "it" 46) (result 46)))
    (export (;7;) "same" (func 0) (func (type 47)))
    (type (;48;) (func (param "p" 32) (param "dx" s32) (param "dy" s32) (result 32)))
    (export (;8;) "move-by" (func 1) (func (type 48)))
    (type (;49;) (func (param "c" 28) (result 28)))
    (export (;9;) "next" (func 2) (func (type 49)))
    (type (;50;) (func (param "a" 30) (result 30)))
    (export (;10;) "all" (func 3) (func (type 50)))
    (type (;51;) (func (param "n" f32) (result f32)))
    (export (;11;) "half" (func 4) (func (type 51)))
    (type (;52;) (func (param "n" s8) (result s8)))
    (export (;12;) "minus" (func 5) (func (type 52)))
    (type (;53;) (func (param "b" bool) (result bool)))
    (export (;13;) "negate" (func 6) (func (type 53)))
  )
  (instance $test:shapes/kinds@1.2.0-shim-instance (;0;) (instantiate $test:shapes/kinds@1.2.0-shim-component
      (with "import-func-same" (func $same))
      (with "import-func-move-by" (func $move-by))
      (with "import-func-next" (func $next))
      (with "import-func-all" (func $all))
      (with "import-func-half" (func $half))
      (with "import-func-minus" (func $minus))
      (with "import-func-negate" (func $negate))
      (with "import-type-color" (type 0))
      (with "import-type-access" (type 1))
      (with "import-type-point" (type 2))
      (with "import-type-shape" (type 4))
      (with "import-type-everything" (type 14))
    )
  )
  (export $test:shapes/kinds@1.2.0 (;1;) "test:shapes/kinds@1.2.0" (instance $test:shapes/kinds@1.2.0-shim-instance))
  (@producers
    (processed-by "wit-component" "0.263.0")
  )
)
