// A reader and a writer of JSON.
package gc

private sealed class Json
private object Null : Json()
private class Bool(val value: Boolean) : Json()
private class Number(val value: Double) : Json()
private class Text(val value: String) : Json()
private class Items(val items: MutableList<Json> = ArrayList()) : Json()
private class Members(val members: MutableMap<String, Json> = LinkedHashMap()) : Json()

private class Wrong(message: String) : Exception(message)

private class Reader(val text: String) {
    var at = 0

    fun value(): Json {
        blank()
        return when (val c = text[at]) {
            '{' -> members()
            '[' -> items()
            '"' -> Text(string())
            't' -> word("true", Bool(true))
            'f' -> word("false", Bool(false))
            'n' -> word("null", Null)
            else -> if (c == '-' || c.isDigit()) number() else throw Wrong("$c at $at")
        }
    }

    private fun blank() {
        while (at < text.length && text[at].isWhitespace()) at++
    }

    private fun eat(c: Char): Boolean {
        blank()
        if (at < text.length && text[at] == c) {
            at++
            return true
        }
        return false
    }

    private fun word(word: String, value: Json): Json {
        if (!text.startsWith(word, at)) throw Wrong("word at $at")
        at += word.length
        return value
    }

    private fun members(): Json {
        val all = Members()
        at++
        if (eat('}')) return all
        do {
            blank()
            val name = string()
            if (!eat(':')) throw Wrong("colon at $at")
            all.members[name] = value()
        } while (eat(','))
        if (!eat('}')) throw Wrong("end at $at")
        return all
    }

    private fun items(): Json {
        val all = Items()
        at++
        if (eat(']')) return all
        do all.items.add(value()) while (eat(','))
        if (!eat(']')) throw Wrong("end at $at")
        return all
    }

    private fun string(): String {
        val string = StringBuilder()
        at++
        while (text[at] != '"') {
            if (text[at] == '\\') at++
            string.append(text[at++])
        }
        at++
        return string.toString()
    }

    private fun number(): Json {
        val start = at
        if (text[at] == '-') at++
        var value = 0.0
        while (at < text.length && text[at].isDigit()) value = value * 10 + (text[at++] - '0')
        if (at < text.length && text[at] == '.') {
            at++
            var unit = 0.1
            while (at < text.length && text[at].isDigit()) {
                value += unit * (text[at++] - '0')
                unit /= 10
            }
        }
        return Number(if (text[start] == '-') -value else value)
    }
}

private fun write(value: Json, to: StringBuilder) {
    when (value) {
        is Null -> to.append("null")
        is Bool -> to.append(value.value)
        is Number -> to.append(value.value.toInt())
        is Text -> to.append('"').append(value.value).append('"')
        is Items -> {
            to.append('[')
            value.items.forEachIndexed { index, item ->
                if (index > 0) to.append(',')
                write(item, to)
            }
            to.append(']')
        }
        is Members -> {
            to.append('{')
            var first = true
            for ((name, member) in value.members) {
                if (!first) to.append(',')
                first = false
                to.append('"').append(name).append("\":")
                write(member, to)
            }
            to.append('}')
        }
    }
}

private val document: String by lazy {
    val random = Random(13)
    buildString {
        append("[\n")
        repeat(300) { index ->
            if (index > 0) append(",\n")
            append("  { \"id\": $index, \"name\": \"item ${random.next()}\", \"isOpen\": ${index and 1 == 0},")
            append(" \"size\": -${random.next() % 100}.25, \"tags\": [\"a\", \"b${random.next() % 10}\", null] }")
        }
        append("\n]")
    }
}

fun json(): Long {
    val read = Reader(document).value()
    val written = buildString { write(read, this) }
    val again = buildString { write(Reader(written).value(), this) }
    check(written == again)
    return written.length * 31L + written.hashCode()
}
