;; What several entries of a branch table go to is a block of its own, which passes on what the label
;; takes; and without optimisation an integer is said once in a block.
;; -O0
(module
  (func (export "run") (param i32) (result i32)
    (local i32)
    block
      block
        block
          block
            block
              local.get 0
              br_table 0 1 2 3 4 0 1 2 4
            end
            i32.const 7
            local.set 1
          end
          local.get 1
          i32.const 7
          i32.mul
          i32.const 7
          i32.add
          local.set 1
        end
      end
    end
    local.get 1))
