use std::fmt::Write as _;

use bytes::{BufMut as _, Bytes, BytesMut};

use super::{Command, Expiry, Key, MetaFlag, Mode, Reply, ReplyFlag, Status, Store};

const CRLF: &[u8] = b"\r\n";

pub(super) fn command(command: &Command, out: &mut BytesMut) {
    match command {
        Command::MetaGet { key, flags } => meta_get(key, flags, out),
        Command::MetaSet { key, flags, value } => meta_set(key, flags, value, out),
        Command::MetaDelete { key, flags } => meta_delete(key, flags, out),
        Command::MetaNoop => out.put_slice(b"mn\r\n"),
        Command::Get { keys, cas } => {
            out.put_slice(if *cas { b"gets" } else { b"get" });
            for key in keys {
                out.put_u8(b' ');
                out.put_slice(key.as_bytes());
            }
            out.put_slice(CRLF);
        }
        Command::Store { verb, key, flags, expiry, value, noreply } => {
            out.put_slice(match verb {
                Store::Set => b"set ",
                Store::Add => b"add ",
                Store::Replace => b"replace ",
            });
            out.put_slice(key.as_bytes());
            number(format_args!(" {flags} {} {}", expiry.to_wire(), value.len()), out);
            end(*noreply, out);
            payload(value, out);
        }
        Command::Delete { key, noreply } => {
            out.put_slice(b"delete ");
            out.put_slice(key.as_bytes());
            end(*noreply, out);
        }
        Command::Touch { key, expiry, noreply } => {
            out.put_slice(b"touch ");
            out.put_slice(key.as_bytes());
            number(format_args!(" {}", expiry.to_wire()), out);
            end(*noreply, out);
        }
        Command::FlushAll { noreply } => {
            out.put_slice(b"flush_all");
            end(*noreply, out);
        }
        Command::Version => out.put_slice(b"version\r\n"),
        Command::Quit => out.put_slice(b"quit\r\n"),
    }
}

pub(crate) fn meta_get(key: &Key, flags: &[MetaFlag], out: &mut BytesMut) {
    out.put_slice(b"mg ");
    out.put_slice(key.as_bytes());
    meta_flags(flags, out);
    out.put_slice(CRLF);
}

pub(crate) fn meta_set(key: &Key, flags: &[MetaFlag], value: &Bytes, out: &mut BytesMut) {
    out.put_slice(b"ms ");
    out.put_slice(key.as_bytes());
    number(format_args!(" {}", value.len()), out);
    meta_flags(flags, out);
    out.put_slice(CRLF);
    payload(value, out);
}

pub(crate) fn meta_delete(key: &Key, flags: &[MetaFlag], out: &mut BytesMut) {
    out.put_slice(b"md ");
    out.put_slice(key.as_bytes());
    meta_flags(flags, out);
    out.put_slice(CRLF);
}

fn meta_flags(flags: &[MetaFlag], out: &mut BytesMut) {
    for flag in flags {
        out.put_u8(b' ');
        out.put_u8(flag.letter());
        match flag {
            MetaFlag::SetTtl(expiry) => number(format_args!("{}", Expiry::to_wire(*expiry)), out),
            MetaFlag::SetFlags(flags) => number(format_args!("{flags}"), out),
            MetaFlag::Compare(cas) => number(format_args!("{cas}"), out),
            MetaFlag::Mode(mode) => out.put_u8(match mode {
                Mode::Set => b'S',
                Mode::Add => b'E',
                Mode::Replace => b'R',
            }),
            MetaFlag::Opaque(token) => out.put_slice(token),
            _ => {}
        }
    }
}

pub(super) fn reply(reply: &Reply, out: &mut BytesMut) {
    match reply {
        Reply::Meta { status, flags, value } => {
            out.put_slice(status.as_str().as_bytes());
            if *status == Status::Va {
                number(format_args!(" {}", value.as_ref().map_or(0, Bytes::len)), out);
            }
            reply_flags(flags, out);
            out.put_slice(CRLF);
            if *status == Status::Va {
                payload(value.as_deref().unwrap_or_default(), out);
            }
        }
        Reply::Value { key, flags, cas, value } => {
            out.put_slice(b"VALUE ");
            out.put_slice(key.as_bytes());
            number(format_args!(" {flags} {}", value.len()), out);
            if let Some(cas) = cas {
                number(format_args!(" {cas}"), out);
            }
            out.put_slice(CRLF);
            payload(value, out);
        }
        Reply::End => out.put_slice(b"END\r\n"),
        Reply::Stored => out.put_slice(b"STORED\r\n"),
        Reply::NotStored => out.put_slice(b"NOT_STORED\r\n"),
        Reply::Exists => out.put_slice(b"EXISTS\r\n"),
        Reply::NotFound => out.put_slice(b"NOT_FOUND\r\n"),
        Reply::Deleted => out.put_slice(b"DELETED\r\n"),
        Reply::Touched => out.put_slice(b"TOUCHED\r\n"),
        Reply::Ok => out.put_slice(b"OK\r\n"),
        Reply::Error => out.put_slice(b"ERROR\r\n"),
        Reply::Version(text) => text_line(b"VERSION ", text, out),
        Reply::ClientError(text) => text_line(b"CLIENT_ERROR ", text, out),
        Reply::ServerError(text) => text_line(b"SERVER_ERROR ", text, out),
    }
}

fn reply_flags(flags: &[ReplyFlag], out: &mut BytesMut) {
    for flag in flags {
        out.put_u8(b' ');
        match flag {
            ReplyFlag::Key(key) => {
                out.put_u8(b'k');
                out.put_slice(key.as_bytes());
            }
            ReplyFlag::Ttl(secs) => number(format_args!("t{secs}"), out),
            ReplyFlag::Flags(flags) => number(format_args!("f{flags}"), out),
            ReplyFlag::Cas(cas) => number(format_args!("c{cas}"), out),
            ReplyFlag::Size(size) => number(format_args!("s{size}"), out),
            ReplyFlag::Opaque(token) => {
                out.put_u8(b'O');
                out.put_slice(token);
            }
            ReplyFlag::Other(token) => out.put_slice(token),
        }
    }
}

fn text_line(word: &[u8], text: &[u8], out: &mut BytesMut) {
    out.put_slice(word);
    out.put_slice(text);
    out.put_slice(CRLF);
}

fn payload(value: &[u8], out: &mut BytesMut) {
    out.reserve(value.len() + CRLF.len());
    out.put_slice(value);
    out.put_slice(CRLF);
}

fn end(noreply: bool, out: &mut BytesMut) {
    if noreply {
        out.put_slice(b" noreply");
    }
    out.put_slice(CRLF);
}

fn number(text: std::fmt::Arguments<'_>, out: &mut BytesMut) {
    // A BytesMut grows, so writing to it cannot fail.
    let _ = out.write_fmt(text);
}
