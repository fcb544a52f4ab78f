//! Registries that do as a test says, behind one HTTP service that routes by authority.
#![allow(dead_code)] // Each test uses its part.

use std::{
    collections::BTreeMap,
    convert::Infallible,
    future::pending,
    io,
    pin::Pin,
    sync::{Arc, Mutex, MutexGuard},
    task::{Context, Poll},
    time::Duration,
};

use bytes::Bytes;
use futures_util::StreamExt;
use http::{Method, Request, Response, StatusCode};
use http_body_util::{BodyExt, Full};
use orlop_discovery_client::{
    core::Update,
    eureka::{
        Client,
        wire::{Application, Applications, InstanceInfo, hashcode},
    },
};
use tower::Service;

#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub enum Mode {
    #[default]
    Serve,
    Refuse,
    Hang,
    Answer(u16),
}

#[derive(Clone, Debug)]
pub struct Seen {
    pub authority: String,
    pub method: Method,
    pub path: String,
    pub body: Bytes,
}

#[derive(Debug, Default)]
pub struct State {
    pub modes: BTreeMap<String, Mode>,
    pub seen: Vec<Seen>,
    /// What a full fetch answers.
    pub full: Vec<InstanceInfo>,
    /// What a delta answers; 403 if there is none.
    pub delta: Option<Vec<InstanceInfo>>,
    /// What heartbeats are answered with; 200 when empty.
    pub beats: Vec<u16>,
}

#[derive(Clone, Debug, Default)]
pub struct Registries(Arc<Mutex<State>>);

impl Registries {
    pub fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap()
    }

    pub fn set(&self, authority: &str, mode: Mode) {
        self.state().modes.insert(authority.into(), mode);
    }

    /// A client of the registries at these authorities.
    pub fn client(&self, authorities: &[&str]) -> Client {
        let urls = authorities.iter().map(|authority| format!("http://{authority}/eureka/v2/"));
        Client::new(self.clone(), urls).unwrap().timeout(Duration::from_secs(1))
    }

    /// Method and path of what was asked since the last time, with the authority before it.
    pub fn asked(&self) -> Vec<String> {
        let seen = std::mem::take(&mut self.state().seen);
        seen.iter()
            .map(|seen| {
                let path = seen.path.strip_prefix("/eureka/v2").unwrap();
                format!("{} {} {path}", seen.authority, seen.method)
            })
            .collect()
    }

    fn answer(&self, seen: &Seen) -> (u16, Vec<u8>) {
        let mut state = self.state();
        let path = seen.path.strip_prefix("/eureka/v2").unwrap();
        match (&seen.method, path) {
            (&Method::GET, "/apps/") => (200, document(&state.full, &state.full)),
            (&Method::GET, "/apps/delta") => match &state.delta {
                Some(delta) => (200, document(delta, &state.full)),
                None => (403, Vec::new()),
            },
            (&Method::POST, _) => (204, Vec::new()),
            (&Method::PUT, _) if !state.beats.is_empty() => (state.beats.remove(0), Vec::new()),
            _ => (200, Vec::new()),
        }
    }
}

fn document(listed: &[InstanceInfo], all: &[InstanceInfo]) -> Vec<u8> {
    let mut apps: BTreeMap<&str, Vec<InstanceInfo>> = BTreeMap::new();
    for instance in listed {
        apps.entry(&instance.app).or_default().push(instance.clone());
    }
    let apps = apps.into_iter().map(|(name, list)| Application::new(name, list)).collect();
    Applications::new(1, hashcode(all.iter().map(|instance| instance.status)), apps).to_json()
}

impl Service<Request<Full<Bytes>>> for Registries {
    type Response = Response<Full<Bytes>>;
    type Error = io::Error;
    type Future = Pin<Box<dyn Future<Output = Result<Response<Full<Bytes>>, io::Error>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<Full<Bytes>>) -> Self::Future {
        let this = self.clone();
        Box::pin(async move {
            let (head, body) = request.into_parts();
            let body: Result<_, Infallible> = body.collect().await;
            let seen = Seen {
                authority: head.uri.authority().unwrap().to_string(),
                method: head.method,
                path: head.uri.path_and_query().unwrap().to_string(),
                body: body.unwrap().to_bytes(),
            };
            let mode = this.state().modes.get(&seen.authority).copied().unwrap_or_default();
            this.state().seen.push(seen.clone());
            let (status, body) = match mode {
                Mode::Refuse => return Err(io::ErrorKind::ConnectionRefused.into()),
                Mode::Hang => pending().await,
                Mode::Answer(status) => (status, b"no ".to_vec()),
                Mode::Serve => this.answer(&seen),
            };
            let mut response = Response::new(Full::new(body.into()));
            *response.status_mut() = StatusCode::from_u16(status).unwrap();
            Ok(response)
        })
    }
}

/// An instance of PLAYBACK at 127.0.0.1, its port as given.
pub fn playback(id: &str, port: u16) -> InstanceInfo {
    InstanceInfo::new("playback", id, "127.0.0.1", port).zone("a")
}

/// An update in short: `=a,b` reset, `+a` upsert, `-a` remove, `~` stale, `!` failed.
pub fn short(update: &Update) -> String {
    match update {
        Update::Reset(list) => {
            let ids: Vec<&str> = list.iter().map(|endpoint| endpoint.id().as_str()).collect();
            format!("={}", ids.join(","))
        }
        Update::Upsert(endpoint) => format!("+{}", endpoint.id()),
        Update::Remove(id) => format!("-{id}"),
        Update::Stale(_) => "~".into(),
        Update::Failed(_) => "!".into(),
        other => format!("{other:?}"),
    }
}

/// All that a stream yields without waiting.
pub async fn drain(stream: &mut (impl futures_core::Stream<Item = Update> + Unpin)) -> Vec<String> {
    let mut all = Vec::new();
    // Lets the task publish first.
    tokio::task::yield_now().await;
    while let Some(Some(update)) = futures_util::FutureExt::now_or_never(stream.next()) {
        all.push(short(&update));
    }
    all
}
