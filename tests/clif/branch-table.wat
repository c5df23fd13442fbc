;; A branch table whose targets are told apart by few comparisons.
(module
  (func (export "run") (param i32) (result i32)
    block
      block
        block
          local.get 0
          br_table 0 2 1 1 2 0 2
        end
        i32.const 10
        return
      end
      i32.const 20
      return
    end
    i32.const 30
  )
)
