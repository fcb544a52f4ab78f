//! Members' tokens: JWT, HS256, as the gateway checks them.

use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use hmac::Mac;
use serde::Serialize;

use super::{key, keyed};
use crate::members::Member;
use crate::settings::Secret;

/// `iss` of members' tokens.
pub const ISSUER: &str = "orlop-platform";

/// `aud` of members' tokens.
pub const AUDIENCE: &str = "members";

/// How long a token is good for. 1 h.
pub const TOKEN_LIFE: Duration = Duration::from_secs(3_600);

#[derive(Serialize)]
struct Claims<'a> {
    iss: &'a str,
    aud: &'a str,
    sub: &'a str,
    iat: u64,
    exp: u64,
    plan: &'a str,
    max_age: u8,
}

/// A token for `member` that is good from `now` (seconds since 1970) for [`TOKEN_LIFE`].
///
/// Here the demo's members make their own, with the platform's secret; a real platform's log-in service would.
pub fn token(secret: &Secret, member: &Member, now: u64) -> String {
    let claims = Claims {
        iss: ISSUER,
        aud: AUDIENCE,
        sub: member.id(),
        iat: now,
        exp: now + TOKEN_LIFE.as_secs(),
        plan: member.plan().as_str(),
        max_age: member.max_maturity().age(),
    };
    let claims = serde_json::to_vec(&claims).expect("texts and numbers are JSON");
    let head = URL_SAFE_NO_PAD.encode(br#"{"alg":"HS256","typ":"JWT"}"#);
    let message = format!("{head}.{}", URL_SAFE_NO_PAD.encode(claims));
    let mut mac = keyed(&member_key(secret));
    mac.update(message.as_bytes());
    let signature = URL_SAFE_NO_PAD.encode(mac.finalize().into_bytes());
    format!("{message}.{signature}")
}

/// What members' tokens are signed with.
pub fn member_key(secret: &Secret) -> [u8; 32] {
    key(secret, "token")
}
