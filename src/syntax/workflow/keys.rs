//! Every key of a workflow file: the one table that reading, editors and the JSON Schema are made from.

/// A key of some mapping.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Key {
    pub name: &'static str,
    pub takes: Takes,
    /// Whether the mapping is wrong without it.
    pub required: bool,
    pub docs: &'static str,
}

/// Its name.
impl AsRef<str> for Key {
    fn as_ref(&self) -> &str {
        self.name
    }
}

/// What stands behind a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Takes {
    /// A name as expressions can write it.
    Name,
    /// Text that is not empty.
    Text,
    /// Names with their types, or with fields of their own.
    Inputs,
    /// Names with any values.
    Outputs,
    /// Names with steps.
    Steps,
    /// The name of an action.
    Action,
    /// The inputs of the action beside it.
    With,
    /// A bare expression.
    Condition,
    /// A list of steps' names.
    Needs,
    /// A list, or an expression that gives one.
    Items,
    /// A whole number from 1 to this.
    Count(u32),
    /// A duration above zero.
    Duration,
    /// A mapping of [`RETRY`].
    Retry,
    /// `previous`, or a mapping of [`UNDO`].
    Undo,
}

/// Most steps of one list, inputs of one mapping and names of one `needs`: every one is held against every other.
pub const MAX_ENTRIES: usize = 1_000;
/// Most items of a `for_each` at a time.
pub const MAX_CONCURRENCY: u32 = 1_000;
/// Most attempts of a step.
pub const MAX_ATTEMPTS: u32 = 100;

macro_rules! keys {
    ($($name:literal $takes:expr, $required:literal, $docs:literal;)*) => {
        &[$(Key { name: $name, takes: $takes, required: $required, docs: $docs },)*]
    };
}

/// Of the file.
pub const WORKFLOW: &[Key] = keys! {
    "workflow" Takes::Name, true,
        "The name by which rules run it.";
    "summary" Takes::Text, false,
        "What the workflow is for, in a line.";
    "inputs" Takes::Inputs, false,
        "What a rule gives it: `name: type`. A `?` behind the name or the type lets it be absent. Expressions read `inputs.NAME`.";
    "outputs" Takes::Outputs, false,
        "What the run results in: `name: ${ … }`.";
    "steps" Takes::Steps, true,
        "What is done: `name: { uses: … }`. A step begins when every step that it refers to, or `needs`, has settled.";
    "on_failure" Takes::Steps, false,
        "Steps that run after a failure, once everything that has an `undo` was undone. They know `error` besides.";
};

/// Of a step.
pub const STEP: &[Key] = keys! {
    "uses" Takes::Action, true,
        "The action that the step performs, or `workflow.NAME`: another workflow, whose steps become part of this one.";
    "with" Takes::With, false,
        "The action's or the workflow's inputs. Values may hold `${ … }`; alone it keeps its type, within text it is written out.";
    "if" Takes::Condition, false,
        "An expression without `${ … }`; where it is false, the step is skipped and absent from `steps`. YAML needs quotes around one that begins with `!`, `\"`, `[`, `{`, `&` or `*`, or holds `: ` or ` #`.";
    "needs" Takes::Needs, false,
        "Steps that must have settled before, besides those that its expressions refer to.";
    "retry" Takes::Retry, false,
        "How often a failed attempt is repeated, and after how long.";
    "timeout" Takes::Duration, false,
        "The longest that one attempt may take, like `30s` or `10m`.";
    "undo" Takes::Undo, false,
        "What takes the step back after a failure: `previous`, or an action with its inputs.";
    "for_each" Takes::Items, false,
        "A list: the step is done for each item, which expressions know as `item`, its place as `index`. The output is the list of outputs.";
    "concurrency" Takes::Count(MAX_CONCURRENCY), false,
        "How many items of `for_each` are done at a time; 1 where nothing is said.";
    "summary" Takes::Text, false,
        "What the step is for, in a line.";
};

/// Of a step, what says how an action is performed: a step that calls a workflow has none of these.
pub const NOT_OF_CALLS: &[&str] = &["retry", "timeout", "undo", "for_each", "concurrency"];

/// Of `retry`.
pub const RETRY: &[Key] = keys! {
    "attempts" Takes::Count(MAX_ATTEMPTS), true,
        "All attempts, the first included.";
    "backoff" Takes::Duration, false,
        "The wait before the second attempt; it doubles with each, with jitter. `1s` where nothing is said.";
    "max_backoff" Takes::Duration, false,
        "The longest wait between two attempts. `1m` where nothing is said.";
};

/// Of `undo`, where it is an action.
pub const UNDO: &[Key] = keys! {
    "uses" Takes::Action, true,
        "The action that takes the step back.";
    "with" Takes::With, false,
        "Its inputs.";
};

/// The key of that name.
pub fn find(keys: &'static [Key], name: &str) -> Option<Key> {
    keys.iter().find(|key| key.name == name).copied()
}
