// Hash tables by text, by boxed numbers, and by data classes.
package gc

private data class Place(val x: Int, val y: Int)

fun maps(): Long {
    val random = Random(3)
    val words = List(2000) { "key${random.next() % 3000}" }
    val counts = HashMap<String, Int>()
    repeat(12) { for (word in words) counts[word] = (counts[word] ?: 0) + 1 }
    val byCount = HashMap<Int, MutableList<String>>()
    for ((word, count) in counts) byCount.getOrPut(count) { ArrayList() }.add(word)
    val places = HashMap<Place, Int>()
    for (step in 0 until 20_000) {
        val place = Place(random.next() and 63, random.next() and 63)
        places[place] = (places[place] ?: 0) + step
    }
    var sum = 0L
    for ((count, list) in byCount) sum += count.toLong() * list.size
    for (x in 0..63) for (y in 0..63) sum += places[Place(x, y)] ?: 1
    places.keys.removeAll { (it.x + it.y) and 1 == 0 }
    return sum * 31 + places.size
}
