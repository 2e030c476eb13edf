// Starts `homeostat lsp` and lets it answer for rules, workflows, scenarios and the configuration. All that is known of the
// language is known there.

import { commands, type ExtensionContext, window, workspace } from "vscode";
import { LanguageClient, type LanguageClientOptions, type ServerOptions } from "vscode-languageclient/node";

import files from "./files.json";

let client: LanguageClient | undefined;

export async function activate(context: ExtensionContext): Promise<void> {
  context.subscriptions.push(
    commands.registerCommand("homeostat.restart", restart),
    workspace.onDidChangeConfiguration(async (change) => {
      if (change.affectsConfiguration("homeostat")) {
        await restart();
      }
    }),
  );
  await start();
}

export async function deactivate(): Promise<void> {
  const running = client;
  client = undefined;
  await running?.stop();
}

async function restart(): Promise<void> {
  await deactivate();
  await start();
}

async function start(): Promise<void> {
  const settings = workspace.getConfiguration("homeostat");
  const command = settings.get<string>("path") || "homeostat";
  // Without a transport, a command is spoken to over its standard input and output.
  const server: ServerOptions = { command, args: ["lsp"] };
  const options: LanguageClientOptions = {
    // Of YAML, the server itself knows which files it is about: it says nothing of the others.
    documentSelector: [
      ...Object.values(files).map((pattern) => ({ scheme: "file", pattern })),
      // Rules that were not saved yet are a program of their own.
      { scheme: "untitled", language: "homeostat-rules" },
    ],
    initializationOptions: { program: settings.get<string[]>("program") ?? [] },
  };
  client = new LanguageClient("homeostat", "Homeostat", server, options);
  try {
    await client.start();
  } catch (error) {
    client = undefined;
    const reason = error instanceof Error ? error.message : String(error);
    void window.showErrorMessage(
      `Homeostat: cannot start \`${command} lsp\`: ${reason}. Install homeostat, or name it in the setting homeostat.path.`,
    );
  }
}
