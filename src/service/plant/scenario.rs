//! What a target bears over time, who sends to it, and how well it is seen: the six cases that strategies are held against.

use crate::base::random::Random;

/// Before the figures are taken everybody has this long to find the target's capacity.
pub const WARM_UP_S: u32 = 60;

/// So long the figures are taken.
pub const LENGTH_S: u32 = 600;

/// About how long a request takes at first, seconds.
const SERVICE_S: f64 = 0.02;

/// The capacity lies between these.
const CAPACITIES_RPS: (f64, f64) = (200.0, 1_000.0);

/// The six cases.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Case {
    StepDown,
    StepUp,
    NoisyLatency,
    SlowDrift,
    JoinAndLeave,
    LateAndLost,
}

impl Case {
    pub const ALL: [Self; 6] =
        [Self::StepDown, Self::StepUp, Self::NoisyLatency, Self::SlowDrift, Self::JoinAndLeave, Self::LateAndLost];

    /// As it is written on the command line.
    pub fn name(self) -> &'static str {
        match self {
            Self::StepDown => "step-down",
            Self::StepUp => "step-up",
            Self::NoisyLatency => "noisy-latency",
            Self::SlowDrift => "slow-drift",
            Self::JoinAndLeave => "join-and-leave",
            Self::LateAndLost => "late-and-lost",
        }
    }

    /// What happens in it.
    pub fn summary(self) -> &'static str {
        match self {
            Self::StepDown => "a deploy takes 40 % of the capacity",
            Self::StepUp => "a deploy brings two thirds more",
            Self::NoisyLatency => "latency is noisy, and the target stalls now and then",
            Self::SlowDrift => "the capacity goes 25 % up and down within ten minutes",
            Self::JoinAndLeave => "agents join and leave",
            Self::LateAndLost => {
                "what is measured comes 5 s late, 30 % of it never; the capacity goes 20 % down and back"
            }
        }
    }
}

/// What a target bears at one moment.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Borne {
    /// Requests a second that the workers can serve at most.
    pub capacity_rps: f64,
    pub workers: usize,
}

impl Borne {
    /// Mean service time, ns.
    #[expect(clippy::cast_precision_loss, reason = "a few workers")]
    pub fn service_ns(&self) -> f64 {
        self.workers as f64 / self.capacity_rps * 1e9
    }
}

/// What makes latency tell less of the load.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Noise {
    /// Share of requests that take up to `tail_ms` longer on their way.
    pub tail: f64,
    pub tail_ms: f64,
    /// Share of seconds in which every request takes up to `jitter_ms` longer.
    pub jitter: f64,
    pub jitter_ms: f64,
    /// How often a second the workers stand still for `stall_ms`.
    pub stall: f64,
    pub stall_ms: f64,
}

/// One course of things.
#[derive(Clone, Debug, PartialEq)]
pub struct Scenario {
    pub base_rps: f64,
    workers: usize,
    /// From when on the capacity is which multiple of the first one.
    steps: Vec<(f64, f64)>,
    /// Whether a step changes the number of workers, or else how long a request takes.
    by_workers: bool,
    /// How far the capacity goes up and down.
    drift: f64,
    pub noise: Noise,
    /// From when on so many agents are there.
    agents: Vec<(f64, usize)>,
    /// What comes to each agent, as a share of the first capacity.
    demand: f64,
    /// So much later is known what was measured …
    pub late_s: f64,
    /// … except for this share, which never is.
    pub lost: f64,
}

impl Scenario {
    /// The case as this seed makes it: capacity, and what a deploy changes, are drawn by chance.
    pub fn new(case: Case, seed: u64) -> Self {
        Self::of(case, None, seed)
    }

    /// The same of a target that bears so much at first, where that is given.
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a few workers")]
    pub fn of(case: Case, capacity_rps: Option<f64>, seed: u64) -> Self {
        let mut random = Random(seed);
        let (least, most) = CAPACITIES_RPS;
        let drawn_rps = least * (most / least).powf(random.unit());
        let base_rps = capacity_rps.unwrap_or(drawn_rps);
        let by_workers = random.unit() < 0.5;
        let calm = Self {
            base_rps,
            workers: (base_rps * SERVICE_S).round().max(1.0) as usize,
            steps: Vec::new(),
            by_workers,
            drift: 0.0,
            noise: Noise::default(),
            agents: vec![(0.0, 4)],
            demand: 0.5,
            late_s: 0.25,
            lost: 0.0,
        };
        let from = f64::from(WARM_UP_S);
        match case {
            Case::StepDown => Self { steps: vec![(from + 200.0, 0.6)], ..calm },
            Case::StepUp => Self { steps: vec![(from + 200.0, 5.0 / 3.0)], demand: 0.8, ..calm },
            Case::NoisyLatency => Self {
                noise: Noise { tail: 0.02, tail_ms: 150.0, jitter: 0.1, jitter_ms: 60.0, stall: 0.05, stall_ms: 100.0 },
                ..calm
            },
            Case::SlowDrift => Self { drift: 0.25, ..calm },
            Case::JoinAndLeave => Self {
                agents: vec![(0.0, 4), (from + 120.0, 2), (from + 240.0, 6), (from + 360.0, 3), (from + 480.0, 5)],
                demand: 0.35,
                ..calm
            },
            Case::LateAndLost => {
                Self { late_s: 5.0, lost: 0.3, steps: vec![(from + 200.0, 0.8), (from + 400.0, 1.0)], ..calm }
            }
        }
    }

    /// What the target bears at this moment.
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        clippy::cast_precision_loss,
        reason = "a few workers"
    )]
    pub fn borne(&self, at_s: f64) -> Borne {
        let step = in_force(&self.steps, at_s).unwrap_or(1.0);
        let phase = (at_s - f64::from(WARM_UP_S)).max(0.0) / f64::from(LENGTH_S);
        let drift = 1.0 + self.drift * (phase * std::f64::consts::TAU).sin();
        let capacity_rps = self.base_rps * step * drift;
        let workers =
            if self.by_workers { (self.workers as f64 * step).round().max(1.0) as usize } else { self.workers };
        Borne { capacity_rps, workers }
    }

    /// When the capacity steps, seconds since the start.
    pub fn steps_s(&self) -> impl Iterator<Item = f64> {
        self.steps.iter().map(|(from, _)| *from)
    }

    /// How many agents there are.
    pub fn agents(&self, at_s: f64) -> usize {
        in_force(&self.agents, at_s).unwrap_or(0)
    }

    /// What comes to one agent.
    pub fn demand_rps(&self, _agent: usize, _at_s: f64) -> f64 {
        self.base_rps * self.demand
    }

    /// What comes to all agents together.
    #[expect(clippy::cast_precision_loss, reason = "a few agents")]
    pub fn total_demand_rps(&self, at_s: f64) -> f64 {
        self.demand_rps(0, at_s) * self.agents(at_s) as f64
    }
}

fn in_force<T: Copy>(changes: &[(f64, T)], at_s: f64) -> Option<T> {
    changes.iter().rev().find(|(from, _)| *from <= at_s).map(|(_, value)| *value)
}
