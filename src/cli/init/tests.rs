use std::fs;

use super::{Args, files, run, write};
use crate::cli::exit::Exit;
use crate::diagnostic::Code;

#[test]
fn an_empty_folder_gets_every_file() {
    let place = tempfile::tempdir().unwrap();
    let folder = place.path().join("new/folder");
    assert_eq!(run(&Args { folder: folder.clone() }), Exit::Done);
    for (path, text) in files() {
        assert_eq!(fs::read_to_string(folder.join(path)).unwrap(), text);
    }
}

#[test]
fn every_file_with_a_schema_names_one_that_is_there() {
    let place = tempfile::tempdir().unwrap();
    let written = write(place.path()).unwrap();
    let has_schema = |path: &&std::path::PathBuf| path.extension().is_some_and(|end| end == "yaml");
    let yaml: Vec<_> = written.iter().filter(has_schema).collect();
    assert!(yaml.len() > 4);
    for path in yaml {
        let text = fs::read_to_string(path).unwrap();
        let schema = text.lines().next().and_then(|line| line.strip_prefix("# yaml-language-server: $schema="));
        let schema = path.parent().unwrap().join(schema.unwrap_or_else(|| panic!("{} names none", path.display())));
        let schema = serde_json::from_str(&fs::read_to_string(schema).unwrap()).unwrap();
        let (root, _) = crate::syntax::yaml::parse(crate::base::source::SourceId(0), &text);
        assert!(jsonschema::is_valid(&schema, &root.unwrap().to_json()), "{}", path.display());
    }
}

#[test]
fn what_was_written_is_a_program() {
    let place = tempfile::tempdir().unwrap();
    write(place.path()).unwrap();
    let compilation = crate::app::program::check(&[place.path().join("rules"), place.path().join("workflows")]);
    assert_eq!(crate::cli::output::problems(&compilation.diagnostics, &compilation.sources), "");
    assert!(compilation.program.is_some_and(|program| !program.rules.is_empty()));
}

#[test]
fn nothing_is_overwritten() {
    let place = tempfile::tempdir().unwrap();
    let rules = place.path().join("rules");
    fs::create_dir(&rules).unwrap();
    fs::write(rules.join("idle_system.rules"), "mine").unwrap();
    fs::write(place.path().join("README.md"), "mine").unwrap();
    let refusal = write(place.path()).unwrap_err();
    assert_eq!(refusal.code, Code::InTheWay.to_string());
    assert!(refusal.message.contains("README.md") && refusal.message.contains("idle_system.rules"));
    assert_eq!(run(&Args { folder: place.path().to_owned() }), Exit::Usage);
    assert_eq!(fs::read_to_string(place.path().join("README.md")).unwrap(), "mine");
    assert!(!place.path().join("homeostat.yaml").exists());
}

#[test]
fn a_file_in_place_of_the_folder_is_refused() {
    let place = tempfile::tempdir().unwrap();
    let folder = place.path().join("file");
    fs::write(&folder, "").unwrap();
    assert_eq!(write(&folder).unwrap_err().code, Code::NotWritable.to_string());
}
