//! Which node has a key: ketama, as EVCache and spymemcached do it.
//!
//! Source: `EVCacheKetamaNodeLocatorConfiguration.java` and `NodeLocatorLookup.java` of Netflix's EVCache. A node has
//! 160 points: for `i` in `0..40` the MD5 of `"<name>-<i>"` gives four of them, each a little-endian `u32`. The hash of
//! a key is the first little-endian `u32` of its MD5; its node is the one with the next point, going round.
//!
//! A look-up costs one MD5 and a binary search; the ring takes 8 bytes a point. A node that leaves takes with it
//! exactly its own keys, and they spread over the others.

use std::{collections::BTreeMap, fmt};

use md5::{Digest as _, Md5};

/// MD5 digests per node, four points each: EVCache's `bucket.size` of 160.
const DIGESTS: u32 = 40;

/// EVCache hashes this port whatever the real one is, so that a move to another port moves no key.
const PORT: u16 = 11211;

/// The ring of one zone. Immutable: make a new one when nodes come or go.
///
/// # Examples
///
/// ```
/// use orlop_evcache::ring::{self, Ring};
///
/// let ring = Ring::new((1..=5).map(|n| ring::name(format_args!("10.0.0.{n}"), format_args!("10.0.0.{n}"))));
/// let node = ring.node(b"user:42").expect("there are nodes");
/// assert!(node < 5);
/// ```
#[derive(Clone, Debug, Default)]
pub struct Ring {
    /// Sorted by point, each point once.
    points: Vec<(u32, u32)>,
    nodes: usize,
}

impl Ring {
    /// A ring of nodes with these names; a node is known by its place in the list.
    ///
    /// Two nodes with the same name would have the same points: the later one gets all keys.
    pub fn new<N: AsRef<str>>(names: impl IntoIterator<Item = N>) -> Self {
        let mut points = BTreeMap::new();
        let mut nodes = 0;
        for (node, name) in (0u32..).zip(names) {
            nodes += 1;
            for i in 0..DIGESTS {
                let digest = Md5::digest(format!("{}-{i}", name.as_ref()));
                for point in digest.chunks_exact(4) {
                    points.insert(little_endian(point), node);
                }
            }
        }
        Self { points: points.into_iter().collect(), nodes }
    }

    /// The place in the list of the node that has this key; `None` if there are no nodes.
    pub fn node(&self, key: &[u8]) -> Option<usize> {
        self.node_of_hash(hash(key))
    }

    /// How many nodes it was made of.
    pub fn len(&self) -> usize {
        self.nodes
    }

    /// Whether there are no nodes.
    pub fn is_empty(&self) -> bool {
        self.nodes == 0
    }

    /// How many points it has: 160 a node, less what coincides.
    pub fn points(&self) -> usize {
        self.points.len()
    }

    fn node_of_hash(&self, hash: u32) -> Option<usize> {
        let at = self.points.partition_point(|(point, _)| *point < hash);
        let (_, node) = self.points.get(at).or_else(|| self.points.first())?;
        usize::try_from(*node).ok()
    }
}

/// The name of a node in the ring: `hostname/ip:11211`.
pub fn name(hostname: impl fmt::Display, ip: impl fmt::Display) -> String {
    format!("{hostname}/{ip}:{PORT}")
}

/// Where a key is on the ring.
pub fn hash(key: &[u8]) -> u32 {
    little_endian(&Md5::digest(key)[..4])
}

fn little_endian(bytes: &[u8]) -> u32 {
    bytes.iter().rev().fold(0, |sum, byte| (sum << 8) | u32::from(*byte))
}
