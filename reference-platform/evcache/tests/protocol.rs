//! The parsers: golden bytes, round trips, hostile bytes, split input.

use bytes::{Bytes, BytesMut};
use orlop_evcache::protocol::{
    Command, CommandParser, Expiry, Key, KeyError, Limits, MetaFlag, Mode, ParseError,
    ParseErrorKind, Reply, ReplyFlag, ReplyParser, Status, Store,
};
use proptest::{collection::vec, option, prelude::*, sample::subsequence};

fn key(text: &str) -> Key {
    Key::new(text.to_owned()).unwrap()
}

fn opaque(text: &'static str) -> MetaFlag {
    MetaFlag::Opaque(Bytes::from_static(text.as_bytes()))
}

fn commands(input: &[u8]) -> Vec<Result<Command, ParseError>> {
    split_commands(input, &[], Limits::default())
}

/// What a parser says when the input arrives in pieces cut at these places.
fn split_commands(
    input: &[u8],
    cuts: &[usize],
    limits: Limits,
) -> Vec<Result<Command, ParseError>> {
    let mut parser = CommandParser::new(limits);
    let mut buf = BytesMut::new();
    let mut all = vec![];
    for piece in pieces(input, cuts) {
        buf.extend_from_slice(piece);
        loop {
            match parser.next(&mut buf) {
                Ok(None) => break,
                Ok(Some(command)) => all.push(Ok(command)),
                Err(error) => {
                    let fatal = error.is_fatal();
                    all.push(Err(error));
                    if fatal {
                        return all;
                    }
                }
            }
        }
    }
    all
}

fn split_replies(input: &[u8], cuts: &[usize]) -> (Vec<Reply>, Option<ParseError>) {
    let mut parser = ReplyParser::new(Limits::default());
    let mut buf = BytesMut::new();
    let mut all = vec![];
    for piece in pieces(input, cuts) {
        buf.extend_from_slice(piece);
        loop {
            match parser.next(&mut buf) {
                Ok(None) => break,
                Ok(Some(reply)) => all.push(reply),
                Err(error) => return (all, Some(error)),
            }
        }
    }
    (all, None)
}

fn pieces<'a>(input: &'a [u8], cuts: &[usize]) -> Vec<&'a [u8]> {
    let mut cuts: Vec<_> = cuts.iter().map(|cut| cut % (input.len() + 1)).collect();
    cuts.extend([0, input.len()]);
    cuts.sort_unstable();
    cuts.windows(2).map(|ends| &input[ends[0]..ends[1]]).collect()
}

fn kinds(input: &[u8]) -> Vec<(ParseErrorKind, bool)> {
    commands(input).into_iter().filter_map(Result::err).map(|e| (e.kind(), e.is_fatal())).collect()
}

/// Lines as in memcached's doc/protocol.txt, with the words of its examples and syntax filled in.
#[test]
fn golden_commands() {
    let classic = |verb, noreply| Command::Store {
        verb,
        key: key("foo"),
        flags: 5,
        expiry: Expiry::from_wire(100),
        value: Bytes::from_static(b"abc"),
        noreply,
    };
    let golden: Vec<(&[u8], Command)> = vec![
        (b"set foo 5 100 3\r\nabc\r\n", classic(Store::Set, false)),
        (b"add foo 5 100 3 noreply\r\nabc\r\n", classic(Store::Add, true)),
        (b"replace foo 5 100 3\r\nabc\r\n", classic(Store::Replace, false)),
        (b"get foo\r\n", Command::Get { keys: vec![key("foo")], cas: false }),
        (b"gets foo bar\r\n", Command::Get { keys: vec![key("foo"), key("bar")], cas: true }),
        (b"delete foo\r\n", Command::Delete { key: key("foo"), noreply: false }),
        (b"delete foo noreply\r\n", Command::Delete { key: key("foo"), noreply: true }),
        (
            b"touch foo -1\r\n",
            Command::Touch { key: key("foo"), expiry: Expiry::from_wire(-1), noreply: false },
        ),
        (b"flush_all\r\n", Command::FlushAll { noreply: false }),
        (b"version\r\n", Command::Version),
        (b"quit\r\n", Command::Quit),
        (b"mn\r\n", Command::MetaNoop),
        (b"mg foo v\r\n", Command::MetaGet { key: key("foo"), flags: vec![MetaFlag::Value] }),
        (
            b"mg foo s f t c k v q T30 O123\r\n",
            Command::MetaGet {
                key: key("foo"),
                flags: vec![
                    MetaFlag::Size,
                    MetaFlag::Flags,
                    MetaFlag::Ttl,
                    MetaFlag::Cas,
                    MetaFlag::Key,
                    MetaFlag::Value,
                    MetaFlag::Quiet,
                    MetaFlag::SetTtl(Expiry::from_wire(30)),
                    opaque("123"),
                ],
            },
        ),
        (
            b"ms foo 2 T90 F1 ME C7\r\nhi\r\n",
            Command::MetaSet {
                key: key("foo"),
                flags: vec![
                    MetaFlag::SetTtl(Expiry::from_wire(90)),
                    MetaFlag::SetFlags(1),
                    MetaFlag::Mode(Mode::Add),
                    MetaFlag::Compare(7),
                ],
                value: Bytes::from_static(b"hi"),
            },
        ),
        (
            b"md foo q Oabc\r\n",
            Command::MetaDelete { key: key("foo"), flags: vec![MetaFlag::Quiet, opaque("abc")] },
        ),
    ];
    for (bytes, command) in golden {
        let text = bytes.escape_ascii();
        assert_eq!(commands(bytes), [Ok(command.clone())], "reading {text}");
        let mut out = BytesMut::new();
        command.encode(&mut out);
        assert_eq!(out.escape_ascii().to_string(), text.to_string(), "writing it");
    }
}

/// Replies as in doc/protocol.txt, and as memcached 1.6.18 sent them over a socket.
#[test]
fn golden_replies() {
    let meta = |status, flags| Reply::Meta { status, flags, value: None };
    let golden: Vec<(&[u8], Reply)> = vec![
        (b"HD\r\n", meta(Status::Hd, vec![])),
        (b"EN\r\n", meta(Status::En, vec![])),
        (b"NF\r\n", meta(Status::Nf, vec![])),
        (b"NS\r\n", meta(Status::Ns, vec![])),
        (b"EX\r\n", meta(Status::Ex, vec![])),
        (b"MN\r\n", meta(Status::Mn, vec![])),
        (
            b"VA 3 ka t-1 f5 s3 c5 Oxy\r\nabc\r\n",
            Reply::Meta {
                status: Status::Va,
                flags: vec![
                    ReplyFlag::Key(key("a")),
                    ReplyFlag::Ttl(-1),
                    ReplyFlag::Flags(5),
                    ReplyFlag::Size(3),
                    ReplyFlag::Cas(5),
                    ReplyFlag::Opaque(Bytes::from_static(b"xy")),
                ],
                value: Some(Bytes::from_static(b"abc")),
            },
        ),
        (
            b"HD W Z\r\n",
            meta(
                Status::Hd,
                ["W", "Z"].map(|f| ReplyFlag::Other(Bytes::from_static(f.as_bytes()))).into(),
            ),
        ),
        (
            b"VALUE a 5 3 1\r\nabc\r\n",
            Reply::Value {
                key: key("a"),
                flags: 5,
                cas: Some(1),
                value: Bytes::from_static(b"abc"),
            },
        ),
        (b"END\r\n", Reply::End),
        (b"STORED\r\n", Reply::Stored),
        (b"NOT_STORED\r\n", Reply::NotStored),
        (b"EXISTS\r\n", Reply::Exists),
        (b"NOT_FOUND\r\n", Reply::NotFound),
        (b"DELETED\r\n", Reply::Deleted),
        (b"TOUCHED\r\n", Reply::Touched),
        (b"OK\r\n", Reply::Ok),
        (b"ERROR\r\n", Reply::Error),
        (b"VERSION 1.6.18\r\n", Reply::Version(Bytes::from_static(b"1.6.18"))),
        (
            b"CLIENT_ERROR bad data chunk\r\n",
            Reply::ClientError(Bytes::from_static(b"bad data chunk")),
        ),
        (
            b"SERVER_ERROR object too large for cache\r\n",
            Reply::ServerError(Bytes::from_static(b"object too large for cache")),
        ),
    ];
    for (bytes, reply) in golden {
        let text = bytes.escape_ascii();
        assert_eq!(split_replies(bytes, &[]), (vec![reply.clone()], None), "reading {text}");
        let mut out = BytesMut::new();
        reply.encode(&mut out);
        assert_eq!(out.escape_ascii().to_string(), text.to_string(), "writing it");
    }
}

#[test]
fn a_bad_line_is_one_error_and_parsing_goes_on() {
    use ParseErrorKind as K;
    let long = "k".repeat(251);
    for (line, kind) in [
        ("bogus".to_owned(), K::UnknownCommand),
        (String::new(), K::UnknownCommand),
        ("get".to_owned(), K::UnknownCommand),
        ("GET a".to_owned(), K::UnknownCommand),
        (format!("get {long}"), K::BadLine),
        ("get a\x01b".to_owned(), K::BadLine),
        ("delete a 5".to_owned(), K::BadLine),
        ("touch a zz".to_owned(), K::BadExpiry),
        ("flush_all 10".to_owned(), K::BadExpiry),
        ("mg a ~".to_owned(), K::BadFlag),
        ("mg a F5".to_owned(), K::BadFlag),
        ("mg a v v".to_owned(), K::DuplicateFlag),
        ("mg a vx".to_owned(), K::BadFlag),
        ("mg a Tzz".to_owned(), K::BadToken),
        ("mg a T+1".to_owned(), K::BadToken),
        ("mg a O".to_owned(), K::BadToken),
        (format!("mg a O{}", "x".repeat(33)), K::OpaqueTooLong),
    ] {
        let input = format!("{line}\r\nversion\r\n");
        let got = commands(input.as_bytes());
        assert_eq!(got.len(), 2, "{line:?}: {got:?}");
        let error = got[0].clone().unwrap_err();
        assert_eq!((error.kind(), error.is_fatal()), (kind, false), "{line:?}");
        assert_eq!(got[1], Ok(Command::Version), "after {line:?}");
    }
}

/// Where memcached reads the payload of a refused storage line as commands, and so does what a value says.
#[test]
fn a_payload_is_never_read_as_commands() {
    let long = "k".repeat(251);
    for line in [
        format!("set {long} 0 0 11"),
        "set a\x01 0 0 11".to_owned(),
        "set a -1 0 11".to_owned(),
        "set a 0 zz 11".to_owned(),
        "set a 0 0 11 bogus".to_owned(),
        "ms a 11 ~".to_owned(),
        "ms a 11 MX".to_owned(),
        "ms a 11 T1 T2".to_owned(),
    ] {
        let input = format!("{line}\r\nflush_all\r\n\r\nversion\r\n");
        let got = commands(input.as_bytes());
        assert_eq!(got.len(), 2, "{line:?}: {got:?}");
        assert!(got[0].is_err(), "{line:?}");
        assert_eq!(got[1], Ok(Command::Version), "{line:?}");
    }
    for line in ["set a 0 0 x", "set a 0 0", "set a 0 0 -1", "ms a", "ms a S2", "ms a 4294967296"] {
        let input = format!("{line}\r\nflush_all\r\n");
        assert_eq!(kinds(input.as_bytes()), [(ParseErrorKind::BadLength, true)], "{line:?}");
        assert_eq!(commands(input.as_bytes()).len(), 1, "nothing after {line:?}");
    }
    assert_eq!(kinds(b"set a 0 0 3\r\nabcd\r\nflush_all\r\n"), [(ParseErrorKind::BadChunk, true)]);
}

#[test]
fn limits_hold_to_the_byte() {
    let limits = Limits::default();
    let set = |len: usize| {
        [format!("ms a {len}\r\n").into_bytes(), vec![b'x'; len], b"\r\nversion\r\n".into()]
            .concat()
    };
    assert_eq!(commands(&set(limits.value)).len(), 2);
    assert!(commands(&set(limits.value))[0].is_ok(), "1 MiB fits");
    let over = commands(&set(limits.value + 1));
    assert_eq!(over[0].clone().unwrap_err().kind(), ParseErrorKind::ValueTooLarge);
    assert_eq!(over[1], Ok(Command::Version), "what is too large is skipped");

    let line = |len: usize| [b"delete a".to_vec(), vec![b' '; len - 10], b"\r\n".to_vec()].concat();
    assert_eq!(line(2048).len(), 2048);
    assert!(commands(&line(2048))[0].is_ok());
    assert_eq!(kinds(&line(2049)), [(ParseErrorKind::LineTooLong, true)]);

    let many: Vec<u8> = [b"get".to_vec(), b" 0123456789".repeat(500), b"\r\n".to_vec()].concat();
    assert!(
        many.len() > limits.line && commands(&many)[0].is_ok(),
        "a get of many keys may be longer"
    );

    assert!(Key::new(vec![b'k'; 250]).is_ok());
    assert_eq!(Key::new(vec![b'k'; 251]), Err(KeyError::TooLong { len: 251 }));
    assert_eq!(Key::new(Bytes::new()), Err(KeyError::Empty));
    assert_eq!(Key::new("a\tb"), Err(KeyError::Forbidden { byte: b'\t', at: 1 }));
}

#[test]
fn an_endless_line_is_refused_before_it_is_kept() {
    let mut parser = CommandParser::new(Limits::default());
    let mut buf = BytesMut::from(&[b'x'; 2047][..]);
    assert_eq!(parser.next(&mut buf), Ok(None));
    buf.extend_from_slice(b"x");
    let error = parser.next(&mut buf).unwrap_err();
    assert_eq!((error.kind(), error.is_fatal()), (ParseErrorKind::LineTooLong, true));
    assert_eq!(parser.next(&mut BytesMut::from("mn\r\n")), Err(error), "and stays refused");
}

// ===== generated input =====

fn any_key() -> impl Strategy<Value = Key> {
    // Everything that a key may hold, high bytes too.
    vec(prop_oneof![0x21u8..0x7f, 0x80u8..], 1..=40).prop_map(|bytes| Key::new(bytes).unwrap())
}

fn any_value() -> impl Strategy<Value = Bytes> {
    vec(any::<u8>(), 0..100).prop_map(Bytes::from)
}

fn any_opaque() -> impl Strategy<Value = Bytes> {
    vec(0x21u8..0x7f, 1..=32).prop_map(Bytes::from)
}

/// Some of the flags in some order: the parser keeps the order.
fn flags(letters: &'static str) -> impl Strategy<Value = Vec<MetaFlag>> {
    let all = (any::<i64>(), any::<u32>(), any::<u64>(), 0..3usize, any_opaque()).prop_map(
        |(t, f, c, m, o)| {
            vec![
                MetaFlag::SetTtl(Expiry::from_wire(t)),
                MetaFlag::Key,
                MetaFlag::SetFlags(f),
                MetaFlag::Value,
                MetaFlag::Compare(c),
                MetaFlag::Ttl,
                MetaFlag::Mode([Mode::Set, Mode::Add, Mode::Replace][m]),
                MetaFlag::Flags,
                MetaFlag::Cas,
                MetaFlag::Opaque(o),
                MetaFlag::Size,
                MetaFlag::Quiet,
            ]
        },
    );
    let allowed = all.prop_map(move |all| -> Vec<MetaFlag> {
        all.into_iter().filter(|flag| letters.contains(char::from(flag.letter()))).collect()
    });
    allowed.prop_flat_map(|all| subsequence(all.clone(), 0..=all.len())).prop_shuffle()
}

fn any_command() -> impl Strategy<Value = Command> {
    let store = prop_oneof![Just(Store::Set), Just(Store::Add), Just(Store::Replace)];
    prop_oneof![
        (any_key(), flags("kvtfcqsTO")).prop_map(|(key, flags)| Command::MetaGet { key, flags }),
        (any_key(), flags("FTCMckOq"), any_value())
            .prop_map(|(key, flags, value)| Command::MetaSet { key, flags, value }),
        (any_key(), flags("kOqC")).prop_map(|(key, flags)| Command::MetaDelete { key, flags }),
        Just(Command::MetaNoop),
        (vec(any_key(), 1..5), any::<bool>()).prop_map(|(keys, cas)| Command::Get { keys, cas }),
        (store, any_key(), any::<u32>(), any::<i64>(), any_value(), any::<bool>()).prop_map(
            |(verb, key, flags, expiry, value, noreply)| Command::Store {
                verb,
                key,
                flags,
                expiry: Expiry::from_wire(expiry),
                value,
                noreply
            }
        ),
        (any_key(), any::<bool>()).prop_map(|(key, noreply)| Command::Delete { key, noreply }),
        (any_key(), any::<i64>(), any::<bool>()).prop_map(|(key, expiry, noreply)| {
            Command::Touch { key, expiry: Expiry::from_wire(expiry), noreply }
        }),
        any::<bool>().prop_map(|noreply| Command::FlushAll { noreply }),
        Just(Command::Version),
        Just(Command::Quit),
    ]
}

fn any_reply() -> impl Strategy<Value = Reply> {
    let statuses = vec![Status::Hd, Status::En, Status::Ns, Status::Ex, Status::Nf, Status::Mn];
    let flag = || {
        prop_oneof![
            any_key().prop_map(ReplyFlag::Key),
            any::<i64>().prop_map(ReplyFlag::Ttl),
            any::<u32>().prop_map(ReplyFlag::Flags),
            any::<u64>().prop_map(ReplyFlag::Cas),
            any::<u64>().prop_map(ReplyFlag::Size),
            any_opaque().prop_map(ReplyFlag::Opaque),
            Just(ReplyFlag::Other(Bytes::from_static(b"W"))),
        ]
    };
    let text = || "[!-~][ -~]{0,40}".prop_map(Bytes::from);
    prop_oneof![
        (proptest::sample::select(statuses), vec(flag(), 0..6))
            .prop_map(|(status, flags)| Reply::Meta { status, flags, value: None }),
        (vec(flag(), 0..6), any_value()).prop_map(|(flags, value)| Reply::Meta {
            status: Status::Va,
            flags,
            value: Some(value)
        }),
        (any_key(), any::<u32>(), option::of(any::<u64>()), any_value())
            .prop_map(|(key, flags, cas, value)| Reply::Value { key, flags, cas, value }),
        proptest::sample::select(vec![
            Reply::End,
            Reply::Stored,
            Reply::NotStored,
            Reply::Exists,
            Reply::NotFound,
            Reply::Deleted,
            Reply::Touched,
            Reply::Ok,
            Reply::Error,
        ]),
        text().prop_map(Reply::Version),
        text().prop_map(Reply::ClientError),
        text().prop_map(Reply::ServerError),
    ]
}

/// Bytes that look like protocol more often than random ones do.
fn nearly_protocol() -> impl Strategy<Value = Vec<u8>> {
    let words = vec![
        "mg",
        "ms",
        "md",
        "mn",
        "get",
        "gets",
        "set",
        "add",
        "replace",
        "delete",
        "touch",
        "version",
        "flush_all",
        "quit",
        "noreply",
        " ",
        " ",
        " ",
        "\r\n",
        "\r\n",
        "\r\n",
        "\n",
        "\r",
        "0",
        "1",
        "3",
        "-1",
        "4294967295",
        "k",
        "v",
        "T5",
        "Oab",
        "O",
        "F1",
        "C2",
        "MS",
        "q",
        "abc",
        "VA",
        "HD",
        "VALUE",
        "EN",
        "MN",
        "END",
    ];
    let word = prop_oneof![
        9 => proptest::sample::select(words).prop_map(|word| word.as_bytes().to_vec()),
        1 => vec(any::<u8>(), 0..4),
    ];
    vec(word, 0..60).prop_map(|words| words.concat())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]

    #[test]
    fn what_is_written_is_read(all in vec(any_command(), 0..8), cuts in vec(any::<usize>(), 0..12)) {
        let mut out = BytesMut::new();
        for command in &all {
            command.encode(&mut out);
        }
        let read = split_commands(&out, &cuts, Limits::default());
        prop_assert_eq!(read, all.into_iter().map(Ok).collect::<Vec<_>>());
    }

    #[test]
    fn replies_that_are_written_are_read(all in vec(any_reply(), 0..8), cuts in vec(any::<usize>(), 0..12)) {
        let mut out = BytesMut::new();
        for reply in &all {
            reply.encode(&mut out);
        }
        prop_assert_eq!(split_replies(&out, &cuts), (all, None));
    }

    #[test]
    fn any_bytes_are_read_the_same_however_split(input in nearly_protocol(), cuts in vec(any::<usize>(), 0..20)) {
        // Small limits, so that they are met.
        let limits = Limits::default().line(64).get_line(96).value(8);
        let whole = split_commands(&input, &[], limits);
        prop_assert_eq!(&split_commands(&input, &cuts, limits), &whole);
        let each: Vec<_> = (0..input.len()).collect();
        prop_assert_eq!(&split_commands(&input, &each, limits), &whole, "byte by byte");
        prop_assert_eq!(split_replies(&input, &cuts), split_replies(&input, &[]));
    }

    #[test]
    fn random_bytes_never_panic(input: Vec<u8>) {
        commands(&input);
        split_replies(&input, &[]);
    }
}
