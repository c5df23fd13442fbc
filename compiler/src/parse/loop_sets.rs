//! Which locals each loop of a body sets. Comes in: its instructions, one after the other. Goes out: for each
//! local, the loops whose own code sets it. Translation asks before it knows what a loop does. Loops that
//! cannot be reached count.

use wasmparser::Operator;

/// A list is as long as there are instructions that set a local.
#[derive(Clone, Default, Debug)]
pub struct LoopSets {
    /// For each loop, in the order in which they begin, the last one that begins in it, or it itself.
    pub lasts: Box<[u32]>,
    /// Locals, each with a loop that sets it, but for loops within that. In order.
    pub sets: Box<[(u32, u32)]>,
}

/// What is known of a body that is being read.
#[derive(Default)]
pub(super) struct Reading {
    lasts: Vec<u32>,
    sets: Vec<(u32, u32)>,
    /// Of all that has begun and not ended: whether it is a loop.
    open: Vec<bool>,
    /// The loops of these.
    loops: Vec<u32>,
}

impl Reading {
    pub(super) fn operator(&mut self, op: &Operator<'_>) {
        match *op {
            Operator::LocalSet { local_index } | Operator::LocalTee { local_index } => {
                if let Some(&innermost) = self.loops.last() {
                    self.sets.push((local_index, innermost));
                }
            }
            Operator::Loop { .. } => {
                let number = u32::try_from(self.lasts.len()).expect("fewer than bytes of a body");
                self.loops.push(number);
                self.lasts.push(number);
                self.open.push(true);
            }
            Operator::Block { .. }
            | Operator::If { .. }
            | Operator::TryTable { .. }
            | Operator::Try { .. } => self.open.push(false),
            Operator::End | Operator::Delegate { .. } => self.end(),
            _ => {}
        }
    }

    /// Ends what began last; at the end, the function itself, which did not begin.
    fn end(&mut self) {
        if self.open.pop() == Some(true)
            && let Some(ended) = self.loops.pop()
        {
            let last = self.lasts.len() - 1;
            self.lasts[ended as usize] = u32::try_from(last).expect("one of them");
        }
    }

    pub(super) fn finish(mut self) -> LoopSets {
        self.sets.sort_unstable();
        self.sets.dedup();
        LoopSets {
            lasts: self.lasts.into(),
            sets: self.sets.into(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use wasmparser::BlockType;

    #[test]
    fn locals_are_set_by_the_innermost_loop() {
        let (blockty, set) = (BlockType::Empty, |local_index| Operator::LocalSet {
            local_index,
        });
        let begin = || Operator::Loop { blockty };
        let body = [
            set(9),
            begin(),
            set(2),
            Operator::Block { blockty },
            begin(),
            set(1),
            set(2),
            set(1),
            Operator::End,
            Operator::End,
            set(2),
            Operator::LocalTee { local_index: 0 },
            Operator::End,
            begin(),
            Operator::End,
            set(3),
            Operator::End,
        ];
        let mut reading = Reading::default();
        body.iter().for_each(|op| reading.operator(op));
        let LoopSets { lasts, sets } = reading.finish();
        assert_eq!(*lasts, [1, 1, 2]);
        assert_eq!(*sets, [(0, 0), (1, 1), (2, 0), (2, 1)]);
    }
}
