// The arguments, as WASI 0.1 gives them.
package gc

import kotlin.wasm.ExperimentalWasmInterop
import kotlin.wasm.WasmImport
import kotlin.wasm.unsafe.UnsafeWasmMemoryApi
import kotlin.wasm.unsafe.withScopedMemoryAllocator

@OptIn(ExperimentalWasmInterop::class)
@WasmImport("wasi_snapshot_preview1", "args_sizes_get")
private external fun argsSizesGet(count: Int, bytes: Int): Int

@OptIn(ExperimentalWasmInterop::class)
@WasmImport("wasi_snapshot_preview1", "args_get")
private external fun argsGet(pointers: Int, bytes: Int): Int

@OptIn(UnsafeWasmMemoryApi::class)
private fun arguments(): List<String> = withScopedMemoryAllocator { memory ->
    val sizes = memory.allocate(8)
    argsSizesGet(sizes.address.toInt(), (sizes + 4).address.toInt())
    val count = sizes.loadInt()
    val pointers = memory.allocate(4 * count)
    val bytes = memory.allocate((sizes + 4).loadInt())
    argsGet(pointers.address.toInt(), bytes.address.toInt())
    List(count) { index ->
        val start = (pointers + 4 * index).loadInt() - bytes.address.toInt()
        val text = StringBuilder()
        var at = start
        while ((bytes + at).loadByte() != 0.toByte()) {
            text.append((bytes + at).loadByte().toInt().toChar())
            at++
        }
        text.toString()
    }
}

fun main() {
    val arguments = arguments()
    println(run(arguments[1], arguments[2].toInt()))
}
