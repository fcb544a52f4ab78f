//! The real thing, for comparison.

use std::{env, process::Stdio};

use tokio::{
    io::{AsyncBufReadExt, BufReader},
    process::{Child, Command},
};

/// A running memcached; one that we started ends with this value.
pub struct Memcached {
    pub address: String,
    _child: Option<Child>,
}

impl Memcached {
    /// At `ORLOP_MEMCACHED`, or started on a free loopback port.
    ///
    /// Panics if there is neither: a comparison that is asked for must not be skipped in silence.
    #[allow(dead_code)] // Not by the test that kills one.
    pub async fn start() -> Self {
        match env::var("ORLOP_MEMCACHED") {
            Ok(address) => Self { address, _child: None },
            Err(_) => Self::child().await,
        }
    }

    /// Started on a free loopback port, whatever the environment says.
    pub async fn child() -> Self {
        let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let port = free.local_addr().unwrap().port();
        drop(free);
        let mut child = Command::new("memcached")
            // -u: as root it refuses to run without; other users are not asked. -vv: it says when it listens.
            .args(["-u", "nobody", "-l", "127.0.0.1", "-U", "0", "-m", "64", "-vv", "-p", &port.to_string()])
            .stdin(Stdio::null())
            .stderr(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .expect("this test needs memcached: install it (apt-get install memcached) or set ORLOP_MEMCACHED");
        let mut says = BufReader::new(child.stderr.take().unwrap()).lines();
        loop {
            let line = says.next_line().await.unwrap().expect("memcached ended before it listened");
            if line.contains("server listening") {
                break;
            }
        }
        // It stops when nobody reads what it says.
        tokio::spawn(async move { while let Ok(Some(_)) = says.next_line().await {} });
        Self { address: format!("127.0.0.1:{port}"), _child: Some(child) }
    }
}
