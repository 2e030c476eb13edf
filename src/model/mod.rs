//! The nouns that every part of the house shares: plain data, no behaviour beyond keeping itself well-formed.
//!
//! Nothing here knows how a thing is parsed, stored, sent or performed.

pub mod action;
pub mod assignment;
pub mod calendar;
pub mod detector;
pub mod event;
pub mod latency;
pub mod load;
pub mod metric;
pub mod network;
pub mod objective;
pub mod record;
pub mod sample;
pub mod schedule;
pub mod schema;
pub mod strategy;
pub mod target;
pub mod webhook;
