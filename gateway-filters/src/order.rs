//! Where the shipped filters stand, so that yours can stand between them.
//!
//! | order | inbound | outbound |
//! |---|---|---|
//! | -1000 | [`NORMALIZE`]: nothing ambiguous gets further | |
//! | -900 | [`EDGE`]: nothing a caller made up gets further | |
//! | -500 | [`JWT`]: who it is | |
//! | -400 | [`RATE_LIMIT`]: how much | |
//! | -300 | [`ROUTE`]: where to | |
//! | 0 | [`HEADERS`], and yours by default | [`HEADERS`], and yours by default |
//! | 900 | | [`EDGE_OUTBOUND`]: nothing internal leaves |
//! | 1000 | [`GZIP`] | [`GZIP`]: what leaves is compressed last |

/// Place of `Normalize`.
pub const NORMALIZE: i32 = -1000;
/// Place of `Edge`, inbound.
pub const EDGE: i32 = -900;
/// Place of `Jwt`.
pub const JWT: i32 = -500;
/// Place of `RateLimit`.
pub const RATE_LIMIT: i32 = -400;
/// Place of `Routes`.
pub const ROUTE: i32 = -300;
/// Place of `HeaderRewrite`, both ways.
pub const HEADERS: i32 = 0;
/// Place of `Edge`, outbound.
pub const EDGE_OUTBOUND: i32 = 900;
/// Place of `Gzip`, both ways.
pub const GZIP: i32 = 1000;
