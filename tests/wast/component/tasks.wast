;; Tasks: what a call has of its own, and when it may wait.

;; `realloc` runs in a thread of its own: its context slots are not those of the caller, however
;; the caller's code is called and wherever the value comes from.
(component
  (component $giver
    (core module $m
      (memory (export "memory") 1)
      (data (i32.const 100) "hi")
      (func (export "give") (result i32)
        (i32.store offset=0 (i32.const 40) (i32.const 100))
        (i32.store offset=4 (i32.const 40) (i32.const 2))
        (i32.const 40)))
    (core instance $m (instantiate $m))
    (func (export "give") (result string)
      (canon lift (core func $m "give") (memory (core memory $m "memory"))))
    (func (export "give-later") async (result string)
      (canon lift (core func $m "give") (memory (core memory $m "memory")))))
  (component $taker
    (import "giver" (instance $giver
      (export "give" (func (result string)))
      (export "give-later" (func async (result string)))))
    (core func $get (canon context.get i32 0))
    (core func $set (canon context.set i32 0))
    (core module $libc
      (import "" "get" (func $get (result i32)))
      (import "" "set" (func $set (param i32)))
      (memory (export "memory") 1)
      (global $calls (export "calls") (mut i32) (i32.const 0))
      (func (export "realloc") (param i32 i32 i32 i32) (result i32)
        (if (call $get) (then (unreachable)))
        (call $set (i32.const 500))
        (global.set $calls (i32.add (global.get $calls) (i32.const 1)))
        (i32.const 200)))
    (core instance $libc (instantiate $libc (with "" (instance
      (export "get" (func $get))
      (export "set" (func $set))))))
    (core func $give (canon lower (func $giver "give")
      (memory (core memory $libc "memory")) (realloc (core func $libc "realloc"))))
    (core func $give-later (canon lower (func $giver "give-later") async
      (memory (core memory $libc "memory")) (realloc (core func $libc "realloc"))))
    (core module $m
      (import "" "get" (func $get (result i32)))
      (import "" "set" (func $set (param i32)))
      (import "" "give" (func $give (param i32)))
      (import "" "give-later" (func $give-later (param i32) (result i32)))
      (import "libc" "calls" (global $calls (mut i32)))
      (func (export "take") (param i32 i32) (result i32)
        (if (call $get) (then (unreachable)))
        (call $set (i32.const 400))
        (call $give (i32.const 16))
        (if (i32.ne (call $get) (i32.const 400)) (then (unreachable)))
        (if (i32.ne (call $give-later (i32.const 16)) (i32.const 2 (; RETURNED ;)))
          (then (unreachable)))
        (if (i32.ne (call $get) (i32.const 400)) (then (unreachable)))
        (global.get $calls)))
    (core instance $m (instantiate $m
      (with "libc" (instance $libc))
      (with "" (instance
        (export "get" (func $get))
        (export "set" (func $set))
        (export "give" (func $give))
        (export "give-later" (func $give-later))))))
    (func (export "take") (param "text" string) (result u32)
      (canon lift (core func $m "take")
        (memory (core memory $libc "memory")) (realloc (core func $libc "realloc")))))
  (instance $giver (instantiate $giver))
  (instance $taker (instantiate $taker (with "giver" (instance $giver))))
  (func (export "take") (alias export $taker "take")))
(assert_return (invoke "take" (str.const "x")) (u32.const 3))
(assert_return (invoke "take" (str.const "y")) (u32.const 6))

;; The destructor of a resource is a call of its own as well.
(component
  (component $definer
    (core func $get (canon context.get i32 0))
    (core func $set (canon context.set i32 0))
    (core module $d
      (import "" "get" (func $get (result i32)))
      (import "" "set" (func $set (param i32)))
      (global $dropped (mut i32) (i32.const 0))
      (func (export "dtor") (param i32)
        (if (call $get) (then (unreachable)))
        (call $set (i32.const 500))
        (global.set $dropped (local.get 0)))
      (func (export "dropped") (result i32) (global.get $dropped)))
    (core instance $d (instantiate $d (with "" (instance
      (export "get" (func $get))
      (export "set" (func $set))))))
    (type $r' (resource (rep i32) (dtor (core func $d "dtor"))))
    (export $r "r" (type $r'))
    (core func $new (canon resource.new $r))
    (core module $m
      (import "" "new" (func $new (param i32) (result i32)))
      (func (export "new") (result i32) (call $new (i32.const 7))))
    (core instance $m (instantiate $m (with "" (instance (export "new" (func $new))))))
    (func (export "new") (result (own $r)) (canon lift (core func $m "new")))
    (func (export "dropped") (result u32) (canon lift (core func $d "dropped"))))
  (component $user
    (import "definer" (instance $definer
      (export "r" (type $r (sub resource)))
      (export "new" (func (result (own $r))))
      (export "dropped" (func (result u32)))))
    (alias export $definer "r" (type $r))
    (core func $new (canon lower (func $definer "new")))
    (core func $dropped (canon lower (func $definer "dropped")))
    (core func $drop (canon resource.drop $r))
    (core func $get (canon context.get i32 0))
    (core func $set (canon context.set i32 0))
    (core module $m
      (import "" "new" (func $new (result i32)))
      (import "" "dropped" (func $dropped (result i32)))
      (import "" "drop" (func $drop (param i32)))
      (import "" "get" (func $get (result i32)))
      (import "" "set" (func $set (param i32)))
      (func (export "run") (result i32)
        (call $set (i32.const 400))
        (call $drop (call $new))
        (if (i32.ne (call $get) (i32.const 400)) (then (unreachable)))
        (call $dropped)))
    (core instance $m (instantiate $m (with "" (instance
      (export "new" (func $new))
      (export "dropped" (func $dropped))
      (export "drop" (func $drop))
      (export "get" (func $get))
      (export "set" (func $set))))))
    (func (export "run") (result u32) (canon lift (core func $m "run"))))
  (instance $definer (instantiate $definer))
  (instance $user (instantiate $user (with "definer" (instance $definer))))
  (func (export "run") (alias export $user "run")))
(assert_return (invoke "run") (u32.const 7))
