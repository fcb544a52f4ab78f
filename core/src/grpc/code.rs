//! What stands in headers and trailers.

use http::{HeaderMap, HeaderValue};
use std::time::Duration;

pub(super) const STATUS: &str = "grpc-status";
pub(super) const PUSHBACK: &str = "grpc-retry-pushback-ms";

pub(super) const OK: u8 = 0;
pub(super) const CANCELLED: u8 = 1;
pub(super) const UNKNOWN: u8 = 2;
pub(super) const DEADLINE_EXCEEDED: u8 = 4;
pub(super) const PERMISSION_DENIED: u8 = 7;
pub(super) const RESOURCE_EXHAUSTED: u8 = 8;
pub(super) const UNIMPLEMENTED: u8 = 12;
pub(super) const INTERNAL: u8 = 13;
pub(super) const UNAVAILABLE: u8 = 14;
pub(super) const DATA_LOSS: u8 = 15;
pub(super) const UNAUTHENTICATED: u8 = 16;

/// What the server says about the next try.
pub(super) enum Pushback {
    Wait(Duration),
    /// "Do not retry".
    Never,
}

impl Pushback {
    pub(super) fn read(metadata: &HeaderMap) -> Option<Self> {
        let mut all = metadata.get_all(PUSHBACK).iter();
        let first = all.next()?;
        const MOST: u64 = i32::MAX as u64;
        let wait = number(first).filter(|millis| *millis <= MOST).map(Duration::from_millis);
        Some(match (wait, all.next()) {
            (Some(wait), None) => Self::Wait(wait),
            _ => Self::Never,
        })
    }
}

/// The status, if there is one. What is no code of gRPC's is UNKNOWN.
#[inline]
pub(super) fn code_of(headers: &HeaderMap) -> Option<u8> {
    let value = headers.get(STATUS)?;
    Some(number(value).and_then(|code| u8::try_from(code).ok()).map_or(UNKNOWN, known_code))
}

pub(super) const fn known_code(code: u8) -> u8 {
    if code <= UNAUTHENTICATED { code } else { UNKNOWN }
}

pub(super) const fn bit(code: u8) -> u32 {
    1 << known_code(code)
}

/// Digits only: `parse` alone would let a sign pass.
fn number(value: &HeaderValue) -> Option<u64> {
    let text = value.to_str().ok().filter(|text| text.bytes().all(|byte| byte.is_ascii_digit()))?;
    text.parse().ok()
}
