;; Instructions that are translated together with those behind them.
(module
  (memory 1)
  (data (i32.const 0) "\05\00\00\00\00\00\00\80")
  (func (export "subtract") (param i32) (result i32)
    local.get 0
    i32.const 0x80000000
    i32.sub)
  (func (export "subtract-64") (param i64) (result i64)
    local.get 0
    i64.const 0x8000000000000000
    i64.sub)
  (func (export "subtract-from-loaded") (param i32) (result i32)
    local.get 0
    i32.load
    i32.const 7
    i32.sub)
  (func (export "subtract-twice") (param i32) (result i32)
    i32.const 100
    i32.const 7
    i32.const 2
    i32.sub
    i32.sub
    local.get 0
    i32.sub)
  (func (export "subtract-comparison") (param i32 i32) (result i32)
    local.get 0
    local.get 1
    i32.lt_u
    i32.const 3
    i32.sub)
  (func (export "wrap") (result i32)
    i64.const 0x123456789abcdef0
    i32.wrap_i64)
  (func (export "sum") (param i32) (result i32)
    local.get 0
    i64.extend_i32_u
    i64.const 0x7fffffff80000001
    i64.add
    i32.wrap_i64)
  (func (export "sum-of-comparison") (param i32 i32) (result i32)
    local.get 0
    local.get 1
    i32.eq
    i64.extend_i32_u
    i64.const -1
    i64.add
    i32.wrap_i64)
  ;; Looks like it, and is not.
  (func (export "sum-kept") (param i32) (result i64)
    local.get 0
    i64.extend_i32_u
    i64.const 1
    i64.add)
  (func (export "constant-of-the-opcode") (param i32) (result i64)
    local.get 0
    i64.extend_i32_u
    i64.const 0x7c
    i64.mul)

  (func (export "end-of-block") (param i32) (result i32)
    (local i32)
    block (result i32)
      block (result i32)
        i32.const 10
        local.get 0
        br_if 0
        drop
        i32.const 20
        i32.const 1
        local.set 1
        local.get 0
        i32.eqz
        br_if 1
      end
      i32.const 100
      i32.add
    end
    local.get 1
    i32.add)
  (func (export "end-of-arms") (param i32 i32) (result i32)
    (local i32)
    block
      local.get 0
      if
        i32.const 1
        local.set 2
        local.get 1
        br_if 1
      else
        i32.const 2
        local.set 2
        local.get 1
        br_if 1
      end
      local.get 2
      i32.const 10
      i32.mul
      local.set 2
    end
    local.get 2)
  (func (export "end-of-loop") (param i32) (result i32)
    (local i32)
    loop (result i32)
      local.get 1
      local.get 0
      i32.add
      local.tee 1
      local.get 0
      i32.const 1
      i32.sub
      local.tee 0
      br_if 0
    end
    local.get 1
    i32.add)
  (func (export "end-of-function") (param i32) (result i32)
    block (result i32)
      i32.const 7
      local.get 0
      br_if 1
      drop
      i32.const 8
      local.get 0
      br_if 0
    end)

  ;; Several entries, of which one is the default, pass what differs.
  (func (export "table") (param i32) (result i32)
    (local i32)
    local.get 0
    i32.const 3
    i32.mul
    local.set 1
    block (result i32)
      block (result i32)
        block (result i32)
          block (result i32)
            block (result i32)
              local.get 1
              local.get 0
              br_table 0 1 2 3 4 0 1 2 4 3
            end
            i32.const 1
            i32.add
          end
          i32.const 10
          i32.add
        end
        i32.const 100
        i32.add
      end
      i32.const 1000
      i32.add
    end))

(assert_return (invoke "subtract" (i32.const 0)) (i32.const 0x80000000))
(assert_return (invoke "subtract" (i32.const -1)) (i32.const 0x7fffffff))
(assert_return (invoke "subtract-64" (i64.const 1)) (i64.const 0x8000000000000001))
(assert_return (invoke "subtract-from-loaded" (i32.const 0)) (i32.const -2))
(assert_return (invoke "subtract-from-loaded" (i32.const 4)) (i32.const 0x7ffffff9))
(assert_trap (invoke "subtract-from-loaded" (i32.const 65533)) "out of bounds memory access")
(assert_return (invoke "subtract-twice" (i32.const 1)) (i32.const 94))
(assert_return (invoke "subtract-comparison" (i32.const 1) (i32.const 2)) (i32.const -2))
(assert_return (invoke "subtract-comparison" (i32.const 2) (i32.const 2)) (i32.const -3))
(assert_return (invoke "wrap") (i32.const 0x9abcdef0))
(assert_return (invoke "sum" (i32.const 0)) (i32.const 0x80000001))
(assert_return (invoke "sum" (i32.const -1)) (i32.const 0x80000000))
(assert_return (invoke "sum-of-comparison" (i32.const 4) (i32.const 4)) (i32.const 0))
(assert_return (invoke "sum-of-comparison" (i32.const 4) (i32.const 5)) (i32.const -1))
(assert_return (invoke "sum-kept" (i32.const -1)) (i64.const 0x100000000))
(assert_return (invoke "constant-of-the-opcode" (i32.const -1)) (i64.const 0x7bffffff84))
(assert_return (invoke "end-of-block" (i32.const 0)) (i32.const 21))
(assert_return (invoke "end-of-block" (i32.const 1)) (i32.const 110))
(assert_return (invoke "end-of-arms" (i32.const 1) (i32.const 1)) (i32.const 1))
(assert_return (invoke "end-of-arms" (i32.const 1) (i32.const 0)) (i32.const 10))
(assert_return (invoke "end-of-arms" (i32.const 0) (i32.const 1)) (i32.const 2))
(assert_return (invoke "end-of-arms" (i32.const 0) (i32.const 0)) (i32.const 20))
(assert_return (invoke "end-of-loop" (i32.const 4)) (i32.const 20))
(assert_return (invoke "end-of-function" (i32.const 1)) (i32.const 7))
(assert_return (invoke "end-of-function" (i32.const 0)) (i32.const 8))
(assert_return (invoke "table" (i32.const 0)) (i32.const 1111))
(assert_return (invoke "table" (i32.const 1)) (i32.const 1113))
(assert_return (invoke "table" (i32.const 2)) (i32.const 1106))
(assert_return (invoke "table" (i32.const 3)) (i32.const 1009))
(assert_return (invoke "table" (i32.const 4)) (i32.const 12))
(assert_return (invoke "table" (i32.const 5)) (i32.const 1126))
(assert_return (invoke "table" (i32.const 7)) (i32.const 1121))
(assert_return (invoke "table" (i32.const 8)) (i32.const 24))
(assert_return (invoke "table" (i32.const 9)) (i32.const 1027))
(assert_return (invoke "table" (i32.const 1000)) (i32.const 4000))
