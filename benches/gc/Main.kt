// One program of twelve: `programs NAME TIMES` does it so many times and prints what comes out.
package gc

fun run(name: String, times: Int): Long {
    val program: () -> Long = when (name) {
        "nothing" -> { -> 0L }
        "trees" -> ::trees
        "strings" -> ::strings
        "maps" -> ::maps
        "exceptions" -> ::exceptions
        "sorting" -> ::sorting
        "casts" -> ::casts
        "collisions" -> ::collisions
        "graph" -> ::graph
        "json" -> ::json
        "nbody" -> ::nbody
        "mandelbrot" -> ::mandelbrot
        "coroutines" -> ::coroutines
        "live" -> ::live
        "garbage" -> ::garbage
        else -> error("there is no program $name")
    }
    var sum = 0L
    repeat(times) { sum = sum * 31 + program() }
    return sum
}

/** Numbers that are the same everywhere. */
class Random(private var state: Int) {
    fun next(): Int {
        state = state * 1103515245 + 12345
        return (state ushr 8) and 0xffff
    }
}
