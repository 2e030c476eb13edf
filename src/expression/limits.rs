//! How large an expression may be and how much it may cost: what keeps hostile text and data harmless.

/// Bytes of text.
pub(super) const MAX_TEXT: usize = 64 * 1024;

/// Brackets within brackets. The parser recurses once for each.
pub(super) const MAX_BRACKETS: usize = 48;

/// Depth of the tree. Checker, compiler and evaluator recurse once for each level.
pub(super) const MAX_DEPTH: usize = 128;

/// Entries into the parser's rules for one text; ample for [`MAX_TEXT`] bytes of anything that is not hostile.
pub(super) const MAX_PARSER_CALLS: usize = 20_000_000;

/// What one evaluation may cost. A turn of a macro costs one unit for each node of its body, and whatever makes or
/// walks text, lists and maps costs one for each 16 bytes or each element.
pub(super) const BUDGET: u64 = 2_000_000;

/// A compiled regular expression's size, bytes.
pub(super) const MAX_REGEX_SIZE: usize = 1 << 20;
