// Terms of a sealed class are made, differentiated, simplified and computed.
package gc

private sealed class Term
private class Num(val value: Int) : Term()
private object X : Term()
private sealed class Pair(val left: Term, val right: Term) : Term()
private class Sum(left: Term, right: Term) : Pair(left, right)
private class Product(left: Term, right: Term) : Pair(left, right)
private class Negated(val term: Term) : Term()

private fun term(random: Random, depth: Int): Term = when {
    depth == 0 -> if (random.next() and 1 == 0) X else Num(random.next() and 7)
    else -> when (random.next() and 3) {
        0 -> Negated(term(random, depth - 1))
        1 -> Product(term(random, depth - 1), term(random, depth - 1))
        else -> Sum(term(random, depth - 1), term(random, depth - 1))
    }
}

private fun derived(term: Term): Term = when (term) {
    is Num -> Num(0)
    is X -> Num(1)
    is Sum -> Sum(derived(term.left), derived(term.right))
    is Product -> Sum(
        Product(derived(term.left), term.right),
        Product(term.left, derived(term.right)),
    )
    is Negated -> Negated(derived(term.term))
}

private fun isNum(term: Term, value: Int) = term is Num && term.value == value

private fun simple(term: Term): Term = when (term) {
    is Num, is X -> term
    is Negated -> when (val inner = simple(term.term)) {
        is Negated -> inner.term
        is Num -> Num(-inner.value)
        else -> Negated(inner)
    }
    is Pair -> {
        val left = simple(term.left)
        val right = simple(term.right)
        when {
            term is Sum && isNum(left, 0) -> right
            term is Sum && isNum(right, 0) -> left
            term is Product && (isNum(left, 0) || isNum(right, 0)) -> Num(0)
            term is Product && isNum(left, 1) -> right
            left is Num && right is Num ->
                Num(if (term is Sum) left.value + right.value else left.value * right.value)
            term is Sum -> Sum(left, right)
            else -> Product(left, right)
        }
    }
}

private fun value(term: Any, x: Int): Int = when (term) {
    is Num -> term.value
    is Sum -> value(term.left, x) + value(term.right, x)
    is Product -> value(term.left, x) * value(term.right, x)
    is Negated -> -value(term.term, x)
    else -> x
}

fun casts(): Long {
    val random = Random(5)
    var sum = 0L
    repeat(10) {
        val simple = simple(derived(term(random, 12)))
        for (x in 0 until 12) sum = sum * 31 + value(simple, x)
    }
    return sum
}
