//! A scenario is played: what it plans is done to a real engine in a world whose time skips, and what happened is kept.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use super::scenario::{Deed, Planned, Scenario};
use super::world::clock::{Reached, VirtualClock, within_virtual_time};
use super::world::history::{Happening, Moment};
use super::world::life::Life;
use super::world::{Laws, Setting, World};
use crate::base::clock::{Clock as _, Timestamp};
use crate::base::id::{RunId, StepName};
use crate::base::span::Span;
use crate::runtime::control::{AcceptError, Acceptance, Control as _};
use crate::runtime::engine::Engine;
use crate::runtime::journal::{Place, RunStatus, RunSummary};
use crate::runtime::wait::Decision;

/// What came of playing a scenario.
#[derive(Clone, Debug)]
pub struct Played {
    pub start: Timestamp,
    pub history: Vec<Moment>,
    /// Where crashes are planned that did not happen: nobody performed their step.
    pub missed: Vec<Span>,
}

/// Plays a scenario to its end: until nothing more can happen, or its time is over.
///
/// # Errors
/// The world could not be made: a defect, or a machine without threads to give.
pub fn play(scenario: &Scenario, laws: &Laws) -> Result<Played, String> {
    let Scenario { setting, when, lasts, .. } = scenario;
    perform(Script { setting: setting.clone(), when, lasts: *lasts }, laws)
}

/// What is to be played.
#[derive(Debug)]
pub(super) struct Script<'s> {
    pub(super) setting: Setting,
    /// In the order of their moments.
    pub(super) when: &'s [Planned],
    /// How long after the last moment of `when` the world goes on at most.
    pub(super) lasts: Duration,
}

/// Plays a script to its end, as [`play`] does.
pub(super) fn perform(script: Script<'_>, laws: &Laws) -> Result<Played, String> {
    let Script { setting, when, lasts } = script;
    let start = setting.start;
    let clock = Arc::new(VirtualClock::starting_at(start));
    let played = within_virtual_time(&clock, async {
        let world = World::make(setting, laws.clone(), Arc::clone(&clock)).await;
        let world = world.map_err(|error| error.to_string())?;
        let mut player = Player { alive: None, down: VecDeque::new(), armed: None, missed: Vec::new(), world };
        player.start().await?;
        player.all(start, when, lasts).await?;
        player.missed.extend(player.armed);
        Ok(Played { start, history: player.world.history.all(), missed: player.missed })
    });
    played.map_err(|error| error.to_string())?
}

struct Player {
    world: World,
    alive: Option<(Arc<Engine>, Life)>,
    /// How long the engine stays down after each crash that is still to come, in order.
    down: VecDeque<Duration>,
    /// Where the crash is planned that waits for its step.
    armed: Option<Span>,
    missed: Vec<Span>,
}

impl Player {
    async fn all(&mut self, start: Timestamp, when: &[Planned], lasts: Duration) -> Result<(), String> {
        let mut last = start;
        for planned in when {
            last = start.after(planned.at);
            self.pass_until(last).await?;
            self.world.clock.jump_to(last);
            self.act(planned).await?;
        }
        self.pass_until(last.after(lasts)).await
    }

    /// Lets time pass; an engine that dies meanwhile is followed by the next.
    async fn pass_until(&mut self, moment: Timestamp) -> Result<(), String> {
        loop {
            let clock = Arc::clone(&self.world.clock);
            let Some((_, life)) = &self.alive else { return Ok(()) };
            tokio::select! {
                biased;
                () = life.ended() => self.armed = None,
                Reached::Moment | Reached::Idle = clock.run_until(moment) => return Ok(()),
            }
            self.recover().await?;
        }
    }

    async fn start(&mut self) -> Result<(), String> {
        self.alive = Some(self.world.start_engine().await.map_err(|error| error.to_string())?);
        Ok(())
    }

    /// What the dead engine left is taken up by another.
    async fn recover(&mut self) -> Result<(), String> {
        // Its tasks go with it.
        self.alive = None;
        self.world.history.note(Happening::Crashed);
        if let Some(down) = self.down.pop_front().filter(|down| !down.is_zero()) {
            let up = self.world.clock.now().after(down);
            self.world.clock.run_until(up).await;
            self.world.clock.jump_to(up);
        }
        self.world.history.note(Happening::Recovered);
        self.start().await
    }

    async fn act(&mut self, planned: &Planned) -> Result<(), String> {
        let Some((engine, _)) = &self.alive else { return Ok(()) };
        let engine = Arc::clone(engine);
        let refused = match &planned.what {
            Deed::Send(event) => match engine.accept(vec![(**event).clone()]).await {
                Ok(answers) if answers.contains(&Acceptance::Duplicate) => {
                    Some(format!("event `{}` was taken before", event.id))
                }
                Ok(_) => None,
                Err(AcceptError::Refused(refusals)) => {
                    let list: Vec<_> = refusals.into_iter().map(|refusal| refusal.message).collect();
                    Some(format!("event `{}`: {}", event.id, list.join("; ")))
                }
                Err(error) => Some(format!("event `{}`: {error}", event.id)),
            },
            Deed::Run { workflow, target, inputs } => {
                let started = engine.start_run(workflow, target.clone(), inputs.clone()).await;
                started.err().map(|error| format!("run of `{workflow}`: {error}"))
            }
            Deed::Crash { point, down } => {
                self.down.push_back(*down);
                match point {
                    Some(point) => {
                        self.world.lives.arm(point.clone());
                        self.missed.extend(self.armed.replace(planned.span));
                    }
                    None => {
                        drop(engine);
                        self.world.lives.end();
                        self.recover().await?;
                    }
                }
                None
            }
            Deed::Halt(target) => engine.halt(target.clone()).await.err().map(|error| error.to_string()),
            Deed::Unhalt(target) => engine.unhalt(target.clone()).await.err().map(|error| error.to_string()),
            Deed::Pause(target) => engine.pause(target).await.err().map(|error| error.to_string()),
            Deed::Decide { step, decision } => self.decide(&engine, step, decision).await.err(),
            Deed::Cancel(workflow) => {
                match self.newest(|run| run.workflow == *workflow && !run.status.is_final()).await {
                    Some(run) => engine.cancel(run).await.err().map(|error| error.to_string()),
                    None => Some(format!("no run of `{workflow}` is under way")),
                }
            }
            Deed::Retry { workflow, from_failed_step } => {
                match self.newest(|run| run.workflow == *workflow && run.status.is_final()).await {
                    Some(run) => engine.retry(run, *from_failed_step).await.err().map(|error| error.to_string()),
                    None => Some(format!("no run of `{workflow}` is over")),
                }
            }
            Deed::Resume(target) => engine.resume(target).await.err().map(|error| error.to_string()),
        };
        if let Some(what) = refused {
            let event = match &planned.what {
                Deed::Send(event) => Some((event.source.clone(), event.id.clone())),
                _ => None,
            };
            self.world.history.note(Happening::Refused { event, what });
        }
        Ok(())
    }

    /// A person decides what the newest run waits for in this step.
    async fn decide(&self, engine: &Engine, step: &StepName, decision: &Decision) -> Result<(), String> {
        let mut why = format!("no run waits for approval in `{step}`");
        for run in self.world.runs().await.into_iter().filter(|run| run.status == RunStatus::Running) {
            let place = Place { step: step.clone(), item: None };
            match engine.decide(run.id, Some(place), decision.clone()).await {
                Ok(_) => return Ok(()),
                Err(error) => why = error.to_string(),
            }
        }
        Err(why)
    }

    async fn newest(&self, wanted: impl Fn(&RunSummary) -> bool) -> Option<RunId> {
        self.world.runs().await.into_iter().find(wanted).map(|run| run.id)
    }
}
