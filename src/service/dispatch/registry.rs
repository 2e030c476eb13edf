//! One agent as the engine knows it: how it can be reached, what it was last told, what it reported.
//!
//! What it must not know: what the agent should get.

use super::ledger::Moment;
use super::traffic::Windows;
use crate::base::clock::Timestamp;
use crate::base::id::{AgentId, TargetName};
use crate::model::assignment::{Assignment, Epoch};
use crate::runtime::ports::AgentView;

/// After so long without a word an agent that did not take its leave is forgotten, and what it may hold is given to others.
pub const FORGET_AFTER_MS: u64 = 15 * 60 * 1_000;

/// A stream on which nothing was heard for so long is given up: reports come several times a second.
pub const SILENT_MS: u64 = 10_000;

/// Another process that comes under the name of one heard of within this time is refused.
pub const ALIVE_MS: u64 = 2_000;

/// Added to the end of a command on a stream: clocks run at slightly different speeds.
const DRIFT_MS: u64 = 250;

/// Added to the end of a command that was posted: how long it may lie in buffers before it is received.
const POST_SLACK_MS: u64 = 15_000;

/// What an agent says of itself when it comes.
#[derive(Clone, Debug)]
pub struct Introduction {
    pub agent: AgentId,
    pub instance: String,
    pub session: u64,
    pub clock_ms: u64,
    pub highest: Option<Epoch>,
    /// Passed now, whatever the reason.
    pub rate_rps: f64,
    pub holding: Option<Holding>,
}

/// The command that an agent still holds, or held last.
#[derive(Clone, Debug)]
pub struct Holding {
    pub command_id: String,
    pub epoch: Epoch,
    pub rate_rps: f64,
    pub fallback_rps: f64,
    pub left_ms: u64,
}

/// Another process is connected under the same name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NameTaken;

/// How an agent can be told something.
#[derive(Clone, Debug, PartialEq)]
pub enum Reach {
    /// Over the stream it opened.
    Stream {
        session: u64,
        /// The agent's clock as it was read in its last message, and when that came.
        clock: (u64, Moment),
    },
    /// By posting to its URL. One command is under way at a time.
    Push { url: String, under_way: bool, failures: u32 },
    /// Not at all, since then.
    Away {
        since: Moment,
        /// Its end of the stream was seen to close: its process ended, or will open another.
        closed: bool,
    },
}

/// The command that an agent was last sent.
#[derive(Clone, Debug, PartialEq)]
pub struct Sent {
    pub command_id: String,
    pub epoch: Epoch,
    pub rate_rps: f64,
    pub fallback_rps: f64,
    pub time_to_live_ms: u64,
    pub enforce: bool,
    pub confirmed: bool,
    /// Renew it from here on.
    pub renew_at: Moment,
    /// When it, or its repetition, was last sent.
    pub sent_at: Moment,
    /// From here on the agent surely holds the fallback.
    pub ends_at: Moment,
}

impl Sent {
    /// Whether this is all that `share` says.
    pub fn fulfils(&self, share: &Assignment, enforce: bool) -> bool {
        self.command_id == share.command_id
            && self.rate_rps.to_bits() == share.rate_rps.to_bits()
            && self.fallback_rps.to_bits() == share.fallback_rps.to_bits()
            && self.time_to_live_ms == share.time_to_live_ms
            && self.enforce == enforce
    }
}

/// An agent of one target.
#[derive(Clone, Debug)]
pub struct Agent {
    pub reach: Reach,
    /// Which process it is, once it said so.
    pub instance: Option<String>,
    /// The highest epoch it has seen or was sent.
    pub highest: Option<Epoch>,
    pub last: Option<Sent>,
    /// Nothing is sent before: it refused, or could not be reached.
    pub not_before: Moment,
    pub windows: Windows,
    /// When it came, and when it was last heard.
    pub joined_at: Timestamp,
    pub seen_at: Option<Timestamp>,
    pub heard_at: Moment,
}

impl Agent {
    /// One of which only the store knows.
    pub fn remembered(now: Moment, today: Timestamp) -> Self {
        Self {
            reach: Reach::Away { since: now, closed: false },
            instance: None,
            highest: None,
            last: None,
            not_before: Moment::default(),
            windows: Windows::default(),
            joined_at: today,
            seen_at: None,
            heard_at: now,
        }
    }

    /// Something came from it.
    pub fn heard(&mut self, now: Moment, today: Timestamp) {
        self.seen_at = Some(today);
        self.heard_at = now;
    }

    pub fn is_away(&self) -> bool {
        matches!(self.reach, Reach::Away { .. })
    }

    /// The stream it is connected by.
    pub fn session(&self) -> Option<u64> {
        match self.reach {
            Reach::Stream { session, .. } => Some(session),
            Reach::Push { .. } | Reach::Away { .. } => None,
        }
    }

    /// Whether it is connected by this stream.
    pub fn is_on(&self, session: u64) -> bool {
        matches!(self.reach, Reach::Stream { session: own, .. } if own == session)
    }

    /// Whether a command may go out to it now.
    pub fn can_be_sent_to(&self, now: Moment) -> bool {
        let free = match self.reach {
            Reach::Stream { .. } => true,
            Reach::Push { under_way, .. } => !under_way,
            Reach::Away { .. } => false,
        };
        free && now >= self.not_before
    }

    /// When a command with this time to live that is sent now has surely ended: on the engine's clock, and as the agent is
    /// told, on its own.
    pub fn end_of(&self, time_to_live_ms: u64, now: Moment) -> (Moment, u64) {
        match self.reach {
            // The agent's clock now is at least what it was when it was read and the time since it came.
            Reach::Stream { clock: (reading, at), .. } => (
                now.plus_ms(time_to_live_ms).plus_ms(DRIFT_MS),
                reading.saturating_add(now.since_ms(at)).saturating_add(time_to_live_ms),
            ),
            Reach::Push { .. } => (now.plus_ms(time_to_live_ms).plus_ms(POST_SLACK_MS), u64::MAX),
            Reach::Away { .. } => (now.plus_ms(time_to_live_ms).plus_ms(DRIFT_MS), u64::MAX),
        }
    }

    pub fn view(&self, id: &AgentId, target: &TargetName, share: Option<&Assignment>) -> AgentView {
        let (passed_rps, refused_rps) = if self.is_away() { (0.0, 0.0) } else { self.windows.recent_rps() };
        AgentView {
            id: id.clone(),
            target: target.clone(),
            connected: match self.reach {
                Reach::Stream { .. } => true,
                Reach::Push { failures, .. } => failures == 0 && self.seen_at.is_some(),
                Reach::Away { .. } => false,
            },
            rate_rps: self.last.as_ref().map(|last| last.rate_rps).or(share.map(|share| share.rate_rps)),
            epoch: self.last.as_ref().map(|last| last.epoch).or(share.map(|share| share.epoch)),
            confirmed: self.last.as_ref().is_some_and(|last| last.confirmed),
            passed_rps,
            refused_rps,
            seen_at: self.seen_at,
        }
    }
}
