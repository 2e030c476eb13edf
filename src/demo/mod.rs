//! The demonstration: a service of unknown capacity, its clients, and Homeostat between them.

pub mod clients;
pub mod service;
