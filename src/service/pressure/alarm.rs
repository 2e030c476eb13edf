//! Wakes the sender at a moment, more exactly than the millisecond that tokio's timers know.

#[cfg(target_os = "linux")]
pub(super) use self::fine::Alarm;
#[cfg(not(target_os = "linux"))]
pub(super) use self::plain::Alarm;

/// A timer of the kernel that is waited for like a connection.
#[cfg(target_os = "linux")]
mod fine {
    use std::io;
    use std::os::fd::OwnedFd;
    use std::task::{Context, Poll, ready};
    use std::time::Duration;

    use rustix::time::{
        Itimerspec, TimerfdClockId, TimerfdFlags, TimerfdTimerFlags, Timespec, timerfd_create, timerfd_settime,
    };
    use tokio::io::unix::AsyncFd;
    use tokio::time::Instant;

    /// A moment to wake up at.
    #[derive(Debug)]
    pub(in crate::service::pressure) struct Alarm {
        timer: AsyncFd<OwnedFd>,
        at: Instant,
    }

    impl Alarm {
        #[expect(
            deprecated,
            reason = "what is to take its place is unsafe; an `OwnedFd` keeps the promise asked there"
        )]
        pub(in crate::service::pressure) fn new() -> io::Result<Self> {
            let flags = TimerfdFlags::NONBLOCK | TimerfdFlags::CLOEXEC;
            let timer = AsyncFd::new(timerfd_create(TimerfdClockId::Monotonic, flags)?)?;
            Ok(Self { timer, at: Instant::now() })
        }

        pub(in crate::service::pressure) fn set(&mut self, at: Instant, now: Instant) {
            if self.at == at {
                return;
            }
            self.at = at;
            // A time of zero would disarm it.
            let wait = at.saturating_duration_since(now).max(Duration::from_nanos(1));
            let spec = Itimerspec {
                it_interval: Timespec { tv_sec: 0, tv_nsec: 0 },
                it_value: Timespec {
                    tv_sec: i64::try_from(wait.as_secs()).unwrap_or(i64::MAX),
                    tv_nsec: wait.subsec_nanos().into(),
                },
            };
            if let Err(error) = timerfd_settime(&self.timer, TimerfdTimerFlags::empty(), &spec) {
                tracing::warn!(%error, "the timer of the load test cannot be set");
            }
        }

        /// Ready once the moment is there.
        pub(in crate::service::pressure) fn poll(&mut self, cx: &mut Context<'_>) -> Poll<()> {
            loop {
                let Ok(mut rang) = ready!(self.timer.poll_read_ready(cx)) else { return Poll::Ready(()) };
                // It need not be read: setting it anew takes the ringing back.
                rang.clear_ready();
                if Instant::now() >= self.at {
                    return Poll::Ready(());
                }
            }
        }
    }
}

/// What every system has.
#[cfg(not(target_os = "linux"))]
mod plain {
    use std::io;
    use std::pin::Pin;
    use std::task::{Context, Poll};

    use tokio::time::{Instant, Sleep};

    /// A moment to wake up at.
    #[derive(Debug)]
    pub(in crate::service::pressure) struct Alarm(Pin<Box<Sleep>>);

    impl Alarm {
        pub(in crate::service::pressure) fn new() -> io::Result<Self> {
            Ok(Self(Box::pin(tokio::time::sleep_until(Instant::now()))))
        }

        pub(in crate::service::pressure) fn set(&mut self, at: Instant, _: Instant) {
            self.0.as_mut().reset(at);
        }

        /// Ready once the moment is there.
        pub(in crate::service::pressure) fn poll(&mut self, cx: &mut Context<'_>) -> Poll<()> {
            self.0.as_mut().poll(cx)
        }
    }
}
