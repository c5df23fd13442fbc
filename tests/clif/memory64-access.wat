;; A 64-bit index must not have more bits than the memory's indices, which is checked once in a
;; block and not of one that was extended; then guard pages check bounds. The end of an access with
;; an offset of 2 GiB or more is compared with the length, without overflow.
(module
  (memory i64 1)
  (func (export "run") (param i64 i32) (result i64 i64 i64)
    (i64.store offset=8 (local.get 0) (i64.const 5))
    (i64.load32_s offset=0x7fffffff (local.get 0))
    (i64.load (i64.extend_i32_u (local.get 1)))
    (i64.load offset=0x80000000 (local.get 0))))
