//! One play.

use std::sync::Arc;
use std::time::Duration;

use axum::Json;
use axum::extract::rejection::JsonRejection;
use axum::extract::{Path, State};
use bytes::Bytes;
use http::{HeaderMap, Request, Response, StatusCode};
use orlop_core::CallContext;
use orlop_core::http::Deadline;
use serde::{Deserialize, Serialize};
use tokio::time::Instant;
use tower_service::Service;

use super::{MEMBER_HEADER, Playback, appliances};
use crate::BoxError;
use crate::catalogue::{SEGMENT, Title, TitleId};
use crate::ctx::stable_hash;
use crate::services::entitlement::{Asked, Unavailable};
use crate::services::problem::Problem;
use crate::signing::Grant;

/// Links expire at the end of a span of this many seconds since 1970, one span later: after 60 to 120 s.
const SPAN: u64 = 60;

/// No caller has more patience: what a header says is taken into this.
const PATIENCE: Duration = Duration::from_secs(1);

/// A play that has begun.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Play {
    /// The id that the member chose.
    pub id: String,
    /// Who plays.
    pub member: String,
    /// What is played.
    pub title: TitleId,
    /// Bytes of the title.
    pub length: u64,
    /// Bytes of a segment; the last one may be shorter.
    pub segment_bytes: u64,
    /// How many segments there are.
    pub segments: u32,
    /// In how many zones the links' appliances stand: 2, or 1 where no more are listed.
    pub zones: usize,
    /// Until when the links are good, in seconds since 1970.
    pub until: u64,
    /// Where the bytes are, the nearest first.
    pub links: Vec<Link>,
}

/// One signed link.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Link {
    /// The appliance's zone.
    pub zone: crate::topology::Zone,
    /// Takes GET and HEAD, with `Range`.
    pub url: String,
}

#[derive(Deserialize)]
pub(super) struct Wanted {
    title: TitleId,
}

pub(super) async fn start<S, B>(
    State(playback): State<Arc<Playback<S>>>,
    Path(id): Path<String>,
    headers: HeaderMap,
    body: Result<Json<Wanted>, JsonRejection>,
) -> Result<Json<Play>, Problem>
where
    S: Service<Request<tonic::body::Body>, Response = Response<B>> + Clone + Send + Sync + 'static,
    S::Future: Send,
    S::Error: Into<BoxError>,
    B: http_body::Body<Data = Bytes> + Send + 'static,
    B::Error: Into<BoxError> + Send,
{
    let member = member(&headers)?;
    check_id(&id)?;
    let Json(wanted) =
        body.map_err(|bad| Problem::new(bad.status(), "bad_body", bad.body_text()))?;
    let title = playback.catalogue.get(wanted.title);
    let title = title.ok_or_else(|| {
        Problem::new(StatusCode::NOT_FOUND, "no_such_title", format!("no title {}", wanted.title))
    })?;
    let caller = caller(&headers);
    let asked = playback.entitlement.may_play(member, title.id(), &caller).await;
    let Asked { refused, until } = asked
        .map_err(|e: Unavailable| Problem::unavailable("entitlement_unavailable", e.to_string()))?;
    if let Some(why) = refused {
        return Err(Problem::new(StatusCode::FORBIDDEN, "not_entitled", why));
    }
    playback.play(id, member, title, until).map(Json)
}

impl<S> Playback<S> {
    fn play(&self, id: String, member: &str, title: &Title, until: u64) -> Result<Play, Problem> {
        let now = self.ctx.wall().unix_seconds();
        let until = until.min((now / SPAN + 2) * SPAN);
        let (text, listed) = (title.id().to_string(), (self.appliances)());
        let play = stable_hash(&[id.as_bytes(), text.as_bytes(), member.as_bytes()]);
        let chosen = appliances::choose(&listed, self.ctx.me().zone, play);
        if chosen.is_empty() {
            return Err(Problem::unavailable("no_appliances", "no appliance is listed"));
        }
        let link = |(zone, endpoint): (_, &orlop_core::Endpoint)| {
            let grant =
                Grant { title: title.id(), member: member.to_owned(), zone, expires: until };
            let path = self.signer.sign(&grant)?;
            Ok(Link { zone, url: format!("http://{}{path}", endpoint.authority()) })
        };
        let links = chosen.into_iter().map(link).collect::<Result<Vec<_>, _>>();
        let links = links.map_err(|bad: crate::signing::BadLink| {
            Problem::new(StatusCode::BAD_REQUEST, bad.code(), bad.to_string())
        })?;
        Ok(Play {
            id,
            member: member.to_owned(),
            title: title.id(),
            length: title.length(),
            segment_bytes: SEGMENT,
            segments: title.segments(),
            zones: links.len(),
            until,
            links,
        })
    }
}

fn member(headers: &HeaderMap) -> Result<&str, Problem> {
    let member = headers.get(MEMBER_HEADER).and_then(|value| value.to_str().ok());
    member.filter(|member| !member.is_empty()).ok_or_else(|| {
        Problem::new(StatusCode::UNAUTHORIZED, "no_member", "plays are started through a gateway")
    })
}

fn check_id(id: &str) -> Result<(), Problem> {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_".contains(&byte);
    if (1..=64).contains(&id.len()) && id.bytes().all(plain) {
        return Ok(());
    }
    let detail = "a play's id is 1 to 64 letters, digits, `-` or `_`";
    Err(Problem::new(StatusCode::BAD_REQUEST, "bad_id", detail))
}

/// The call that came in, as far as outbound calls inherit from it.
fn caller(headers: &HeaderMap) -> CallContext {
    // A header that is not understood is no deadline: the edge's own still holds.
    let deadline = Deadline::read(headers, PATIENCE, Instant::now()).ok().flatten();
    let context = CallContext::new();
    match deadline {
        Some(deadline) => context.deadline_at(deadline),
        None => context,
    }
}
