//! The scheduler's half of the shim: the preloaded object itself, and the page that both halves share.

use sha2::{Digest, Sha256};

pub mod page;

/// A field of the page: the scheduler holds the page alone while it has the turn, so it is plain data here.
pub type Shared<T> = T;

/// The preloaded object, compiled by the build script.
pub const OBJECT: &[u8] = include_bytes!(env!("SHIM_OBJECT"));

/// Names the shim in a log's header: the first half of its SHA-256.
pub fn build_id() -> String {
    const HALF: usize = 16;
    hex::encode(&Sha256::digest(OBJECT)[..HALF])
}
