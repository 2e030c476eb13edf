//! The one integration-test binary: each module tests one thing from outside.

mod conformance;
