//! `docs/reference/cli.md`, from what the command line is parsed by.

use std::collections::BTreeSet;

use clap::{Arg, Command, CommandFactory as _};
use homeostat::cli::Cli;
use homeostat::cli::exit::Exit;

use super::{MADE, cell, hold};

#[test]
fn every_command_is_described() {
    let mut root = Cli::command().disable_help_subcommand(true);
    // Gives every command its full name and its usage.
    root.build();
    let everywhere: Vec<&Arg> = root.get_arguments().filter(|argument| argument.is_global_set()).collect();
    assert!(everywhere.len() > 1);
    let mut page = format!(
        "{MADE}# Command line\n\nEvery command and option; `homeostat help COMMAND` says the same. A command may be cut short \
         where no other begins\nlike it: `homeostat val` validates. Data goes to standard output, everything else to standard \
         error.\n\n## Exit codes\n\n| code | meaning |\n| --- | --- |\n"
    );
    for exit in Exit::ALL {
        page.push_str(&format!("| {} | {} |\n", exit as u8, exit.meaning()));
    }
    page.push_str("\n## Options of every command\n\n");
    page.push_str(&table(&everywhere));
    page.push_str(
        "| `-h`, `--help` |  | tells what there is: `-h` in short, `--help` in full |\n| `-V`, `--version` |  | prints the \
         version; without a command |\n",
    );
    let variables = variables(&root);
    assert!(!variables.is_empty());
    page.push_str("\n## Environment variables\n\n| variable | stands for |\n| --- | --- |\n");
    variables.iter().for_each(|(name, option)| page.push_str(&format!("| `{name}` | {option} |\n")));
    page.push_str(
        "| `HOMEOSTAT__…` | a [setting](../configuration.md#environment-variables), like `HOMEOSTAT__LOG__LEVEL` |\n\
         | `RUST_LOG` | `--log-level`, where that is not given |\n\
         | `NO_COLOR`, `CLICOLOR_FORCE` | `--color never`, `--color always`, where that is not given |\n",
    );
    for command in root.get_subcommands() {
        section(command, &mut page);
    }
    hold("docs/reference/cli.md", &page);
}

fn section(command: &Command, page: &mut String) {
    let name = command.get_bin_name().unwrap();
    let about = command.get_long_about().or_else(|| command.get_about());
    let about = about.unwrap_or_else(|| panic!("`{name}` says nothing of itself")).to_string();
    page.push_str(&format!("\n## `{name}`\n\n{}.\n", about.trim_end_matches('.')));
    let own = |argument: &&Arg| !argument.is_global_set() && argument.get_id() != "help" && !argument.is_hide_set();
    let arguments: Vec<&Arg> = command.get_arguments().filter(own).collect();
    if !command.has_subcommands() {
        let usage = command.clone().render_usage().to_string();
        // Every command takes the options of every command.
        let has_options = arguments.iter().any(|argument| !argument.is_positional() && !argument.is_required_set());
        let usage = if has_options { usage } else { usage.replace(" [OPTIONS]", "") };
        page.push_str(&format!("\n`{}`\n", usage.trim_start_matches("Usage: ")));
    }
    if !arguments.is_empty() {
        page.push_str(&format!("\n{}", table(&arguments)));
    }
    command.get_subcommands().for_each(|below| section(below, page));
}

fn table(arguments: &[&Arg]) -> String {
    let rows = arguments.iter().map(|argument| {
        format!("| {} | {} | {} |\n", cell(&written(argument)), cell(&default(argument)), cell(&meaning(argument)))
    });
    let head = "| argument or option | default | meaning |\n| --- | --- | --- |\n".to_owned();
    rows.fold(head, |table, row| table + &row)
}

/// As it is typed.
fn written(argument: &Arg) -> String {
    let names = argument.get_value_names().unwrap_or_default();
    let value = names.iter().map(clap::builder::Str::as_str).collect::<Vec<_>>().join(" ");
    let Some(long) = argument.get_long() else { return format!("`{value}`") };
    let short = argument.get_short().map(|short| format!("`-{short}`, ")).unwrap_or_default();
    let takes = argument.get_action().takes_values();
    format!("{short}`--{long}{}`", if takes { format!(" {value}") } else { String::new() })
}

fn default(argument: &Arg) -> String {
    let values: Vec<String> =
        argument.get_default_values().iter().map(|value| format!("`{}`", value.to_string_lossy())).collect();
    if argument.is_required_set() {
        return "must be given".to_owned();
    }
    if argument.get_action().takes_values() { values.join(", ") } else { String::new() }
}

fn meaning(argument: &Arg) -> String {
    let help = argument.get_long_help().or_else(|| argument.get_help());
    let help = help.unwrap_or_else(|| panic!("`{}` says nothing of itself", argument.get_id())).to_string();
    let mut text = format!("{}.", help.trim_end_matches('.'));
    let values = argument.get_possible_values();
    if argument.get_action().takes_values() && !values.is_empty() {
        let words = values.iter().filter(|value| !value.is_hide_set()).map(|value| match value.get_help() {
            Some(help) => format!("`{}` ({})", value.get_name(), lower(help.to_string().trim_end_matches('.'))),
            None => format!("`{}`", value.get_name()),
        });
        text.push_str(&format!(" One of {}.", words.collect::<Vec<_>>().join(", ")));
    }
    if let Some(variable) = argument.get_env() {
        text.push_str(&format!(" Without it, `{}` is heeded.", variable.to_string_lossy()));
    }
    text
}

/// With a small first letter, unless the word is a name.
fn lower(text: &str) -> String {
    let first = text.split(' ').next().unwrap_or_default();
    if first.chars().skip(1).any(char::is_uppercase) {
        return text.to_owned();
    }
    let mut letters = text.chars();
    letters.next().map(|first| first.to_lowercase().chain(letters).collect()).unwrap_or_default()
}

/// Every variable that stands for an option, with the option.
fn variables(command: &Command) -> BTreeSet<(String, String)> {
    let own = command.get_arguments().filter_map(|argument| {
        let name = argument.get_env()?.to_string_lossy().into_owned();
        Some((name, format!("`--{}`, where that is not given", argument.get_long()?)))
    });
    own.chain(command.get_subcommands().flat_map(variables)).collect()
}
