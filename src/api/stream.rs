//! `/v1/events/stream`: accepted events as server-sent events, to be resumed where a reader was cut off.
//!
//! Format: the event stream of the HTML standard. An id is the event's number, so that `Last-Event-ID` says what was seen.

use std::collections::VecDeque;
use std::convert::Infallible;
use std::sync::{Arc, LazyLock};
use std::time::Duration;

use axum::extract::{Query, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::sse::{Event as Frame, KeepAlive, Sse};
use futures_util::Stream;
use futures_util::stream::unfold;
use serde::Deserialize;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use utoipa::IntoParams;

use super::problem::Problem;
use super::{ApiState, QueryResult, query};
use crate::diagnostic::Code;
use crate::runtime::ports::{EventFilter, EventOrder, StoreError, StoredEvent};

/// Readers at once: each looks into the store several times a second.
const READERS: usize = 64;
/// Between looks where nothing has come.
const PAUSE: Duration = Duration::from_millis(200);
/// Events of one look.
const PAGE: u64 = 200;

static PLACES: LazyLock<Arc<Semaphore>> = LazyLock::new(|| Arc::new(Semaphore::new(READERS)));

/// Which events to stream.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct StreamQuery {
    /// Only those of this type.
    r#type: Option<String>,
    /// Only those about this target.
    subject: Option<String>,
    /// Those with a higher number. `Last-Event-ID` goes first; where neither is there, those that come from now on.
    after: Option<u64>,
}

/// Streams events as they are accepted. Each has its number as id, its type as event, and itself as data.
#[utoipa::path(get, path = "/v1/events/stream", tag = "events", operation_id = "stream_events", params(StreamQuery,
    ("Last-Event-ID" = Option<u64>, Header, description = "The number of the last event that was seen: those after it are sent")),
    responses(
    (status = 200, description = "CloudEvents, one a message, until the engine or the reader ends", body = String, content_type = "text/event-stream"),
    (status = 400, description = "A parameter is wrong", body = Problem, content_type = "application/problem+json"),
    (status = 429, description = "Too many readers at once", body = Problem, content_type = "application/problem+json"),
))]
pub(super) async fn stream(
    State(state): State<ApiState>,
    headers: HeaderMap,
    params: QueryResult<StreamQuery>,
) -> Result<Sse<impl Stream<Item = Result<Frame, Infallible>>>, Problem> {
    let Query(wanted) = query(params)?;
    let seen = match headers.get("last-event-id").map(|value| value.to_str().ok().and_then(|text| text.parse().ok())) {
        Some(Some(number)) => Some(number),
        Some(None) => return Err(Problem::malformed("`Last-Event-ID` is no number of an event")),
        None => wanted.after,
    };
    let place = Arc::clone(&PLACES).try_acquire_owned().map_err(|_| {
        let why = format!("{READERS} readers follow the events already");
        Problem::new(StatusCode::TOO_MANY_REQUESTS, Code::TooManyEvents, why).retry_after(5)
    })?;
    let after = match seen {
        Some(number) => number,
        None => newest(&state).await?,
    };
    let reader = Reader { state, wanted, after, waiting: VecDeque::new(), _place: place };
    let frames = unfold(reader, |mut reader| async move {
        let frame = reader.next().await?;
        Some((Ok(frame), reader))
    });
    Ok(Sse::new(frames).keep_alive(KeepAlive::default()))
}

async fn newest(state: &ApiState) -> Result<u64, StoreError> {
    let filter = EventFilter { limit: 1, ..EventFilter::default() };
    Ok(state.store.events(&filter).await?.first().map_or(0, |stored| stored.sequence))
}

struct Reader {
    state: ApiState,
    wanted: StreamQuery,
    /// The number of the last event that was looked at.
    after: u64,
    waiting: VecDeque<StoredEvent>,
    _place: OwnedSemaphorePermit,
}

impl Reader {
    /// The next event, once there is one; `None` where the engine ends or cannot read: the reader comes again.
    async fn next(&mut self) -> Option<Frame> {
        loop {
            while let Some(stored) = self.waiting.pop_front() {
                self.after = stored.sequence;
                if self.wants(&stored) {
                    let (sequence, kind) = (stored.sequence.to_string(), stored.event.kind.clone());
                    let data = stored.event.into_cloud_event().to_string();
                    return Some(Frame::default().id(sequence).event(kind).data(data));
                }
            }
            if self.state.control.health().draining {
                return None;
            }
            let filter = EventFilter {
                order: EventOrder::OldestFirst { after: self.after },
                limit: PAGE,
                ..EventFilter::default()
            };
            match self.state.store.events(&filter).await {
                Ok(found) if found.is_empty() => tokio::time::sleep(PAUSE).await,
                Ok(found) => self.waiting.extend(found),
                Err(error) => {
                    tracing::warn!(%error, "a reader of events is cut off");
                    return None;
                }
            }
        }
    }

    fn wants(&self, stored: &StoredEvent) -> bool {
        let StreamQuery { r#type, subject, .. } = &self.wanted;
        let about = stored.event.subject.as_ref().map(crate::base::id::TargetName::as_str);
        r#type.as_ref().is_none_or(|kind| *kind == stored.event.kind)
            && subject.as_ref().is_none_or(|subject| about == Some(subject.as_str()))
    }
}
