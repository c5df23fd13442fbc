// Balls fly in a box; which of them meet is found by a table of the cells that they are in.
package gc

private class Vector(val x: Double, val y: Double, val z: Double) {
    operator fun plus(other: Vector) = Vector(x + other.x, y + other.y, z + other.z)
    operator fun minus(other: Vector) = Vector(x - other.x, y - other.y, z - other.z)
    operator fun times(by: Double) = Vector(x * by, y * by, z * by)
    fun dot(other: Vector) = x * other.x + y * other.y + z * other.z
}

private data class Cell(val x: Int, val y: Int, val z: Int)

private interface Body {
    val place: Vector
    fun step(seconds: Double)
    fun meets(other: Body): Boolean
}

private open class Ball(override var place: Vector, var speed: Vector, val radius: Double) : Body {
    override fun step(seconds: Double) {
        val next = place + speed * seconds
        speed = Vector(
            turned(next.x, speed.x),
            turned(next.y, speed.y),
            turned(next.z, speed.z),
        )
        place = place + speed * seconds
    }

    private fun turned(at: Double, speed: Double) = if (at < 0.0 || at > 100.0) -speed else speed

    override fun meets(other: Body): Boolean {
        val reach = radius + if (other is Ball) other.radius else 0.0
        val apart = place - other.place
        return apart.dot(apart) < reach * reach
    }
}

private class Slow(place: Vector, speed: Vector) : Ball(place, speed, 2.0) {
    override fun step(seconds: Double) = super.step(seconds / 4)
}

private fun meetings(bodies: List<Body>): Int {
    val cells = HashMap<Cell, MutableList<Body>>()
    var found = 0
    for (body in bodies) {
        val place = body.place
        val x = (place.x / 5).toInt()
        val y = (place.y / 5).toInt()
        val z = (place.z / 5).toInt()
        for (dx in -1..1) for (dy in -1..1) {
            cells[Cell(x + dx, y + dy, z)]?.forEach { if (body.meets(it)) found++ }
        }
        cells.getOrPut(Cell(x, y, z)) { ArrayList() }.add(body)
    }
    return found
}

fun collisions(): Long {
    val random = Random(9)
    fun number(of: Double) = random.next() / 65536.0 * of
    fun vector(of: Double) = Vector(number(of), number(of), number(of))
    val bodies: List<Body> = List(400) {
        if (it % 3 == 0) Slow(vector(100.0), vector(9.0)) else Ball(vector(100.0), vector(9.0), 1.5)
    }
    var sum = 0L
    repeat(20) { step ->
        bodies.forEach { it.step(0.25) }
        sum = sum * 7 + meetings(bodies) + step
    }
    return sum
}
