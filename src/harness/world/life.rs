//! The life of one engine: ends at a crash, and nothing that belongs to it acts after that.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio_util::sync::CancellationToken;

use crate::base::id::StepName;

/// Where the engine is to die.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CrashPoint {
    pub step: StepName,
    pub side: Side,
}

/// On which side of an effect.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Side {
    /// The attempt is journaled, nothing was performed.
    Before,
    /// It was performed, but nobody knows: its outcome is not journaled.
    After,
}

/// All engines of one scenario, one after the other.
#[derive(Clone, Debug, Default)]
pub struct Lives {
    shared: Arc<Mutex<Shared>>,
}

#[derive(Debug, Default)]
struct Shared {
    current: CancellationToken,
    armed: Option<CrashPoint>,
}

/// One engine's life.
#[derive(Clone, Debug)]
pub struct Life {
    token: CancellationToken,
    lives: Lives,
}

impl Lives {
    /// The next engine's life begins.
    pub fn begin(&self) -> Life {
        let token = CancellationToken::new();
        self.shared().current = token.clone();
        Life { token, lives: self.clone() }
    }

    /// The engine dies at its next performance of that step.
    pub fn arm(&self, point: CrashPoint) {
        self.shared().armed = Some(point);
    }

    /// The engine dies now.
    pub fn end(&self) {
        self.shared().current.cancel();
    }

    /// Returns once the engine that lives now has died.
    #[cfg(test)]
    pub(crate) async fn ended(&self) {
        let current = self.shared().current.clone();
        current.cancelled().await;
    }

    fn shared(&self) -> MutexGuard<'_, Shared> {
        self.shared.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Life {
    /// Returns as long as the engine lives; never after.
    pub async fn go_on(&self) {
        if self.token.is_cancelled() {
            std::future::pending::<()>().await;
        }
    }

    /// Whether the engine has died.
    #[cfg(test)]
    pub(crate) fn is_over(&self) -> bool {
        self.token.is_cancelled()
    }

    /// Returns once the engine has died.
    pub async fn ended(&self) {
        self.token.cancelled().await;
    }

    /// Dies here if that was asked for; then it does not return.
    pub async fn pass(&self, step: &StepName, side: Side) {
        self.go_on().await;
        let point = CrashPoint { step: step.clone(), side };
        let dies = self.lives.shared().armed.take_if(|armed| *armed == point).is_some();
        if dies {
            self.token.cancel();
            self.go_on().await;
        }
    }
}
