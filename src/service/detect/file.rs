//! A file is read again and again, and a change of a value in it is told.
//!
//! It is read rather than watched through the system: that works on every file system, and whichever way a file is put in place
//! of another.

use std::path::Path;

use async_trait::async_trait;
use serde_json::Value as Json;
use tokio::fs::File;
use tokio::io::AsyncReadExt as _;

use super::expressions::{Carried, Expression, env, with_value};
use super::{Detector, Failure, Opened, Sight};
use crate::base::id::TargetName;
use crate::model::detector::{DetectorSettings, FileFormat, FileSettings, file_names};
use crate::model::schema::{JsonMap, Shape};

/// Longest file, in bytes.
const LONGEST: u64 = 1024 * 1024;

#[derive(Debug)]
struct Marker {
    settings: FileSettings,
    target: Option<TargetName>,
    value: Expression,
}

pub(super) fn open(settings: &DetectorSettings, watched: &FileSettings) -> Result<Opened, String> {
    let value = Expression::new(&watched.value, &env(&file_names()))?;
    let carried = Carried::new(&settings.data, &env(&with_value(file_names(), Shape::Any)))?;
    Ok((Box::new(Marker { settings: watched.clone(), target: settings.target.clone(), value }), carried))
}

#[async_trait]
impl Detector for Marker {
    async fn look(&mut self) -> Result<Vec<Sight>, Failure> {
        let text = read(&self.settings.path).await?;
        let body = match self.settings.format {
            FileFormat::Text => Ok(Json::from(text.trim())),
            FileFormat::Json => serde_json::from_str(&text).map_err(|error| format!("it is no JSON: {error}")),
            FileFormat::Yaml => serde_yaml::from_str(&text).map_err(|error| format!("it is no YAML: {error}")),
        };
        let path = self.settings.path.display();
        let body = body.map_err(|why| Failure::from(format!("{path}: {}", why.lines().next().unwrap_or_default())))?;
        let mut names = JsonMap::from_iter([("body".to_owned(), body)]);
        let value = self.value.value(&names).map_err(|why| Failure::from(format!("{path}: {why}")))?;
        names.insert("value".to_owned(), value.clone());
        Ok(vec![Sight { key: String::new(), target: self.target.clone(), state: Some(value), names }])
    }
}

async fn read(path: &Path) -> Result<String, Failure> {
    let failed = |error: std::io::Error| Failure::from(format!("{}: it cannot be read: {error}", path.display()));
    let file = File::open(path).await.map_err(failed)?;
    let mut bytes = Vec::new();
    file.take(LONGEST + 1).read_to_end(&mut bytes).await.map_err(failed)?;
    if bytes.len() as u64 > LONGEST {
        return Err(format!("{}: it is longer than {LONGEST} bytes", path.display()).into());
    }
    String::from_utf8(bytes).map_err(|_| format!("{}: it is not UTF-8", path.display()).into())
}
