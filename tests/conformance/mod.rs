//! What others have specified, held against their own cases.

mod cel;
