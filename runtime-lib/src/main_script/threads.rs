//! Threads that a script starts. Each obeys commands of its own, in their order, on the store that
//! the script has; the answers are given in the order of all commands.

use std::collections::{BTreeMap, VecDeque};
use std::io::Write;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread::{JoinHandle, spawn};

use crate::vm::store::Store;
use crate::vm::threads::run_caught;

/// Gives the answer to a command.
pub(super) type Obey = Box<dyn FnMut(&str) -> String>;

/// A thread that obeys commands.
struct Running {
    commands: Sender<String>,
    answers: Receiver<String>,
    thread: JoinHandle<()>,
}

/// An answer that is yet to be given.
enum Answer {
    Known(String),
    /// The next one of a thread.
    Of(u64),
}

/// The threads by their numbers, and the answers that are yet to be given.
pub(super) struct Threads {
    store: &'static Store,
    /// What makes a thread obey commands on the store.
    obey: fn(&'static Store) -> Obey,
    running: BTreeMap<u64, Running>,
    answers: VecDeque<Answer>,
}

impl Threads {
    pub(super) fn new(store: &'static Store, obey: fn(&'static Store) -> Obey) -> Threads {
        Threads {
            store,
            obey,
            running: BTreeMap::new(),
            answers: VecDeque::new(),
        }
    }

    /// Has a thread obey a command, or waits for its end.
    pub(super) fn tell(&mut self, line: &str) -> Option<()> {
        let (word, rest) = line.split_once(' ')?;
        match word {
            "in" => {
                let (number, command) = rest.split_once(' ')?;
                let number = number.parse().ok()?;
                let (store, obey) = (self.store, self.obey);
                let running = self.running.entry(number);
                let running = running.or_insert_with(|| start(store, obey));
                // One that has ended answers nothing.
                let _ = running.commands.send(command.to_owned());
                self.answers.push_back(Answer::Of(number));
            }
            "wait" => {
                let number = rest.parse().ok()?;
                self.end(number)?;
                self.answers.push_back(Answer::Known("ok".to_owned()));
            }
            _ => return None,
        }
        Some(())
    }

    /// Waits for the end of a thread, whose answers are known then.
    fn end(&mut self, number: u64) -> Option<()> {
        let running = self.running.remove(&number)?;
        drop(running.commands);
        let _ = running.thread.join();
        let mut given = running.answers.try_iter();
        for answer in &mut self.answers {
            if matches!(answer, Answer::Of(other) if *other == number) {
                *answer = Answer::Known(given.next().unwrap_or_else(|| "error none".to_owned()));
            }
        }
        Some(())
    }

    /// An answer of the first thread.
    pub(super) fn answer(&mut self, answer: String) {
        self.answers.push_back(Answer::Known(answer));
    }

    /// Gives the answers that are known.
    pub(super) fn give(&mut self, to: &mut impl Write) -> std::io::Result<()> {
        while let Some(answer) = self.answers.front() {
            let known = match answer {
                Answer::Known(answer) => answer.clone(),
                Answer::Of(number) => {
                    let running = self.running.get(number);
                    match running.and_then(|running| running.answers.try_recv().ok()) {
                        Some(answer) => answer,
                        None => break,
                    }
                }
            };
            to.write_all((known + "\n").as_bytes())?;
            self.answers.pop_front();
        }
        to.flush()
    }

    /// Waits for all threads.
    pub(super) fn end_all(&mut self) {
        while let Some((&number, _)) = self.running.first_key_value() {
            let _ = self.end(number);
        }
    }
}

fn start(store: &'static Store, obey: fn(&'static Store) -> Obey) -> Running {
    let (commands, receiver) = channel::<String>();
    let (sender, answers) = channel();
    let thread = spawn(move || {
        run_caught(|| {
            let mut obey = obey(store);
            for command in receiver {
                if sender.send(obey(&command)).is_err() {
                    return;
                }
            }
        });
    });
    Running {
        commands,
        answers,
        thread,
    }
}
