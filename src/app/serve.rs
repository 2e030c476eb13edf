//! The engine as a service: store, services, agents' streams and HTTP, joined and taken apart in order.

use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;

use tokio::net::TcpListener;
use tokio::sync::oneshot;
use tokio_util::sync::CancellationToken;

use super::AppError;
use super::compose::compose;
use super::program;
use crate::action::Registry;
use crate::api::{self, ApiState};
use crate::config::{self, Config, Encryption};
use crate::diagnostic::Code;
use crate::runtime::engine::{Engine, Intake, Options};
use crate::runtime::ports::Store;
use crate::runtime::retention::{self, Retention};
use crate::security::{KeySource, MasterKey, Sealing};
use crate::service::dispatch::grpc_service;
use crate::store::{self, CrashPoint, CrashingStore, SqliteStore};

/// Names the commit at which the process kills itself: what the crash tests set. See [`CrashPoint`].
const CRASH_VARIABLE: &str = "HOMEOSTAT_TEST_CRASH";

/// Runs the engine until `shutdown`; `ready` gets the address once requests are served.
///
/// # Errors
/// The rules and workflows do not check, the store cannot be opened, or the address cannot be listened on.
pub async fn serve(
    config: Config,
    shutdown: CancellationToken,
    ready: oneshot::Sender<SocketAddr>,
) -> Result<(), AppError> {
    let program = program::load(&config.program)?;
    let listener = listen(config.listen).await?;
    let sealing = sealing(&config.encryption, &config.store)?;
    let url = format!("sqlite://{}", config.store.display());
    let sqlite = Arc::new(SqliteStore::open(store::Options { url, sealing }).await?);
    let store: Arc<dyn Store> = match crash_point()? {
        Some(point) => Arc::new(CrashingStore::new(Arc::clone(&sqlite), point)),
        None => Arc::clone(&sqlite) as Arc<dyn Store>,
    };
    let (context, dispatch) = compose(&config, Arc::clone(&store)).await?;
    // Serving ends after the engine: agents confirm, and people look on, while runs finish.
    let close = CancellationToken::new();
    let metrics = api::metrics::install(close.clone()).map_err(AppError::internal)?;
    let address = listener.local_addr().map_err(AppError::internal)?;
    let reconciler = dispatch.start(close.clone());
    let actions = Registry::shipped().into_actions();
    let (targets, clock) = (Arc::clone(&context.targets), Arc::clone(&context.clock));
    let dispatcher = Arc::clone(&context.dispatcher);
    let pruning = tokio::spawn(retention::keep(context.clone(), retention_of(&config), close.clone()));
    let intake = intake_of(&config);
    let engine = Engine::start(Options { context, actions, program, intake }).await?;
    let control = Arc::clone(&engine) as Arc<_>;
    let state = ApiState { control, store, targets, dispatcher, clock, metrics };
    let router = api::router(state, Some(grpc_service(Arc::clone(&dispatch)).into_axum_router()));
    let serving = tokio::spawn(api::serve(listener, router, close.clone()));
    // Whoever waited for the address may have gone.
    let _ = ready.send(address);

    shutdown.cancelled().await;
    engine.drain().await;
    close.cancel();
    for task in [serving.await.map(drop), reconciler.await, pruning.await] {
        task.map_err(AppError::internal)?;
    }
    sqlite.close().await;
    Ok(())
}

/// How events are taken in.
pub(super) fn intake_of(config: &Config) -> Intake {
    Intake { pending_limit: config.events.waiting, dedup_window: config.events.dedup }
}

fn retention_of(config: &Config) -> Retention {
    let config::Retention { events, dead_letters, runs, records } = config.retention;
    Retention { events, dead_letters, runs, records, dedup_window: config.events.dedup }
}

async fn listen(address: SocketAddr) -> Result<TcpListener, AppError> {
    TcpListener::bind(address).await.map_err(|error| match error.kind() {
        std::io::ErrorKind::AddrInUse => AppError::Failed {
            code: Code::AddressInUse,
            message: format!("`{address}` is in use by another process"),
            help: Some("stop that process, or choose another port with `listen` or `--listen`".to_owned()),
        },
        _ => AppError::new(Code::BadSetting, format!("cannot listen on `{address}`: {error}")),
    })
}

pub(super) fn sealing(encryption: &Encryption, store: &Path) -> Result<Sealing, AppError> {
    let source = match encryption {
        Encryption::Off => return Ok(Sealing::Off),
        Encryption::KeyVariable(variable) => KeySource::Variable(variable.clone()),
        Encryption::KeyFile { path, create } => {
            // A store that is there was sealed with another key: a new one would not open it.
            if *create && !path.exists() && !store.exists() {
                if let Some(folder) = path.parent() {
                    std::fs::create_dir_all(folder).map_err(|error| {
                        AppError::new(Code::NotWritable, format!("{}: cannot be made: {error}", folder.display()))
                    })?;
                }
                let key = MasterKey::generate().map_err(|error| key_error(&error))?;
                key.write_new(path).map_err(|error| key_error(&error))?;
                tracing::info!(path = %path.display(), "made the key that the store is sealed with; keep a copy of it");
            }
            KeySource::File(path.clone())
        }
    };
    MasterKey::load(&source).map(Sealing::Key).map_err(|error| key_error(&error))
}

fn key_error(error: &crate::security::KeyError) -> AppError {
    AppError::Failed {
        code: Code::MissingSealKey,
        message: error.to_string(),
        help: Some("make a key with `homeostat keys new --out FILE` and name it under `encryption`".to_owned()),
    }
}

fn crash_point() -> Result<Option<CrashPoint>, AppError> {
    let Ok(text) = std::env::var(CRASH_VARIABLE) else { return Ok(None) };
    let point =
        text.parse().map_err(|why: String| AppError::new(Code::BadSetting, format!("{CRASH_VARIABLE}: {why}")))?;
    tracing::warn!(%text, "this process will kill itself: {CRASH_VARIABLE} is set");
    Ok(Some(point))
}
