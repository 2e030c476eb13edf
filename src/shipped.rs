//! The rules and workflows that ship, and their tests, as the binary carries them: what runs where no program is named, and what
//! `homeostat init` writes.

/// One shipped file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct File {
    /// Its name in `workflows/`.
    pub name: &'static str,
    pub text: &'static str,
}

macro_rules! files {
    ($($name:literal),* $(,)?) => {
        /// Every shipped file, by name.
        pub const FILES: &[File] = &[$(File { name: $name, text: include_str!(concat!("../workflows/", $name)) }),*];
    };
}

files! {
    "deployment_change.rules",
    "deployment_change.test.yaml",
    "deployment_change.yaml",
    "high_latency.rules",
    "high_latency.test.yaml",
    "high_latency.yaml",
    "idle_system.rules",
    "idle_system.test.yaml",
    "idle_system.yaml",
    "retest.yaml",
    "wake_up.yaml",
}

impl File {
    /// Whether it holds rules; else it is a workflow.
    pub fn is_rules(&self) -> bool {
        self.name.rsplit_once('.').is_some_and(|(_, ending)| ending == "rules")
    }
}

#[cfg(test)]
mod tests {
    use super::FILES;

    #[test]
    fn every_file_of_the_folder_ships() {
        let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/workflows");
        let mut found: Vec<String> =
            std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
        // Plans as they were kept are for whoever changes them here.
        found.retain(|name| name != "snapshots");
        found.sort();
        assert_eq!(found, FILES.iter().map(|file| file.name).collect::<Vec<_>>());
    }
}
