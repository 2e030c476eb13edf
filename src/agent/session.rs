//! The agent's end of its stream to the engine: says who it is, takes commands, reports; and comes back when it is cut off.
//!
//! What it must not know: HTTP requests, and how a rate is enforced.

use std::sync::Arc;
use std::time::Duration;

use http::Uri;
use http::uri::Scheme;
use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;
use tokio_util::sync::CancellationToken;
use tonic::transport::Endpoint;
use tonic::{Code, Status, Streaming};

use super::gate::{Counts, Gate};
use super::holder::Order;
use crate::base::id::{AgentId, TargetName};
use crate::model::assignment::Answer;
use crate::wire::agent::agent_service_client::AgentServiceClient;
use crate::wire::agent::{self as wire, AgentMessage, Command, EngineMessage, agent_message, engine_message};

const CONNECT_TIMEOUT: Duration = Duration::from_secs(3);

/// A connection that does not answer for so long is given up.
const ALIVE_EVERY: Duration = Duration::from_secs(5);

const FIRST_PAUSE: Duration = Duration::from_millis(100);
const LONGEST_PAUSE: Duration = Duration::from_secs(2);

/// Until the engine says otherwise.
const REPORT_EVERY: Duration = Duration::from_millis(250);

/// Messages that may wait to be sent.
const OUTBOX: usize = 64;

/// The engine has so long to take note of a Goodbye.
const GOODBYE_WITHIN: Duration = Duration::from_secs(1);

/// Who the agent is.
#[derive(Clone, Debug)]
pub struct Identity {
    pub target: TargetName,
    pub id: AgentId,
}

/// The engine's address as a gRPC endpoint; `None` for what is no `http` URL.
pub fn endpoint(engine: &Uri) -> Option<Endpoint> {
    if engine.scheme() != Some(&Scheme::HTTP) {
        return None;
    }
    let endpoint = Endpoint::from_shared(engine.to_string()).ok()?;
    Some(
        endpoint
            .connect_timeout(CONNECT_TIMEOUT)
            .http2_keep_alive_interval(ALIVE_EVERY)
            .keep_alive_timeout(ALIVE_EVERY)
            .keep_alive_while_idle(true),
    )
}

/// An agent's relation to its engine.
#[derive(Debug)]
pub struct Session {
    identity: Identity,
    /// Of this process.
    instance: String,
    endpoint: Endpoint,
    gate: Arc<Gate>,
    /// Up to here windows were reported.
    reported: (u64, Counts, Vec<u64>),
    connected: bool,
    /// What was said last of the engine being away, so that it is said once.
    complaint: Option<String>,
}

/// Why a stream ended.
enum End {
    /// The agent took its leave.
    Left,
    /// The engine is away, or does not want it.
    Away(Status),
}

impl Session {
    pub fn new(identity: Identity, endpoint: Endpoint, gate: Arc<Gate>) -> Self {
        Self {
            identity,
            instance: uuid::Uuid::now_v7().to_string(),
            endpoint,
            gate,
            reported: (0, Counts::default(), Vec::new()),
            connected: false,
            complaint: None,
        }
    }

    /// Stays connected until `leave` is cancelled, then says Goodbye.
    pub async fn run(mut self, leave: CancellationToken) {
        let mut pause = FIRST_PAUSE;
        while !leave.is_cancelled() {
            match self.visit(&leave).await {
                End::Left => return,
                End::Away(status) => self.complain(&status),
            }
            if std::mem::take(&mut self.connected) {
                pause = FIRST_PAUSE;
            }
            tokio::select! {
                () = leave.cancelled() => return,
                () = tokio::time::sleep(jittered(pause)) => {}
            }
            pause = (pause * 2).min(LONGEST_PAUSE);
        }
    }

    fn complain(&mut self, status: &Status) {
        let complaint = match status.code() {
            Code::NotFound | Code::AlreadyExists | Code::InvalidArgument => {
                format!("the engine does not take this agent: {}", status.message())
            }
            _ => "the engine is away; this agent goes on with what it holds, and tries to reconnect".to_owned(),
        };
        if self.complaint.as_ref() != Some(&complaint) {
            tracing::warn!(engine = %self.endpoint.uri(), detail = status.message(), "{complaint}");
            self.complaint = Some(complaint);
        }
    }

    /// One stream, from Hello to its end.
    async fn visit(&mut self, leave: &CancellationToken) -> End {
        let (outbox, outgoing) = mpsc::channel(OUTBOX);
        let hello = self.message(agent_message::Message::Hello(self.hello()));
        if outbox.try_send(hello).is_err() {
            return End::Away(Status::internal("the Hello could not be sent"));
        }
        let connecting = async {
            let channel = self.endpoint.connect().await.map_err(|error| Status::unavailable(chain(&error)))?;
            AgentServiceClient::new(channel).connect(ReceiverStream::new(outgoing)).await
        };
        let inbound = tokio::select! {
            () = leave.cancelled() => return End::Left,
            inbound = connecting => match inbound {
                Ok(response) => response.into_inner(),
                Err(status) => return End::Away(status),
            }
        };
        self.connected = true;
        self.complaint = None;
        tracing::info!(engine = %self.endpoint.uri(), "connected to the engine");
        self.attend(inbound, outbox, leave).await
    }

    async fn attend(
        &mut self,
        mut inbound: Streaming<EngineMessage>,
        outbox: mpsc::Sender<AgentMessage>,
        leave: &CancellationToken,
    ) -> End {
        let mut reports = ticker(REPORT_EVERY);
        loop {
            tokio::select! {
                // Reports don't wait for commands, nor commands for reports.
                () = leave.cancelled() => {
                    self.report(&outbox);
                    let _ = outbox.send(self.message(agent_message::Message::Goodbye(wire::Goodbye {}))).await;
                    drop(outbox);
                    // The engine closes the stream once it has read it.
                    let _ = tokio::time::timeout(GOODBYE_WITHIN, async {
                        while let Ok(Some(_)) = inbound.message().await {}
                    }).await;
                    return End::Left;
                }
                message = inbound.message() => match message {
                    Ok(Some(EngineMessage { message: Some(message) })) => match message {
                        engine_message::Message::Welcome(welcome) => {
                            self.gate.welcomed(welcome.mode() != wire::Mode::Observe);
                            if welcome.report_every_ms > 0 {
                                reports = ticker(Duration::from_millis(u64::from(welcome.report_every_ms)));
                            }
                        }
                        engine_message::Message::Command(command) => {
                            if let Some(ack) = self.obey(&command) {
                                let _ = outbox.send(self.message(agent_message::Message::Ack(ack))).await;
                            }
                        }
                    },
                    Ok(Some(EngineMessage { message: None })) => {}
                    Ok(None) => return End::Away(Status::unavailable("the engine closed the stream")),
                    Err(status) => return End::Away(status),
                },
                _ = reports.tick() => self.report(&outbox),
            }
        }
    }

    fn obey(&self, command: &Command) -> Option<wire::Ack> {
        let rates = [command.rate_rps, command.fallback_rps];
        let (Some(epoch), true) = (command.epoch, rates.iter().all(|rate| rate.is_finite() && *rate >= 0.0)) else {
            tracing::warn!(command = command.command_id, "a command that makes no sense is ignored");
            return None;
        };
        let order = Order {
            command_id: command.command_id.clone(),
            epoch: epoch.into(),
            rate_rps: command.rate_rps,
            fallback_rps: command.fallback_rps,
            time_to_live_ms: command.time_to_live_ms,
            ends_at_ms: command.ends_at_clock_ms,
            enforce: command.mode() != wire::Mode::Observe,
        };
        let (answer, highest) = match self.gate.apply(&order) {
            Answer::Applied => {
                tracing::info!(rate_rps = order.rate_rps, enforce = order.enforce, "rate set");
                (wire::Answer::Applied, order.epoch)
            }
            Answer::Repeated => (wire::Answer::Repeated, order.epoch),
            Answer::Refused { highest } => (wire::Answer::Refused, highest),
        };
        let command_id = command.command_id.clone();
        Some(wire::Ack { command_id, epoch: Some(epoch), answer: answer.into(), highest: Some(highest.into()) })
    }

    fn hello(&self) -> wire::Hello {
        let now_ms = self.gate.clock_ms();
        let (highest, holding) = self.gate.with_holder(|holder| {
            let held = holder.held();
            let holding = held.map(|held| wire::Holding {
                command_id: held.command_id.clone(),
                epoch: Some(held.epoch.into()),
                rate_rps: held.rate_rps,
                fallback_rps: held.fallback_rps,
                left_ms: held.left_ms(now_ms),
            });
            (held.map(|held| held.epoch.into()), holding)
        });
        wire::Hello {
            agent: self.identity.id.to_string(),
            target: self.identity.target.to_string(),
            instance: self.instance.clone(),
            version: env!("CARGO_PKG_VERSION").to_owned(),
            highest,
            rate_rps: self.gate.allowance().rate_rps.unwrap_or(0.0),
            holding,
        }
    }

    /// Reports the time since the last report that was sent; it is made up for where one could not be.
    fn report(&mut self, outbox: &mpsc::Sender<AgentMessage>) {
        let (from_ms, before, latencies_before) = &self.reported;
        let (from_ms, before) = (*from_ms, *before);
        let to_ms = self.gate.clock_ms();
        if to_ms <= from_ms {
            return;
        }
        // Failures first: one that is counted in between is then an answer of this window and a failure of the next.
        let (counts, latencies) = (self.gate.counts(), self.gate.latencies());
        let since = |(bucket, count): (usize, &u64)| {
            let count = count - latencies_before.get(bucket).copied().unwrap_or(0);
            let bucket = u32::try_from(bucket).ok()?;
            (count > 0).then_some(wire::LatencyCount { bucket, count })
        };
        let new: Vec<_> = latencies.iter().enumerate().filter_map(since).collect();
        let report = wire::Report {
            from_ms,
            to_ms,
            passed: counts.passed - before.passed,
            refused: counts.refused - before.refused,
            rate_rps: self.gate.allowance().rate_rps.unwrap_or(0.0),
            answered: new.iter().map(|latency| latency.count).sum(),
            failed: counts.failed - before.failed,
            latencies: new,
        };
        if outbox.try_send(self.message(agent_message::Message::Report(report))).is_ok() {
            self.reported = (to_ms, counts, latencies);
        }
    }

    fn message(&self, message: agent_message::Message) -> AgentMessage {
        AgentMessage { clock_ms: self.gate.clock_ms(), message: Some(message) }
    }
}

fn ticker(period: Duration) -> tokio::time::Interval {
    let mut ticker = tokio::time::interval(period);
    ticker.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    ticker
}

/// Half to one and a half of `pause`, so that agents that were cut off together do not come back together.
fn jittered(pause: Duration) -> Duration {
    let mut byte = [128_u8];
    // Without randomness there is no jitter.
    let _ = getrandom::fill(&mut byte);
    pause.mul_f64(0.5 + f64::from(byte[0]) / 255.0)
}

/// An error with what caused it, in one line.
fn chain(error: &dyn std::error::Error) -> String {
    let causes = std::iter::successors(error.source(), |cause| cause.source());
    causes.fold(error.to_string(), |text, cause| format!("{text}: {cause}"))
}
