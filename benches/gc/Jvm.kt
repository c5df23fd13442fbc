package gc

fun main(arguments: Array<String>) {
    println(run(arguments[0], arguments[1].toInt()))
}
