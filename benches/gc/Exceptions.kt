// Exceptions over none to seven calls, through `finally` and past handlers of others.
package gc

private class Odd(val value: Int) : Exception()
private class Other : Exception()

private fun fall(depth: Int, value: Int): Int {
    if (depth > 0) return fall(depth - 1, value) + 1
    if (value and 1 == 1) throw Odd(value)
    return value
}

private var ended = 0

private fun guarded(depth: Int, value: Int): Int = try {
    fall(depth, value)
} catch (_: Other) {
    -1
} finally {
    ended++
}

const val THROWS = 20_000

fun exceptions(): Long {
    var sum = 0L
    for (index in 0 until THROWS) {
        try {
            sum += guarded(index and 7, index or 1)
        } catch (odd: Odd) {
            sum += odd.value
        }
    }
    return sum + ended
}
