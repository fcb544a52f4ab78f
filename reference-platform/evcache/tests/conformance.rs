//! The node and memcached get the same bytes and must give the same bytes.
//!
//! What is written down here was seen from memcached 1.6.18; `real_memcached_*` checks it against the one that is
//! installed, and then both against each other with generated commands.

// Real sockets on loopback, and memcached itself: outside any simulation.
#![allow(clippy::disallowed_methods)]

use std::time::SystemTime;

use bytes::{Bytes, BytesMut};
use orlop_evcache::{
    node::{Node, Settings},
    protocol::{
        Command, Expiry, Key, Limits, MetaFlag, Mode, Reply, ReplyFlag, ReplyParser, Status, Store,
    },
};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};

#[path = "support/memcached.rs"]
mod support_memcached;

/// What is sent, and the reply to the last byte. Each begins with an empty store and CAS numbers are left out, so
/// the order does not matter to either server.
fn script() -> Vec<(Vec<u8>, &'static [u8])> {
    let long = "k".repeat(250);
    let entries: &[(&str, &[u8])] = &[
        ("set a 5 0 3\r\nabc\r\nget a\r\n", b"STORED\r\nVALUE a 5 3\r\nabc\r\nEND\r\n"),
        ("set a 5 0 3 noreply\r\nabc\r\nget a b a\r\n", b"VALUE a 5 3\r\nabc\r\nVALUE a 5 3\r\nabc\r\nEND\r\n"),
        ("get  a \r\nget a\nget a\r\n", b"END\r\nEND\r\nEND\r\n"),
        ("add a 0 0 1\r\nx\r\nadd a 0 0 1\r\ny\r\nget a\r\n", b"STORED\r\nNOT_STORED\r\nVALUE a 0 1\r\nx\r\nEND\r\n"),
        ("replace a 0 0 1\r\nx\r\nget a\r\n", b"NOT_STORED\r\nEND\r\n"),
        ("set a 0 0 1\r\nx\r\nreplace a 1 0 1\r\ny\r\nget a\r\n", b"STORED\r\nSTORED\r\nVALUE a 1 1\r\ny\r\nEND\r\n"),
        ("set a 0 0 1\r\nx\r\ndelete a\r\ndelete a\r\nget a\r\n", b"STORED\r\nDELETED\r\nNOT_FOUND\r\nEND\r\n"),
        ("set a 0 0 1\r\nx\r\ndelete a 0\r\n", b"STORED\r\nDELETED\r\n"),
        ("set a 0 0 1\r\nx\r\ndelete a noreply\r\nget a\r\n", b"STORED\r\nEND\r\n"),
        ("touch a 10\r\nset a 0 0 1\r\nx\r\ntouch a 10\r\nget a\r\n", b"NOT_FOUND\r\nSTORED\r\nTOUCHED\r\nVALUE a 0 1\r\nx\r\nEND\r\n"),
        ("set a 0 -1 1\r\nx\r\nget a\r\n", b"STORED\r\nEND\r\n"),
        ("set a 0 100 1\r\nx\r\nget a\r\n", b"STORED\r\nVALUE a 0 1\r\nx\r\nEND\r\n"),
        ("set a 0 4000000 1\r\nx\r\nget a\r\n", b"STORED\r\nEND\r\n"),
        ("set a 4294967295 0 0\r\n\r\nget a\r\n", b"STORED\r\nVALUE a 4294967295 0\r\n\r\nEND\r\n"),
        ("set a 0 0 1\r\nx\r\nflush_all noreply\r\nflush_all 0\r\nget a\r\n", b"STORED\r\nOK\r\nEND\r\n"),
        ("bogus\r\n\r\nget\r\nGET a\r\ntouch a\r\nmg\r\n", b"ERROR\r\nERROR\r\nERROR\r\nERROR\r\nERROR\r\nERROR\r\n"),
        ("touch a zz\r\nflush_all abc\r\n", b"CLIENT_ERROR invalid exptime argument\r\nCLIENT_ERROR invalid exptime argument\r\n"),
        ("mn\r\n", b"MN\r\n"),
        ("mg a v\r\nmg a k Oab v\r\nmg a v q\r\nmn\r\n", b"EN\r\nEN ka Oab\r\nMN\r\n"),
        ("ms a 3 F5\r\nabc\r\nmg a\r\nmg a v\r\n", b"HD\r\nHD\r\nVA 3\r\nabc\r\n"),
        ("ms a 3 F5\r\nabc\r\nmg a k v t f s Oxy q\r\n", b"HD\r\nVA 3 ka t-1 f5 s3 Oxy\r\nabc\r\n"),
        ("ms a 3 F5\r\nabc\r\nmg a Oxy s f t k\r\n", b"HD\r\nHD Oxy s3 f5 t-1 ka\r\n"),
        ("ms a 0\r\n\r\nmg a q v\r\nmg a q\r\nmn\r\n", b"HD\r\nVA 0\r\n\r\nHD\r\nMN\r\n"),
        ("ms a 2 k Oxx\r\nhi\r\nms a 2 k Oxx q\r\nhi\r\nmn\r\n", b"HD ka Oxx\r\nMN\r\n"),
        ("ms a 2 ME\r\nhi\r\nms a 2 ME k\r\nho\r\nms a 2 MR\r\nhu\r\nmg a v\r\n", b"HD\r\nNS ka\r\nHD\r\nVA 2\r\nhu\r\n"),
        ("ms a 2 MR q\r\nhi\r\nms a 2 MS\r\nhi\r\n", b"NS\r\nHD\r\n"),
        ("ms a 2 C1\r\nhi\r\nms a 2\r\nhi\r\nms a 2 C18446744073709551615\r\nho\r\n", b"NF\r\nHD\r\nEX\r\n"),
        ("ms a 2 T-1\r\nhi\r\nmg a v\r\n", b"HD\r\nEN\r\n"),
        ("ms a 2 T4000000\r\nhi\r\nmg a v\r\n", b"HD\r\nEN\r\n"),
        ("ms a 2\r\nhi\r\nmg a T100\r\nmg a T-1\r\nmg a\r\n", b"HD\r\nHD\r\nHD\r\nEN\r\n"),
        ("md a k Ox\r\nmd a q\r\nmn\r\n", b"NF ka Ox\r\nNF\r\nMN\r\n"),
        ("ms a 2\r\nhi\r\nmd a q\r\nmn\r\nmd a\r\n", b"HD\r\nMN\r\nNF\r\n"),
        ("ms a 2\r\nhi\r\nmd a C18446744073709551615\r\nmd a k\r\n", b"HD\r\nEX\r\nHD ka\r\n"),
        ("mg a ~\r\n", b"CLIENT_ERROR invalid flag\r\n"),
        ("mg a v v\r\n", b"CLIENT_ERROR duplicate flag\r\n"),
        ("mg a Tzz\r\nms a 1 Tzz\r\nx\r\nmn\r\n", b"CLIENT_ERROR bad token in command line format\r\nCLIENT_ERROR bad token in command line format\r\nMN\r\n"),
        ("ms a 1 MX\r\nx\r\nmn\r\n", b"CLIENT_ERROR invalid mode for ms M token\r\nMN\r\n"),
    ];
    let mut script: Vec<_> =
        entries.iter().map(|(send, reply)| (send.as_bytes().to_vec(), *reply)).collect();
    script.push((
        format!("set {long} 0 0 1\r\nx\r\ndelete {long}\r\n").into_bytes(),
        b"STORED\r\nDELETED\r\n",
    ));
    script.push((
        format!("get {long}k\r\n").into_bytes(),
        b"CLIENT_ERROR bad command line format\r\n",
    ));
    script.push((
        format!("mg a O{}\r\n", "x".repeat(33)).into_bytes(),
        b"CLIENT_ERROR opaque token too long\r\n",
    ));
    let large = vec![b'x'; 2_000_000];
    script.push((
        [b"ms a 2\r\nhi\r\nms a 2000000\r\n".to_vec(), large.clone(), b"\r\nmg a v\r\n".to_vec()]
            .concat(),
        b"HD\r\nSERVER_ERROR object too large for cache\r\nEN\r\n",
    ));
    script.push((
        [b"set a 0 0 2000000\r\n".to_vec(), large, b"\r\nget a\r\n".to_vec()].concat(),
        b"SERVER_ERROR object too large for cache\r\nEND\r\n",
    ));
    script
}

/// Sends and reads as many bytes as are expected; then a barrier, so that a byte too many shows.
async fn converse(
    io: &mut (impl AsyncRead + AsyncWrite + Unpin),
    send: &[u8],
    expect: &[u8],
) -> Bytes {
    let (mut read, mut write) = tokio::io::split(io);
    let barrier = b"mg barrier Oend\r\n";
    let answer = b"EN Oend\r\n";
    let sending = async {
        write.write_all(b"flush_all noreply\r\n").await.unwrap();
        write.write_all(send).await.unwrap();
        write.write_all(barrier).await.unwrap();
    };
    let receiving = async {
        let mut got = BytesMut::new();
        while !got.ends_with(answer) {
            assert_ne!(
                read.read_buf(&mut got).await.unwrap(),
                0,
                "closed after {}",
                got.escape_ascii()
            );
        }
        got.truncate(got.len() - answer.len());
        got.freeze()
    };
    let ((), got) = tokio::join!(sending, receiving);
    assert_eq!(
        got.escape_ascii().to_string(),
        expect.escape_ascii().to_string(),
        "to {}",
        send[..send.len().min(200)].escape_ascii()
    );
    got
}

fn node() -> Node {
    // The system's clock: absolute times are compared with a real memcached's.
    Node::new(Settings::default(), SystemTime::now)
}

fn over_duplex(node: Node) -> tokio::io::DuplexStream {
    let (near, far) = tokio::io::duplex(4096);
    tokio::spawn(async move { node.serve(far).await });
    near
}

#[tokio::test]
async fn node_gives_the_answers_written_down() {
    let mut io = over_duplex(node());
    for (send, expect) in script() {
        converse(&mut io, &send, expect).await;
    }
}

#[tokio::test]
async fn node_gives_them_over_tcp_too() {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move { node().serve(listener.accept().await.unwrap().0).await });
    let mut io = tokio::net::TcpStream::connect(address).await.unwrap();
    for (send, expect) in script() {
        converse(&mut io, &send, expect).await;
    }
}

/// What memcached does otherwise on purpose: its answers are not asked for here.
#[tokio::test]
async fn node_closes_where_the_next_command_cannot_be_found() {
    for (send, expect) in [
        (&b"set a 0 0 3\r\nabcd\r\nflush_all\r\n"[..], "CLIENT_ERROR bad data chunk\r\n"),
        (b"set a 0 0 x\r\nflush_all\r\n", "CLIENT_ERROR bad command line format\r\n"),
        (&[b'x'; 3000], "CLIENT_ERROR line too long\r\n"),
        (b"quit\r\nversion\r\n", ""),
    ] {
        let mut io = over_duplex(node());
        io.write_all(send).await.unwrap();
        let mut got = String::new();
        io.read_to_string(&mut got).await.unwrap();
        assert_eq!(got, expect);
    }
}

#[tokio::test]
async fn node_says_its_version_and_gives_cas_numbers() {
    let mut io = over_duplex(node());
    let version = concat!("VERSION orlop-", env!("CARGO_PKG_VERSION"), "\r\n");
    converse(&mut io, b"version\r\n", version.as_bytes()).await;
    converse(&mut io, b"ms a 1 c\r\nx\r\nms a 1 c\r\ny\r\n", b"HD c1\r\nHD c2\r\n").await;
    converse(
        &mut io,
        b"ms a 1 c\r\nx\r\ngets a\r\nmg a c\r\nms a 1 C2\r\ny\r\nms a 1 C3 c\r\nz\r\nmd a C3\r\nmd a C4\r\n",
        b"HD c3\r\nVALUE a 0 1 3\r\nx\r\nEND\r\nHD c3\r\nEX\r\nHD c4\r\nEX\r\nHD\r\n",
    )
    .await;
    converse(
        &mut io,
        b"ms a 1 T100\r\nx\r\nmg a t\r\nmg a T50 t\r\n",
        b"HD\r\nHD t100\r\nHD t50\r\n",
    )
    .await;
}

/// A `get` of many large values is answered in pieces: the replies together may be of any size.
#[tokio::test]
async fn a_get_of_many_values_is_answered_whole() {
    let mut io = over_duplex(node());
    let value = vec![b'v'; 200_000];
    let set = [b"set a 0 0 200000 noreply\r\n".to_vec(), value.clone(), b"\r\n".to_vec()].concat();
    let one = [b"VALUE a 0 200000\r\n".to_vec(), value, b"\r\n".to_vec()].concat();
    let send = [set, b"get".to_vec(), b" a".repeat(50), b"\r\nversion\r\n".to_vec()].concat();
    let version = concat!("END\r\nVERSION orlop-", env!("CARGO_PKG_VERSION"), "\r\n");
    converse(&mut io, &send, &[one.repeat(50), version.as_bytes().to_vec()].concat()).await;
}

#[tokio::test]
#[ignore = "needs memcached"]
async fn real_memcached_gives_the_answers_written_down() {
    let memcached = support_memcached::Memcached::start().await;
    let mut io = tokio::net::TcpStream::connect(&memcached.address).await.unwrap();
    for (send, expect) in script() {
        converse(&mut io, &send, expect).await;
    }
}

/// The replies to one command, without what two servers may differ in: CAS numbers, and seconds that pass.
async fn replies(io: &mut (impl AsyncRead + AsyncWrite + Unpin), command: &Command) -> Vec<Reply> {
    let mut out = BytesMut::new();
    command.encode(&mut out);
    Command::MetaGet {
        key: Key::new("barrier").unwrap(),
        flags: vec![MetaFlag::Opaque(Bytes::from_static(b"end"))],
    }
    .encode(&mut out);
    io.write_all(&out).await.unwrap();
    let mut parser = ReplyParser::new(Limits::default());
    let mut buf = BytesMut::new();
    let mut all = vec![];
    loop {
        while let Some(mut reply) = parser.next(&mut buf).unwrap() {
            match &mut reply {
                Reply::Meta { status: Status::En, flags, .. }
                    if *flags == [ReplyFlag::Opaque(Bytes::from_static(b"end"))] =>
                {
                    return all;
                }
                Reply::Meta { flags, .. } => {
                    for flag in flags {
                        match flag {
                            ReplyFlag::Cas(cas) => *cas = 0,
                            // Of an item that was just touched to its end memcached tells a number that wraps.
                            ReplyFlag::Ttl(secs) if ends(command) => *secs = 0,
                            ReplyFlag::Ttl(secs) if *secs > 0 => *secs = 1,
                            _ => {}
                        }
                    }
                }
                Reply::Value { cas: Some(cas), .. } => *cas = 0,
                _ => {}
            }
            all.push(reply);
        }
        assert_ne!(io.read_buf(&mut buf).await.unwrap(), 0, "closed after {command:?}");
    }
}

fn ends(command: &Command) -> bool {
    let past = [-1, 4_000_000].map(|secs| MetaFlag::SetTtl(Expiry::from_wire(secs)));
    matches!(command, Command::MetaGet { flags, .. } if past.iter().any(|flag| flags.contains(flag)))
}

fn random_command(rng: &mut fastrand::Rng) -> Command {
    let key = Key::new(format!("key{}", rng.u8(..6))).unwrap();
    // Never short enough to end while the test runs.
    let expiry = Expiry::from_wire([0, -1, 1000, 100_000, 2_592_000, 4_000_000][rng.usize(..6)]);
    let value = Bytes::from(vec![b'\n'; [0, 1, 10, 1000, 50_000][rng.usize(..5)]]);
    let mode = [Mode::Set, Mode::Add, Mode::Replace][rng.usize(..3)];
    let mut some = |flags: Vec<MetaFlag>| {
        let mut flags: Vec<_> = flags.into_iter().filter(|_| rng.bool()).collect();
        rng.shuffle(&mut flags);
        // memcached's `t` before `T` tells the time that was left before; ours always what is left now.
        flags.sort_by_key(|flag| !matches!(flag, MetaFlag::SetTtl(_)));
        flags
    };
    let opaque = MetaFlag::Opaque(Bytes::from_static(b"op"));
    use MetaFlag as F;
    let get = some(vec![
        F::Key,
        F::Value,
        F::Ttl,
        F::Flags,
        F::Cas,
        F::Size,
        F::Quiet,
        F::SetTtl(expiry),
        opaque.clone(),
    ]);
    let set = some(vec![
        F::SetTtl(expiry),
        F::SetFlags(9),
        F::Mode(mode),
        F::Key,
        F::Quiet,
        opaque.clone(),
    ]);
    let delete = some(vec![F::Key, F::Quiet, opaque]);
    let noreply = rng.u8(..8) == 0;
    match rng.u8(..20) {
        0..5 => Command::MetaGet { key, flags: get },
        5..9 => Command::MetaSet { key, flags: set, value },
        9..11 => Command::MetaDelete { key, flags: delete },
        11 => Command::MetaNoop,
        12..14 => Command::Get { keys: vec![key, Key::new("key1").unwrap()], cas: rng.bool() },
        14..17 => {
            let verb = [Store::Set, Store::Add, Store::Replace][rng.usize(..3)];
            Command::Store { verb, key, flags: 3, expiry, value, noreply }
        }
        17 => Command::Delete { key, noreply },
        18 => Command::Touch { key, expiry, noreply },
        _ => match rng.u8(..10) {
            0 => Command::FlushAll { noreply },
            _ => Command::Touch { key, expiry: Expiry::NEVER, noreply },
        },
    }
}

#[tokio::test]
#[ignore = "needs memcached"]
async fn real_memcached_and_node_agree_on_generated_commands() {
    let memcached = support_memcached::Memcached::start().await;
    let mut theirs = tokio::net::TcpStream::connect(&memcached.address).await.unwrap();
    let mut ours = over_duplex(node());
    let flush = Command::FlushAll { noreply: true };
    replies(&mut theirs, &flush).await;
    for seed in 0..20 {
        let mut rng = fastrand::Rng::with_seed(seed);
        for n in 0..500 {
            let command = random_command(&mut rng);
            let want = replies(&mut theirs, &command).await;
            let got = replies(&mut ours, &command).await;
            assert_eq!(got, want, "seed {seed}, command {n}: {command:?}");
        }
    }
}
