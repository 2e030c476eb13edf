//! What the whole does, seen from outside. One binary, one folder a subject.
//!
//! `cfg(test)` says so once more to clippy, which lets tests unwrap.

#[cfg(test)]
mod cli;
#[cfg(test)]
mod conformance;
#[cfg(test)]
mod corpus;
#[cfg(test)]
mod crash;
#[cfg(test)]
mod guide;
#[cfg(test)]
mod lsp;
#[cfg(test)]
mod programs;
#[cfg(test)]
mod properties;
#[cfg(test)]
mod references;
#[cfg(test)]
mod tidy;
