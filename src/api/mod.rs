//! The engine over HTTP: one resource a file, and a document that describes them all.
//!
//! Handlers turn requests into calls of ports and answers into JSON of their own shape, so that what is stored can change
//! without what is promised. What it must not know: how anything is stored, decided or performed.

mod agents;
pub mod cloud_event;
mod dead_letters;
mod detectors;
mod events;
mod guard;
mod halts;
mod health;
pub mod metrics;
mod observe;
pub mod problem;
mod records;
pub mod reload;
mod run_journal;
mod run_orders;
pub mod run_view;
mod runs;
pub mod serve;
pub mod standstill;
mod stream;
mod surroundings;
mod targets;
#[cfg(test)]
mod tests;
mod webhooks;

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::Bytes;
use axum::extract::rejection::{BytesRejection, QueryRejection};
use axum::extract::{DefaultBodyLimit, Query, Request};
use axum::http::{Method, StatusCode, Uri, header};
use axum::middleware::{Next, from_fn};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use metrics_exporter_prometheus::PrometheusHandle;
use tower::ServiceExt as _;
use utoipa::OpenApi;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::base::clock::Clock;
use crate::base::id::TargetName;
use crate::diagnostic::Code;
use crate::runtime::control::Control;
use crate::runtime::ports::{Dispatcher, Store, StoreError, Targets};
use crate::service::detect::Reception;
use problem::Problem;
pub use serve::serve;

/// Largest body of a request, in bytes.
pub const MAX_BODY: usize = 4 * 1024 * 1024;

/// How long a request may take.
const TIMEOUT: Duration = Duration::from_secs(30);

/// What the handlers need.
#[derive(Clone, Debug)]
pub struct ApiState {
    pub control: Arc<dyn Control>,
    pub store: Arc<dyn Store>,
    pub targets: Arc<dyn Targets>,
    pub dispatcher: Arc<dyn Dispatcher>,
    pub reloader: Arc<dyn reload::Reload>,
    pub detectors: Arc<Reception>,
    pub clock: Arc<dyn Clock>,
    pub metrics: PrometheusHandle,
}

impl ApiState {
    /// Every target that is configured or that something is kept for, by name.
    async fn target_names(&self) -> Result<Vec<TargetName>, StoreError> {
        let mut names: BTreeSet<_> = self.targets.names().into_iter().collect();
        names.extend(self.store.targets().await?.into_iter().map(|target| target.name));
        Ok(names.into_iter().collect())
    }
}

#[derive(Debug, OpenApi)]
#[openapi(
    info(
        title = "Homeostat",
        description = "Takes CloudEvents, runs workflows on them, and keeps every agent at a rate that its target can bear."
    ),
    tags(
        (name = "events", description = "What happened, and what came of it"),
        (name = "webhooks", description = "Subscribers that events are posted to"),
        (name = "detectors", description = "Sources of events that the engine watches itself"),
        (name = "dead letters", description = "Events that could not be handled, and what is decided about them"),
        (name = "runs", description = "Executions of workflows"),
        (name = "targets", description = "What is kept in balance"),
        (name = "records", description = "What was measured"),
        (name = "agents", description = "Who enforces rates"),
        (name = "halts", description = "The brake"),
        (name = "program", description = "The rules and workflows in force"),
        (name = "health", description = "For machines that watch the engine"),
    )
)]
struct Description;

fn routes() -> OpenApiRouter<ApiState> {
    OpenApiRouter::with_openapi(Description::openapi())
        .routes(routes!(events::accept, events::show))
        .routes(routes!(stream::stream))
        .routes(routes!(webhooks::list))
        .routes(routes!(detectors::list))
        .routes(routes!(detectors::receive))
        .routes(routes!(dead_letters::list))
        .routes(routes!(dead_letters::show, dead_letters::discard))
        .routes(routes!(dead_letters::redrive))
        .routes(routes!(runs::list))
        .routes(routes!(runs::show))
        .routes(routes!(run_journal::show))
        .routes(routes!(run_orders::approve))
        .routes(routes!(run_orders::reject))
        .routes(routes!(run_orders::cancel))
        .routes(routes!(run_orders::retry))
        .routes(routes!(run_orders::resume))
        .routes(routes!(targets::list))
        .routes(routes!(targets::show))
        .routes(routes!(targets::pause))
        .routes(routes!(targets::resume))
        .routes(routes!(records::list, records::take_in))
        .routes(routes!(agents::list))
        .routes(routes!(halts::list))
        .routes(routes!(halts::halt))
        .routes(routes!(halts::unhalt))
        .routes(routes!(reload::reload))
        .routes(routes!(health::alive))
        .routes(routes!(health::ready))
        .routes(routes!(metrics::render))
}

/// The document that describes the interface.
pub fn openapi() -> utoipa::openapi::OpenApi {
    routes().into_openapi()
}

/// The whole interface. `extra` takes the gRPC requests, which have limits of their own.
pub fn router(state: ApiState, extra: Option<Router>) -> Router {
    let (routes, openapi) = routes().split_for_parts();
    let document = Bytes::from(openapi.to_json().unwrap_or_default());
    let api = routes
        .route(
            "/v1/openapi.json",
            get(move || std::future::ready(([(header::CONTENT_TYPE, "application/json")], document.clone()))),
        )
        .fallback(no_route)
        .method_not_allowed_fallback(no_method)
        .layer(DefaultBodyLimit::max(MAX_BODY))
        .layer(from_fn(limit_time))
        .layer(from_fn(observe::observe))
        .with_state(state);
    let whole = match extra {
        Some(extra) => by_content_type(api, extra),
        None => api,
    };
    whole.layer(from_fn(guard::same_machine))
}

/// gRPC shares the port: its requests are known by their content type.
fn by_content_type(api: Router, grpc: Router) -> Router {
    Router::new().fallback(move |request: Request| {
        let is_grpc = request
            .headers()
            .get(header::CONTENT_TYPE)
            .is_some_and(|value| value.as_bytes().starts_with(b"application/grpc"));
        let service = if is_grpc { grpc.clone() } else { api.clone() };
        async move {
            match service.oneshot(request).await {
                Ok(response) => response,
                Err(never) => match never {},
            }
        }
    })
}

async fn limit_time(request: Request, next: Next) -> Response {
    match tokio::time::timeout(TIMEOUT, next.run(request)).await {
        Ok(response) => response,
        Err(_) => Problem::new(
            StatusCode::SERVICE_UNAVAILABLE,
            Code::TimedOut,
            format!(
                "the engine did not answer within {} s; an event may have been taken all the same: send it again under the \
                 same id, it is taken once",
                TIMEOUT.as_secs()
            ),
        )
        .into_response(),
    }
}

async fn no_route(uri: Uri) -> Problem {
    Problem::not_found(format!("there is no `{}`; `GET /v1/openapi.json` describes what there is", uri.path()))
}

async fn no_method(method: Method, uri: Uri) -> Problem {
    Problem::new(
        StatusCode::METHOD_NOT_ALLOWED,
        Code::BadRequest,
        format!("`{}` does not take {method}; the header `Allow` lists what it takes", uri.path()),
    )
}

/// A query, or why it could not be read.
type QueryResult<T> = Result<Query<T>, QueryRejection>;

/// A body, or why it could not be read.
type BodyResult = Result<Bytes, BytesRejection>;

fn query<T>(result: QueryResult<T>) -> Result<Query<T>, Problem> {
    result.map_err(|rejection| Problem::malformed(rejection.body_text()))
}

fn body(result: BodyResult) -> Result<Bytes, Problem> {
    result.map_err(|rejection| match rejection.status() {
        StatusCode::PAYLOAD_TOO_LARGE => Problem::new(
            StatusCode::PAYLOAD_TOO_LARGE,
            Code::BadRequest,
            format!("the body is larger than {MAX_BODY} bytes; send fewer events at once"),
        ),
        _ => Problem::malformed(rejection.body_text()),
    })
}
