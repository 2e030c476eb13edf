//! The runtime under rules that each test brings along, in a world whose time skips.

mod clauses;
mod letters;
mod plug_in;
mod stage;
