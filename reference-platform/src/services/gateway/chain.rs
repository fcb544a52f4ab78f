//! Which filters there are.

use std::num::NonZeroU32;
use std::sync::Arc;
use std::time::Duration;

use http::{HeaderName, Method};
use orlop_gateway_filters::{
    BadSetting, Edge, Filters, Gzip, HeaderOps, HeaderRewrite, Jwt, JwtKey, JwtSettings, Normalize,
    Rate, RateLimit, Route, Routes,
};

use super::deadline::Patience;
use super::front::Front;
use super::request_id::RequestIds;
use super::retry_after::RetryAfter;
use super::stats::{Count, Stats};
use crate::ctx::Ctx;
use crate::services::playback::MEMBER_HEADER;
use crate::signing::{AUDIENCE, ISSUER, member_key};

/// What the member has paid for, as the token says.
pub const PLAN_HEADER: HeaderName = HeaderName::from_static("x-orlop-plan");

/// The age of the oldest for whom this profile may watch titles, as the token says.
pub const MAX_AGE_HEADER: HeaderName = HeaderName::from_static("x-orlop-max-age");

/// Names of the routes, for statistics.
pub(super) const ROUTES: [&str; 4] = ["play", "search", "browse", "home"];

/// Calls a second of one member, far above what a person does.
const MEMBER_RATE: NonZeroU32 = NonZeroU32::new(50).unwrap();

/// Calls at once of one member after a pause.
const MEMBER_BURST: NonZeroU32 = NonZeroU32::new(100).unwrap();

pub(super) fn filters(ctx: &Ctx, stats: Arc<Stats>) -> Result<Filters, BadSetting> {
    let rate = Rate::new(MEMBER_RATE, Duration::from_secs(1)).burst(MEMBER_BURST);
    Filters::builder()
        .filter(Normalize::new())
        .filter(Patience)
        .filter(Edge::new())
        .filter(RequestIds::new(ctx))
        .filter(Front::new(&ctx.me().name))
        .filter(jwt(ctx)?)
        .filter(RateLimit::by_subject(rate))
        .filter(routes()?)
        .filter(headers()?)
        .filter(RetryAfter)
        .filter(Gzip::new().types(["application/json"]))
        .filter(Count::new(stats))
        .build()
}

fn jwt(ctx: &Ctx) -> Result<Jwt, BadSetting> {
    let key = JwtKey::hs256(member_key(&ctx.settings().secret))?;
    // The token stays here: who it is for, and what it allows, go on in headers of ours.
    let settings = JwtSettings::new()
        .issuer(ISSUER)
        .audience(AUDIENCE)
        .forward(false)
        .claim_header("sub", MEMBER_HEADER)
        .claim_header("plan", PLAN_HEADER)
        .claim_header("max_age", MAX_AGE_HEADER);
    let wall = ctx.wall().clone();
    Ok(Jwt::new([key], settings, Arc::new(move || wall.now())))
}

fn routes() -> Result<Routes, BadSetting> {
    let get = |path: &str, endpoint: &str| Route::new(path, endpoint).methods([Method::GET]);
    Routes::new([
        Route::new("/plays/{id}", "playback").methods([Method::PUT]).named("play"),
        get("/search", "search").named("search"),
        get("/browse", "browse").named("browse"),
        get("/home", "browse").named("home"),
    ])
}

fn headers() -> Result<HeaderRewrite, BadSetting> {
    let request = HeaderOps::new().remove("cookie")?.set("x-forwarded-proto", "http")?;
    let response = HeaderOps::new().remove("server")?.set("x-content-type-options", "nosniff")?;
    Ok(HeaderRewrite::new("headers").request(request).response(response))
}
