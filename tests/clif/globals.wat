;; Globals that nothing writes are constants, mutable ones too; the others lie below the memory.
(module
  (memory 1)
  (global $constant i32 (i32.const 40))
  (global $derived i32 (i32.add (global.get $constant) (i32.const 2)))
  (global $unwritten (mut i32) (i32.const 7))
  (global $written (mut i32) (i32.const 9))
  (func (export "run") (result i32)
    (global.set $written (i32.add (global.get $written) (i32.const 1)))
    (i32.add (global.get $derived) (i32.add (global.get $unwritten) (global.get $written)))))
