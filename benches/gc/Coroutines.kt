// Generators, and workers that hand numbers to each other by a scheduler of a few lines.
package gc

import kotlin.coroutines.Continuation
import kotlin.coroutines.EmptyCoroutineContext
import kotlin.coroutines.intrinsics.COROUTINE_SUSPENDED
import kotlin.coroutines.intrinsics.suspendCoroutineUninterceptedOrReturn
import kotlin.coroutines.resume
import kotlin.coroutines.startCoroutine

private fun counted(end: Int): Sequence<Int> = sequence {
    for (index in 0 until end) yield(index * 3)
}

private fun walked(depth: Int): Sequence<Int> = sequence {
    if (depth > 0) yieldAll(walked(depth - 1))
    yield(depth)
    if (depth > 0) yieldAll(walked(depth - 1))
}

private class Scheduler {
    private val ready = ArrayDeque<Continuation<Unit>>()
    var sum = 0L

    suspend fun turn() = suspendCoroutineUninterceptedOrReturn<Unit> { continuation ->
        ready.addLast(continuation)
        COROUTINE_SUSPENDED
    }

    fun start(block: suspend Scheduler.() -> Unit) {
        block.startCoroutine(this, Continuation(EmptyCoroutineContext) { it.getOrThrow() })
    }

    fun run() {
        while (ready.isNotEmpty()) ready.removeFirst().resume(Unit)
    }
}

private suspend fun Scheduler.work(of: Int, steps: Int) {
    for (step in 0 until steps) {
        turn()
        sum += of * step
    }
}

fun coroutines(): Long {
    var sum = 0L
    for (number in counted(40_000).filter { it and 1 == 0 }.map { it + 1 }) sum += number
    for (number in walked(9)) sum = sum * 3 + number
    val scheduler = Scheduler()
    for (worker in 1..20) scheduler.start { work(worker, 1_000) }
    scheduler.run()
    return sum + scheduler.sum
}
