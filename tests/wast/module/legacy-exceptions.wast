;; Exceptions as they were first, beyond what the public scripts ask: handlers that a `delegate`
;; passes over and one within names again, clauses that nothing gets to, what is thrown again many
;; times, both kinds of exceptions in one function.

(module
  (tag $a (param i32))
  (tag $b (param i64 f64))
  (tag $c)
  (func $throw_a (param i32) (throw $a (local.get 0)))
  (func $throw_c (throw $c))
  (func $nothing)

  ;; The inner `try` names a block that its surroundings have passed over.
  (func (export "within-passed-over") (result i32)
    (try $outer (result i32)
      (do
        (try $middle (result i32)
          (do
            (try
              (do (try (do (call $throw_a (i32.const 7))) (delegate $middle)))
              (delegate $outer))
            (i32.const 1))
          (catch $a (i32.add (i32.const 100)))))
      (catch $a (i32.add (i32.const 200)))))

  ;; In a clause, the handlers of a `try` are those around it.
  (func (export "to-a-clause") (result i32)
    (try $outer (result i32)
      (do
        (try $inner (result i32)
          (do (call $throw_a (i32.const 1)) (i32.const 0))
          (catch $a
            (try (do (call $throw_a (i32.const 5))) (delegate $inner))
            (i32.add (i32.const 10)))))
      (catch $a (i32.add (i32.const 20)))))

  ;; Nothing is thrown in the body, or the clause before it catches all of a tag.
  (func (export "not-reached") (result i32)
    (local $sum i32)
    (try (do (local.set $sum (i32.const 1)))
      (catch $a (local.set $sum) (call $nothing))
      (catch_all (call $throw_c)))
    (try (do (call $throw_a (i32.const 4)))
      (catch $a (local.set $sum (i32.add (local.get $sum))))
      (catch $a (drop) (call $throw_c)))
    (local.get $sum))

  ;; Where nothing gets to, `try` counts as a block.
  (func (export "dead") (result i32)
    (block $out (result i32)
      (br $out (i32.const 3))
      (try (result i32)
        (do (try (result i32) (do (i32.const 1)) (delegate 0)))
        (catch $a)
        (catch_all (i32.const 2)))))
  (func (export "dead-body") (result i32)
    (try (result i32)
      (do (unreachable) (try (do) (delegate 0)))
      (catch $a)
      (catch_all (i32.const 2))))

  ;; Parameters of a `try`, values of every kind, and a branch out of a clause.
  (func (export "values") (param i32) (result i64)
    (local $f f64)
    (block $out (result i64)
      (local.get 0)
      (try (param i32) (result i64)
        (do
          (if (then (throw $b (i64.const 40) (f64.const 2))))
          (i64.const -1))
        (catch $b
          (local.set $f)
          (br $out (i64.add (i64.trunc_f64_s (local.get $f))))))))

  ;; One exception goes through two clauses that throw it again, many times.
  (func (export "again") (param $rounds i32) (result i32)
    (local $sum i32)
    (loop $more
      (try
        (do
          (try
            (do
              (try (do (call $throw_a (local.get $rounds)))
                (catch $a (local.set $sum (i32.add (local.get $sum))) (rethrow 0))))
            (catch_all (rethrow 0))))
        (catch $a (local.set $sum (i32.sub (local.get $sum) (i32.const 1))) (drop)))
      (local.set $rounds (i32.sub (local.get $rounds) (i32.const 1)))
      (br_if $more (local.get $rounds)))
    (local.get $sum))

  ;; The outer exception, from the clause of an inner one.
  (func (export "outer-again") (result i32)
    (try $all (result i32)
      (do
        (try $outer
          (do (call $throw_a (i32.const 30)))
          (catch $a
            (drop)
            (try (do (call $throw_c)) (catch $c (rethrow $outer)))))
        (i32.const 0))
      (catch $a)))

  ;; With those that have come after them.
  (func (export "both") (result i32)
    (block $caught (result i32)
      (try_table (catch $a $caught)
        (try (do (call $throw_a (i32.const 8))) (catch $c)))
      (i32.const 0)))
  (func (export "both-delegated") (result i32)
    (block $caught (result i32)
      (try $outer (result i32)
        (do
          (try_table $table (catch $a $caught)
            (try (do
                (try (do (call $throw_a (i32.const 9))) (delegate $table)))
              (catch_all (call $throw_c))))
          (i32.const 0))
        (catch $a (i32.add (i32.const 1))))))

  ;; A call by which a function ends is outside of its handlers.
  (func (export "tail") (try (do (return_call $throw_c)) (catch_all)))
  (func (export "uncaught") (param i32) (try (do (call $throw_a (local.get 0))) (catch $c))))

(assert_return (invoke "within-passed-over") (i32.const 107))
(assert_return (invoke "to-a-clause") (i32.const 25))
(assert_return (invoke "not-reached") (i32.const 5))
(assert_return (invoke "dead") (i32.const 3))
(assert_trap (invoke "dead-body") "unreachable")
(assert_return (invoke "values" (i32.const 1)) (i64.const 42))
(assert_return (invoke "values" (i32.const 0)) (i64.const -1))
(assert_return (invoke "again" (i32.const 100000)) (i32.const 704982704))
(assert_return (invoke "outer-again") (i32.const 30))
(assert_return (invoke "both") (i32.const 8))
(assert_return (invoke "both-delegated") (i32.const 9))
(assert_exception (invoke "tail"))
(assert_exception (invoke "uncaught" (i32.const 1)))
