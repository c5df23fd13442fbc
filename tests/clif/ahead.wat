;; What is of no use to the next instructions is not made: numbers that are subtracted, both halves of what
;; is about to be wrapped, blocks that only end an arm.
;; -O0
(module
  (memory 1)
  (func (export "run") (param i32) (result i32)
    (local i32)
    block
      block
        local.get 0
        i32.const 8
        i32.sub
        local.tee 1
        i64.extend_i32_u
        i64.const 0x1_0000_0010
        i64.add
        i32.wrap_i64
        i32.load
        br_if 0
        local.get 0
        br_if 1
      end
      local.get 1
      i64.const 0x1_0000_0020
      i32.wrap_i64
      i32.xor
      local.set 1
    end
    local.get 1))
