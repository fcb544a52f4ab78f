//! The real thing, for comparison.

use std::{
    env,
    process::{Child, Command, Stdio},
    time::Duration,
};

/// A running memcached; one that we started ends with this value.
pub struct Memcached {
    pub address: String,
    child: Option<Child>,
}

impl Memcached {
    /// At `ORLOP_MEMCACHED`, or started on a free loopback port.
    ///
    /// Panics if there is neither: a comparison that is asked for must not be skipped in silence.
    pub async fn start() -> Self {
        if let Ok(address) = env::var("ORLOP_MEMCACHED") {
            return Self { address, child: None };
        }
        let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let port = free.local_addr().unwrap().port();
        drop(free);
        let mut command = Command::new("memcached");
        // -u: it refuses to run as root without; other users are not asked.
        command.args([
            "-u",
            "nobody",
            "-l",
            "127.0.0.1",
            "-U",
            "0",
            "-m",
            "64",
            "-p",
            &port.to_string(),
        ]);
        let child = command.stdin(Stdio::null()).spawn().expect(
            "this test needs memcached: install it (apt-get install memcached) or set ORLOP_MEMCACHED=host:port",
        );
        let memcached = Self { address: format!("127.0.0.1:{port}"), child: Some(child) };
        for _ in 0..200 {
            if tokio::net::TcpStream::connect(&memcached.address).await.is_ok() {
                return memcached;
            }
            // A process outside our clock: there is nothing to wait on but its port.
            tokio::time::sleep(Duration::from_millis(25)).await;
        }
        panic!("memcached did not listen on {} within 5 s", memcached.address);
    }
}

impl Drop for Memcached {
    fn drop(&mut self) {
        if let Some(child) = &mut self.child {
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}
