//! An endpoint is asked again and again, and a change of a value in its answer is told.
//!
//! An answer whose status is no success says nothing, unless the expression looks at the status itself.

use async_trait::async_trait;
use http::Method;
use serde_json::Value as Json;
use std::time::Duration;

use super::expressions::{Carried, Expression, env, with_value};
use super::fetch::{Answer, Fetcher};
use super::{Detector, Failure, Opened, Sight};
use crate::base::id::TargetName;
use crate::model::detector::{DetectorSettings, HttpSettings, http_names};
use crate::model::schema::{JsonMap, Shape};

#[derive(Debug)]
struct Endpoint {
    settings: HttpSettings,
    target: Option<TargetName>,
    timeout: Duration,
    value: Expression,
    fetcher: Fetcher,
}

pub(super) fn open(settings: &DetectorSettings, watched: &HttpSettings, fetcher: Fetcher) -> Result<Opened, String> {
    let endpoint = Endpoint {
        settings: watched.clone(),
        target: settings.target.clone(),
        timeout: settings.timeout,
        value: Expression::new(&watched.value, &env(&http_names()))?,
        fetcher,
    };
    let carried = Carried::new(&settings.data, &env(&with_value(http_names(), Shape::Any)))?;
    Ok((Box::new(endpoint), carried))
}

#[async_trait]
impl Detector for Endpoint {
    async fn look(&mut self) -> Result<Vec<Sight>, Failure> {
        let headers = self.fetcher.headers(&self.settings.headers).await?;
        let mut answer = self.fetcher.ask(Method::GET, &self.settings.url, headers, self.timeout).await?;
        if !self.value.uses("status") {
            answer = answer.successful()?;
        }
        let mut names = names(&answer)?;
        let value = self.value.value(&names)?;
        names.insert("value".to_owned(), value.clone());
        Ok(vec![Sight { key: String::new(), target: self.target.clone(), state: Some(value), names }])
    }
}

fn names(answer: &Answer) -> Result<JsonMap, Failure> {
    let mut names = JsonMap::new();
    names.insert("status".to_owned(), Json::from(answer.status.as_u16()));
    names.insert("headers".to_owned(), answer.headers_json());
    names.insert("body".to_owned(), answer.content()?);
    Ok(names)
}
