//! Golden vectors of EVCache's ketama ring, computed from its formula: nodes `10.0.0.n/10.0.0.n:11211`, 160 points
//! each.

use orlop_evcache::ring::{self, Ring};
use proptest::prelude::*;

fn names(nodes: u8) -> Vec<String> {
    (1..=nodes)
        .map(|n| ring::name(format_args!("10.0.0.{n}"), format_args!("10.0.0.{n}")))
        .collect()
}

fn keys() -> impl Iterator<Item = String> {
    (0..100_000).map(|n| format!("k{n}"))
}

#[test]
fn names_are_evcaches() {
    assert_eq!(names(1), ["10.0.0.1/10.0.0.1:11211"]);
}

#[test]
fn golden_hashes_and_nodes() {
    let ring = Ring::new(names(5));
    assert_eq!((ring.len(), ring.points()), (5, 800));
    for (key, hash, node) in [
        ("foo", 3_675_831_724, 1),
        ("cid:foo", 2_248_265_959, 4),
        ("user:42", 417_323_606, 5),
        ("evcache", 3_702_743_539, 1),
        ("a", 3_111_502_092, 1),
    ] {
        assert_eq!(ring::hash(key.as_bytes()), hash, "hash of {key}");
        assert_eq!(ring.node(key.as_bytes()), Some(node - 1), "node of {key}");
    }
}

#[test]
fn golden_load_and_movement() {
    let five = Ring::new(names(5));
    let four = Ring::new(names(4));
    let mut load = [0; 5];
    let mut moved = 0;
    for key in keys() {
        let before = five.node(key.as_bytes()).unwrap();
        load[before] += 1;
        let after = four.node(key.as_bytes()).unwrap();
        if after != before {
            moved += 1;
            assert_eq!(before, 4, "{key} moved from a node that stayed");
        }
    }
    assert_eq!(load, [20_193, 18_061, 19_159, 21_311, 21_276]);
    assert_eq!(moved, 21_276, "exactly the share of the node that left");
}

#[test]
fn no_nodes_have_no_keys_and_one_has_all() {
    let none = Ring::new(Vec::<String>::new());
    assert!(none.is_empty());
    assert_eq!(none.node(b"foo"), None);
    let one = Ring::new(names(1));
    assert!(keys().take(1000).all(|key| one.node(key.as_bytes()) == Some(0)));
}

proptest! {
    /// Against the definition: of all points at or after the hash the first, else the first of all.
    #[test]
    fn the_next_point_has_the_key(nodes in 1u8..9, key: Vec<u8>) {
        use md5::{Digest, Md5};
        let names = names(nodes);
        let le = |bytes: &[u8]| u32::from_le_bytes(bytes.try_into().unwrap());
        let mut points = vec![];
        for (node, name) in names.iter().enumerate() {
            for i in 0..40 {
                let digest = Md5::digest(format!("{name}-{i}"));
                points.extend((0..4).map(|h| (le(&digest[4 * h..4 * h + 4]), node)));
            }
        }
        let hash = le(&Md5::digest(&key)[..4]);
        let next = points.iter().filter(|(point, _)| *point >= hash).min().or_else(|| points.iter().min());
        prop_assert_eq!(Ring::new(&names).node(&key), next.map(|(_, node)| *node));
    }
}
