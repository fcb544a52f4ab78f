//! Virtual members: each does one thing on a path and says whether the answer was right.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use http::{Request, Response, StatusCode, Uri, header};
use http_body_util::{BodyExt, Limited};
use orlop::core::{Attempt, CallContext};
use orlop::retry::{Keep, Policy, Replay, ReplayBody, RetryLayer};
use orlop::{Body, Client, Endpoint};
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use tower::{Layer, ServiceExt, service_fn};

use super::load::{Judged, Member as Virtual};
use super::tally::{Outcome, Path};
use crate::BoxError;
use crate::catalogue::{Catalogue, SEGMENT, Title};
use crate::client::Sends;
use crate::ctx::Ctx;
use crate::members::Member;
use crate::rows::{self, Home, Row, Rows};
use crate::services::playback::Play;
use crate::services::search::Found;
use crate::signing;
use crate::topology::{Instance, Service};

/// How long a member waits for one thing.
pub const PATIENCE: Duration = Duration::from_secs(1);
/// How many members there are. Far more than calls in flight, so that each one's calls are rare.
const MEMBERS: u32 = 4_000;
/// The largest answer a member reads.
const LARGEST: usize = 1 << 20;

/// All members of a demo; they share the clients of one household router, so to speak.
pub struct Members {
    catalogue: Arc<Catalogue>,
    gateway: Client,
    /// One client an appliance, by authority: a link is good at one of them only.
    appliances: Mutex<BTreeMap<String, Client>>,
    /// Retries between the two links of a play, one budget for all members.
    policy: Policy,
    ctx: Ctx,
    members: Vec<(Member, header::HeaderValue)>,
    browse: Vec<Row>,
}

impl Members {
    /// Members in the zone of `ctx`, with tokens that outlast the demo, who go to all gateways.
    ///
    /// # Errors
    ///
    /// When the graph does not let members call gateways and appliances.
    pub fn new(ctx: &Ctx) -> Result<Self, BoxError> {
        Self::through(ctx, ctx.client(Service::Gateway)?)
    }

    /// Members who go to this gateway only.
    ///
    /// # Errors
    ///
    /// As [`new`](Self::new).
    pub fn at(ctx: &Ctx, gateway: &Instance) -> Result<Self, BoxError> {
        let only = Endpoint::builder(gateway.name.as_str(), gateway.addr);
        Self::through(
            ctx,
            ctx.client_at(Service::Gateway, only.zone(gateway.zone.as_str()).build())?,
        )
    }

    fn through(ctx: &Ctx, gateway: Client) -> Result<Self, BoxError> {
        let settings = ctx.settings();
        let catalogue = Catalogue::of(settings);
        let now = ctx.wall().unix_seconds();
        // Those who have not paid may play nothing: they are not the platform's to serve.
        let paying = (0..MEMBERS).map(|number| Member::numbered(settings.seed, number));
        let paying =
            paying.filter(|member| catalogue.titles().iter().any(|t| member.may_play(t).is_ok()));
        let members = paying.map(|member| {
            let token = signing::token(&settings.secret, &member, now);
            Ok((member, format!("Bearer {token}").parse()?))
        });
        Ok(Self {
            members: members.collect::<Result<_, BoxError>>()?,
            browse: rows::browse(&catalogue),
            gateway,
            appliances: Mutex::default(),
            policy: Policy::seeded(
                ctx.edge(Service::Appliance)?.client.retry,
                ctx.rng("links").u64(..),
            ),
            ctx: ctx.clone(),
            catalogue,
        })
    }

    async fn play(
        &self,
        member: &Who<'_>,
        sends: &Sends,
        fetches: &Sends,
    ) -> Result<Outcome, Wrong> {
        let mut random = member.random.clone();
        let title = self.title_for(member.member, &mut random)?;
        let wanted = serde_json::json!({ "title": title.id().to_string() }).to_string();
        let path = format!("/plays/{:016x}", random.u64(..));
        let request = Request::put(path).header(header::CONTENT_TYPE, "application/json");
        let play: Play = json(self.ask(member, request, wanted.into(), sends).await?)?;

        let segment = random.u32(..title.segments().max(1));
        let start = u64::from(segment) * SEGMENT;
        let end = (start + SEGMENT).min(title.length());
        let range = format!("bytes={start}-{}", end.saturating_sub(1));
        let bytes = self.fetch(&play, range, fetches).await?;
        if self.catalogue.is_segment(title, segment, &bytes) {
            Ok(Outcome::Right)
        } else {
            Err(Wrong(format!("segment {segment} of {} is not the catalogue's", title.id())))
        }
    }

    /// A title that this member may play, as popular as titles are.
    fn title_for(&self, member: &Member, random: &mut fastrand::Rng) -> Result<&Title, Wrong> {
        let titles = || self.catalogue.sample(random);
        std::iter::from_fn(titles)
            .take(1_000)
            .find(|title| member.may_play(title).is_ok())
            .ok_or_else(|| Wrong(format!("{} may play nothing", member.id())))
    }

    /// A range of the title: from the first appliance that is linked, or from the second.
    async fn fetch(&self, play: &Play, range: String, sends: &Sends) -> Result<Bytes, Wrong> {
        let links = play.links.iter().map(|link| self.link(&link.url));
        let links: Arc<[_]> = links.collect::<Result<Vec<_>, _>>()?.into();
        if links.is_empty() {
            return Err(Wrong("a play without links".into()));
        }
        let mut request = Request::get("/").header(header::RANGE, range);
        request = request.extension(sends.clone()).extension(CallContext::new().timeout(PATIENCE));
        let request = request.body(Body::empty()).map_err(|error| Wrong(error.to_string()))?;
        // Each attempt takes the next link.
        let by_link = service_fn(move |mut req: Request<ReplayBody<Body>>| {
            let attempt = req.extensions().get::<CallContext>().and_then(CallContext::attempt);
            let number = attempt.map_or(1, Attempt::number) as usize;
            let (client, uri) = links[(number - 1) % links.len()].clone();
            *req.uri_mut() = uri;
            client.oneshot(req)
        });
        let response = if self.ctx.settings().resilience {
            RetryLayer::http(self.policy.clone()).layer(by_link).oneshot(request).await
        } else {
            // Without the layers a member takes the first link, and that is it.
            let (request, _kept) = Replay::up_to(0).keep(request);
            by_link.oneshot(request).await
        };
        answer(response, StatusCode::PARTIAL_CONTENT).await
    }

    /// The client of the appliance that a link leads to, and the link.
    fn link(&self, url: &str) -> Result<(Client, Uri), Wrong> {
        let uri: Uri = url.parse().map_err(|_| Wrong(format!("{url:?} is no URL")))?;
        let authority = uri.authority().map(ToString::to_string).unwrap_or_default();
        let mut clients = self.appliances.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(client) = clients.get(&authority) {
            return Ok((client.clone(), uri));
        }
        let addr = authority.parse().map_err(|_| Wrong(format!("{authority:?} is no address")))?;
        let instance = self.ctx.topology().at(addr);
        let instance = instance.ok_or_else(|| Wrong(format!("no instance is at {addr}")))?;
        let only = Endpoint::builder(instance.name.as_str(), addr).zone(instance.zone.as_str());
        let client = self.ctx.client_at(Service::Appliance, only.build());
        let client = client.map_err(|error| Wrong(error.to_string()))?;
        clients.insert(authority, client.clone());
        Ok((client, uri))
    }

    async fn search(&self, member: &Who<'_>, sends: &Sends) -> Result<Outcome, Wrong> {
        let title = self.catalogue.sample(&mut member.random.clone());
        let title = title.ok_or_else(|| Wrong("there are no titles".into()))?;
        let words = utf8_percent_encode(title.name(), NON_ALPHANUMERIC);
        let request = Request::get(format!("/search?q={words}"));
        let found: Found = json(self.ask(member, request, Body::empty(), sends).await?)?;
        let id = title.id().to_string();
        if found.titles.iter().any(|card| card.id == id) {
            Ok(Outcome::Right)
        } else {
            Err(Wrong(format!("{:?} is not found", title.name())))
        }
    }

    async fn browse(&self, member: &Who<'_>, sends: &Sends) -> Result<Outcome, Wrong> {
        let request = Request::get("/browse");
        let rows: Rows = json(self.ask(member, request, Body::empty(), sends).await?)?;
        if rows.rows == self.browse {
            Ok(Outcome::Right)
        } else {
            Err(Wrong("other rows than the catalogue's".into()))
        }
    }

    async fn home(&self, member: &Who<'_>, sends: &Sends) -> Result<Outcome, Wrong> {
        let request = Request::get("/home");
        let home: Home = json(self.ask(member, request, Body::empty(), sends).await?)?;
        if home.rows.is_empty() {
            return Err(Wrong("a home without rows".into()));
        }
        let personal = || rows::personal(&self.catalogue, member.member.id());
        let (right, outcome) = match home.degraded.as_deref() {
            // What is not marked must be this member's own, and so must what was cached.
            None => (home.rows == personal(), Outcome::Right),
            Some("cached") => (home.rows == personal(), Outcome::Degraded),
            Some("popular") => (home.rows == rows::popular(&self.catalogue), Outcome::Degraded),
            Some("static") => (home.rows == rows::last_resort(&self.catalogue), Outcome::Degraded),
            Some(_) => (false, Outcome::Degraded),
        };
        match right {
            true => Ok(outcome),
            false => Err(Wrong(format!("other rows than {:?} ones", home.degraded))),
        }
    }

    /// Asks a gateway.
    async fn ask(
        &self,
        member: &Who<'_>,
        request: http::request::Builder,
        body: Body,
        sends: &Sends,
    ) -> Result<Bytes, Wrong> {
        let request = request.header(header::AUTHORIZATION, member.token).body(body);
        let mut request = request.map_err(|error| Wrong(error.to_string()))?;
        request.extensions_mut().insert(sends.clone());
        request.extensions_mut().insert(CallContext::new().timeout(PATIENCE));
        answer(self.gateway.clone().oneshot(request).await, StatusCode::OK).await
    }
}

/// One member, about to do one thing.
struct Who<'a> {
    member: &'a Member,
    token: &'a header::HeaderValue,
    random: fastrand::Rng,
}

/// Why an answer was wrong.
#[derive(Debug)]
struct Wrong(String);

impl Virtual for Members {
    async fn call(&self, path: Path, number: u64) -> Judged {
        let mut random = self.ctx.rng(&format!("member {number}"));
        let (member, token) = &self.members[random.usize(..self.members.len())];
        let who = Who { member, token, random };
        let (sends, fetches) = (Sends::default(), Sends::default());
        let work = async {
            match path {
                Path::Play => self.play(&who, &sends, &fetches).await,
                Path::Search => self.search(&who, &sends).await,
                Path::Browse => self.browse(&who, &sends).await,
                Path::Home => self.home(&who, &sends).await,
            }
        };
        let outcome = match tokio::time::timeout(PATIENCE, work).await {
            Ok(Ok(outcome)) => outcome,
            Ok(Err(Wrong(why))) => Outcome::Wrong(why),
            Err(_) => Outcome::Wrong("no answer within a member's patience".into()),
        };
        // A play has two steps, to a gateway and to an appliance: the one that took more counts, so that neither hides the
        // other.
        Judged { outcome, attempts: sends.count().max(fetches.count()) }
    }
}

async fn answer(
    response: Result<Response<Body>, BoxError>,
    expected: StatusCode,
) -> Result<Bytes, Wrong> {
    let response = response.map_err(|error| Wrong(chain(&*error)))?;
    let status = response.status();
    let body = Limited::new(response.into_body(), LARGEST).collect().await;
    let body =
        body.map_err(|error| Wrong(format!("{status}, then {}", chain(&*error))))?.to_bytes();
    if status == expected {
        return Ok(body);
    }
    let text = String::from_utf8_lossy(&body);
    Err(Wrong(format!("{status}: {}", text.chars().take(120).collect::<String>())))
}

fn json<T: serde::de::DeserializeOwned>(body: Bytes) -> Result<T, Wrong> {
    serde_json::from_slice(&body).map_err(|error| Wrong(format!("not what was expected: {error}")))
}

/// An error with all that it says of its sources.
fn chain(error: &(dyn std::error::Error + 'static)) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(error) = source {
        text.push_str(": ");
        text.push_str(&error.to_string());
        source = error.source();
    }
    text
}

impl fmt::Debug for Members {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Members").field("members", &self.members.len()).finish_non_exhaustive()
    }
}
