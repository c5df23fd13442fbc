;; A component that hands on what it is given to functions of its embedder. Printed from the component that
;; `wasm-tools` makes of a module and its WIT.
(component
  (type $ty-test:relay/kinds@1.0.0 (;0;)
    (instance
      (type (;0;) (enum "red" "green" "blue"))
      (export (;1;) "color" (type (eq 0)))
      (type (;2;) (flags "read" "write" "run-it"))
      (export (;3;) "access" (type (eq 2)))
      (type (;4;) (record (field "x" s32) (field "y" s32)))
      (export (;5;) "point" (type (eq 4)))
      (type (;6;) (list 5))
      (type (;7;) (variant (case "circle" f64) (case "polygon" 6) (case "named" string) (case "nothing")))
      (export (;8;) "shape" (type (eq 7)))
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
      (export (;19;) "everything" (type (eq 18)))
      (type (;20;) (func (param "it" 19) (result 19)))
      (export (;0;) "same" (func (type 20)))
      (type (;21;) (func (param "a" string) (param "b" string) (result string)))
      (export (;1;) "join" (func (type 21)))
      (type (;22;) (func (param "c" 1) (param "minus" s8) (param "half" f32) (result 1)))
      (export (;2;) "next" (func (type 22)))
      (type (;23;) (result u32 (error string)))
      (type (;24;) (func (param "text" string) (result 23)))
      (export (;3;) "parse" (func (type 24)))
      (type (;25;) (func))
      (export (;4;) "nothing" (func (type 25)))
      (type (;26;) (list u32))
      (type (;27;) (func (param "numbers" 26) (result u64)))
      (export (;5;) "total" (func (type 27)))
    )
  )
  (import "test:relay/kinds@1.0.0" (instance $test:relay/kinds@1.0.0 (;0;) (type $ty-test:relay/kinds@1.0.0)))
  (type $ty-test:relay/things@1.0.0 (;1;)
    (instance
      (export (;0;) "thing" (type (sub resource)))
      (type (;1;) (own 0))
      (type (;2;) (func (param "name" string) (result 1)))
      (export (;0;) "[constructor]thing" (func (type 2)))
      (type (;3;) (borrow 0))
      (type (;4;) (func (param "self" 3) (result string)))
      (export (;1;) "[method]thing.name" (func (type 4)))
      (type (;5;) (option 1))
      (type (;6;) (func (param "a" 1) (param "b" 3) (result 5)))
      (export (;2;) "[static]thing.heavier" (func (type 6)))
    )
  )
  (import "test:relay/things@1.0.0" (instance $test:relay/things@1.0.0 (;1;) (type $ty-test:relay/things@1.0.0)))
  (alias export $test:relay/kinds@1.0.0 "everything" (type $everything (;2;)))
  (import "everything" (type $"#type3 everything" (@name "everything") (;3;) (eq $everything)))
  (alias export $test:relay/kinds@1.0.0 "color" (type $color (;4;)))
  (import "color" (type $"#type5 color" (@name "color") (;5;) (eq $color)))
  (alias export $test:relay/things@1.0.0 "thing" (type $thing (;6;)))
  (import "thing" (type $"#type7 thing" (@name "thing") (;7;) (eq $thing)))
  (type (;8;) (func (param "n" u32) (result u32)))
  (import "default" (func $default (;0;) (type 8)))
  (core module $main (;0;)
    (type (;0;) (func (param i32 i32)))
    (type (;1;) (func (param i32 i32 i32 i32 i32)))
    (type (;2;) (func (param i32 i32 f32) (result i32)))
    (type (;3;) (func (param i32 i32 i32)))
    (type (;4;) (func))
    (type (;5;) (func (param i32 i32) (result i64)))
    (type (;6;) (func (param i32 i32) (result i32)))
    (type (;7;) (func (param i32)))
    (type (;8;) (func (param i32) (result i32)))
    (type (;9;) (func (param i32 i32 i32 i32) (result i32)))
    (type (;10;) (func (result i32)))
    (import "test:relay/kinds@1.0.0" "same" (func $same (;0;) (type 0) (param i32 i32)))
    (import "test:relay/kinds@1.0.0" "join" (func $join (;1;) (type 1) (param i32 i32 i32 i32 i32)))
    (import "test:relay/kinds@1.0.0" "next" (func $next (;2;) (type 2) (param i32 i32 f32) (result i32)))
    (import "test:relay/kinds@1.0.0" "parse" (func $parse (;3;) (type 3) (param i32 i32 i32)))
    (import "test:relay/kinds@1.0.0" "nothing" (func $nothing (;4;) (type 4)))
    (import "test:relay/kinds@1.0.0" "total" (func $total (;5;) (type 5) (param i32 i32) (result i64)))
    (import "test:relay/things@1.0.0" "[constructor]thing" (func $new (;6;) (type 6) (param i32 i32) (result i32)))
    (import "test:relay/things@1.0.0" "[method]thing.name" (func $name (;7;) (type 0) (param i32 i32)))
    (import "test:relay/things@1.0.0" "[static]thing.heavier" (func $heavier (;8;) (type 3) (param i32 i32 i32)))
    (import "test:relay/things@1.0.0" "[resource-drop]thing" (func $drop (;9;) (type 7) (param i32)))
    (import "$root" "default" (func $default (;10;) (type 8) (param i32) (result i32)))
    (memory (;0;) 1)
    (global $top (;0;) (mut i32) i32.const 4096)
    (global $kept (;1;) (mut i32) i32.const 0)
    (export "memory" (memory 0))
    (export "cabi_realloc" (func $realloc))
    (export "same" (func 13))
    (export "cabi_post_same" (func 14))
    (export "join" (func 15))
    (export "cabi_post_join" (func 16))
    (export "next" (func 17))
    (export "parse" (func 18))
    (export "cabi_post_parse" (func 19))
    (export "nothing" (func 20))
    (export "total" (func 21))
    (export "default" (func 22))
    (export "name-of-new" (func 23))
    (export "cabi_post_name-of-new" (func 24))
    (export "keep" (func 25))
    (export "kept-name" (func 26))
    (export "cabi_post_kept-name" (func 27))
    (export "give-back" (func 28))
    (export "name-of" (func 29))
    (export "cabi_post_name-of" (func 30))
    (func $realloc (;11;) (type 9) (param $old i32) (param $old_bytes i32) (param $align i32) (param $bytes i32) (result i32)
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
    (func $reset (;12;) (type 4)
      i32.const 4096
      global.set $top
    )
    (func (;13;) (type 8) (param i32) (result i32)
      local.get 0
      i32.const 1024
      call $same
      i32.const 1024
    )
    (func (;14;) (type 7) (param i32)
      call $reset
    )
    (func (;15;) (type 9) (param i32 i32 i32 i32) (result i32)
      local.get 0
      local.get 1
      local.get 2
      local.get 3
      i32.const 16
      call $join
      i32.const 16
    )
    (func (;16;) (type 7) (param i32)
      call $reset
    )
    (func (;17;) (type 2) (param i32 i32 f32) (result i32)
      local.get 0
      local.get 1
      local.get 2
      call $next
    )
    (func (;18;) (type 6) (param i32 i32) (result i32)
      local.get 0
      local.get 1
      i32.const 16
      call $parse
      i32.const 16
    )
    (func (;19;) (type 7) (param i32)
      call $reset
    )
    (func (;20;) (type 4)
      call $nothing
    )
    (func (;21;) (type 5) (param i32 i32) (result i64)
      local.get 0
      local.get 1
      call $total
      call $reset
    )
    (func (;22;) (type 8) (param i32) (result i32)
      local.get 0
      call $default
    )
    (func (;23;) (type 6) (param $at i32) (param $len i32) (result i32)
      (local $first i32) (local $second i32)
      local.get $at
      local.get $len
      call $new
      local.set $first
      local.get $at
      i32.const 1
      call $new
      local.set $second
      local.get $first
      local.get $second
      i32.const 32
      call $heavier
      local.get $second
      call $drop
      i32.const 20
      i32.const 0
      i32.store
      i32.const 32
      i32.load8_u
      if ;; label = @1
        i32.const 36
        i32.load
        i32.const 16
        call $name
        i32.const 36
        i32.load
        call $drop
      end
      i32.const 16
    )
    (func (;24;) (type 7) (param i32)
      call $reset
    )
    (func (;25;) (type 7) (param i32)
      local.get 0
      global.set $kept
    )
    (func (;26;) (type 10) (result i32)
      global.get $kept
      i32.const 16
      call $name
      i32.const 16
    )
    (func (;27;) (type 7) (param i32)
      call $reset
    )
    (func (;28;) (type 10) (result i32)
      global.get $kept
    )
    (func (;29;) (type 8) (param i32) (result i32)
      local.get 0
      i32.const 16
      call $name
      local.get 0
      call $drop
      i32.const 16
    )
    (func (;30;) (type 7) (param i32)
      call $reset
    )
    (@producers
      (processed-by "wit-component" "0.263.0")
    )
  )
  (core module $wit-component-shim-module (;1;)
    (type (;0;) (func (param i32 i32)))
    (type (;1;) (func (param i32 i32 i32 i32 i32)))
    (type (;2;) (func (param i32 i32 i32)))
    (type (;3;) (func (param i32 i32) (result i64)))
    (type (;4;) (func (param i32 i32) (result i32)))
    (table (;0;) 7 7 funcref)
    (export "0" (func $indirect-test:relay/kinds@1.0.0-same))
    (export "1" (func $indirect-test:relay/kinds@1.0.0-join))
    (export "2" (func $indirect-test:relay/kinds@1.0.0-parse))
    (export "3" (func $indirect-test:relay/kinds@1.0.0-total))
    (export "4" (func $"indirect-test:relay/things@1.0.0-[constructor]thing"))
    (export "5" (func $"indirect-test:relay/things@1.0.0-[method]thing.name"))
    (export "6" (func $"indirect-test:relay/things@1.0.0-[static]thing.heavier"))
    (export "$imports" (table 0))
    (func $indirect-test:relay/kinds@1.0.0-same (;0;) (type 0) (param i32 i32)
      local.get 0
      local.get 1
      i32.const 0
      call_indirect (type 0)
    )
    (func $indirect-test:relay/kinds@1.0.0-join (;1;) (type 1) (param i32 i32 i32 i32 i32)
      local.get 0
      local.get 1
      local.get 2
      local.get 3
      local.get 4
      i32.const 1
      call_indirect (type 1)
    )
    (func $indirect-test:relay/kinds@1.0.0-parse (;2;) (type 2) (param i32 i32 i32)
      local.get 0
      local.get 1
      local.get 2
      i32.const 2
      call_indirect (type 2)
    )
    (func $indirect-test:relay/kinds@1.0.0-total (;3;) (type 3) (param i32 i32) (result i64)
      local.get 0
      local.get 1
      i32.const 3
      call_indirect (type 3)
    )
    (func $"indirect-test:relay/things@1.0.0-[constructor]thing" (;4;) (type 4) (param i32 i32) (result i32)
      local.get 0
      local.get 1
      i32.const 4
      call_indirect (type 4)
    )
    (func $"indirect-test:relay/things@1.0.0-[method]thing.name" (;5;) (type 0) (param i32 i32)
      local.get 0
      local.get 1
      i32.const 5
      call_indirect (type 0)
    )
    (func $"indirect-test:relay/things@1.0.0-[static]thing.heavier" (;6;) (type 2) (param i32 i32 i32)
      local.get 0
      local.get 1
      local.get 2
      i32.const 6
      call_indirect (type 2)
    )
    (@producers
      (processed-by "wit-component" "0.263.0")
    )
  )
  (core instance $wit-component-shim-instance (;0;) (instantiate $wit-component-shim-module))
  (alias core export $wit-component-shim-instance "0" (core func $indirect-test:relay/kinds@1.0.0-same (;0;)))
  (alias core export $wit-component-shim-instance "1" (core func $indirect-test:relay/kinds@1.0.0-join (;1;)))
  (alias export $test:relay/kinds@1.0.0 "next" (func $next (;1;)))
  (core func $next (;2;) (canon lower (func $next)))
  (alias core export $wit-component-shim-instance "2" (core func $indirect-test:relay/kinds@1.0.0-parse (;3;)))
  (alias export $test:relay/kinds@1.0.0 "nothing" (func $nothing (;2;)))
  (core func $nothing (;4;) (canon lower (func $nothing)))
  (alias core export $wit-component-shim-instance "3" (core func $indirect-test:relay/kinds@1.0.0-total (;5;)))
  (core instance $test:relay/kinds@1.0.0 (;1;)
    (export "same" (func $indirect-test:relay/kinds@1.0.0-same))
    (export "join" (func $indirect-test:relay/kinds@1.0.0-join))
    (export "next" (func $next))
    (export "parse" (func $indirect-test:relay/kinds@1.0.0-parse))
    (export "nothing" (func $nothing))
    (export "total" (func $indirect-test:relay/kinds@1.0.0-total))
  )
  (alias core export $wit-component-shim-instance "4" (core func $"indirect-test:relay/things@1.0.0-[constructor]thing" (;6;)))
  (alias core export $wit-component-shim-instance "5" (core func $"indirect-test:relay/things@1.0.0-[method]thing.name" (;7;)))
  (alias core export $wit-component-shim-instance "6" (core func $"indirect-test:relay/things@1.0.0-[static]thing.heavier" (;8;)))
  (alias export $test:relay/things@1.0.0 "thing" (type $"#type9 thing" (@name "thing") (;9;)))
  (core func $resource.drop (;9;) (canon resource.drop $"#type9 thing"))
  (core instance $test:relay/things@1.0.0 (;2;)
    (export "[constructor]thing" (func $"indirect-test:relay/things@1.0.0-[constructor]thing"))
    (export "[method]thing.name" (func $"indirect-test:relay/things@1.0.0-[method]thing.name"))
    (export "[static]thing.heavier" (func $"indirect-test:relay/things@1.0.0-[static]thing.heavier"))
    (export "[resource-drop]thing" (func $resource.drop))
  )
  (core func $default (;10;) (canon lower (func $default)))
  (core instance $$root (;3;)
    (export "default" (func $default))
  )
  (core instance $main (;4;) (instantiate $main
      (with "test:relay/kinds@1.0.0" (instance $test:relay/kinds@1.0.0))
      (with "test:relay/things@1.0.0" (instance $test:relay/things@1.0.0))
      (with "$root" (instance $$root))
    )
  )
  (alias core export $main "memory" (core memory $memory (;0;)))
  (core module $wit-component-fixup (;2;)
    (type (;0;) (func (param i32 i32)))
    (type (;1;) (func (param i32 i32 i32 i32 i32)))
    (type (;2;) (func (param i32 i32 i32)))
    (type (;3;) (func (param i32 i32) (result i64)))
    (type (;4;) (func (param i32 i32) (result i32)))
    (import "actual" "0" (func $0 (;0;) (type 0) (param i32 i32)))
    (import "actual" "1" (func $1 (;1;) (type 1) (param i32 i32 i32 i32 i32)))
    (import "actual" "2" (func $2 (;2;) (type 2) (param i32 i32 i32)))
    (import "actual" "3" (func $3 (;3;) (type 3) (param i32 i32) (result i64)))
    (import "actual" "4" (func $4 (;4;) (type 4) (param i32 i32) (result i32)))
    (import "actual" "5" (func $5 (;5;) (type 0) (param i32 i32)))
    (import "actual" "6" (func $6 (;6;) (type 2) (param i32 i32 i32)))
    (import "shim" "$imports" (table (;0;) 7 7 funcref))
    (elem (;0;) (i32.const 0) func $0 $1 $2 $3 $4 $5 $6)
    (@producers
      (processed-by "wit-component" "0.263.0")
    )
  )
  (alias export $test:relay/kinds@1.0.0 "same" (func $same (;3;)))
  (alias core export $main "cabi_realloc" (core func $cabi_realloc (;11;)))
  (core func $"#core-func12 indirect-test:relay/kinds@1.0.0-same" (@name "indirect-test:relay/kinds@1.0.0-same") (;12;) (canon lower (func $same) (memory $memory) (realloc $cabi_realloc) string-encoding=utf8))
  (alias export $test:relay/kinds@1.0.0 "join" (func $join (;4;)))
  (core func $"#core-func13 indirect-test:relay/kinds@1.0.0-join" (@name "indirect-test:relay/kinds@1.0.0-join") (;13;) (canon lower (func $join) (memory $memory) (realloc $cabi_realloc) string-encoding=utf8))
  (alias export $test:relay/kinds@1.0.0 "parse" (func $parse (;5;)))
  (core func $"#core-func14 indirect-test:relay/kinds@1.0.0-parse" (@name "indirect-test:relay/kinds@1.0.0-parse") (;14;) (canon lower (func $parse) (memory $memory) (realloc $cabi_realloc) string-encoding=utf8))
  (alias export $test:relay/kinds@1.0.0 "total" (func $total (;6;)))
  (core func $"#core-func15 indirect-test:relay/kinds@1.0.0-total" (@name "indirect-test:relay/kinds@1.0.0-total") (;15;) (canon lower (func $total) (memory $memory)))
  (alias export $test:relay/things@1.0.0 "[constructor]thing" (func $"[constructor]thing" (;7;)))
  (core func $"#core-func16 indirect-test:relay/things@1.0.0-[constructor]thing" (@name "indirect-test:relay/things@1.0.0-[constructor]thing") (;16;) (canon lower (func $"[constructor]thing") (memory $memory) string-encoding=utf8))
  (alias export $test:relay/things@1.0.0 "[method]thing.name" (func $"[method]thing.name" (;8;)))
  (core func $"#core-func17 indirect-test:relay/things@1.0.0-[method]thing.name" (@name "indirect-test:relay/things@1.0.0-[method]thing.name") (;17;) (canon lower (func $"[method]thing.name") (memory $memory) (realloc $cabi_realloc) string-encoding=utf8))
  (alias export $test:relay/things@1.0.0 "[static]thing.heavier" (func $"[static]thing.heavier" (;9;)))
  (core func $"#core-func18 indirect-test:relay/things@1.0.0-[static]thing.heavier" (@name "indirect-test:relay/things@1.0.0-[static]thing.heavier") (;18;) (canon lower (func $"[static]thing.heavier") (memory $memory)))
  (core instance $actual (;5;)
    (export "0" (func $"#core-func12 indirect-test:relay/kinds@1.0.0-same"))
    (export "1" (func $"#core-func13 indirect-test:relay/kinds@1.0.0-join"))
    (export "2" (func $"#core-func14 indirect-test:relay/kinds@1.0.0-parse"))
    (export "3" (func $"#core-func15 indirect-test:relay/kinds@1.0.0-total"))
    (export "4" (func $"#core-func16 indirect-test:relay/things@1.0.0-[constructor]thing"))
    (export "5" (func $"#core-func17 indirect-test:relay/things@1.0.0-[method]thing.name"))
    (export "6" (func $"#core-func18 indirect-test:relay/things@1.0.0-[static]thing.heavier"))
  )
  (core instance $fixup (;6;) (instantiate $wit-component-fixup
      (with "actual" (instance $actual))
      (with "shim" (instance $wit-component-shim-instance))
    )
  )
  (type (;10;) (func (param "it" $"#type3 everything") (result $"#type3 everything")))
  (alias core export $main "same" (core func $same (;19;)))
  (alias core export $main "cabi_post_same" (core func $cabi_post_same (;20;)))
  (func $"#func10 same" (@name "same") (;10;) (type 10) (canon lift (core func $same) (memory $memory) (realloc $cabi_realloc) string-encoding=utf8 (post-return $cabi_post_same)))
  (export $"#func11 same" (@name "same") (;11;) "same" (func $"#func10 same"))
  (type (;11;) (func (param "a" string) (param "b" string) (result string)))
  (alias core export $main "join" (core func $join (;21;)))
  (alias core export $main "cabi_post_join" (core func $cabi_post_join (;22;)))
  (func $"#func12 join" (@name "join") (;12;) (type 11) (canon lift (core func $join) (memory $memory) (realloc $cabi_realloc) string-encoding=utf8 (post-return $cabi_post_join)))
  (export $"#func13 join" (@name "join") (;13;) "join" (func $"#func12 join"))
  (type (;12;) (func (param "c" $"#type5 color") (param "minus" s8) (param "half" f32) (result $"#type5 color")))
  (alias core export $main "next" (core func $"#core-func23 next" (@name "next") (;23;)))
  (func $"#func14 next" (@name "next") (;14;) (type 12) (canon lift (core func $"#core-func23 next")))
  (export $"#func15 next" (@name "next") (;15;) "next" (func $"#func14 next"))
  (type (;13;) (result u32 (error string)))
  (type (;14;) (func (param "text" string) (result 13)))
  (alias core export $main "parse" (core func $parse (;24;)))
  (alias core export $main "cabi_post_parse" (core func $cabi_post_parse (;25;)))
  (func $"#func16 parse" (@name "parse") (;16;) (type 14) (canon lift (core func $parse) (memory $memory) (realloc $cabi_realloc) string-encoding=utf8 (post-return $cabi_post_parse)))
  (export $"#func17 parse" (@name "parse") (;17;) "parse" (func $"#func16 parse"))
  (type (;15;) (func))
  (alias core export $main "nothing" (core func $"#core-func26 nothing" (@name "nothing") (;26;)))
  (func $"#func18 nothing" (@name "nothing") (;18;) (type 15) (canon lift (core func $"#core-func26 nothing")))
  (export $"#func19 nothing" (@name "nothing") (;19;) "nothing" (func $"#func18 nothing"))
  (type (;16;) (list u32))
  (type (;17;) (func (param "numbers" 16) (result u64)))
  (alias core export $main "total" (core func $total (;27;)))
  (func $"#func20 total" (@name "total") (;20;) (type 17) (canon lift (core func $total) (memory $memory) (realloc $cabi_realloc)))
  (export $"#func21 total" (@name "total") (;21;) "total" (func $"#func20 total"))
  (alias core export $main "default" (core func $"#core-func28 default" (@name "default") (;28;)))
  (func $"#func22 default" (@name "default") (;22;) (type 8) (canon lift (core func $"#core-func28 default")))
  (export $"#func23 default" (@name "default") (;23;) "default" (func $"#func22 default"))
  (type (;18;) (func (param "name" string) (result string)))
  (alias core export $main "name-of-new" (core func $name-of-new (;29;)))
  (alias core export $main "cabi_post_name-of-new" (core func $cabi_post_name-of-new (;30;)))
  (func $name-of-new (;24;) (type 18) (canon lift (core func $name-of-new) (memory $memory) (realloc $cabi_realloc) string-encoding=utf8 (post-return $cabi_post_name-of-new)))
  (export $"#func25 name-of-new" (@name "name-of-new") (;25;) "name-of-new" (func $name-of-new))
  (type (;19;) (own $"#type7 thing"))
  (type (;20;) (func (param "it" 19)))
  (alias core export $main "keep" (core func $keep (;31;)))
  (func $keep (;26;) (type 20) (canon lift (core func $keep)))
  (export $"#func27 keep" (@name "keep") (;27;) "keep" (func $keep))
  (type (;21;) (func (result string)))
  (alias core export $main "kept-name" (core func $kept-name (;32;)))
  (alias core export $main "cabi_post_kept-name" (core func $cabi_post_kept-name (;33;)))
  (func $kept-name (;28;) (type 21) (canon lift (core func $kept-name) (memory $memory) string-encoding=utf8 (post-return $cabi_post_kept-name)))
  (export $"#func29 kept-name" (@name "kept-name") (;29;) "kept-name" (func $kept-name))
  (type (;22;) (func (result 19)))
  (alias core export $main "give-back" (core func $give-back (;34;)))
  (func $give-back (;30;) (type 22) (canon lift (core func $give-back)))
  (export $"#func31 give-back" (@name "give-back") (;31;) "give-back" (func $give-back))
  (type (;23;) (borrow $"#type7 thing"))
  (type (;24;) (func (param "it" 23) (result string)))
  (alias core export $main "name-of" (core func $name-of (;35;)))
  (alias core export $main "cabi_post_name-of" (core func $cabi_post_name-of (;36;)))
  (func $name-of (;32;) (type 24) (canon lift (core func $name-of) (memory $memory) string-encoding=utf8 (post-return $cabi_post_name-of)))
  (export $"#func33 name-of" (@name "name-of") (;33;) "name-of" (func $name-of))
  (@producers
    (processed-by "wit-component" "0.263.0")
  )
)
