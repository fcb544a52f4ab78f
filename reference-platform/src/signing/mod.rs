//! What the platform signs: links to a title's bytes, and members' tokens. HMAC-SHA256 with the platform's secret.
//!
//! Each use has a key of its own, derived from the secret, so that what was signed for one is worth nothing for another.

mod link;
mod token;

use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;

pub use self::link::{BadLink, Grant, LINK_SKEW, LinkSigner};
pub use self::token::{AUDIENCE, ISSUER, TOKEN_LIFE, member_key, token};
use crate::settings::Secret;

type HmacSha256 = Hmac<Sha256>;

/// A MAC under the key for one purpose.
fn mac(secret: &Secret, purpose: &str) -> HmacSha256 {
    keyed(&key(secret, purpose))
}

/// The key for one purpose.
fn key(secret: &Secret, purpose: &str) -> [u8; 32] {
    let mut mac = keyed(secret.as_bytes());
    mac.update(purpose.as_bytes());
    mac.finalize().into_bytes().into()
}

fn keyed(key: &[u8]) -> HmacSha256 {
    HmacSha256::new_from_slice(key).expect("HMAC takes keys of any length")
}
