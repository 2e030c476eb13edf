//! Every code that a user can meet. A code is for ever: it is never given to another problem.
//!
//! By hundreds: 00 files, 01 expressions, 02 rules, 03 workflows, 04 plans, 05 configuration, 06 running, 07 lints,
//! 08 tests.

use std::fmt;

macro_rules! codes {
    ($($name:ident = $number:literal, $title:literal, $remedy:literal;)*) => {
        /// Names a kind of problem, for ever. Written `H0123`.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub enum Code { $(#[doc = $title] $name,)* }

        impl Code {
            /// Every code in the order of their numbers.
            pub const ALL: &[Self] = &[$(Self::$name,)*];

            pub fn number(self) -> u16 {
                match self { $(Self::$name => $number,)* }
            }

            /// What it is, in a few words.
            pub fn title(self) -> &'static str {
                match self { $(Self::$name => $title,)* }
            }

            /// The name of the code's variant.
            fn variant(self) -> &'static str {
                match self { $(Self::$name => stringify!($name),)* }
            }

            /// Why it happens and what to do, for the reference.
            pub fn remedy(self) -> &'static str {
                match self { $(Self::$name => $remedy,)* }
            }
        }
    };
}

codes! {
    NotReadable = 1, "a file cannot be read", "Check the path and the permissions.";
    NotUtf8 = 2, "a file is not UTF-8", "Save the file as UTF-8; the message names the first byte that is not.";
    NothingFound = 3, "no rules and no workflows were found", "Name a folder that holds `*.rules`, `*.yaml` or `*.yml` files; `homeostat init` makes one.";
    TooLarge = 4, "a file is too large or too deeply nested", "Split the file. The limits protect against hostile input.";
    NotWritable = 5, "a file cannot be written", "Check the path, the permissions and the space on the disk.";
    InTheWay = 6, "files stand in the way", "Name another folder, or move the files away: `homeostat init` overwrites nothing.";
    TooManyProblems = 7, "a file has too many problems", "Mend those that are listed, and check again. One mistake often makes many.";

    ExpressionSyntax = 100, "an expression cannot be parsed", "Expressions are CEL, the Common Expression Language.";
    UnknownName = 101, "a name is not declared", "Only the names listed in the guide exist where the expression stands.";
    UnknownField = 102, "a field does not exist", "The field is not in the declaration of what it is selected from.";
    NoOverload = 103, "an operator or function does not take these types", "Convert one side, for example with `double(x)` or `string(x)`.";
    WrongType = 104, "an expression has the wrong type", "The place where the expression stands expects another type.";
    UnknownFunction = 105, "a function does not exist", "See the list of functions in the guide.";
    ExpressionTooDeep = 106, "an expression is nested too deeply or is too long", "Split the expression.";
    BadMacro = 107, "a macro is used wrongly", "A macro's variable must be a plain name, and `has()` takes a field selection.";
    BadLiteral = 108, "a literal is malformed", "Numbers must be in range, and strings may only hold known escapes.";
    EvaluationFailed = 109, "an expression fails when it is evaluated", "The message says what failed; `has(a.b)` and `a.?b` ask for what may be absent.";
    MaybeNull = 110, "a value may be null where null fails", "Make sure first, with `x != null && …` or `x != null ? … : …`; the condition of a rule or step counts.";

    RuleSyntax = 200, "a rules file cannot be parsed", "The message says what may stand here.";
    DuplicateName = 201, "a name is declared twice", "Rename or delete one of the two.";
    UnknownEvent = 202, "an event type is not declared", "Declare it with `event NAME { … }` in a rules file.";
    MissingClause = 203, "a rule lacks a clause it needs", "A rule needs `on`, and `run` or `emit`.";
    DuplicateClause = 204, "a clause stands twice in a rule", "Delete one of the two.";
    BadClause = 205, "a clause is malformed", "The message says what the clause takes.";
    UnknownWorkflow = 206, "a workflow does not exist", "Name a workflow among the checked files.";
    BadArgument = 207, "an argument does not fit its declaration", "Arguments are the workflow's inputs or the event's fields.";
    UnknownType = 208, "a type does not exist", "Types are `string`, `int`, `double`, `bool`, `duration`, `timestamp`, `any`, `list<…>`, `map<…>` and fields in braces.";

    YamlSyntax = 300, "a workflow is not valid YAML", "The message says where the YAML ends to make sense.";
    DuplicateKey = 301, "a key stands twice in a mapping", "Delete one of the two.";
    UnknownKey = 302, "a key is not known here", "The message lists what may stand here.";
    MissingKey = 303, "a key is missing", "Add the key.";
    WrongKind = 304, "a value is of the wrong kind", "The message says what is expected.";
    UnknownAction = 305, "an action does not exist", "See the reference of actions.";
    UnknownInput = 306, "an input does not exist", "The action or workflow takes no such input.";
    MissingInput = 307, "an input is missing", "The action or workflow needs this input.";
    UnknownStep = 308, "a step does not exist", "Name a step of the same workflow.";
    BadTemplate = 309, "`${ … }` is used wrongly", "`${ … }` holds one expression; `$${` writes the characters themselves.";
    UnquotedExpression = 310, "an expression needs quotes in YAML", "YAML reads a leading `!`, `&`, `*`, `[` or `{`, and `: ` and ` #` within, as its own.";
    BadName = 311, "a name is malformed", "Names start with a letter or `_` and go on with letters, digits and `_`.";
    BadUndo = 312, "a step cannot be undone like that", "`undo: previous` is for actions that remember what was before.";
    ExclusiveInputs = 313, "inputs exclude each other", "Give one of them, and delete the others.";

    Cycle = 400, "steps wait for each other", "Break the cycle: remove a `needs` or a reference.";
    NoRest = 401, "a path does not end in a resting phase", "Every way through a workflow with `state.*` steps must end in one.";
    EmptyWorkflow = 402, "a workflow has no steps", "Add a step.";
    RedundantNeeds = 403, "a `needs` repeats what a reference says", "Delete it; the reference is an edge already.";
    AmbiguousPhase = 404, "two steps propose different phases", "Make their conditions opposite, or let one need the other: the later one decides.";
    CallCycle = 405, "workflows call each other in a circle", "Remove one of the calls: what is called is part of the plan.";
    BadCall = 406, "a call of a workflow has a key that it cannot have", "Write the key at the steps of the workflow that is called.";
    TooManySteps = 407, "a plan has too many steps with all that it calls", "Call less, or let a rule run the other workflow.";

    BadSetting = 500, "a setting is wrong", "The message says what the setting takes.";
    UnknownSetting = 501, "a setting does not exist", "`homeostat config show` prints every setting.";
    UnknownTarget = 502, "a target is not configured", "List it under `targets`, or give `defaults`.";
    NotAllowed = 503, "a host is not allowed", "Add the host or its network to `network.allow`.";
    NotLoopback = 504, "an address is not a loopback address", "Without tokens and TLS only loopback addresses are bound.";
    AddressInUse = 505, "an address is in use", "Stop the other process or choose another port.";
    BadKey = 506, "the key does not open the store", "Give the key the store was sealed with.";
    MissingSealKey = 507, "no key is given", "Make one with `homeostat keys new`.";
    NewerStore = 508, "the store was written by a newer version", "Run that version, or a newer one.";
    StoreFull = 509, "the store cannot be written: the disk is full", "Free space; nothing that was accepted is lost.";
    StoreBusy = 510, "the store is held by another process", "Only one engine may open a SQLite store.";
    StoreBroken = 511, "the store cannot be read", "Restore a backup.";
    BadOverride = 512, "an environment variable names no setting", "Variables that start with `HOMEOSTAT__` override settings: `__` separates the keys of the path.";
    BadSchedule = 513, "a schedule does not fit the rules", "Name an event type that a rules file declares, and give data as it is declared.";
    UnsafeMethod = 514, "a load test would change what the target holds", "Say `allow_unsafe: true` if it may, or test with `GET`, `HEAD` or `OPTIONS` alone.";
    BadDetector = 520, "a detector does not fit the rules", "Name an event type that a rules file declares, and give data as it is declared.";

    Refused = 600, "an event was refused", "The message says which attribute is wrong.";
    EngineAway = 601, "the engine cannot be reached", "Check that `homeostat serve` runs and that the URL is right.";
    NotFound = 602, "there is no such thing", "List what there is.";
    Conflict = 603, "the state does not allow it", "The message says what holds it.";
    RunFailed = 604, "a run failed", "`homeostat runs show` says which step and why.";
    BadRequest = 605, "a request is malformed", "The message says what the interface expects; `/v1/openapi.json` describes all of it.";
    TooManyEvents = 606, "too many events wait", "Send the event again after the time that `Retry-After` gives; nothing was taken.";
    Draining = 607, "the engine is shutting down", "Send the event again later; nothing was taken.";
    ForeignOrigin = 608, "a request came from a web page or under a foreign name", "Call the engine by a loopback address or `localhost`, not through a web page.";
    BadAnswer = 609, "the engine gave an answer that is not understood", "Check that the URL is that of a Homeostat engine of this version.";
    Usage = 610, "an argument is wrong", "`--help` says what the command takes.";
    TimedOut = 611, "the engine did not answer in time", "Look at what it is doing (`/readyz`, its log), and try again.";
    ProgramRefused = 612, "rules and workflows were not reloaded", "Mend what the message lists, and reload again; what was in force before stays in force.";
    Internal = 699, "something went wrong that should not", "Please report it with the message.";

    EffectWithoutTimeout = 700, "a step with an effect has no timeout", "Give the step a `timeout`: what hangs holds its target until then.";
    UnsafeRetry = 701, "a step is retried that must not be repeated", "Delete `retry`, or let a person decide what happens after a failure.";
    UnusedOutput = 702, "a step's output is never used", "Use the output, or delete the step: it changes nothing.";
    RuleNeverMatches = 703, "a rule can never match", "Correct the condition, or delete the rule.";
    RuleShadowed = 704, "a rule repeats another one", "Delete one of the two, or make their conditions exclude each other.";
    RacingRules = 705, "two rules run for the same event and target", "Make their conditions exclude each other, or give them a `priority`.";
    InventedRate = 706, "a number stands in for a rate that is missing", "Fail with `.value()`, or pass the step over with `if`: a capacity that is missing is not a number.";
    UnlimitedLoadTest = 707, "the limits of a load test are not configured", "Write `measure.limits` of the target, so that somebody has decided how far a test may go.";
    NoRestingPhase = 708, "a workflow changes its target and does not say where it rests", "End every way with a `state.*` step.";
    PlainTextSecret = 709, "a secret stands in plain text", "Take it out of the file and change it: whoever can read the file knows it.";
    FallibleExpression = 710, "an expression can fail at run time", "Ask with `has(…)` or `!= null` first, or take an optional with `?` and `.orValue(…)`.";
    UnboundedForEach = 711, "a step is repeated for a list of any length", "Write `concurrency`, or look at the list's size first.";
    UnusedInput = 713, "an input is never used", "Use the input, or delete it.";
    UnusedEvent = 714, "no rule is on a declared event", "Write a rule for it, or delete the declaration.";
    UnusedWorkflow = 715, "no rule runs a workflow", "Write a rule that runs it, or delete it.";
    ConstantCondition = 716, "a condition is always true or always false", "Delete the condition, or what depends on it.";
    MissingDocs = 717, "a rule, event or workflow is not documented", "Write `///` above it, or `summary`: one line that says what it is for.";
    ImpliedNeeds = 718, "a `needs` says what another one says already", "Delete it: the steps between make the same order.";
    ShadowedName = 719, "a name hides another one", "Rename the variable.";
    MissingUndo = 720, "a step that could be undone is not", "Write `undo: previous`, so that a later failure does not leave it done.";
    ShortTimeout = 721, "a timeout is shorter than what it is for", "Make the timeout longer than the limit that the action keeps by itself.";
    UselessRetry = 722, "a retry repeats nothing, or what cannot end otherwise", "Delete `retry`, or raise `attempts`.";
    UselessClause = 723, "a clause has no effect", "Delete the clause, or correct the one that makes it useless.";
    EmitLoop = 724, "rules emit each other's events without end", "Delay one of the events with `after`, or break the circle.";
    DroppedDeployment = 725, "a deployment is dropped while its target is busy", "Write `busy supersede` or `busy queue`: a dropped deployment is never measured.";
    ImpossibleValue = 726, "a comparison with a value that never occurs", "Write one of the values that occur.";
    BadSuppression = 727, "a comment to a lint is malformed", "Write `homeostat: allow(NAME): REASON`.";
    UnusedSuppression = 728, "a comment allows what is not found", "Delete the comment.";
    UnindexedRule = 729, "a rule is evaluated for every event of its type", "Compare a field with a constant, joined by `&&`, so that the rule can be looked for.";
    UnorderedDispatch = 730, "two steps set the rate in no order", "Let one wait for the other with `needs`, or make their conditions exclude each other.";

    BadScenario = 800, "a scenario does not fit its program", "The message says what the scenario names or gives that is not as the rules, workflows and actions have it.";
    ExpectationFailed = 801, "an expectation was not met", "The message says what was expected and what happened; below it stands everything that happened.";
    NotMocked = 802, "a load test is not mocked", "Tests send no load: say under `mock` what the load test finds.";
    SnapshotDiffers = 803, "a plan is not as its snapshot", "Look at what changed. If it is meant, `homeostat test --update` keeps the new plan.";
    SnapshotMissing = 804, "a plan has no snapshot", "`homeostat test --update` keeps it.";
    SnapshotObsolete = 805, "a snapshot has no workflow", "`homeostat test --update` deletes it.";
    CoverageLow = 806, "too little is covered", "The report lists what no scenario has reached.";
}

impl Code {
    /// For the code of a lint, the name by which it is configured: `H0700` is `effect-without-timeout`.
    pub fn lint_name(self) -> Option<String> {
        (self.number() / 100 == 7).then(|| {
            let mut name = String::new();
            for letter in self.variant().chars() {
                if letter.is_ascii_uppercase() && !name.is_empty() {
                    name.push('-');
                }
                name.push(letter.to_ascii_lowercase());
            }
            name
        })
    }
}

impl Code {
    /// The code that a person means: `H0101`, in either case, with or without the letter and leading zeros.
    pub fn from_word(word: &str) -> Option<Self> {
        let digits = word.strip_prefix(['H', 'h']).unwrap_or(word);
        let is_number = !digits.is_empty() && digits.len() <= 4 && digits.bytes().all(|byte| byte.is_ascii_digit());
        let number: u16 = if is_number { digits.parse().ok()? } else { return None };
        Self::ALL.iter().copied().find(|code| code.number() == number)
    }
}

impl fmt::Display for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "H{:04}", self.number())
    }
}
