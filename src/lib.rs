//! Homeostat: rules route events to workflows, workflows run durably, agents send what the service can bear.
//!
//! Data flows one way through the modules, and each arrow is one named function:
//!
//! ```text
//! text ─▶ syntax tree ─▶ checked program ─▶ plan ─▶ (event ─▶ route) ─▶ run ─▶ effects ─▶ outcomes
//! ```
//!
//! `docs/architecture.md` says what each module is for and what it must not know; `tests/tidy` keeps it so.

pub mod action;
pub mod agent;
pub mod api;
pub mod app;
pub mod base;
pub mod cli;
pub mod compile;
pub mod config;
pub mod demo;
pub mod diagnostic;
pub mod events;
pub mod expression;
pub mod harness;
pub mod ir;
pub mod json_schema;
pub mod lint;
pub mod lsp;
pub mod model;
pub mod plan;
pub mod router;
pub mod runtime;
pub mod security;
pub mod service;
pub mod shipped;
pub mod store;
pub mod syntax;
pub mod wire;
