// Lists of boxed numbers and of objects, by the library and by hand.
package gc

private class Person(val name: String, val age: Int) : Comparable<Person> {
    override fun compareTo(other: Person): Int = age.compareTo(other.age)
}

private fun <T : Comparable<T>> heapSort(items: MutableList<T>) {
    fun sink(from: Int, end: Int) {
        var at = from
        while (2 * at + 1 < end) {
            var child = 2 * at + 1
            if (child + 1 < end && items[child] < items[child + 1]) child++
            if (items[at] >= items[child]) return
            val held = items[at]
            items[at] = items[child]
            items[child] = held
            at = child
        }
    }
    for (at in items.size / 2 - 1 downTo 0) sink(at, items.size)
    for (end in items.size - 1 downTo 1) {
        val held = items[0]
        items[0] = items[end]
        items[end] = held
        sink(0, end)
    }
}

fun sorting(): Long {
    val random = Random(11)
    val numbers = MutableList(12_000) { random.next() }
    val sorted = numbers.sorted()
    val down = numbers.sortedWith { a, b -> b.compareTo(a) }
    heapSort(numbers)
    val people = List(6_000) { Person("n${random.next() % 100}", random.next() % 90) }
    val byName = people.sortedWith(compareBy({ it.name }, { it.age }))
    val oldest = people.toMutableList().also { heapSort(it) }.last()
    check(numbers == sorted)
    return sorted[77].toLong() + down[99] + byName[1234].age + oldest.age
}
