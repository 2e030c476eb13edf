//! The engine as a service: store, services, agents' streams and HTTP, joined and taken apart in order.

use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use tokio::net::TcpListener;
use tokio::sync::oneshot;
use tokio_util::sync::CancellationToken;

use super::AppError;
use super::compose::compose;
use super::program;
use super::reload::{self, Reloader};
use crate::action::Registry;
use crate::api::{self, ApiState};
use crate::compile::Compilation;
use crate::config::{self, Config, Encryption};
use crate::diagnostic::Code;
use crate::runtime::control::Control;
use crate::runtime::engine::{Engine, Intake, Options};
use crate::runtime::ports::{Context, Store, StoreError};
use crate::runtime::retention::{self, Retention};
use crate::runtime::scheduler::Scheduler;
use crate::security::{KeySource, MasterKey, Sealing, SecretPlaces};
use crate::service::detect::{self, agents::AgentDetector};
use crate::service::dispatch::grpc_service;
use crate::service::steering::Steering;
use crate::service::webhook;
use crate::store::{self, CrashPoint, CrashingStore, SqliteStore};

/// Names the commit at which the process kills itself: what the crash tests set. See [`CrashPoint`].
const CRASH_VARIABLE: &str = "HOMEOSTAT_TEST_CRASH";

/// Between looks of an engine that stands by.
const STANDBY_PAUSE: Duration = Duration::from_millis(200);
/// How often an engine that takes over tries to get its address.
const ADDRESS_TRIES: u32 = 50;

/// Runs the engine until `shutdown`; `ready` gets the address once requests are served.
///
/// # Errors
/// The rules and workflows do not check, the store cannot be opened, or the address cannot be listened on.
pub async fn serve(
    config: Config,
    shutdown: CancellationToken,
    ready: oneshot::Sender<SocketAddr>,
) -> Result<(), AppError> {
    let compiled = program::compile(&config.program);
    let outline = program::outline(&compiled);
    refuse_misfits(&config, &compiled)?;
    let program = program::assemble(compiled)?;
    // One that stands by may have the address of the engine before it.
    let listener = if config.standby { None } else { Some(listen(config.listen).await?) };
    let Some(Opened { sqlite, waited }) = open(&config, &shutdown).await? else { return Ok(()) };
    let sqlite = Arc::new(sqlite);
    let listener = match listener {
        Some(listener) => listener,
        None => listen_patiently(config.listen).await?,
    };
    // The files may have changed while it waited.
    let (program, outline) = if waited {
        let compiled = program::compile(&config.program);
        let outline = program::outline(&compiled);
        refuse_misfits(&config, &compiled)?;
        (program::assemble(compiled)?, outline)
    } else {
        (program, outline)
    };
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
    let steered = context.clone();
    let schedules = config.schedules.iter().map(|scheduled| scheduled.schedule.clone()).collect();
    let scheduler = Scheduler::new(context.clone(), schedules);
    let webhooks = config.webhooks.iter().map(|subscribed| subscribed.webhook.clone()).collect();
    let webhooks = webhook::run(subscribers(&config, &context), webhooks, shutdown.clone());
    let detectors: Vec<_> = config.detectors.iter().map(|declared| declared.detector.clone()).collect();
    let watchers = watchers(&config, &context);
    let reception = Arc::new(detect::Reception::new(watchers.clone(), &detectors));
    let watching = detect::run(watchers, detectors, shutdown.clone());
    let pruning = tokio::spawn(retention::keep(context.clone(), retention_of(&config), close.clone()));
    let intake = intake_of(&config);
    let engine = Engine::start(Options { context, actions, program, intake }).await?;
    let control: Arc<dyn Control> = Arc::clone(&engine) as Arc<_>;
    let detecting = AgentDetector::new(steered.clone()).start(shutdown.clone());
    let steering = Steering::new(steered, Arc::clone(&control)).start(shutdown.clone());
    let scheduling = tokio::spawn(scheduler.run(shutdown.clone()));
    let subscribing = tokio::spawn(webhooks);
    let watching = tokio::spawn(watching);
    let reloader = {
        let (schedules, detectors) = (config.schedules.clone(), config.detectors.clone());
        Reloader::new(Arc::clone(&engine), config.program.clone(), schedules, detectors, outline)
    };
    let reloader = Arc::new(reloader);
    reload::at_signal(Arc::clone(&reloader), close.clone())?;
    if config.watch {
        reload::at_change(Arc::clone(&reloader), close.clone());
    }
    let state = ApiState { control, store, targets, dispatcher, reloader, detectors: reception, clock, metrics };
    let router = api::router(state, Some(grpc_service(Arc::clone(&dispatch)).into_axum_router()));
    let serving = tokio::spawn(api::serve(listener, router, close.clone()));
    // Whoever waited for the address may have gone.
    let _ = ready.send(address);

    shutdown.cancelled().await;
    engine.drain().await;
    close.cancel();
    let tasks = [
        serving.await.map(drop),
        reconciler.await,
        pruning.await,
        steering.await,
        detecting.await,
        scheduling.await,
        subscribing.await,
        watching.await,
    ];
    for task in tasks {
        task.map_err(AppError::internal)?;
    }
    sqlite.close().await;
    Ok(())
}

/// What webhooks need.
fn subscribers(config: &Config, context: &Context) -> webhook::Options {
    let config::Secrets { file, folder } = config.secrets.clone();
    webhook::Options {
        clock: Arc::clone(&context.clock),
        store: Arc::clone(&context.store),
        secrets: Arc::new(SecretPlaces { file, folder }),
        allowed: config.network.clone(),
    }
}

/// What detectors need.
fn watchers(config: &Config, context: &Context) -> detect::Options {
    let config::Secrets { file, folder } = config.secrets.clone();
    detect::Options {
        clock: Arc::clone(&context.clock),
        store: Arc::clone(&context.store),
        inbox: Arc::clone(&context.outlet) as _,
        secrets: Arc::new(SecretPlaces { file, folder }),
        allowed: config.network.clone(),
        board: detect::Board::default(),
    }
}

/// A schedule or detector whose events nobody could take is found at the start, not with the first event.
fn refuse_misfits(config: &Config, compiled: &Compilation) -> Result<(), AppError> {
    for misfit in program::check_webhooks(&config.webhooks, compiled) {
        tracing::warn!("{}", misfit.message);
    }
    let mut misfits = program::check_schedules(&config.schedules, compiled);
    misfits.extend(program::check_detectors(&config.detectors, compiled));
    let Some(code) = misfits.first().map(|misfit| misfit.code) else { return Ok(()) };
    let told: Vec<_> = misfits.into_iter().map(|misfit| misfit.message).collect();
    Err(AppError::Failed { code, message: told.join("; "), help: Some("`homeostat validate` shows where".to_owned()) })
}

struct Opened {
    sqlite: SqliteStore,
    /// Another engine had it at first.
    waited: bool,
}

/// Opens the store. Where another engine has it, and that is wanted, it waits for the other's end; `None`: stopped meanwhile.
async fn open(config: &Config, shutdown: &CancellationToken) -> Result<Option<Opened>, AppError> {
    let sealing = sealing(&config.encryption, &config.store)?;
    let mut waited = false;
    loop {
        let options = store::Options { url: store_url(config), sealing: sealing.clone() };
        match SqliteStore::open(options).await {
            Err(StoreError::Busy { .. }) if config.standby => {
                if !waited {
                    tracing::info!(store = %config.store.display(), "another engine has the store; standing by");
                    waited = true;
                }
                tokio::select! {
                    () = shutdown.cancelled() => return Ok(None),
                    () = tokio::time::sleep(STANDBY_PAUSE) => {}
                }
            }
            Ok(sqlite) => {
                if waited {
                    tracing::info!("the other engine has ended; taking over");
                }
                return Ok(Some(Opened { sqlite, waited }));
            }
            Err(error) => return Err(error.into()),
        }
    }
}

/// The engine before may take a moment to let go of its address, though it has let go of the store.
async fn listen_patiently(address: SocketAddr) -> Result<TcpListener, AppError> {
    for _ in 0..ADDRESS_TRIES {
        if let Ok(listener) = listen(address).await {
            return Ok(listener);
        }
        tokio::time::sleep(STANDBY_PAUSE).await;
    }
    listen(address).await
}

/// How the store is named.
pub(super) fn store_url(config: &Config) -> String {
    format!("sqlite://{}", config.store.display())
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

pub(super) fn key_error(error: &crate::security::KeyError) -> AppError {
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
