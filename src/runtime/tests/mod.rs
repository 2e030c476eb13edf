//! The runtime under rules that each test brings along, in a world whose time skips.

mod letters;
mod plug_in;
mod stage;
