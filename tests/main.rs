//! What the whole does, seen from outside. One binary, one folder a subject.

#[cfg(test)]
mod programs;
