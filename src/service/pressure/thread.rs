//! The thread that load is sent from: nothing else runs on it, so that neither the engine's work delays requests nor the
//! load delays the engine.
//!
//! One thread, and not one a core: a target on the same machine keeps the others, and no request wakes another core.

use std::future::Future;
use std::sync::Arc;

use tokio::runtime::{Builder, Handle};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

/// A running thread; it ends with its last clone, and with it whatever it still did.
#[derive(Clone, Debug)]
pub struct Thread {
    handle: Handle,
    _until: Arc<Until>,
}

/// Ends the thread when it is dropped.
#[derive(Debug)]
struct Until(CancellationToken);

impl Drop for Until {
    fn drop(&mut self) {
        self.0.cancel();
    }
}

impl Thread {
    /// # Errors
    /// The system gives no thread, as a sentence.
    pub fn start() -> Result<Self, String> {
        let why = |error: std::io::Error| format!("no thread to send from could be started: {error}");
        let runtime = Builder::new_current_thread().enable_all().build().map_err(why)?;
        let handle = runtime.handle().clone();
        let end = CancellationToken::new();
        let ended = end.clone();
        std::thread::Builder::new()
            .name("load".to_owned())
            .spawn(move || runtime.block_on(ended.cancelled()))
            .map_err(why)?;
        Ok(Self { handle, _until: Arc::new(Until(end)) })
    }

    /// Runs a future on the thread.
    pub(super) fn spawn<F>(&self, future: F) -> JoinHandle<F::Output>
    where
        F: Future + Send + 'static,
        F::Output: Send + 'static,
    {
        self.handle.spawn(future)
    }
}
