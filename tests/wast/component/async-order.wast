;;! component_model_more_async_builtins = true

;; Who goes on first: a call into an instance in which a task runs exclusively.

(component definition $holder
  (type $stream (stream u8))
  (component $callee
    (core module $memory (memory (export "memory") 1))
    (core instance $memory (instantiate $memory))
    (alias core export $memory "memory" (core memory $mem))
    (type $stream (stream u8))
    (core func $new (canon stream.new $stream))
    (core func $write (canon stream.write $stream (memory $mem)))
    (core func $drop (canon stream.drop-writable $stream))
    (core func $return-stream (canon task.return (result $stream)))
    (core func $return (canon task.return))
    (core module $m
      (import "" "new" (func $new (result i64)))
      (import "" "write" (func $write (param i32 i32 i32) (result i32)))
      (import "" "drop" (func $drop (param i32)))
      (import "" "return-stream" (func $return-stream (param i32)))
      (import "" "return" (func $return))
      ;; Returns the stream, and then waits for the caller to read it.
      (func (export "hold") (result i32)
        (local $ends i64) (local $writable i32)
        (local.set $ends (call $new))
        (local.set $writable (i32.wrap_i64 (i64.shr_u (local.get $ends) (i64.const 32))))
        (call $return-stream (i32.wrap_i64 (local.get $ends)))
        (drop (call $write (local.get $writable) (i32.const 0) (i32.const 4)))
        (call $drop (local.get $writable))
        (i32.const 0))
      (func (export "enter") (result i32) (call $return) (i32.const 0))
      (func (export "callback") (param i32 i32 i32) (result i32) unreachable))
    (core instance $i (instantiate $m (with "" (instance
      (export "new" (func $new))
      (export "write" (func $write))
      (export "drop" (func $drop))
      (export "return-stream" (func $return-stream))
      (export "return" (func $return))))))
    (func (export "hold") async (result $stream)
      (canon lift (core func $i "hold") async (callback (core func $i "callback"))))
    (func (export "enter") async
      (canon lift (core func $i "enter") async (callback (core func $i "callback")))))

  (component $caller
    (type $stream (stream u8))
    (import "hold" (func $hold async (result $stream)))
    (import "enter" (func $enter async))
    (core module $memory (memory (export "memory") 1))
    (core instance $memory (instantiate $memory))
    (alias core export $memory "memory" (core memory $mem))
    (core func $hold' (canon lower (func $hold)))
    (core func $enter' (canon lower (func $enter) async))
    (core func $read (canon stream.read $stream async (memory $mem)))
    (core func $drop (canon stream.drop-readable $stream))
    (core module $m
      (import "" "hold" (func $hold (result i32)))
      (import "" "enter" (func $enter (result i32)))
      (import "" "read" (func $read (param i32 i32 i32) (result i32)))
      (import "" "drop" (func $drop (param i32)))
      ;; The state of the second call: the task that is in the instance can go on if its bytes
      ;; have been read.
      (func (export "state") (param $reads i32) (result i32)
        (local $readable i32)
        (local.set $readable (call $hold))
        (if (local.get $reads)
          (then
            (if (i32.ne (call $read (local.get $readable) (i32.const 0) (i32.const 4)) (i32.const 0x40))
              (then unreachable))))
        (i32.and (call $enter) (i32.const 15))))
    (core instance $i (instantiate $m (with "" (instance
      (export "hold" (func $hold'))
      (export "enter" (func $enter'))
      (export "read" (func $read))
      (export "drop" (func $drop))))))
    (func (export "state") async (param "reads" bool) (result u32)
      (canon lift (core func $i "state"))))

  (instance $callee (instantiate $callee))
  (instance $caller (instantiate $caller
    (with "hold" (func $callee "hold")) (with "enter" (func $callee "enter"))))
  (export "state" (func $caller "state")))

;; Starting, and returned.
(component instance $a $holder)
(assert_return (invoke "state" (bool.const false)) (u32.const 0))
(component instance $b $holder)
(assert_return (invoke "state" (bool.const true)) (u32.const 2))

;; An exception does not leave a component, wherever the task goes on when it is thrown.
(component definition $throwing
  (component $callee
    (core module $m
      (tag $tag)
      ;; Throws at once or when it is called back.
      (func (export "throw") (param i32) (result i32)
        (if (local.get 0) (then (throw $tag)))
        (i32.const 1))
      (func (export "callback") (param i32 i32 i32) (result i32) (throw $tag)))
    (core instance $i (instantiate $m))
    (func (export "throw") async (param "at-once" bool)
      (canon lift (core func $i "throw") async (callback (core func $i "callback")))))
  (component $caller
    (import "throw" (func $throw async (param "at-once" bool)))
    (core func $throw' (canon lower (func $throw)))
    (core module $m
      (import "" "throw" (func $throw (param i32)))
      (func (export "catch") (param i32)
        (block $caught (try_table (catch_all $caught) (call $throw (local.get 0))))))
    (core instance $i (instantiate $m (with "" (instance (export "throw" (func $throw'))))))
    (func (export "catch") async (param "at-once" bool) (canon lift (core func $i "catch"))))
  (instance $callee (instantiate $callee))
  (instance $caller (instantiate $caller (with "throw" (func $callee "throw"))))
  (export "catch" (func $caller "catch")))

(component instance $c $throwing)
(assert_trap (invoke "catch" (bool.const true)) "thrown Wasm exception")
(component instance $d $throwing)
(assert_trap (invoke "catch" (bool.const false)) "thrown Wasm exception")
