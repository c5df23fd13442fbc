// Loops of a flow graph: blocks are numbered depth first, and what a back edge reaches backwards is
// united with the loop's head.
package gc

private class Block(val number: Int) {
    val into = ArrayList<Block>()
    val out = ArrayList<Block>()
}

private class Flow {
    val blocks = ArrayList<Block>()
    fun block() = Block(blocks.size).also { blocks.add(it) }
    fun edge(from: Block, to: Block) {
        from.out.add(to)
        to.into.add(from)
    }
}

private class Loop(val head: Block) {
    var outer: Loop? = null
    val blocks = LinkedHashSet<Block>()
    fun depth(): Int = 1 + (outer?.depth() ?: 0)
}

private class State(val block: Block, val first: Int) {
    var last = first
    var joined: State = this
    var loop: Loop? = null
    fun root(): State {
        if (joined !== this) joined = joined.root()
        return joined
    }
    fun holds(other: State) = other.first in first..last
}

private fun number(block: Block, states: MutableMap<Block, State>, order: MutableList<State>): State {
    val state = State(block, order.size)
    states[block] = state
    order.add(state)
    for (next in block.out) if (next !in states) number(next, states, order)
    state.last = order.size - 1
    return state
}

private fun loops(flow: Flow): List<Loop> {
    val states = HashMap<Block, State>()
    val order = ArrayList<State>()
    number(flow.blocks[0], states, order)
    val found = ArrayList<Loop>()
    for (state in order.asReversed()) {
        val body = LinkedHashSet<State>()
        var isLoop = false
        for (from in state.block.into) {
            val back = states[from] ?: continue
            if (!state.holds(back)) continue
            isLoop = true
            if (back !== state) body.add(back.root())
        }
        if (!isLoop) continue
        val loop = Loop(state.block)
        val work = ArrayDeque(body)
        while (work.isNotEmpty()) {
            val inside = work.removeFirst()
            for (from in inside.block.into) {
                val root = (states[from] ?: continue).root()
                if (root !== state && state.holds(root) && body.add(root)) work.addLast(root)
            }
        }
        for (inside in body) {
            inside.joined = state
            inside.loop?.let { it.outer = loop } ?: loop.blocks.add(inside.block)
        }
        state.loop = loop
        found.add(loop)
    }
    return found
}

private fun nest(flow: Flow, from: Block, depth: Int): Block {
    var last = from
    repeat(3) {
        val head = flow.block()
        flow.edge(last, head)
        val end = if (depth == 0) flow.block().also { flow.edge(head, it) } else nest(flow, head, depth - 1)
        val other = flow.block()
        flow.edge(head, other)
        flow.edge(other, end)
        flow.edge(end, head)
        last = end
    }
    return last
}

fun graph(): Long {
    val flow = Flow()
    val first = flow.block()
    nest(flow, nest(flow, first, 5), 4)
    var sum = 0L
    repeat(8) {
        for (loop in loops(flow)) sum += loop.depth() * 31L + loop.blocks.size + loop.head.number
    }
    return sum
}
