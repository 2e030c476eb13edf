pub mod holder;
pub mod limiter;
