//! The protocol: what an editor says and asks, and what it is answered.
//!
//! A change is taken in at once and checked a moment later, when no other has followed. What a check finds is sent only
//! if nothing has changed meanwhile.

use std::collections::BTreeMap;
use std::future::{Ready, ready};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tower_lsp_server::jsonrpc::{Error, Result};
use tower_lsp_server::ls_types::{
    CodeActionKind, CodeActionOptions, CodeActionOrCommand, CodeActionParams, CodeActionProviderCapability,
    CodeActionResponse, CompletionOptions, CompletionParams, CompletionResponse, DidChangeTextDocumentParams,
    DidChangeWatchedFilesParams, DidChangeWorkspaceFoldersParams, DidCloseTextDocumentParams,
    DidOpenTextDocumentParams, DidSaveTextDocumentParams, DocumentFormattingParams, DocumentSymbolParams,
    DocumentSymbolResponse, GotoDefinitionParams, GotoDefinitionResponse, Hover, HoverContents, HoverParams,
    HoverProviderCapability, InitializeParams, InitializeResult, InitializedParams, Location, MarkupContent,
    MarkupKind, OneOf, Position, Range, ReferenceParams, Registration, ServerCapabilities, ServerInfo,
    TextDocumentSyncCapability, TextDocumentSyncKind, TextEdit, Uri, WorkspaceFoldersServerCapabilities,
    WorkspaceServerCapabilities,
};
use tower_lsp_server::{Client, LanguageServer};

use super::check::{self, Problems, Shown};
use super::documents::{Documents, path_of, uri_of};
use super::index::{File, Index, Tree};
use super::indexes::Indexes;
use super::position::{offset, position, range};
use super::symbols::{self, Occurrence, Symbol};
use super::workspace::{Program, Role, Workspace};
use super::{Surroundings, answer, beside, completion, hover};
use crate::syntax::{rules, yaml};

/// How long a text must rest before it is checked.
const REST: Duration = Duration::from_millis(150);

/// One editor's server. Clones are the same server.
#[derive(Clone, Debug)]
pub(super) struct Server {
    client: Client,
    surroundings: Surroundings,
    state: Arc<Mutex<State>>,
}

/// Trees are forgotten when nobody has asked about their program for so many changes.
const FORGOTTEN: u64 = 1_000;

#[derive(Debug, Default)]
struct State {
    documents: Documents,
    workspace: Workspace,
    /// Grows with every change: a check of an older one is not told.
    changes: u64,
    indexes: Indexes,
    shown: BTreeMap<PathBuf, Shown>,
    /// Of each open workflow, the newest text that could be read.
    readable: BTreeMap<PathBuf, Arc<str>>,
    /// Whether the editor lets a server say later which files it wants to hear of.
    watches_files: bool,
    /// Whether the editor lets a server say later which files it formats: else it is asked for all of them.
    registers_formatting: bool,
    /// Whether the editor fills in places of a snippet.
    fills_snippets: bool,
}

/// Answers what was no JSON.
pub(super) fn no_json(_: &Server) -> Ready<Result<()>> {
    ready(Err(Error::parse_error()))
}

/// Answers what was JSON, but neither a request nor an answer.
pub(super) fn no_message(_: &Server) -> Ready<Result<()>> {
    ready(Err(Error::invalid_request()))
}

impl Server {
    pub(super) fn new(client: Client, surroundings: Surroundings) -> Self {
        Self { client, surroundings, state: Arc::default() }
    }

    /// A panic elsewhere leaves nothing half done that the next change would not mend.
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes a change in and has it checked.
    fn changed(&self, change: impl FnOnce(&mut State)) {
        let number = {
            let mut state = self.state();
            change(&mut state);
            state.changes += 1;
            state.changes
        };
        let server = self.clone();
        tokio::spawn(async move {
            tokio::time::sleep(REST).await;
            if server.state().changes == number {
                server.check(number).await;
            }
        });
    }

    async fn check(&self, number: u64) {
        let (documents, workspace) = {
            let state = self.state();
            (state.documents.clone(), state.workspace.clone())
        };
        let (surroundings, texts) = (self.surroundings.clone(), documents.clone());
        let checked = tokio::task::spawn_blocking(move || {
            // A file without problems has an empty list, whether it is of any program or not.
            let ours = texts.iter().filter(|(path, _)| Role::of(path).is_some());
            let mut found: Problems = ours.map(|(path, _)| (path.clone(), Vec::new())).collect();
            merge(&mut found, check::configurations(&texts));
            for (program, scenarios) in programs(&workspace, &texts) {
                merge(&mut found, check::program(&program, &texts, &surroundings));
                merge(&mut found, check::scenarios(&program, &scenarios, &texts, &surroundings));
            }
            found
        });
        let Ok(found) = checked.await else {
            tracing::error!("a check was not finished");
            return;
        };
        let news = {
            let mut state = self.state();
            if state.changes != number {
                return;
            }
            let news = check::changed(&state.shown, &found, &documents);
            state.shown.extend(news.iter().cloned());
            state.shown.retain(|path, shown| !shown.problems.is_empty() || documents.get(path).is_some());
            news
        };
        for (path, Shown { version, problems }) in news {
            let open = documents.get(&path).map(|document| document.uri.clone());
            if let Some(uri) = open.or_else(|| uri_of(&path)) {
                self.client.publish_diagnostics(uri, problems.to_vec(), version).await;
            }
        }
    }

    /// The trees of the program that a file belongs to, as they are now.
    fn index(&self, path: &Path) -> Arc<Index> {
        let (documents, program, change, known, hears_of_files) = {
            let state = self.state();
            let program = state.workspace.program_of(path, &state.documents);
            let known = state.indexes.get(&program, state.changes);
            (state.documents.clone(), program, state.changes, known, state.watches_files)
        };
        let before = match known {
            // What changes on disk is only known where the editor tells of it.
            Some((index, true)) if hears_of_files => return index,
            Some((index, _)) => Some(index),
            None => None,
        };
        let sources = program.load(&documents).sources;
        let index = Arc::new(Index::new(sources, &self.surroundings.catalogue, before.as_deref()));
        self.state().indexes.put(program, change, Arc::clone(&index), FORGOTTEN);
        index
    }

    /// Answers a question about a place in rules or a workflow; `None` for any other file.
    fn at<T>(
        &self,
        uri: &Uri,
        position: Position,
        answer: impl FnOnce(&Index, &File, usize) -> Option<T>,
    ) -> Option<T> {
        let path = self.state().documents.path_of(uri).filter(|path| Role::of(path) == Some(Role::Program))?;
        let index = self.index(&path);
        let file = index.file(&path)?;
        answer(&index, file, offset(index.text(file.id), position))
    }

    /// Answers a question about a place in scenarios or settings that are open; `None` for any other file.
    fn beside<T>(
        &self,
        uri: &Uri,
        position: Position,
        answer: impl FnOnce(&beside::Place<'_>) -> Option<T>,
    ) -> Option<T> {
        let path = self.state().documents.path_of(uri)?;
        let role = Role::of(&path).filter(|role| *role != Role::Program)?;
        let text = self.state().documents.get(&path).map(|document| Arc::clone(&document.text))?;
        let index = self.index(&path);
        answer(&beside::Place { role, index: &index, text: &text, offset: offset(&text, position) })
    }

    /// What is shown at a place of an open file means, for those who want to know more.
    fn told(&self, uri: &Uri, at: Position) -> Vec<(String, Range)> {
        let state = self.state();
        let shown = state.documents.path_of(uri).and_then(|path| {
            let version = state.documents.get(&path).map(|document| document.version);
            state.shown.get(&path).filter(|shown| shown.version == version)
        });
        shown.map(|shown| check::meanings(&shown.problems, at)).unwrap_or_default()
    }
}

/// What is to be checked: the programs of what is open, with the open scenarios about each.
fn programs(workspace: &Workspace, documents: &Documents) -> BTreeMap<Program, Vec<PathBuf>> {
    let mut found: BTreeMap<Program, Vec<PathBuf>> = BTreeMap::new();
    for (path, _) in documents.iter() {
        let role = Role::of(path);
        if matches!(role, Some(Role::Program | Role::Scenarios)) {
            let scenarios = found.entry(workspace.program_of(path, documents)).or_default();
            scenarios.extend((role == Some(Role::Scenarios)).then(|| path.clone()));
        }
    }
    found
}

impl State {
    /// Keeps the text of a workflow that can be read, for the time when it cannot.
    fn keep_readable(&mut self, uri: &Uri) {
        let Some(path) = self.documents.path_of(uri).filter(|path| Role::of(path) == Some(Role::Program)) else {
            return;
        };
        if let Some(document) = self.documents.get(&path) {
            let text = Arc::clone(&document.text);
            let id = crate::base::source::SourceId(0);
            if crate::syntax::workflow::parse(id, &text).0.is_some() {
                self.readable.insert(path, text);
            }
        }
    }
}

/// A file of two programs has the problems of both.
fn merge(found: &mut Problems, more: Problems) {
    for (path, problems) in more {
        let known = found.entry(path).or_default();
        for problem in problems {
            if !known.contains(&problem) {
                known.push(problem);
            }
        }
    }
}

fn location(index: &Index, found: &Occurrence) -> Option<Location> {
    let source = index.sources.get(found.span.source)?;
    Some(Location { uri: uri_of(Path::new(&source.path))?, range: range(&source.text, found.span) })
}

/// Where a symbol is declared, or all its places.
fn places(index: &Index, symbol: &Symbol, with_declarations: bool, with_uses: bool) -> Vec<Location> {
    let all = symbols::all(index, symbol);
    let chosen = all.iter().filter(|found| if found.declares { with_declarations } else { with_uses });
    chosen.filter_map(|found| location(index, found)).collect()
}

impl LanguageServer for Server {
    async fn initialize(&self, params: InitializeParams) -> Result<InitializeResult> {
        let workspace = params.capabilities.workspace.as_ref();
        let watching = workspace.and_then(|workspace| workspace.did_change_watched_files.as_ref());
        let text = params.capabilities.text_document.as_ref();
        let formatting = text.and_then(|text| text.formatting.as_ref());
        let completion = text.and_then(|text| text.completion.as_ref());
        let items = completion.and_then(|completion| completion.completion_item.as_ref());
        let registers_formatting = formatting.and_then(|it| it.dynamic_registration).unwrap_or(false);
        {
            let mut state = self.state();
            state.watches_files = watching.and_then(|watching| watching.dynamic_registration).unwrap_or(false);
            state.fills_snippets = items.and_then(|items| items.snippet_support).unwrap_or(false);
            state.registers_formatting = registers_formatting;
            state.workspace = answer::workspace(&params);
        }
        Ok(InitializeResult {
            capabilities: ServerCapabilities {
                text_document_sync: Some(TextDocumentSyncCapability::Kind(TextDocumentSyncKind::INCREMENTAL)),
                hover_provider: Some(HoverProviderCapability::Simple(true)),
                completion_provider: Some(CompletionOptions {
                    trigger_characters: Some([".", ":", " ", "(", "{", "\"", "?"].map(str::to_owned).to_vec()),
                    ..CompletionOptions::default()
                }),
                definition_provider: Some(OneOf::Left(true)),
                references_provider: Some(OneOf::Left(true)),
                document_symbol_provider: Some(OneOf::Left(true)),
                document_formatting_provider: (!registers_formatting).then_some(OneOf::Left(true)),
                code_action_provider: Some(CodeActionProviderCapability::Options(CodeActionOptions {
                    code_action_kinds: Some(vec![CodeActionKind::QUICKFIX]),
                    ..CodeActionOptions::default()
                })),
                workspace: Some(WorkspaceServerCapabilities {
                    workspace_folders: Some(WorkspaceFoldersServerCapabilities {
                        supported: Some(true),
                        change_notifications: Some(OneOf::Left(true)),
                    }),
                    file_operations: None,
                }),
                ..ServerCapabilities::default()
            },
            server_info: Some(ServerInfo {
                name: env!("CARGO_PKG_NAME").to_owned(),
                version: Some(env!("CARGO_PKG_VERSION").to_owned()),
            }),
            ..InitializeResult::default()
        })
    }

    async fn initialized(&self, _: InitializedParams) {
        let (watches, registers_formatting) = {
            let state = self.state();
            (state.watches_files, state.registers_formatting)
        };
        let registrations: Vec<Registration> =
            watches.then(answer::file_watch).into_iter().chain(registers_formatting.then(answer::formatting)).collect();
        if registrations.is_empty() {
            return;
        }
        let client = self.client.clone();
        // Not awaited here: the answer comes in by the very queue that this holds up.
        tokio::spawn(async move {
            if let Err(error) = client.register_capability(registrations).await {
                tracing::warn!(%error, "the editor will not tell of files that change on disk, nor have rules formatted");
            }
        });
    }

    async fn shutdown(&self) -> Result<()> {
        Ok(())
    }

    async fn did_open(&self, params: DidOpenTextDocumentParams) {
        let document = params.text_document;
        self.changed(|state| {
            state.documents.open(&document.uri, &document.language_id, document.version, &document.text);
            state.keep_readable(&document.uri);
        });
    }

    async fn did_change(&self, params: DidChangeTextDocumentParams) {
        let document = params.text_document;
        self.changed(|state| {
            state.documents.change(&document.uri, document.version, &params.content_changes);
            state.keep_readable(&document.uri);
        });
    }

    async fn did_save(&self, _: DidSaveTextDocumentParams) {
        self.changed(|_| {});
    }

    async fn did_close(&self, params: DidCloseTextDocumentParams) {
        self.changed(|state| {
            if let Some(path) = state.documents.path_of(&params.text_document.uri) {
                state.readable.remove(&path);
            }
            state.documents.close(&params.text_document.uri);
        });
    }

    async fn did_change_watched_files(&self, _: DidChangeWatchedFilesParams) {
        self.changed(|_| {});
    }

    async fn did_change_workspace_folders(&self, params: DidChangeWorkspaceFoldersParams) {
        self.changed(|state| {
            let gone: Vec<PathBuf> = params.event.removed.iter().filter_map(|folder| path_of(&folder.uri)).collect();
            state.workspace.folders.retain(|folder| !gone.contains(folder));
            state.workspace.folders.extend(params.event.added.iter().filter_map(|folder| path_of(&folder.uri)));
        });
    }

    async fn hover(&self, params: HoverParams) -> Result<Option<Hover>> {
        let place = params.text_document_position_params;
        let (uri, position) = (&place.text_document.uri, place.position);
        let shown = self.at(uri, position, |index, file, offset| {
            let shown = hover::at(index, file, offset)?;
            Some((shown.text, range(index.text(file.id), shown.span)))
        });
        let shown = shown.or_else(|| {
            self.beside(uri, position, |place| {
                let shown = beside::hover(place)?;
                Some((shown.text, range(place.text, shown.span)))
            })
        });
        let all: Vec<_> = shown.into_iter().chain(self.told(uri, position)).collect();
        let place = all.first().map(|(_, range)| *range);
        let text = all.into_iter().map(|(text, _)| text).collect::<Vec<_>>().join("\n\n---\n\n");
        Ok(place.map(|place| Hover {
            contents: HoverContents::Markup(MarkupContent { kind: MarkupKind::Markdown, value: text }),
            range: Some(place),
        }))
    }

    async fn completion(&self, params: CompletionParams) -> Result<Option<CompletionResponse>> {
        let place = params.text_document_position;
        let (last_good, snippets) = {
            let state = self.state();
            let path = state.documents.path_of(&place.text_document.uri);
            let known = path.and_then(|path| state.readable.get(&path).cloned());
            (known, state.fills_snippets)
        };
        let uri = &place.text_document.uri;
        let offered = self.at(uri, place.position, |index, file, offset| {
            let found = completion::complete(index, file, offset, last_good.as_deref());
            let text = index.text(file.id);
            Some(answer::completion(text, offset, found, snippets))
        });
        let offered = offered.or_else(|| {
            self.beside(uri, place.position, |place| {
                Some(answer::completion(place.text, place.offset, beside::complete(place), snippets))
            })
        });
        Ok(offered.map(CompletionResponse::Array))
    }

    async fn goto_definition(&self, params: GotoDefinitionParams) -> Result<Option<GotoDefinitionResponse>> {
        let place = params.text_document_position_params;
        let (uri, position) = (&place.text_document.uri, place.position);
        let found = self.at(uri, position, |index, file, offset| {
            let found = symbols::at(index, file, offset)?;
            Some(places(index, &found.symbol, true, false))
        });
        let found = found.or_else(|| {
            self.beside(uri, position, |place| {
                let symbols = beside::symbols(place);
                Some(symbols.iter().flat_map(|symbol| places(place.index, symbol, true, false)).collect())
            })
        });
        Ok(found.map(GotoDefinitionResponse::Array))
    }

    async fn references(&self, params: ReferenceParams) -> Result<Option<Vec<Location>>> {
        let place = params.text_document_position;
        let with_declarations = params.context.include_declaration;
        Ok(self.at(&place.text_document.uri, place.position, |index, file, offset| {
            let found = symbols::at(index, file, offset)?;
            Some(places(index, &found.symbol, with_declarations, true))
        }))
    }

    async fn document_symbol(&self, params: DocumentSymbolParams) -> Result<Option<DocumentSymbolResponse>> {
        Ok(self.at(&params.text_document.uri, Position::default(), |index, file, _| {
            Some(DocumentSymbolResponse::Nested(symbols::outline(index, file)))
        }))
    }

    async fn formatting(&self, params: DocumentFormattingParams) -> Result<Option<Vec<TextEdit>>> {
        let uri = &params.text_document.uri;
        let program = {
            let state = self.state();
            state.documents.path_of(uri).map(|path| (state.workspace.program_of(&path, &state.documents), path))
        };
        let Some((program, path)) = program else { return Ok(None) };
        Ok(self.at(uri, Position::default(), |index, file, _| {
            let text = index.text(file.id);
            if !program.is_own(&path.to_string_lossy(), text) {
                return None;
            }
            // What is wrong with the file is shown already.
            let formatted = match &file.tree {
                Tree::Rules(_) => rules::format::format(file.id, text).ok()?,
                Tree::Workflow(_) => yaml::format::format(file.id, text).ok()?,
            };
            let whole = Range { start: Position::default(), end: position(text, text.len()) };
            let changes = (formatted != text).then_some(TextEdit { range: whole, new_text: formatted });
            Some(changes.into_iter().collect())
        }))
    }

    async fn code_action(&self, params: CodeActionParams) -> Result<Option<CodeActionResponse>> {
        if params.context.only.is_some_and(|kinds| !kinds.contains(&CodeActionKind::QUICKFIX)) {
            return Ok(None);
        }
        let state = self.state();
        let Some(path) = state.documents.path_of(&params.text_document.uri) else { return Ok(None) };
        let version = state.documents.get(&path).map(|document| document.version);
        // Of an older text the places are wrong.
        let shown = state.shown.get(&path).filter(|shown| shown.version == version);
        let actions = shown.map(|shown| check::actions(&shown.problems, params.range));
        Ok(actions.map(|actions| actions.into_iter().map(CodeActionOrCommand::CodeAction).collect()))
    }
}
