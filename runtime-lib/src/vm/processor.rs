//! What the processor has to have, for programs that were compiled for more than every processor
//! has. Others are linked without this.

use crate::vm::arch;
use crate::vm::message::Message;
use crate::vm::process;

/// Ends the process with a message where the processor lacks one of these features.
pub(crate) fn check(required: u64) {
    let mut lacking = lacking(required, arch::has_feature).peekable();
    if lacking.peek().is_none() {
        return;
    }
    let mut message = Message::new();
    message.text("error: this processor lacks what the executable was compiled for:");
    for name in lacking {
        message.text(" ").text(name);
    }
    message.text("\nhelp: compile it for an older processor: `-C target-cpu`\n");
    message.flush();
    process::exit(1)
}

fn lacking(required: u64, has: impl Fn(usize) -> bool) -> impl Iterator<Item = &'static str> {
    let names = arch::FEATURES.iter().copied().enumerate();
    names
        .filter(move |&(bit, _)| required >> bit & 1 != 0 && !has(bit))
        .map(|(_, name)| name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_lacking_has_a_name() {
        let names =
            |required, has: fn(usize) -> bool| -> Vec<&str> { lacking(required, has).collect() };
        let [first, _, third, ..] = arch::FEATURES;
        assert_eq!(names(0b111, |bit| bit == 1), [first, third]);
        assert_eq!(names(0b111, |_| true), [""; 0]);
        assert_eq!(names(0, |_| false), [""; 0]);
    }

    #[test]
    fn every_feature_can_be_asked_for() {
        for bit in 0..arch::FEATURES.len() {
            let _ = arch::has_feature(bit);
        }
    }
}
