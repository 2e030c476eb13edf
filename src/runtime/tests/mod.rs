//! The runtime under rules that each test brings along, in a world whose time skips.

mod clauses;
mod halts;
mod letters;
mod overtaking;
mod plug_in;
mod reload;
mod schedules;
mod simulation;
mod stage;
