//! The engine's end of an agent's stream: messages in, the desk's commands out.
//!
//! What it must not know: what a message means for other agents.

use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use futures_util::Stream;
use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;
use tokio_util::sync::CancellationToken;
use tonic::service::Routes;
use tonic::{Request, Response, Status, Streaming};

use super::desk::Outgoing;
use super::registry::{Holding, Introduction, NameTaken};
use super::traffic::{Answers, Reported};
use super::{DispatchService, Outbox};
use crate::base::id::{AgentId, TargetName};
use crate::model::assignment::Answer;
use crate::model::target::Mode;
use crate::wire::agent::agent_service_server::{AgentService, AgentServiceServer};
use crate::wire::agent::{self as wire, AgentMessage, EngineMessage, Hello, agent_message, engine_message};

/// An agent has so long to say who it is.
const HELLO_WITHIN: Duration = Duration::from_secs(10);

/// How often agents report.
const REPORT_EVERY_MS: u32 = 250;

/// Messages that may wait for one agent.
const OUTBOX: usize = 32;

/// Longer names are refused.
const LONGEST_NAME: usize = 200;

/// The agents' service, to stand beside others on one port. It must be outside any limit on the time or size of a request:
/// its streams last.
pub fn grpc_service(service: Arc<DispatchService>) -> Routes {
    Routes::new(AgentServiceServer::new(Streams { service }))
}

/// What is sent for a command.
pub(super) fn command(outgoing: &Outgoing) -> EngineMessage {
    EngineMessage {
        message: Some(engine_message::Message::Command(wire::Command {
            command_id: outgoing.command_id.clone(),
            epoch: Some(outgoing.epoch.into()),
            rate_rps: outgoing.rate_rps,
            fallback_rps: outgoing.fallback_rps,
            time_to_live_ms: outgoing.time_to_live_ms,
            ends_at_clock_ms: outgoing.ends_at_clock_ms,
            mode: mode(outgoing.enforce).into(),
        })),
    }
}

fn mode(enforce: bool) -> wire::Mode {
    if enforce { wire::Mode::Enforce } else { wire::Mode::Observe }
}

#[derive(Clone, Debug)]
struct Streams {
    service: Arc<DispatchService>,
}

#[tonic::async_trait]
impl AgentService for Streams {
    type ConnectStream = Pin<Box<dyn Stream<Item = Result<EngineMessage, Status>> + Send>>;

    async fn connect(
        &self,
        request: Request<Streaming<AgentMessage>>,
    ) -> Result<Response<Self::ConnectStream>, Status> {
        let mut inbound = request.into_inner();
        let first = tokio::time::timeout(HELLO_WITHIN, inbound.message())
            .await
            .map_err(|_| Status::deadline_exceeded("no Hello came"))??;
        let Some(AgentMessage { clock_ms, message: Some(agent_message::Message::Hello(hello)) }) = first else {
            return Err(Status::invalid_argument("the first message must be a Hello"));
        };
        let (messages, visit) = self.service.welcome(hello, clock_ms)?;
        let service = Arc::clone(&self.service);
        tokio::spawn(async move {
            let closed = loop {
                tokio::select! {
                    // The engine closed the stream: whatever still comes is nobody's.
                    () = visit.closing.cancelled() => break false,
                    message = inbound.message() => match message {
                        Ok(Some(message)) => service.hear(&visit, message),
                        Ok(None) | Err(_) => break true,
                    }
                }
            };
            service.part(&visit, closed);
        });
        Ok(Response::new(Box::pin(ReceiverStream::new(messages))))
    }
}

/// One stream.
#[derive(Debug)]
pub(crate) struct Visit {
    target: TargetName,
    agent: AgentId,
    session: u64,
    closing: CancellationToken,
}

pub(crate) type Messages = mpsc::Receiver<Result<EngineMessage, Status>>;

impl DispatchService {
    pub(crate) fn welcome(&self, hello: Hello, clock_ms: u64) -> Result<(Messages, Visit), Status> {
        let target = TargetName::from(hello.target.as_str());
        let settings = self.targets.settings(&target).ok_or_else(|| {
            Status::not_found(format!(
                "target `{target}` is not configured; list it under `targets`, or give `defaults`"
            ))
        })?;
        if hello.agent.is_empty() || hello.agent.len() > LONGEST_NAME {
            return Err(Status::invalid_argument(format!("an agent's name has 1 to {LONGEST_NAME} bytes")));
        }
        let agent = AgentId::from(hello.agent.as_str());
        let (sender, messages) = mpsc::channel(OUTBOX);
        let closing = CancellationToken::new();
        let session = {
            let mut inner = self.inner();
            if inner.closed {
                return Err(Status::unavailable("the engine is stopping"));
            }
            inner.sessions += 1;
            let session = inner.sessions;
            inner.outboxes.insert(session, Outbox { sender: sender.clone(), closing: closing.clone() });
            session
        };
        let (now, today) = (self.now(), self.today());
        let introduction = Introduction {
            agent: agent.clone(),
            instance: hello.instance,
            session,
            clock_ms,
            highest: hello.highest.map(Into::into),
            rate_rps: hello.rate_rps,
            holding: hello.holding.map(|holding| Holding {
                command_id: holding.command_id,
                epoch: holding.epoch.unwrap_or_default().into(),
                rate_rps: holding.rate_rps,
                fallback_rps: holding.fallback_rps,
                left_ms: holding.left_ms,
            }),
        };
        let (before, introduced) = self.with_desk(&target, |desk| {
            let before = desk.agent(&agent).and_then(super::registry::Agent::session);
            (before, desk.introduce(introduction, now, today))
        });
        if introduced == Err(NameTaken) {
            self.close_stream(session);
            return Err(Status::already_exists(format!(
                "another process is connected as agent `{agent}` of target `{target}`; give one of them another `--id`"
            )));
        }
        if let Some(before) = before {
            self.close_stream(before);
        }
        // In `recommend` an agent passes everything until a first dispatch was approved.
        let welcome =
            wire::Welcome { mode: mode(settings.mode == Mode::Enforce).into(), report_every_ms: REPORT_EVERY_MS };
        let _ = sender.try_send(Ok(EngineMessage { message: Some(engine_message::Message::Welcome(welcome)) }));
        tracing::info!(%target, %agent, version = hello.version, "agent connected");
        self.pump(&target);
        self.tell();
        Ok((messages, Visit { target, agent, session, closing }))
    }

    pub(crate) fn hear(&self, visit: &Visit, message: AgentMessage) {
        let (now, today) = (self.now(), self.today());
        let Visit { target, agent, session, .. } = visit;
        let on = self.with_desk(target, |desk| {
            desk.heard(agent, *session, message.clock_ms, now, today);
            Self::is_on(desk, agent, *session)
        });
        if !on {
            return;
        }
        match message.message {
            Some(agent_message::Message::Ack(ack)) => {
                let Some(epoch) = ack.epoch else { return };
                let answer = match wire::Answer::try_from(ack.answer) {
                    Ok(wire::Answer::Applied) => Answer::Applied,
                    Ok(wire::Answer::Repeated) => Answer::Repeated,
                    Ok(wire::Answer::Refused) => Answer::Refused { highest: ack.highest.unwrap_or(epoch).into() },
                    Ok(wire::Answer::Unspecified) | Err(_) => return,
                };
                self.with_desk(target, |desk| desk.answered(agent, epoch.into(), &answer, now));
                self.pump(target);
                self.tell();
            }
            Some(agent_message::Message::Report(report)) => {
                let reported = Reported {
                    from_ms: report.from_ms,
                    to_ms: report.to_ms,
                    passed: report.passed,
                    refused: report.refused,
                };
                let latencies = report.latencies.iter();
                let answers = Answers {
                    answered: report.answered,
                    failed: report.failed,
                    latencies: latencies.map(|latency| (latency.bucket as usize, latency.count)).collect(),
                };
                self.with_desk(target, |desk| {
                    if let Some(windows) = desk.windows(agent, *session) {
                        windows.add(reported, answers, today);
                    }
                });
            }
            Some(agent_message::Message::Goodbye(_)) => {
                tracing::info!(%target, %agent, "agent took its leave");
                self.with_desk(target, |desk| desk.goodbye(agent, *session));
                self.close_stream(*session);
                self.tell();
            }
            Some(agent_message::Message::Hello(_)) | None => {}
        }
    }

    pub(crate) fn part(&self, visit: &Visit, closed: bool) {
        let Visit { target, agent, session, .. } = visit;
        self.close_stream(*session);
        let now = self.now();
        let lost = self.with_desk(target, |desk| {
            let lost = Self::is_on(desk, agent, *session);
            desk.disconnected(agent, *session, closed, now);
            lost
        });
        if lost {
            tracing::warn!(%target, %agent, "agent disconnected without taking its leave; its rate counts until it ends");
        }
        self.tell();
    }
}
