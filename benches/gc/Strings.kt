// Text is put together, taken apart, searched and compared.
package gc

private fun text(): String {
    val random = Random(7)
    return buildString {
        repeat(6000) {
            repeat(1 + random.next() % 9) { append('a' + random.next() % 26) }
            append(if (random.next() % 12 == 0) ". " else " ")
        }
    }
}

fun strings(): Long {
    val text = text()
    var sum = 0L
    for (sentence in text.split(". ")) {
        val words = sentence.split(' ').filter { it.isNotEmpty() }
        val turned = words.map { it.reversed() }
        val joined = turned.joinToString(",", "<", ">") { it.uppercase() }
        sum = sum * 17 + joined.length + joined.indexOf("ABC") + joined.count { it == 'E' }
        for (word in words) {
            if (word.startsWith("th") || word == word.reversed()) sum += word.hashCode()
        }
    }
    var line = ""
    for (index in 0 until 400) {
        line += index
        if (line.endsWith("99")) sum += line.substring(line.length / 2).length
    }
    return sum
}
