// Complex numbers in locals, and in objects for every eighth line.
package gc

private class Complex(val re: Double, val im: Double) {
    operator fun plus(other: Complex) = Complex(re + other.re, im + other.im)
    fun squared() = Complex(re * re - im * im, 2 * re * im)
    val size get() = re * re + im * im
}

private fun inObjects(re: Double, im: Double): Int {
    val c = Complex(re, im)
    var z = c
    var count = 0
    while (count < 50 && z.size < 4.0) {
        z = z.squared() + c
        count++
    }
    return count
}

private fun inLocals(re: Double, im: Double): Int {
    var x = re
    var y = im
    var count = 0
    while (count < 50 && x * x + y * y < 4.0) {
        val next = x * x - y * y + re
        y = 2 * x * y + im
        x = next
        count++
    }
    return count
}

fun mandelbrot(): Long {
    var sum = 0L
    for (line in 0 until 256) {
        val im = line / 128.0 - 1.0
        for (column in 0 until 256) {
            val re = column / 96.0 - 2.0
            sum += if (line and 7 == 0) inObjects(re, im) else inLocals(re, im)
        }
    }
    return sum
}
