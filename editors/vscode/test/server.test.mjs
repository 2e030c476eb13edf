// The library that the extension speaks with, and the server that it starts: they understand each other.

import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, readFileSync } from "node:fs";
import path from "node:path";
import test from "node:test";
import { fileURLToPath, pathToFileURL } from "node:url";

import protocol from "vscode-languageserver-protocol/node";

const root = path.resolve(path.dirname(fileURLToPath(import.meta.url)), "../../..");
const command = process.env.HOMEOSTAT ?? path.join(root, "target/debug/homeostat");

test("the server answers", { skip: !existsSync(command) && `build ${command}, or name another in HOMEOSTAT` }, async () => {
  const server = spawn(command, ["lsp"], { stdio: ["pipe", "pipe", "ignore"] });
  const editor = protocol.createProtocolConnection(
    new protocol.StreamMessageReader(server.stdout),
    new protocol.StreamMessageWriter(server.stdin),
  );
  const shown = new Map();
  const waiting = new Map();
  editor.onNotification(protocol.PublishDiagnosticsNotification.type, ({ uri, diagnostics }) => {
    shown.set(uri, diagnostics);
    waiting.get(uri)?.();
  });
  editor.listen();
  const folder = path.join(root, "examples/minimal");
  const workspaceFolders = [{ uri: pathToFileURL(folder).href, name: "minimal" }];
  const started = await editor.sendRequest(protocol.InitializeRequest.type, {
    processId: process.pid,
    rootUri: null,
    capabilities: {},
    workspaceFolders,
    initializationOptions: { program: [] },
  });
  assert.equal(started.serverInfo.name, "homeostat");
  await editor.sendNotification(protocol.InitializedNotification.type, {});

  const file = path.join(folder, "maintenance.rules");
  const uri = pathToFileURL(file).href;
  const text = readFileSync(file, "utf8").replace("run ", "run_ ");
  const told = new Promise((resolve) => waiting.set(uri, resolve));
  await editor.sendNotification(protocol.DidOpenTextDocumentNotification.type, {
    textDocument: { uri, languageId: "homeostat-rules", version: 1, text },
  });
  await told;
  const problem = shown.get(uri)[0];
  assert.equal(problem.severity, protocol.DiagnosticSeverity.Error);
  assert.match(problem.message, /run/);

  await editor.sendRequest(protocol.ShutdownRequest.type);
  await editor.sendNotification(protocol.ExitNotification.type);
  const [code] = await once(server, "exit");
  assert.equal(code, 0);
});
