//! One pass over a script's steps: which modules and components make the program, who provides
//! whose imports, and the commands that the driver gets. What can be decided without running is
//! decided here.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use wasmelt_compiler::{Error, ErrorKind, InputKind, Options, ScriptItem, ScriptModule};

use crate::executables::{self, hex_name};
use crate::groups::Superseded;
use crate::read::{Action, Encoded, Expected, Step, StepKind};
use crate::script::Outcome;

/// Why a module is not part of the program.
#[derive(Clone, Debug)]
pub enum Absence {
    Unsupported(String),
    Failed(String),
}

impl Absence {
    #[must_use]
    pub fn of(error: &Error) -> Absence {
        // The instruction or built-in is a detail of the proposal that is not supported.
        let reason = error.message.split(" (").next().unwrap_or_default();
        match error.kind {
            ErrorKind::Unsupported => Absence::Unsupported(reason.to_owned()),
            _ => Absence::Failed(format!("it does not compile: {error}")),
        }
    }
}

/// A module or component of the program.
pub struct Unit<'s> {
    pub wasm: &'s [u8],
    pub name: String,
    /// Names of the modules that it imports from, and their positions in the list of units. A
    /// component imports from the host alone.
    pub providers: HashMap<String, usize>,
    pub is_component: bool,
    /// The driver's number of it: modules and components are counted apart.
    pub number: usize,
    /// Position of its step in the script.
    pub step: usize,
}

impl Unit<'_> {
    #[must_use]
    pub fn script_item(&self) -> ScriptItem<'_> {
        item(self.wasm, &self.name, self.providers.clone())
    }

    fn instantiate(&self) -> String {
        let command = if self.is_component {
            "instantiate-component"
        } else {
            "instantiate"
        };
        format!("{command} {}", self.number)
    }

    fn invoke(&self, name: &str, args: &[String]) -> String {
        let command = if self.is_component { "call" } else { "invoke" };
        let start = format!("{command} {} {}", self.number, hex_name(name));
        args.iter().fold(start, |text, arg| text + " " + arg)
    }
}

fn is_component(wasm: &[u8]) -> bool {
    wasmelt_compiler::input_kind(wasm) == InputKind::Component
}

fn item<'a>(wasm: &'a [u8], name: &str, providers: HashMap<String, usize>) -> ScriptItem<'a> {
    let name = name.to_owned();
    if is_component(wasm) {
        ScriptItem::Component { wasm, name }
    } else {
        ScriptItem::Module(ScriptModule {
            wasm,
            name,
            providers,
        })
    }
}

/// A command for the driver, and what is to be made of the answer.
pub struct Question<'s> {
    pub line: usize,
    pub command: String,
    pub expected: &'s Expected,
    /// It is an assertion, not only a module, a component or a bare action.
    pub counts: bool,
    /// Why another answer is right.
    pub superseded: Option<&'s str>,
}

/// Where a name of the script leads: a position in the list of units.
type Target = Result<usize, Absence>;

pub struct Pass<'s> {
    /// `spectest` first.
    pub units: Vec<Unit<'s>>,
    pub questions: Vec<Question<'s>>,
    /// What is already decided.
    pub outcome: Outcome,
    /// By step: modules that an earlier pass has found at fault.
    absences: &'s BTreeMap<usize, Absence>,
    superseded: &'s Superseded,
    pub options: &'s Options,
    /// By name; the last module's is empty.
    definitions: HashMap<String, &'s Encoded>,
    /// By name; the last instance's is empty.
    instances: HashMap<String, Target>,
    registered: HashMap<String, Target>,
    /// The threads that have been started, in their order.
    threads: Vec<&'s str>,
    /// What the script knew when the thread began whose steps these are.
    outside: Option<Known>,
}

/// Instances, and those that are registered.
type Known = (HashMap<String, Target>, HashMap<String, Target>);

/// The name under which the last instance and the last definition are also known: no identifier
/// of a script is empty.
const LAST: &str = "";

impl<'s> Pass<'s> {
    #[must_use]
    pub fn over(
        steps: &'s [Step],
        spectest: &'s [u8],
        superseded: &'s Superseded,
        options: &'s Options,
        absences: &'s BTreeMap<usize, Absence>,
    ) -> Pass<'s> {
        let mut pass = Pass {
            units: vec![Unit {
                wasm: spectest,
                name: "spectest".to_owned(),
                providers: HashMap::new(),
                is_component: false,
                number: 0,
                step: usize::MAX,
            }],
            questions: Vec::new(),
            outcome: Outcome::default(),
            absences,
            superseded,
            options,
            definitions: HashMap::new(),
            instances: HashMap::new(),
            registered: HashMap::from([("spectest".to_owned(), Ok(0))]),
            threads: Vec::new(),
            outside: None,
        };
        for (position, step) in steps.iter().enumerate() {
            pass.step(position, step);
        }
        pass
    }

    fn step(&mut self, position: usize, step: &'s Step) {
        let line = step.line;
        match &step.kind {
            StepKind::Module {
                name,
                wasm,
                instantiate,
            } => {
                for name in [Some(LAST), name.as_deref()].into_iter().flatten() {
                    self.definitions.insert(name.to_owned(), wasm);
                }
                if *instantiate {
                    self.instance(position, line, name.as_deref(), wasm);
                } else if let Err(Absence::Failed(why)) = described(wasm)
                    && !self.superseded.contains_key(&line)
                {
                    self.outcome.fail(line, why);
                }
            }
            StepKind::Instance { instance, module } => {
                match self
                    .definitions
                    .get(module.as_deref().unwrap_or(LAST))
                    .copied()
                {
                    Some(wasm) => self.instance(position, line, instance.as_deref(), wasm),
                    None => self.outcome.fail(line, "no such module"),
                }
            }
            StepKind::Register { name, module } => {
                let target = self.target(module.as_deref());
                self.registered.insert(name.clone(), target);
            }
            StepKind::Reject { wasm } => self.reject(line, wasm),
            StepKind::Unlinkable { wasm } => self.unlinkable(position, line, wasm),
            StepKind::Action { action, expected } => self.act(position, line, action, expected),
            StepKind::Thread { name, shared } => self.begin_thread(name, shared.as_deref()),
            StepKind::ThreadEnd => {
                if let Some((instances, registered)) = self.outside.take() {
                    (self.instances, self.registered) = (instances, registered);
                }
            }
            StepKind::Wait { thread } => {
                match self.threads.iter().position(|name| name == thread) {
                    Some(number) => self.ask(line, format!("wait {number}")),
                    None => self.outcome.fail(line, "no such thread"),
                }
            }
            StepKind::Unsupported { reason } => self.outcome.leave_out(reason),
        }
    }

    /// What follows is a thread's, which knows one instance.
    fn begin_thread(&mut self, name: &'s str, shared: Option<&str>) {
        self.threads.push(name);
        let target = |known: &HashMap<String, Target>, name: &str| {
            let target = known.get(name)?.clone();
            Some((name.to_owned(), target))
        };
        let instances = shared.and_then(|shared| target(&self.instances, shared));
        let registered = target(&self.registered, "spectest");
        self.outside = Some((
            std::mem::replace(&mut self.instances, instances.into_iter().collect()),
            std::mem::replace(&mut self.registered, registered.into_iter().collect()),
        ));
    }

    /// A command that has to succeed.
    fn ask(&mut self, line: usize, command: String) {
        self.push(Question {
            line,
            command,
            expected: &Expected::Success,
            counts: false,
            superseded: None,
        });
    }

    /// A question to whoever's step it is.
    fn push(&mut self, mut question: Question<'s>) {
        if self.outside.is_some() {
            let thread = self.threads.len() - 1;
            question.command = format!("in {thread} {}", question.command);
        }
        self.questions.push(question);
    }

    /// A module or component that the following steps may use.
    fn instance(&mut self, position: usize, line: usize, name: Option<&str>, wasm: &'s Encoded) {
        let target = self.unit(position, wasm);
        match &target {
            Ok(unit) => self.ask(line, self.units[*unit].instantiate()),
            Err(Absence::Failed(why)) => match self.superseded.get(&line) {
                Some(_) => {}
                None => self.outcome.fail(line, why),
            },
            // What is asked of it later is what counts.
            Err(Absence::Unsupported(_)) => {}
        }
        for name in [Some(LAST), name].into_iter().flatten() {
            self.instances.insert(name.to_owned(), target.clone());
        }
    }

    /// Adds a module or component to the program.
    fn unit(&mut self, position: usize, wasm: &'s Encoded) -> Target {
        if let Some(absence) = self.absences.get(&position) {
            return Err(absence.clone());
        }
        let (wasm, providers) = self.resolved(wasm)?;
        let is_component = is_component(wasm);
        let alike = |unit: &&Unit<'_>| unit.is_component == is_component;
        let kind = if is_component { "component" } else { "module" };
        let number = self.units.iter().filter(alike).count();
        self.units.push(Unit {
            wasm,
            name: format!("{kind}{number}"),
            providers,
            is_component,
            number,
            step: position,
        });
        Ok(self.units.len() - 1)
    }

    /// The bytes, and who provides the imports; names that nobody provides are left out.
    fn resolved(&self, wasm: &'s Encoded) -> Result<(&'s [u8], HashMap<String, usize>), Absence> {
        let (wasm, imported) = described(wasm)?;
        let mut providers = HashMap::new();
        if is_component(wasm) {
            return Ok((wasm, providers));
        }
        for module in imported {
            // Wasmtime's scripts import by the name that a module has in the script.
            let registered = self.registered.get(&module);
            if let Some(target) = registered.or_else(|| self.instances.get(&module)) {
                providers.insert(module, target.clone()?);
            }
        }
        Ok((wasm, providers))
    }

    fn act(&mut self, position: usize, line: usize, action: &'s Action, expected: &'s Expected) {
        let counts = !matches!(expected, Expected::Success);
        let command = match action {
            Action::Instantiate { wasm } => self
                .unit(position, wasm)
                .map(|unit| self.units[unit].instantiate()),
            Action::Get { module, name } => self
                .target(module.as_deref())
                .map(|unit| format!("get {} {}", self.units[unit].number, hex_name(name))),
            Action::Invoke { module, name, args } => {
                self.target(module.as_deref()).and_then(|unit| {
                    let args = args.clone().map_err(Absence::Unsupported)?;
                    Ok(self.units[unit].invoke(name, &args))
                })
            }
        };
        match command {
            Ok(command) => self.push(Question {
                line,
                command,
                expected,
                counts,
                superseded: self.superseded.get(&line).map(String::as_str),
            }),
            Err(absence) if counts => self.judge(line, &absence),
            Err(_) => {}
        }
    }

    fn target(&self, name: Option<&str>) -> Target {
        match self.instances.get(name.unwrap_or(LAST)) {
            Some(target) => target.clone(),
            None => Err(Absence::Failed("no such instance".to_owned())),
        }
    }

    /// Linking the module has to fail, or instantiating it where the sizes of what it imports are
    /// only known then.
    fn unlinkable(&mut self, position: usize, line: usize, wasm: &'s Encoded) {
        let resolved = match wasm {
            Ok(bytes) if is_component(bytes) => Ok((bytes.as_slice(), HashMap::new())),
            _ => self.resolved(wasm),
        };
        let (bytes, providers) = match resolved {
            Ok(resolved) => resolved,
            Err(absence) => return self.judge(line, &absence),
        };
        match executables::compile(&self.with_needs(bytes, &providers), self.options) {
            Err(error) if error.kind == ErrorKind::Link => self.outcome.passed += 1,
            // A component that has what it imports in it does not validate.
            Err(error) if error.kind == ErrorKind::Invalid && is_component(bytes) => {
                self.outcome.passed += 1;
            }
            Err(error) => self.judge(line, &Absence::of(&error)),
            Ok(_) if is_component(bytes) => {
                let why = "the component should not have been linked";
                self.judge(line, &Absence::Failed(why.to_owned()));
            }
            Ok(_) => match self.unit(position, wasm) {
                Ok(unit) => self.push(Question {
                    line,
                    command: self.units[unit].instantiate(),
                    expected: &Expected::Unlinkable,
                    counts: true,
                    superseded: self.superseded.get(&line).map(String::as_str),
                }),
                Err(absence) => self.judge(line, &absence),
            },
        }
    }

    /// The module has to be refused, unless a later version of the specification takes it.
    fn reject(&mut self, line: usize, wasm: &'s Encoded) {
        let superseded = self.superseded.get(&line);
        match (rejected(wasm, self.options), superseded) {
            (Ok(()), None) => self.outcome.passed += 1,
            (Ok(()), Some(_)) => {
                let why = "listed as superseded, but it is refused";
                self.outcome.fail(line, why);
            }
            (Err(_), Some(reason)) => self.outcome.leave_out(reason),
            (Err(absence), None) => self.judge(line, &absence),
        }
    }

    /// An assertion that was not passed.
    fn judge(&mut self, line: usize, absence: &Absence) {
        match absence {
            Absence::Unsupported(reason) => self.outcome.leave_out(reason),
            Absence::Failed(why) => match self.superseded.get(&line) {
                Some(reason) => self.outcome.leave_out(reason),
                None => self.outcome.fail(line, why),
            },
        }
    }

    /// The units that a module with these providers needs, directly or not, in order.
    #[must_use]
    pub fn needs(&self, providers: &HashMap<String, usize>) -> BTreeSet<usize> {
        let mut needs = BTreeSet::new();
        let mut open: Vec<usize> = providers.values().copied().collect();
        while let Some(unit) = open.pop() {
            if needs.insert(unit) {
                open.extend(self.units[unit].providers.values());
            }
        }
        needs
    }

    /// A module or component as the last of a program that has only what it needs.
    #[must_use]
    pub fn with_needs<'a>(
        &'a self,
        wasm: &'a [u8],
        providers: &HashMap<String, usize>,
    ) -> Vec<ScriptItem<'a>> {
        let needs: Vec<usize> = self.needs(providers).into_iter().collect();
        let moved = |providers: &HashMap<String, usize>| -> HashMap<String, usize> {
            let position = |unit| needs.binary_search(&unit).expect("needs are complete");
            providers
                .iter()
                .map(|(name, &unit)| (name.clone(), position(unit)))
                .collect()
        };
        let mut items: Vec<ScriptItem<'a>> = needs
            .iter()
            .map(|&unit| &self.units[unit])
            .map(|unit| item(unit.wasm, &unit.name, moved(&unit.providers)))
            .collect();
        items.push(item(wasm, "module", moved(providers)));
        items
    }
}

/// The bytes of what is valid, and the modules that it imports from.
fn described(wasm: &Encoded) -> Result<(&[u8], BTreeSet<String>), Absence> {
    let wasm = wasm
        .as_ref()
        .map_err(|why| Absence::Failed(format!("bad module text: {why}")))?;
    let summary = wasmelt_compiler::summarize(wasm).map_err(|error| Absence::of(&error))?;
    let imports = summary.imports.into_iter();
    Ok((wasm, imports.map(|(module, ..)| module).collect()))
}

/// The module or component has to be malformed or invalid.
fn rejected(wasm: &Encoded, options: &Options) -> Result<(), Absence> {
    let Ok(wasm) = wasm else { return Ok(()) };
    let item = item(wasm, "module", HashMap::new());
    match executables::compile(&[item], options) {
        Err(error) if error.kind == ErrorKind::Invalid => Ok(()),
        Err(error) if error.kind == ErrorKind::Unsupported => Err(Absence::of(&error)),
        _ => Err(Absence::Failed("it should have been refused".to_owned())),
    }
}
