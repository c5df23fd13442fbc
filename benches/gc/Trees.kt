// Objects of two references: made, walked, dropped; and much live or much garbage.
package gc

private class Node(val left: Node?, val right: Node?) {
    fun count(): Int = 1 + (left?.count() ?: 0) + (right?.count() ?: 0)
}

private fun grow(depth: Int): Node =
    if (depth == 0) Node(null, null) else Node(grow(depth - 1), grow(depth - 1))

fun trees(): Long {
    val long = grow(14)
    var sum = 0L
    for (depth in 4..14 step 2) {
        repeat(1 shl (14 - depth)) { sum += grow(depth).count() }
    }
    return sum + long.count()
}

private class Entry(val key: Int, val text: String, val next: Entry?)

/** A hundred megabytes that live while others come and go. */
fun live(): Long {
    val maps = List(24) { HashMap<Int, Entry>() }
    for (index in 0 until 1_000_000) {
        val map = maps[index % 24]
        map[index] = Entry(index, "entry", map[index - 240])
    }
    var sum = 0L
    repeat(40) { round ->
        val map = maps[round % 24]
        for (index in 0 until 100_000) {
            val key = (index * 7 + round) % 1_000_000
            sum += map[key]?.key ?: Entry(key, "no", null).key
        }
    }
    return sum
}

/** About a gigabyte, of which next to nothing is kept. */
fun garbage(): Long {
    var sum = 0L
    val kept = arrayOfNulls<Node>(64)
    for (index in 0 until 20_000_000) {
        val node = Node(kept[index and 63], null)
        kept[index and 63] = if (index and 1023 < 64) null else node.also { sum++ }
        if (index and 0xfff == 0) sum += IntArray(60_000).size
    }
    return sum
}
