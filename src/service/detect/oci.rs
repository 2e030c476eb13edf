//! A registry is asked which manifest a tag names, and a change of its digest is told.
//!
//! As the OCI distribution specification has it: `HEAD /v2/NAME/manifests/TAG`, and the token dance of its authentication where
//! the registry demands it, without credentials or with the configured ones.

use std::time::Duration;

use async_trait::async_trait;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::header::{ACCEPT, AUTHORIZATION, WWW_AUTHENTICATE};
use http::{HeaderMap, HeaderValue, Method, StatusCode};
use reqwest::Url;
use secrecy::{ExposeSecret as _, SecretString};
use serde_json::{Value as Json, json};
use sha2::{Digest as _, Sha256};
use zeroize::Zeroizing;

use super::challenge::{Challenge, Scheme};
use super::expressions::{Carried, env, with_value};
use super::fetch::{Answer, Fetcher};
use super::{Detector, Failure, Opened, Sight};
use crate::base::id::TargetName;
use crate::model::detector::{DetectorSettings, OciSettings, oci_names};
use crate::model::schema::{JsonMap, Shape};

/// What a tag may name: one image, or a list of them for several platforms. A registry answers with what is stored only if
/// that is asked for.
const MANIFESTS: &str = "application/vnd.oci.image.index.v1+json, application/vnd.oci.image.manifest.v1+json, \
                         application/vnd.docker.distribution.manifest.list.v2+json, \
                         application/vnd.docker.distribution.manifest.v2+json";

#[derive(Debug)]
struct Registry {
    settings: OciSettings,
    target: Option<TargetName>,
    timeout: Duration,
    /// What the registry let in last; asked for anew once it does not any more.
    pass: Option<HeaderValue>,
    fetcher: Fetcher,
}

pub(super) fn open(settings: &DetectorSettings, watched: &OciSettings, fetcher: Fetcher) -> Result<Opened, String> {
    let carried = Carried::new(&settings.data, &env(&with_value(oci_names(), Shape::String)))?;
    let (target, timeout) = (settings.target.clone(), settings.timeout);
    Ok((Box::new(Registry { settings: watched.clone(), target, timeout, pass: None, fetcher }), carried))
}

#[async_trait]
impl Detector for Registry {
    async fn look(&mut self) -> Result<Vec<Sight>, Failure> {
        let head = self.manifest(Method::HEAD).await?;
        let digest = match head.header("docker-content-digest") {
            Some(digest) => digest,
            // A registry need not tell it: then it is that of the manifest's bytes.
            None => format!("sha256:{}", hex::encode(Sha256::digest(self.manifest(Method::GET).await?.body()))),
        };
        if !is_digest(&digest) {
            return Err("the registry answered with a digest that is none".to_owned().into());
        }
        let mut names = JsonMap::new();
        names.insert("image".to_owned(), json!(self.settings.to_string()));
        names.insert("value".to_owned(), json!(digest));
        Ok(vec![Sight { key: String::new(), target: self.target.clone(), state: Some(digest.into()), names }])
    }
}

impl Registry {
    async fn manifest(&mut self, method: Method) -> Result<Answer, Failure> {
        let OciSettings { repository, tag, .. } = &self.settings;
        let url = format!("{}/v2/{repository}/manifests/{tag}", self.root());
        let mut answer = self.ask(&method, &url).await?;
        if answer.status == StatusCode::UNAUTHORIZED {
            self.pass = Some(self.pass(&answer).await?);
            answer = self.ask(&method, &url).await?;
        }
        match answer.status {
            StatusCode::NOT_FOUND => Err(format!("the registry knows no `{}`", self.settings).into()),
            StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN => {
                self.pass = None;
                let who = if self.settings.username.is_some() { "the configured user" } else { "anybody" };
                Err(format!("the registry does not let {who} see `{}`: it answered {}", self.settings, answer.status)
                    .into())
            }
            _ => answer.successful(),
        }
    }

    fn root(&self) -> String {
        format!("{}://{}", if self.settings.tls { "https" } else { "http" }, self.settings.registry)
    }

    async fn ask(&self, method: &Method, url: &str) -> Result<Answer, Failure> {
        let mut headers = HeaderMap::from_iter([(ACCEPT, HeaderValue::from_static(MANIFESTS))]);
        if let Some(pass) = &self.pass {
            headers.insert(AUTHORIZATION, pass.clone());
        }
        self.fetcher.ask(method.clone(), url, headers, self.timeout).await
    }

    /// What to show the registry, by what it demands.
    async fn pass(&self, refused: &Answer) -> Result<HeaderValue, Failure> {
        let demands = refused.headers.get_all(WWW_AUTHENTICATE).iter().filter_map(|value| value.to_str().ok());
        let Some(challenge) = Challenge::best(demands) else {
            return Err("the registry demands a login and does not say which".to_owned().into());
        };
        match challenge.scheme {
            Scheme::Basic => match self.credentials().await? {
                Some(credentials) => Ok(credentials),
                None => Err("the registry demands a login; give `username` and `password`".to_owned().into()),
            },
            Scheme::Bearer => self.token(&challenge).await,
        }
    }

    /// A token from the server that the registry names.
    async fn token(&self, challenge: &Challenge) -> Result<HeaderValue, Failure> {
        let realm = challenge.parameter("realm").and_then(|realm| Url::parse(realm).ok());
        let Some(mut realm) = realm else {
            return Err("the registry names no server that gives tokens".to_owned().into());
        };
        let credentials = self.credentials().await?;
        if credentials.is_some() && self.settings.tls && realm.scheme() != "https" {
            return Err("the registry names a server for tokens that is not encrypted; the password is not sent there"
                .to_owned()
                .into());
        }
        let own = format!("repository:{}:pull", self.settings.repository);
        let scope = challenge.parameter("scope").unwrap_or(&own);
        if let Some(service) = challenge.parameter("service") {
            realm.query_pairs_mut().append_pair("service", service);
        }
        realm.query_pairs_mut().append_pair("scope", scope);
        let headers = HeaderMap::from_iter(credentials.map(|credentials| (AUTHORIZATION, credentials)));
        let about =
            |failure: Failure| Failure { why: format!("no token for the registry: {}", failure.why), ..failure };
        let answer = self.fetcher.ask(Method::GET, realm.as_str(), headers, self.timeout).await.map_err(about)?;
        let answer = answer.successful().map_err(about)?.json().map_err(about)?;
        let token = ["token", "access_token"].into_iter().find_map(|name| answer.get(name).and_then(Json::as_str));
        let Some(token) = token.map(SecretString::from) else {
            return Err("no token for the registry: the answer holds none".to_owned().into());
        };
        secret_header("Bearer", token.expose_secret())
    }

    async fn credentials(&self) -> Result<Option<HeaderValue>, Failure> {
        let (Some(username), Some(password)) = (&self.settings.username, &self.settings.password) else {
            return Ok(None);
        };
        let password = self.fetcher.secret(password).await?;
        let pair = Zeroizing::new(format!("{username}:{}", password.expose_secret()));
        secret_header("Basic", &Zeroizing::new(STANDARD.encode(pair.as_bytes()))).map(Some)
    }
}

fn secret_header(scheme: &str, secret: &str) -> Result<HeaderValue, Failure> {
    let text = Zeroizing::new(format!("{scheme} {secret}"));
    let value = HeaderValue::from_str(&text);
    let mut value = value.map_err(|_| Failure::from("what the login gave cannot stand in a header".to_owned()))?;
    value.set_sensitive(true);
    Ok(value)
}

/// `ALGORITHM:HEX`, and no longer than any there is.
fn is_digest(text: &str) -> bool {
    text.len() <= 256
        && text.split_once(':').is_some_and(|(algorithm, hex)| {
            let is_name = |c: char| c.is_ascii_alphanumeric() || matches!(c, '+' | '.' | '_' | '-');
            !algorithm.is_empty()
                && algorithm.chars().all(is_name)
                && hex.len() >= 32
                && hex.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '=' | '_' | '-'))
        })
}
