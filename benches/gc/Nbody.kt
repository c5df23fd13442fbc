// Planets as objects with fields of floating point.
package gc

import kotlin.math.PI
import kotlin.math.sqrt

private class Planet(
    var x: Double, var y: Double, var z: Double,
    var vx: Double, var vy: Double, var vz: Double, val mass: Double,
)

private fun energy(planets: List<Planet>): Double {
    var energy = 0.0
    for ((index, a) in planets.withIndex()) {
        energy += 0.5 * a.mass * (a.vx * a.vx + a.vy * a.vy + a.vz * a.vz)
        for (other in index + 1 until planets.size) {
            val b = planets[other]
            val dx = a.x - b.x
            val dy = a.y - b.y
            val dz = a.z - b.z
            energy -= a.mass * b.mass / sqrt(dx * dx + dy * dy + dz * dz)
        }
    }
    return energy
}

private fun advance(planets: List<Planet>, step: Double) {
    for (index in planets.indices) {
        val a = planets[index]
        for (other in index + 1 until planets.size) {
            val b = planets[other]
            val dx = a.x - b.x
            val dy = a.y - b.y
            val dz = a.z - b.z
            val square = dx * dx + dy * dy + dz * dz
            val pull = step / (square * sqrt(square))
            a.vx -= dx * b.mass * pull
            a.vy -= dy * b.mass * pull
            a.vz -= dz * b.mass * pull
            b.vx += dx * a.mass * pull
            b.vy += dy * a.mass * pull
            b.vz += dz * a.mass * pull
        }
    }
    for (planet in planets) {
        planet.x += step * planet.vx
        planet.y += step * planet.vy
        planet.z += step * planet.vz
    }
}

fun nbody(): Long {
    val sun = 4 * PI * PI
    val planets = listOf(
        Planet(0.0, 0.0, 0.0, 0.0, 0.0, 0.0, sun),
        Planet(5.2, 0.1, -0.1, 0.1, 2.7, 0.0, sun * 9.5e-4),
        Planet(-9.5, 0.2, 0.1, -0.2, -2.0, 0.1, sun * 2.8e-4),
        Planet(0.3, 19.2, 0.2, -1.4, 0.0, 0.0, sun * 4.3e-5),
        Planet(1.0, -30.0, 0.4, 1.1, 0.1, -0.1, sun * 5.1e-5),
    )
    repeat(40_000) { advance(planets, 0.01) }
    return (energy(planets) * 1e9).toLong()
}
