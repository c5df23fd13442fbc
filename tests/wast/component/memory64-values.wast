;;! component_model_memory64 = true
;;! component_model_fixed_length_lists = true

;; Every kind of value as argument and as result of a function whose memory has addresses of 64
;; bits, by the driver. The functions give back what they get, of which some look at their places.
;; What is allocated lies beyond 4 GiB.

(component
  (core module $m
    (memory (export "memory") i64 0x1_0001)
    (global $free (mut i64) (i64.const 0x1_0000_0400))
    ;; A result's place.
    (global $out i64 (i64.const 16))
    (func (export "realloc") (param $old i64) (param $old_bytes i64) (param $align i64) (param $bytes i64)
      (result i64)
      (local $at i64)
      (local.set $at
        (i64.and
          (i64.add (global.get $free) (i64.sub (local.get $align) (i64.const 1)))
          (i64.sub (i64.const 0) (local.get $align))))
      (global.set $free (i64.add (local.get $at) (local.get $bytes)))
      (memory.copy (local.get $at) (local.get $old)
        (select (local.get $old_bytes) (local.get $bytes)
          (i64.lt_u (local.get $old_bytes) (local.get $bytes))))
      (local.get $at))
    (func (export "i32") (param i32) (result i32) (local.get 0))
    ;; A string, list or map.
    (func (export "range") (param i64 i64) (result i64)
      (i64.store (global.get $out) (local.get 0))
      (i64.store offset=8 (global.get $out) (local.get 1))
      (global.get $out))
    ;; Its length, and a word of a list's elements.
    (func (export "length") (param i64 i64) (result i64) (local.get 1))
    (func (export "word") (param i64 i64 i64) (result i64)
      (i64.load (i64.add (local.get 0) (local.get 2))))
    ;; u8, string, u16, list, u32
    (func (export "record") (param i32 i64 i64 i32 i64 i64 i32) (result i64)
      (i32.store8 (global.get $out) (local.get 0))
      (i64.store offset=8 (global.get $out) (local.get 1))
      (i64.store offset=16 (global.get $out) (local.get 2))
      (i32.store16 offset=24 (global.get $out) (local.get 3))
      (i64.store offset=32 (global.get $out) (local.get 4))
      (i64.store offset=40 (global.get $out) (local.get 5))
      (i32.store offset=48 (global.get $out) (local.get 6))
      (global.get $out))
    ;; Nothing, or something of at most two flat values; and what lies there before.
    (func (export "case") (param i32 i64 i64) (result i64)
      (i64.store (global.get $out) (i64.const -1))
      (i32.store8 (global.get $out) (local.get 0))
      (i64.store offset=8 (global.get $out) (local.get 1))
      (i64.store offset=16 (global.get $out) (local.get 2))
      (global.get $out))
    ;; The flat values of a case.
    (func (export "first") (param i32 i64 i64) (result i64) (local.get 1))
    (func (export "second") (param i32 i64 i64) (result i64) (local.get 2))
    ;; Parameters in memory that are the result as well.
    (func (export "same") (param i64) (result i64) (local.get 0))
    ;; The last of u8 and eight strings and a list, in memory.
    (func (export "last") (param i64) (result i64)
      (i64.add (local.get 0) (i64.const 136))))
  (core instance $i (instantiate $m))
  (alias core export $i "memory" (core memory $memory))
  (alias core export $i "realloc" (core func $realloc))
  (alias core export $i "range" (core func $range))
  (alias core export $i "case" (core func $case))
  (alias core export $i "same" (core func $same))

  (func (export "echo-u8") (param "v" u8) (result u8) (canon lift (core func $i "i32") (memory $memory)))
  (func (export "echo-utf8") (param "v" string) (result string)
    (canon lift (core func $range) (memory $memory) (realloc $realloc)))
  (func (export "echo-utf16") (param "v" string) (result string)
    (canon lift (core func $range) (memory $memory) (realloc $realloc) string-encoding=utf16))
  (func (export "echo-compact") (param "v" string) (result string)
    (canon lift (core func $range) (memory $memory) (realloc $realloc) string-encoding=latin1+utf16))
  (func (export "units-utf8") (param "v" string) (result u64)
    (canon lift (core func $i "length") (memory $memory) (realloc $realloc)))
  (func (export "units-utf16") (param "v" string) (result u64)
    (canon lift (core func $i "length") (memory $memory) (realloc $realloc) string-encoding=utf16))
  (func (export "units-compact") (param "v" string) (result u64)
    (canon lift (core func $i "length") (memory $memory) (realloc $realloc) string-encoding=latin1+utf16))

  (func (export "bytes") (param "v" (list u8)) (result (list u8))
    (canon lift (core func $range) (memory $memory) (realloc $realloc)))
  (func (export "numbers") (param "v" (list u64)) (result (list u64))
    (canon lift (core func $range) (memory $memory) (realloc $realloc)))
  (func (export "floats") (param "v" (list (tuple f32 f64 bool char s8)))
    (result (list (tuple f32 f64 bool char s8)))
    (canon lift (core func $range) (memory $memory) (realloc $realloc)))
  (func (export "lists") (param "v" (list (list string))) (result (list (list string)))
    (canon lift (core func $range) (memory $memory) (realloc $realloc)))
  (func (export "options") (param "v" (list (option string))) (result (list (option string)))
    (canon lift (core func $range) (memory $memory) (realloc $realloc)))
  (func (export "results") (param "v" (list (result string (error u8))))
    (result (list (result string (error u8))))
    (canon lift (core func $range) (memory $memory) (realloc $realloc)))
  (func (export "map") (param "v" (map u8 string)) (result (map u8 string))
    (canon lift (core func $range) (memory $memory) (realloc $realloc)))
  (func (export "fixed") (param "v" (list (list (tuple u8 string) 2)))
    (result (list (list (tuple u8 string) 2)))
    (canon lift (core func $range) (memory $memory) (realloc $realloc)))
  (type $color' (enum "red" "green"))
  (export $color "color" (type $color'))
  (type $rights' (flags "read" "write" "both"))
  (export $rights "rights" (type $rights'))
  (func (export "named") (param "v" (list (tuple $color string $rights)))
    (result (list (tuple $color string $rights)))
    (canon lift (core func $range) (memory $memory) (realloc $realloc)))
  (func (export "record-word") (param "v" (list (tuple u8 string u16 (list u8)))) (param "at" u64) (result u64)
    (canon lift (core func $i "word") (memory $memory) (realloc $realloc)))
  (func (export "option-word") (param "v" (list (option string))) (param "at" u64) (result u64)
    (canon lift (core func $i "word") (memory $memory) (realloc $realloc)))
  (func (export "map-word") (param "v" (map u8 string)) (param "at" u64) (result u64)
    (canon lift (core func $i "word") (memory $memory) (realloc $realloc)))

  (func (export "record") (param "v" (tuple u8 string u16 (list s32) u32)) (result (tuple u8 string u16 (list s32) u32))
    (canon lift (core func $i "record") (memory $memory) (realloc $realloc)))

  (type $v' (variant (case "none") (case "small" u32) (case "float" f32) (case "text" string)
    (case "double" f64) (case "list" (list u16)) (case "pair" (tuple u8 u8))))
  (export $v "v" (type $v'))
  (func (export "variant") (param "v" $v) (result $v)
    (canon lift (core func $case) (memory $memory) (realloc $realloc)))
  (func (export "variants") (param "v" (list $v)) (result (list $v))
    (canon lift (core func $range) (memory $memory) (realloc $realloc)))
  (func (export "variant-first") (param "v" $v) (result u64)
    (canon lift (core func $i "first") (memory $memory) (realloc $realloc)))
  (func (export "variant-second") (param "v" $v) (result u64)
    (canon lift (core func $i "second") (memory $memory) (realloc $realloc)))
  (func (export "option") (param "v" (option string)) (result (option string))
    (canon lift (core func $case) (memory $memory) (realloc $realloc)))
  (func (export "result") (param "v" (result (list u8) (error string))) (result (result (list u8) (error string)))
    (canon lift (core func $case) (memory $memory) (realloc $realloc)))

  (type $many' (record (field "a" u8) (field "b" string) (field "c" string) (field "d" string)
    (field "e" string) (field "f" string) (field "g" string) (field "h" string) (field "i" string)
    (field "j" (list u8))))
  (export $many "parts" (type $many'))
  (func (export "many") (param "v" $many) (result $many)
    (canon lift (core func $same) (memory $memory) (realloc $realloc)))
  (func (export "last") (param "v" $many) (result (list u8))
    (canon lift (core func $i "last") (memory $memory) (realloc $realloc)))
)
(assert_return (invoke "echo-u8" (u8.const 200)) (u8.const 200))

(assert_return (invoke "echo-utf8" (str.const "")) (str.const ""))
(assert_return (invoke "echo-utf8" (str.const "Ein Stück ☃")) (str.const "Ein Stück ☃"))
(assert_return (invoke "echo-utf16" (str.const "Ein Stück ☃")) (str.const "Ein Stück ☃"))
(assert_return (invoke "echo-compact" (str.const "Ein Stück")) (str.const "Ein Stück"))
(assert_return (invoke "echo-compact" (str.const "Ein Stück ☃")) (str.const "Ein Stück ☃"))
(assert_return (invoke "units-utf8" (str.const "Stück")) (u64.const 6))
(assert_return (invoke "units-utf16" (str.const "Stück")) (u64.const 5))
(assert_return (invoke "units-compact" (str.const "Stück")) (u64.const 5))
;; The tag is the top bit of 64.
(assert_return (invoke "units-compact" (str.const "☃ and 🦀")) (u64.const 0x8000000000000008))

(assert_return (invoke "bytes" (list.const)) (list.const))
(assert_return (invoke "bytes" (list.const (u8.const 1) (u8.const 255))) (list.const (u8.const 1) (u8.const 255)))
(assert_return (invoke "numbers" (list.const (u64.const 1) (u64.const 0xffffffffffffffff)))
  (list.const (u64.const 1) (u64.const 0xffffffffffffffff)))
(assert_return
  (invoke "floats" (list.const
    (tuple.const (f32.const 1.5) (f64.const -2.5) (bool.const true) (char.const "☃") (s8.const -3))
    (tuple.const (f32.const 0.25) (f64.const 1e300) (bool.const false) (char.const "a") (s8.const 4))))
  (list.const
    (tuple.const (f32.const 1.5) (f64.const -2.5) (bool.const true) (char.const "☃") (s8.const -3))
    (tuple.const (f32.const 0.25) (f64.const 1e300) (bool.const false) (char.const "a") (s8.const 4))))
(assert_return
  (invoke "lists" (list.const (list.const (str.const "a") (str.const "bc")) (list.const) (list.const (str.const ""))))
  (list.const (list.const (str.const "a") (str.const "bc")) (list.const) (list.const (str.const ""))))
(assert_return
  (invoke "options" (list.const (option.some (str.const "x")) (option.none) (option.some (str.const "yz"))))
  (list.const (option.some (str.const "x")) (option.none) (option.some (str.const "yz"))))
(assert_return
  (invoke "results" (list.const (result.ok (str.const "x")) (result.err (u8.const 7))))
  (list.const (result.ok (str.const "x")) (result.err (u8.const 7))))
(assert_return
  (invoke "named" (list.const
    (tuple.const (enum.const "green") (str.const "x") (flags.const "read" "both"))
    (tuple.const (enum.const "red") (str.const "yz") (flags.const))))
  (list.const
    (tuple.const (enum.const "green") (str.const "x") (flags.const "read" "both"))
    (tuple.const (enum.const "red") (str.const "yz") (flags.const))))

(assert_return
  (invoke "map" (map.const (entry (u8.const 1) (str.const "one")) (entry (u8.const 2) (str.const ""))))
  (map.const (entry (u8.const 1) (str.const "one")) (entry (u8.const 2) (str.const ""))))
(assert_return
  (invoke "fixed" (list.const (list.const (tuple.const (u8.const 1) (str.const "a")) (tuple.const (u8.const 2) (str.const "")))))
  (list.const (list.const (tuple.const (u8.const 1) (str.const "a")) (tuple.const (u8.const 2) (str.const "")))))
(assert_return
  (invoke "map-word" (map.const (entry (u8.const 1) (str.const "one")) (entry (u8.const 2) (str.const "four"))) (u64.const 40))
  (u64.const 4))

;; An element has 48 bytes: the string is at 8, the number at 24, the list at 32.
(assert_return (invoke "record-word"
  (list.const
    (tuple.const (u8.const 1) (str.const "abc") (u16.const 2) (list.const))
    (tuple.const (u8.const 3) (str.const "") (u16.const 4) (list.const (u8.const 9) (u8.const 9))))
  (u64.const 16)) (u64.const 3))
(assert_return (invoke "record-word"
  (list.const
    (tuple.const (u8.const 1) (str.const "abc") (u16.const 2) (list.const))
    (tuple.const (u8.const 3) (str.const "") (u16.const 4) (list.const (u8.const 9) (u8.const 9))))
  (u64.const 88)) (u64.const 2))
(assert_return (invoke "option-word"
  (list.const (option.none) (option.some (str.const "abcd"))) (u64.const 40)) (u64.const 4))

(assert_return
  (invoke "record" (tuple.const (u8.const 1) (str.const "abc") (u16.const 2)
    (list.const (s32.const -1) (s32.const 7)) (u32.const 0xffffffff)))
  (tuple.const (u8.const 1) (str.const "abc") (u16.const 2)
    (list.const (s32.const -1) (s32.const 7)) (u32.const 0xffffffff)))

(assert_return (invoke "variant" (variant.const "none")) (variant.const "none"))
(assert_return (invoke "variant" (variant.const "small" (u32.const 0xffffffff)))
  (variant.const "small" (u32.const 0xffffffff)))
(assert_return (invoke "variant" (variant.const "float" (f32.const -1.5))) (variant.const "float" (f32.const -1.5)))
(assert_return (invoke "variant" (variant.const "text" (str.const "hello"))) (variant.const "text" (str.const "hello")))
(assert_return (invoke "variant" (variant.const "double" (f64.const 2.5))) (variant.const "double" (f64.const 2.5)))
(assert_return (invoke "variant" (variant.const "list" (list.const (u16.const 1) (u16.const 65535))))
  (variant.const "list" (list.const (u16.const 1) (u16.const 65535))))
;; Numbers are extended with zeros.
(assert_return (invoke "variant-first" (variant.const "small" (u32.const 0xffffffff))) (u64.const 0xffffffff))
(assert_return (invoke "variant-first" (variant.const "float" (f32.const -1.5))) (u64.const 0xbfc00000))
(assert_return (invoke "variant-first" (variant.const "double" (f64.const 2.5))) (u64.const 0x4004000000000000))
(assert_return (invoke "variant-second" (variant.const "text" (str.const "hello"))) (u64.const 5))
(assert_return (invoke "variant-second" (variant.const "pair" (tuple.const (u8.const 1) (u8.const 2)))) (u64.const 2))
(assert_return
  (invoke "variants" (list.const (variant.const "text" (str.const "x")) (variant.const "none")
    (variant.const "pair" (tuple.const (u8.const 1) (u8.const 2))) (variant.const "list" (list.const (u16.const 3)))))
  (list.const (variant.const "text" (str.const "x")) (variant.const "none")
    (variant.const "pair" (tuple.const (u8.const 1) (u8.const 2))) (variant.const "list" (list.const (u16.const 3)))))
(assert_return (invoke "option" (option.none)) (option.none))
(assert_return (invoke "option" (option.some (str.const "some"))) (option.some (str.const "some")))
(assert_return (invoke "result" (result.ok (list.const (u8.const 1)))) (result.ok (list.const (u8.const 1))))
(assert_return (invoke "result" (result.err (str.const "no"))) (result.err (str.const "no")))

(assert_return
  (invoke "many" (record.const (field "a" u8.const 1) (field "b" str.const "b") (field "c" str.const "cc")
    (field "d" str.const "") (field "e" str.const "e") (field "f" str.const "f") (field "g" str.const "g")
    (field "h" str.const "h") (field "i" str.const "iii") (field "j" list.const (u8.const 7) (u8.const 8))))
  (record.const (field "a" u8.const 1) (field "b" str.const "b") (field "c" str.const "cc")
    (field "d" str.const "") (field "e" str.const "e") (field "f" str.const "f") (field "g" str.const "g")
    (field "h" str.const "h") (field "i" str.const "iii") (field "j" list.const (u8.const 7) (u8.const 8))))
(assert_return
  (invoke "last" (record.const (field "a" u8.const 1) (field "b" str.const "b") (field "c" str.const "cc")
    (field "d" str.const "") (field "e" str.const "e") (field "f" str.const "f") (field "g" str.const "g")
    (field "h" str.const "h") (field "i" str.const "iii") (field "j" list.const (u8.const 7) (u8.const 8))))
  (list.const (u8.const 7) (u8.const 8)))
