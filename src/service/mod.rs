//! The services behind the ports: each does one thing to the world, and none knows rules, workflows or runs' journals.

pub mod adjust;
pub mod detect;
pub mod dispatch;
mod outbound;
pub mod plant;
pub mod pressure;
pub mod recorder;
pub mod steering;
pub mod webhook;
