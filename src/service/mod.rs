//! What stands behind the runtime's ports.

pub mod dispatch;
