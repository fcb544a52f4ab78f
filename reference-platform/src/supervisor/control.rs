//! The supervisor's own listener: how other commands reach it.
//!
//! It listens on 127.0.0.1, on a port the system picks, and asks for a token that only readers of `control.json` have
//! (mode 0600). A request is one line of JSON, the answer another. Commands never signal a stored process id: that may
//! belong to somebody else by now.

use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde::{Deserialize, Serialize};
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio::time::timeout;

use super::place::{Place, random_bytes, write_private};
use super::{Status, Supervisor};
use crate::drain::Drain;
use crate::failure::Failure;
use crate::net::{Listener, Net, Stream};

/// Longest request; a command and a name are far shorter.
const REQUEST: u64 = 4_096;

/// How long a client may take to say its line.
const PATIENCE: Duration = Duration::from_secs(5);

/// The file that says where the supervisor listens.
const FILE: &str = "control.json";

/// Listens for commands until it is dropped, and then removes its file.
#[derive(Debug)]
pub struct Control {
    file: PathBuf,
    down: Drain,
    /// Set when everything has ended: the answer to `down`.
    ended: watch::Sender<Option<Result<(), Failure>>>,
    accepting: JoinHandle<()>,
    /// One receiver for each client that waits for the end.
    server: Server,
}

#[derive(Debug, Clone)]
struct Server {
    supervisor: Supervisor,
    token: String,
    down: Drain,
    ended: watch::Receiver<Option<Result<(), Failure>>>,
    /// Counts the clients that are being served.
    serving: std::sync::Arc<()>,
}

#[derive(Serialize, Deserialize)]
struct Address {
    address: SocketAddr,
    token: String,
}

#[derive(Serialize, Deserialize)]
struct Request {
    token: String,
    command: String,
    instance: Option<String>,
}

/// What the supervisor answers.
#[derive(Debug, Default, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Answer {
    /// What was done, or what went wrong.
    pub text: String,
    /// Exit code for the command: 0 when it was done.
    pub code: u8,
    /// To `status`: every instance.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub instances: Vec<Status>,
}

// ===== impl Control =====

impl Control {
    /// Starts listening and writes the file.
    ///
    /// # Errors
    ///
    /// When there is no port or the file cannot be written.
    pub async fn start(supervisor: &Supervisor, place: &Place) -> Result<Self, Failure> {
        let failed = |e: io::Error| Failure::failed(format!("cannot listen on 127.0.0.1: {e}"));
        let any = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
        let listener = Net::Tcp.listen(any).await.map_err(failed)?;
        let address = Address {
            address: listener.local_addr().map_err(failed)?,
            token: hex::encode(random_bytes()?),
        };
        let text =
            serde_json::to_string(&address).map_err(|e| Failure::failed(format!("{FILE}: {e}")))?;
        write_private(place.dir(), FILE, &text)?;
        let (ended, receiver) = watch::channel(None);
        let server = Server {
            supervisor: supervisor.clone(),
            token: address.token,
            down: Drain::new(),
            ended: receiver,
            serving: std::sync::Arc::new(()),
        };
        Ok(Self {
            file: place.dir().join(FILE),
            down: server.down.clone(),
            ended,
            accepting: tokio::spawn(accept(listener, server.clone())),
            server,
        })
    }

    /// Ends when somebody asks for `down`.
    ///
    /// # Cancel safety
    ///
    /// May be dropped and asked for again at any time.
    pub async fn asked_down(&self) {
        self.down.wait().await;
    }

    /// Tells those who asked for `down` how it went, and waits a moment until they have heard it.
    pub async fn finish(self, stopped: &Result<(), Failure>) {
        self.accepting.abort();
        self.ended.send_replace(Some(stopped.clone()));
        let heard = async {
            // Ours, and the one in the accepting task until it is gone.
            while std::sync::Arc::strong_count(&self.server.serving) > 1 {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        };
        let _ = tokio::time::timeout(Duration::from_secs(1), heard).await;
    }
}

impl Drop for Control {
    fn drop(&mut self) {
        self.accepting.abort();
        let _ = std::fs::remove_file(&self.file);
    }
}

async fn accept(listener: Listener, server: Server) {
    loop {
        match listener.accept().await {
            Ok((stream, _)) => {
                let server = server.clone();
                tokio::spawn(async move {
                    // A client that went away needs no answer.
                    let _ = server.talk(stream).await;
                });
            }
            Err(_) => tokio::time::sleep(Duration::from_millis(50)).await,
        }
    }
}

// ===== impl Server =====

impl Server {
    async fn talk(&self, stream: Stream) -> io::Result<()> {
        let mut reader = BufReader::new(stream);
        let mut line = String::new();
        let mut limited = (&mut reader).take(REQUEST);
        tokio::time::timeout(PATIENCE, limited.read_line(&mut line)).await??;
        let answer = match serde_json::from_str::<Request>(&line) {
            Ok(request) if same(&request.token, &self.token) => self.answer(&request).await,
            Ok(_) => Answer::of(&Failure::usage("the token is wrong")),
            Err(_) => Answer::of(&Failure::usage("the request is not one line of JSON")),
        };
        let mut answer = serde_json::to_vec(&answer)?;
        answer.push(b'\n');
        reader.write_all(&answer).await?;
        reader.shutdown().await
    }

    async fn answer(&self, request: &Request) -> Answer {
        let name = request.instance.as_deref().unwrap_or_default();
        let supervisor = &self.supervisor;
        let (done, text) = match request.command.as_str() {
            "status" => {
                let instances = supervisor.statuses().await;
                return Answer { instances, ..Answer::default() };
            }
            "kill" => (supervisor.kill(name).await, format!("{name} is dead")),
            "freeze" => (supervisor.freeze(name).await, format!("{name} is frozen")),
            "thaw" => (supervisor.thaw(name).await, format!("{name} runs again")),
            "restart" => (supervisor.restart(name).await, format!("{name} answers")),
            "down" => (self.down().await, "every instance has ended".to_owned()),
            other => (Err(unknown(other)), String::new()),
        };
        match done {
            Ok(()) => Answer { text, ..Answer::default() },
            Err(failure) => Answer::of(&failure),
        }
    }

    async fn down(&self) -> Result<(), Failure> {
        self.down.start();
        let mut ended = self.ended.clone();
        match ended.wait_for(Option::is_some).await {
            Ok(ended) => ended.clone().unwrap_or(Ok(())),
            Err(_) => Err(Failure::failed("the supervisor went away")),
        }
    }
}

fn unknown(command: &str) -> Failure {
    Failure::usage(format!(
        "no command is named `{command}`; there are status, kill, freeze, thaw, restart, down"
    ))
}

/// Compares in a time that does not tell how much was right.
fn same(given: &str, token: &str) -> bool {
    let pairs = given.bytes().zip(token.bytes());
    given.len() == token.len() && pairs.fold(0, |diff, (a, b)| diff | (a ^ b)) == 0
}

// ===== impl Answer =====

impl Answer {
    fn of(failure: &Failure) -> Self {
        Self { text: failure.to_string(), code: failure.code(), instances: Vec::new() }
    }
}

/// How long a question may take.
const STATUS: Duration = Duration::from_secs(5);
/// How long an act may take: an instance may take 30 s to start, and 25 of them to end.
const ACT: Duration = Duration::from_secs(90);

/// Asks the supervisor that runs in `dir`.
///
/// # Errors
///
/// When none runs there, and whatever it answers that is not success, with its exit code.
pub async fn ask(dir: &Path, command: &str, instance: Option<&str>) -> Result<Answer, Failure> {
    let none = || {
        let dir = dir.display();
        Failure::failed(format!(
            "no platform runs in {dir}: start one with `platform up --dir {dir}`"
        ))
    };
    if !Place::is_claimed(dir) {
        return Err(none());
    }
    let text = std::fs::read_to_string(dir.join(FILE)).map_err(|_| {
        let dir = dir.display();
        Failure::failed(format!(
            "a demo runs in {dir}, which takes no commands: end it with Ctrl-C"
        ))
    })?;
    let at: Address = serde_json::from_str(&text).map_err(|_| none())?;
    let request = Request {
        token: at.token,
        command: command.to_owned(),
        instance: instance.map(str::to_owned),
    };
    let exchange = async {
        let mut stream = Net::Tcp.dial(at.address).await?;
        let mut line = serde_json::to_vec(&request)?;
        line.push(b'\n');
        stream.write_all(&line).await?;
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer).await?;
        Ok::<_, io::Error>(answer)
    };
    // A file that outlived its supervisor: refused, or some other program that does not know this talk.
    let patience = if command == "status" { STATUS } else { ACT };
    let answer = timeout(patience, exchange).await.map_err(|_| {
        let (dir, after) = (dir.display(), patience.as_secs());
        Failure::failed(format!(
            "the supervisor in {dir} has not answered for {after} s: is it stopped? `fg` or `kill -CONT` lets it go on"
        ))
    })?;
    let answer = answer.map_err(|_| none())?;
    let answer: Answer = serde_json::from_slice(&answer).map_err(|_| none())?;
    match answer.code {
        0 => Ok(answer),
        2 => Err(Failure::usage(answer.text)),
        _ => Err(Failure::failed(answer.text)),
    }
}
