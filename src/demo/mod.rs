//! The main job on one machine: a service whose capacity nobody tells the engine, two agents, and four deployments.
//!
//! The service and the clients run in this process; the engine and the agents are processes of their own, started from
//! the same binary and spoken to over HTTP alone. The engine gets a URL, never the number.

pub mod clients;
mod engine;
mod household;
pub mod report;
pub mod service;
mod show;
mod story;

pub use story::{DemoError, Options, run};
