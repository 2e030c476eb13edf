//! What the whole does, seen from outside. One binary, one folder a subject.

mod conformance;
mod programs;
mod references;
mod tidy;
