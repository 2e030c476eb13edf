//! What the whole does, seen from outside. One binary, one folder a subject.

#[cfg(test)]
mod conformance;
#[cfg(test)]
mod programs;
#[cfg(test)]
mod tidy;
